"""Content as a file system of fsspec, for whatever takes ``sha1://...`` as a place to read from.

fsspec finds it by the entry points of this distribution. It has files and no folders, and they never change.
"""

from __future__ import annotations

import datetime
import os
import re
from typing import Any, NoReturn

from fsspec import AbstractFileSystem
from fsspec.callbacks import DEFAULT_CALLBACK, Callback
from fsspec.utils import isfilelike

from . import _content, _hub, _native, _session
from ._errors import Denied, NotFound
from ._file import ContentFile

_ALGORITHMS = {40: "sha1", 64: "sha256"}
_OURS = re.compile(r"kachery://(?:(?:sha1|sha256)/)?(?P<hex>[0-9a-fA-F]+)(?P<rest>.*)", re.DOTALL)


class KacheryFileSystem(AbstractFileSystem):  # type: ignore[misc]  # fsspec has no types.
    """Read-only: ``sha1://HASH``, ``sha256://HASH``, ``kachery://HASH`` or ``kachery://sha1/HASH``, with labels or not.

    Parameters
    ----------
    zone : str, optional
        The zone of the hub to ask for what is not on this machine. Default: the one that is configured.
    local_only : bool
        Ask nobody else.
    **options : object
        As for every file system of fsspec.
    """

    protocol = ("sha1", "sha256", "kachery")

    def __init__(self, zone: str | None = None, local_only: bool = False, **options: Any) -> None:
        self._sources = _hub.sources(zone, local_only)
        super().__init__(zone=zone, local_only=local_only, **options)

    # --- Names. A path is a URI, scheme and all: the scheme is half of the name.

    @classmethod
    def _strip_protocol(cls, path: Any) -> Any:
        if isinstance(path, list):
            return [cls._strip_protocol(one) for one in path]
        text = os.fspath(path)
        if not text:
            return text  # What fsspec takes for the root.
        if (ours := _OURS.fullmatch(text)) and len(ours["hex"]) in _ALGORITHMS:
            text = f"{_ALGORITHMS[len(ours['hex'])]}://{ours['hex']}{ours['rest']}"
        algorithm, digest, label, manifest, _ = _native.parse_uri(os.fsencode(text))
        return _native.format_uri(algorithm, digest, label, "path", manifest)

    def unstrip_protocol(self, name: str) -> str:
        return str(self._strip_protocol(name))

    @classmethod
    def _parent(cls, path: str) -> str:
        return ""

    def ukey(self, path: str) -> str:
        """What the content is known by in caches: its hash, whatever the label."""
        algorithm, digest, *_ = _native.parse_uri(os.fsencode(self._strip_protocol(path)))
        return f"{algorithm}:{digest}"

    def checksum(self, path: str) -> int:
        """The hash, as a number."""
        return int(self.ukey(path).partition(":")[2], 16)

    # --- Looking

    def info(self, path: str, **kwargs: Any) -> dict[str, Any]:
        """Name, size and kind of a file. Its hash is checked, unless that was done before."""
        name = self._strip_protocol(path)
        place, size, kind = _session.current().locate(os.fsencode(name), None, self._sources)
        return {"name": name, "size": size, "type": "file", "kind": kind, "path": os.fsdecode(place)}

    def exists(self, path: str, **kwargs: Any) -> bool:
        """Whether the content can be had. Damaged content is an error, not a miss."""
        try:
            self.info(path)
        except NotFound:
            return False
        return True

    def ls(self, path: str, detail: bool = True, **kwargs: Any) -> list[Any]:
        """The file itself: there are no folders."""
        entry = self.info(path)
        return [entry] if detail else [entry["name"]]

    def glob(self, path: str, maxdepth: int | None = None, **kwargs: Any) -> Any:
        """The file itself: a label may have a ``*`` in it, a hash stands for one file only."""
        names = [self._strip_protocol(path)] if self.exists(path) else []
        return {name: self.info(name) for name in names} if kwargs.get("detail") else names

    def created(self, path: str) -> datetime.datetime:
        """When the file came to lie where it is."""
        changed = os.stat(self.info(path)["path"]).st_mtime
        return datetime.datetime.fromtimestamp(changed, tz=datetime.timezone.utc)

    modified = created

    # --- Reading

    def _open(self, path: str, mode: str = "rb", **kwargs: Any) -> ContentFile:
        if mode != "rb":
            self._refuse()
        return ContentFile(self._strip_protocol(path), sources=self._sources)

    def get_file(
        self, rpath: str, lpath: Any, callback: Callback = DEFAULT_CALLBACK, outfile: Any = None, **kwargs: Any
    ) -> None:
        """Put a verified copy at `lpath`, replacing a file there at once."""
        if outfile is not None or isfilelike(lpath):
            super().get_file(rpath, lpath, callback=callback, outfile=outfile, **kwargs)
            return

        def report(done: int, total: int) -> None:
            callback.set_size(total)
            callback.absolute_update(done)

        os.makedirs(os.path.dirname(os.path.abspath(lpath)), exist_ok=True)
        _content.load_file(self._strip_protocol(rpath), lpath, report, sources=self._sources)

    # --- Writing: never

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        raise Denied("content that is named by its hash never changes; kachery.store_file stores a file and gives its URI")

    mkdir = makedirs = rmdir = rm = rm_file = _rm = cp_file = mv = _refuse
    pipe_file = put_file = touch = _refuse
