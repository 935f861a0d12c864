"""DirectClient: gen1's way to a channel's files without a daemon. Here no daemon is needed anyway."""

from __future__ import annotations

from typing import Any

from kachery import _content
from kachery._content import Path

from . import _files


class DirectClient:
    """The functions for files as methods, for one channel.

    Parameters
    ----------
    channel : str, optional
        Where to look for what is not on this machine.
    """

    def __init__(self, *, channel: str | None = None) -> None:
        self._channel = channel

    def load_file(self, uri: str, dest: Path | None = None) -> str | None:
        """See `kachery_client.load_file`."""
        return _files.load_file(uri, dest, channel=self._channel)

    def load_json(self, uri: str) -> Any:
        """See `kachery_client.load_json`."""
        return _files.load_json(uri, channel=self._channel)

    def load_text(self, uri: str) -> str | None:
        """See `kachery_client.load_text`."""
        return _files.load_text(uri, channel=self._channel)

    def load_npy(self, uri: str) -> Any:
        """See `kachery_client.load_npy`."""
        return _files.load_npy(uri, channel=self._channel)

    def load_pkl(self, uri: str) -> Any:
        """See `kachery_client.load_pkl`."""
        return _files.load_pkl(uri, channel=self._channel)

    def store_file(self, path: Path, basename: str | None = None) -> str:
        """See `kachery_client.store_file`; here the default label is ``file.dat``."""
        return _files.store_file(path, "file.dat" if basename is None else basename)

    def store_text(self, text: str, basename: str | None = None) -> str:
        """See `kachery_client.store_text`."""
        return _files.store_text(text, basename)

    def store_json(
        self,
        object: Any,  # noqa: A002 (the older name)
        basename: str | None = None,
        separators: tuple[str, str] = (",", ":"),
        indent: int | None = None,
    ) -> str:
        """See `kachery_client.store_json`; here the text can be laid out."""
        stored = _content.store_json(object, "sha1", separators=separators, indent=indent)
        return _files.shared(_files.uri_of(stored, basename, "file.json"))

    def store_npy(self, array: Any, basename: str | None = None) -> str:
        """See `kachery_client.store_npy`."""
        return _files.store_npy(array, basename)

    def store_pkl(self, x: Any, basename: str | None = None) -> str:
        """See `kachery_client.store_pkl`."""
        return _files.store_pkl(x, basename)


class EphemeralClient(DirectClient):
    """The older name of `DirectClient`."""

    def __init__(self, *, channel: str | None = None) -> None:
        import warnings

        warnings.warn("EphemeralClient is deprecated: use DirectClient", DeprecationWarning, stacklevel=2)
        super().__init__(channel=channel)
