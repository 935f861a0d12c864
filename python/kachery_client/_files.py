"""Files, under gen1's names: the functions of `kachery` with the older signatures; `basename` is the label."""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Callable
from typing import Any

from kachery import Denied, Exhausted, KacheryError, NotFound, TimedOut, Unavailable, _content, _hub, _native, _session
from kachery._content import Path, T

# Of a larger file, the URI also names the list of its chunks.
single_chunk_bytes_max = 20_000_000


def uri_of(stored: tuple[str, int], basename: str | None, default: str) -> str:
    """The URI of (digest, size), with a label."""
    digest, size = stored
    manifest = _session.current().manifest(digest) if size > single_chunk_bytes_max else None
    return _content.uri_of("sha1", digest, default if basename is None else basename, "path", manifest)


# Where the hub cannot be reached, a script that stores a thousand things need not wait for it a thousand times.
_pause_s = 60.0
_not_before = 0.0
_noted = False


def shared(uri: str) -> str:
    """Send what was stored here to the zone, if there is one that takes it. Gives the URI.

    These functions have always kept things here only, so a zone that refuses, or is out of reach, is no error: a note on
    standard error says so, once.
    """
    global _not_before, _noted
    if not _hub.is_configured() or time.monotonic() < _not_before:
        return uri
    try:
        _session.current().upload([os.fsencode(uri)], None, None, None)
    except (Denied, Exhausted, TimedOut, Unavailable) as error:
        if isinstance(error, (TimedOut, Unavailable)):
            _not_before = time.monotonic() + _pause_s
        if not _noted:
            print(f"kachery: stored here, and not in the zone: {error}", file=sys.stderr)
        _noted = True
    return uri


def store_file(path: Path, basename: str | None = None) -> str:
    """Keep a copy of a file here and, where a hub is configured, in the zone.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        The file.
    basename : str, optional
        What stands behind the hash in the URI. Default: the file's name.

    Returns
    -------
    str
        ``sha1://HASH/basename``, with ``?manifest=HASH`` for a file of more than 20,000,000 bytes.
    """
    return shared(uri_of(_content.store_many([path], "sha1", None)[0], basename, _content.base_name(path)))


def link_file(path: Path, basename: str | None = None) -> str:
    """Note where a file is, without copying it. A changed file is not served under its old URI."""
    return uri_of(_content.link_many([path], "sha1", None)[0], basename, _content.base_name(path))


def store_text(text: str, basename: str | None = None) -> str:
    """Keep text in UTF-8."""
    return shared(uri_of(_content.store_text(text, "sha1"), basename, "file.txt"))


def store_json(object: Any, basename: str | None = None) -> str:  # noqa: A002 (the older name)
    """Keep an object as JSON, keys in their order."""
    return shared(uri_of(_content.store_json(object, "sha1"), basename, "file.json"))


def store_npy(array: Any, basename: str | None = None) -> str:
    """Keep a numpy array in the npy format."""
    return shared(uri_of(_content.store_npy(array, "sha1"), basename, "file.npy"))


def store_pkl(x: Any, basename: str | None = None) -> str:
    """Keep plain data as a pickle."""
    return shared(uri_of(_content.store_pkl(x, "sha1"), basename, "file.pkl"))


def _load(load: Callable[..., T], uri: str, *arguments: Any, channel: str | None, local_only: bool = False) -> T | None:
    sources = _hub.Sources(local_only=local_only, channel=channel or "")

    def find() -> T:
        return load(uri, *arguments, sources=sources)

    # A URI that is a miss is None; a path of no file is an error, as it always was.
    if _native.has_scheme(os.fsencode(uri)):
        return _content.none_if_missing(find, hub=channel is not None and not local_only)
    try:
        return find()
    except NotFound as error:
        raise NotFound(f"Local file not found: {error}") from None


def load_file(
    uri: str, dest: Path | None = None, local_only: bool = False, channel: str | None = None
) -> str | None:
    """Find a file.

    Parameters
    ----------
    uri : str
        A URI, or the path of a file.
    dest : str, bytes or os.PathLike, optional
        Put a verified copy here, at once or not at all.
    local_only : bool
        Look on this machine only.
    channel : str, optional
        The channel to look in, beyond this machine. Default: the zone and all channels of this node, where a hub is configured.

    Returns
    -------
    str or None
        The path of a file with the content, or `dest`; None if it is nowhere.
    """
    return _load(_content.load_file, uri, dest, None, channel=channel, local_only=local_only)


def load_bytes(
    uri: str, start: int | None, end: int | None, *, write_to_stdout: bool = False, channel: str | None = None
) -> bytes | None:
    """The bytes from `start` up to, not including, `end`; None if there is no such file, or if they were written out."""
    content = _load(_content.load_bytes, uri, start, end, channel=channel)
    if not write_to_stdout:
        return content
    _content.write_out(content)
    return None


def load_text(uri: str, *, channel: str | None = None) -> str | None:
    """The content as text, or None."""
    return _load(_content.load_text, uri, channel=channel)


def load_json(uri: str, *, channel: str | None = None) -> Any:
    """The object whose JSON text is the content, or None."""
    return _load(_content.load_json, uri, channel=channel)


def load_npy(uri: str, *, channel: str | None = None) -> Any:
    """The numpy array whose npy form is the content, or None."""
    return _load(_content.load_npy, uri, channel=channel)


def load_pkl(uri: str, *, channel: str | None = None) -> Any:
    """The plain data in a pickle, or None. A pickle that names anything else raises ``kachery.Denied``."""
    return _load(_content.load_pkl, uri, channel=channel)


# --- Uploading is storing here, and then sending.


def _upload(uri: str, channel: str) -> str:
    """To the channel only: who may read in the zone, and not in the channel, must not get it."""
    try:
        _hub.require()
        _session.current().upload([os.fsencode(uri)], None, channel, None)
    except KacheryError:
        print(f"kachery: stored here, not uploaded: {uri}", file=sys.stderr)
        raise
    return uri


def upload_file(path_or_uri: Path, *, channel: str, single_chunk: bool = False) -> str:
    """Keep a copy of a file, and send it to the channel. What a URI names must be on this machine."""
    if not _native.has_scheme(os.fsencode(path_or_uri)):
        stored = _content.store_many([path_or_uri], "sha1", None)[0]
        return _upload(uri_of(stored, None, _content.base_name(path_or_uri)), channel)
    uri = os.fsdecode(path_or_uri)
    _content.load_file(uri, None, None, sources=_hub.Sources(local_only=True))
    return _upload(uri, channel)


def upload_text(x: str, *, channel: str, basename: str | None = None, single_chunk: bool = False) -> str:
    """Keep text, and send it to the channel."""
    return _upload(uri_of(_content.store_text(x, "sha1"), basename, "file.txt"), channel)


def upload_json(x: Any, *, channel: str, basename: str | None = None, single_chunk: bool = False) -> str:
    """Keep an object as JSON, and send it to the channel."""
    return _upload(uri_of(_content.store_json(x, "sha1"), basename, "file.json"), channel)


def upload_npy(x: Any, *, channel: str, basename: str | None = None, single_chunk: bool = False) -> str:
    """Keep a numpy array, and send it to the channel."""
    return _upload(uri_of(_content.store_npy(x, "sha1"), basename, "file.npy"), channel)


def upload_pkl(x: Any, *, channel: str, basename: str | None = None, single_chunk: bool = False) -> str:
    """Keep plain data as a pickle, and send it to the channel."""
    return _upload(uri_of(_content.store_pkl(x, "sha1"), basename, "file.pkl"), channel)
