"""Storing, under gen2's names: the functions of `kachery` with the older signatures; a label is written ``?label=``."""

from __future__ import annotations

import os
from typing import Any, Protocol

from kachery import _atomic, _content, _hub, _session, _zone
from kachery._content import Path

from ._directories import TemporaryDirectory

_copy_piece_bytes = 1 << 20
# What a file is called that is made only to be handed to a backend.
_made_name = "file.dat"


class Backend(Protocol):
    """What takes the place of a zone: see `set_custom_storage_backend`."""

    def store_file(self, filename: str, *, label: str | None) -> str: ...


_backend: Backend | None = None


def set_custom_storage_backend(backend: Backend | None) -> None:
    """Let another storage keep what is stored without ``local=True``.

    Parameters
    ----------
    backend : object or None
        Its method ``store_file(filename, *, label)`` keeps a copy of the file and returns the URI. None ends this.
    """
    global _backend
    _backend = backend


def custom_storage_backend() -> Backend | None:
    """The storage that was set last."""
    return _backend


def _uri(stored: tuple[str, int], label: str | None, location: bytes | None = None) -> str:
    return _content.uri_of("sha1", stored[0], label, "query", None, location)


# --- On this machine


def store_file_local(
    filename: Path,
    *,
    label: str | None = None,
    reference: bool | None = None,
    store_file_dir: str | None = None,
    store_file_prefix: str | None = None,
) -> str:
    """Keep a copy of a file on this machine.

    Parameters
    ----------
    filename : str, bytes or os.PathLike
        The file; a URI stands for its content, which must be on this machine.
    label : str, optional
        What to show behind the hash.
    reference : bool, optional
        Do not copy: the URI says where the file is. There it is found as long as its content is the same.
    store_file_dir : str, optional
        Put the copy there, as ``sha1/HASH``, and not into the store.
    store_file_prefix : str, optional
        What the URI begins with, in place of ``sha1://``: ``PREFIX/sha1/HASH``.

    Returns
    -------
    str
        ``sha1://HASH``, with ``?label=`` and ``location=`` where they are asked for.
    """
    if os.fsdecode(filename).startswith(("sha1://", "sha256://")):
        filename = _content.load_file(os.fsdecode(filename), None, None)
    if reference:
        stored = _content.link_many([filename], "sha1", None)[0]
        uri = _uri(stored, label, os.path.abspath(os.fsencode(filename)))
    elif store_file_dir is not None:
        uri = _uri(_copy_into(filename, os.path.join(store_file_dir, "sha1")), label)
    else:
        uri = _uri(_content.store_many([filename], "sha1", None)[0], label)
    return uri if store_file_prefix is None else f"{store_file_prefix}/sha1/{uri.removeprefix('sha1://')}"


def _copy_into(path: Path, directory: str) -> tuple[str, int]:
    """Copy a file to the name of its hash in a directory; the bytes that are written are those that are hashed."""
    import hashlib

    hasher = hashlib.sha1()
    size = 0
    with open(path, "rb") as source, _atomic.NewFile(directory) as copy:
        while piece := source.read(_copy_piece_bytes):
            hasher.update(piece)
            copy.write(piece)
            size += len(piece)
        copy.become(hasher.hexdigest())
    return hasher.hexdigest(), size


def store_text_local(text: str, label: str | None = None) -> str:
    """Keep text in UTF-8 on this machine."""
    return _uri(_content.store_text(text, "sha1"), label)


def store_json_local(
    x: Any, *, separators: tuple[str, str] = (",", ":"), indent: int | None = None, label: str | None = None
) -> str:
    """Keep an object as JSON, with sorted keys, on this machine."""
    stored = _content.store_json(x, "sha1", sort_keys=True, separators=separators, indent=indent)
    return _uri(stored, label)


def store_npy_local(array: Any, label: str | None = None) -> str:
    """Keep a numpy array in the npy format on this machine."""
    return _uri(_content.store_npy(array, "sha1"), label)


def store_pkl_local(x: Any, label: str | None = None) -> str:
    """Keep plain data as a pickle on this machine."""
    return _uri(_content.store_pkl(x, "sha1"), label)


def link_file(filename: Path, *, label: str | None = None) -> str:
    """Note where a file is, without copying it. A changed file is not served under its old URI."""
    return _uri(_content.link_many([filename], "sha1", None)[0], label)


# --- Where the environment or a backend says; else in the zone; else, as long as there is no hub, on this machine.


def store_file(
    filename: Path, *, label: str | None = None, cache_locally: bool = False, local: bool = False
) -> str:
    """Put a file into the zone; without a hub, keep a copy on this machine.

    Parameters
    ----------
    filename : str, bytes or os.PathLike
        The file; a URI stands for its content. It is only read.
    label : str, optional
        What to show behind the hash.
    cache_locally : bool
        Keep a copy in this machine's store too, wherever else the file goes.
    local : bool
        Keep it on this machine only.

    Returns
    -------
    str
        With KACHERY_STORE_FILE_DIR (and perhaps KACHERY_STORE_FILE_PREFIX) in the environment that of
        `store_file_local` for this directory; with a custom storage what that returns; else ``sha1://HASH``.
    """
    if local or not _leaves():
        return store_file_local(filename, label=label)
    if cache_locally:
        kept = store_file_local(filename, label=label)
    directory = os.environ.get("KACHERY_STORE_FILE_DIR")
    if directory:
        prefix = os.environ.get("KACHERY_STORE_FILE_PREFIX") or None
        return store_file_local(filename, label=label, store_file_dir=directory, store_file_prefix=prefix)
    if _backend is not None:
        return _backend.store_file(os.fsdecode(filename), label=label)
    if cache_locally:
        _zone.send_stored([kept], None, None)
        return kept
    return _upload(filename, label)


def _upload(filename: Path, label: str | None) -> str:
    """Send a file to the zone, of which no copy is kept here."""
    if os.fsdecode(filename).startswith(("sha1://", "sha256://")):
        filename = _content.load_file(os.fsdecode(filename), None, None)
    return _uri(_session.current().upload_files([os.fsencode(filename)], "sha1", None, None)[0], label)


def _leaves() -> bool:
    """Whether what is stored goes elsewhere than to this machine's store."""
    return bool(os.environ.get("KACHERY_STORE_FILE_DIR")) or _backend is not None or _hub.is_configured()


def _store(save: _content.Save, label: str | None, cache_locally: bool, local: bool) -> str:
    if local or not _leaves():
        return _uri(_content.store(save, "sha1"), label)
    with TemporaryDirectory() as directory:
        path = os.path.join(directory, _made_name)
        with open(path, "wb") as file:
            save(file)
        return store_file(path, label=label, cache_locally=cache_locally)


def store_text(
    text: str, *, label: str | None = None, cache_locally: bool = False, local: bool = False
) -> str:
    """Keep text in UTF-8; where, says `store_file`."""
    return _store(_content.text_saver(text), label, cache_locally, local)


def store_json(
    x: Any,
    *,
    separators: tuple[str, str] = (",", ":"),
    indent: int | None = None,
    label: str | None = None,
    cache_locally: bool = False,
    local: bool = False,
) -> str:
    """Keep an object as JSON, with sorted keys; where, says `store_file`."""
    save = _content.json_saver(x, sort_keys=True, separators=separators, indent=indent)
    return _store(save, label, cache_locally, local)


def store_npy(
    array: Any, *, label: str | None = None, cache_locally: bool = False, local: bool = False
) -> str:
    """Keep a numpy array in the npy format; where, says `store_file`."""
    return _store(_content.npy_saver(array), label, cache_locally, local)


def store_pkl(x: Any, *, label: str | None = None, cache_locally: bool = False, local: bool = False) -> str:
    """Keep plain data as a pickle; where, says `store_file`."""
    return _store(_content.pkl_saver(x), label, cache_locally, local)
