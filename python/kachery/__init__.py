"""Share data by content, not by location.

A file is named by the hash of its bytes: ``store_*`` keeps content and returns its URI, ``load_*`` takes a URI and gives
the content back, verified. Nothing has to run for that. What cannot be found raises `NotFound`, what is damaged raises
`Corrupt`; nothing is ever None by accident.

>>> import kachery
>>> uri = kachery.store_text("some-random-text")
>>> uri
'sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt'
>>> kachery.load_text(uri)
'some-random-text'
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Literal

from . import _content
from ._content import Path, Progress
from ._errors import (
    Cancelled,
    Corrupt,
    Denied,
    Exhausted,
    Exists,
    Internal,
    Invalid,
    KacheryError,
    NotFound,
    TimedOut,
    Unavailable,
)
from ._native import __version__

Algorithm = Literal["sha1", "sha256"]

__all__ = [
    "Cancelled",
    "Corrupt",
    "Denied",
    "Exhausted",
    "Exists",
    "Internal",
    "Invalid",
    "KacheryError",
    "NotFound",
    "TimedOut",
    "Unavailable",
    "__version__",
    "cat",
    "link_file",
    "link_many",
    "load_bytes",
    "load_file",
    "load_json",
    "load_npy",
    "load_pkl",
    "load_text",
    "store_bytes",
    "store_file",
    "store_many",
    "store_json",
    "store_npy",
    "store_pkl",
    "store_text",
]


def _uri(stored: tuple[str, int], label: str | None, algorithm: str) -> str:
    return _content.uri_of(algorithm, stored[0], label, "path")


def store_file(
    path: Path, *, label: str | None = None, algorithm: Algorithm = "sha1", progress: Progress = None
) -> str:
    """Keep a copy of a file.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        A regular file of any size, or a pipe.
    label : str, optional
        What stands behind the hash in the URI. Default: the file's name.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    progress : callable, optional
        Called with (bytes done, bytes in all) about ten times a second.

    Returns
    -------
    str
        The URI. When it is returned, the copy is on the disk.

    Raises
    ------
    NotFound
        There is no such file.
    Corrupt
        Other content with the same hash is there already (a collision).
    Exhausted
        The disk is full; nothing was stored.
    """
    return store_many([path], label=label, algorithm=algorithm, progress=progress)[0]


def store_many(
    paths: Iterable[Path],
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    progress: Progress = None,
) -> list[str]:
    """Keep copies of many files as one batch, much faster than one by one: all are durable, or an error is raised.

    Parameters and errors are those of `store_file`; the URIs come in the order of `paths`.
    """
    paths = list(paths)
    stored = _content.store_many(paths, algorithm, progress)
    return [
        _uri(one, label if label is not None else _content.base_name(path), algorithm)
        for one, path in zip(stored, paths, strict=True)
    ]


def link_file(
    path: Path, *, label: str | None = None, algorithm: Algorithm = "sha1", progress: Progress = None
) -> str:
    """Note where a file is, without copying it.

    The file is hashed, once for each state of it. If it changes later it is not served under this URI any more; if it
    goes away, the URI is a miss. Parameters, errors and the result are those of `store_file`.
    """
    return link_many([path], label=label, algorithm=algorithm, progress=progress)[0]


def link_many(
    paths: Iterable[Path],
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    progress: Progress = None,
) -> list[str]:
    """`link_file` for many files, as one batch."""
    paths = list(paths)
    linked = _content.link_many(paths, algorithm, progress)
    return [
        _uri(one, label if label is not None else _content.base_name(path), algorithm)
        for one, path in zip(linked, paths, strict=True)
    ]


def store_bytes(data: bytes, *, label: str | None = None, algorithm: Algorithm = "sha1") -> str:
    """Keep bytes. Returns their URI."""
    return _uri(_content.store_bytes(bytes(data), algorithm), label, algorithm)


def store_text(text: str, *, label: str | None = "file.txt", algorithm: Algorithm = "sha1") -> str:
    """Keep text, in UTF-8, exactly as it is. Returns its URI."""
    return _uri(_content.store_text(text, algorithm), label, algorithm)


def store_json(
    value: Any,
    *,
    label: str | None = "file.json",
    algorithm: Algorithm = "sha1",
    sort_keys: bool = False,
    separators: tuple[str, str] = (",", ":"),
    indent: int | None = None,
) -> str:
    """Keep an object as JSON.

    Keys stay in their order unless `sort_keys`; characters beyond ASCII are escaped. NaN and infinities raise
    ``ValueError``, what JSON has no form for raises ``TypeError``. Returns the URI of the text.
    """
    options = {"sort_keys": sort_keys, "separators": separators, "indent": indent}
    return _uri(_content.store_json(value, algorithm, **options), label, algorithm)


def store_npy(array: Any, *, label: str | None = "file.npy", algorithm: Algorithm = "sha1") -> str:
    """Keep a numpy array in the npy format, as ``numpy.save`` writes it.

    An array of Python objects raises ``ValueError``. Returns the URI.
    """
    return _uri(_content.store_npy(array, algorithm), label, algorithm)


def store_pkl(value: Any, *, label: str | None = "file.pkl", algorithm: Algorithm = "sha1") -> str:
    """Keep plain data as a pickle (protocol 4): numbers, text, bytes, containers, and numpy arrays in them.

    Raises `Invalid`, naming the place, for anything that `load_pkl` could not read without running code. Returns the URI.
    """
    return _uri(_content.store_pkl(value, algorithm), label, algorithm)


def load_file(uri: str, *, dest: Path | None = None, progress: Progress = None) -> str:
    """The path of a file with the content.

    Parameters
    ----------
    uri : str
        ``sha1://HASH``, with a label or not, ``sha256://HASH``, or the path of a file.
    dest : str, bytes or os.PathLike, optional
        Put a verified copy here, replacing a file at once, and return this path. Without it the path is that of the
        stored or linked file itself: read it, do not change it.
    progress : callable, optional
        Called with (bytes done, bytes in all; 0 if unknown) about ten times a second.

    Raises
    ------
    NotFound
        The message says where it was looked.
    Corrupt
        What is stored is damaged, and no linked file has the content.
    Invalid
        `uri` is neither a URI nor a path that can be read.
    """
    return _content.load_file(uri, dest, progress)


def load_bytes(uri: str, start: int | None = None, end: int | None = None) -> bytes:
    """The bytes from `start` (counted from 0) up to, but not including, `end`; all of them by default.

    A range outside of the content raises `Invalid`. Other errors are those of `load_file`.
    """
    return _content.load_bytes(uri, start, end)


def load_text(uri: str) -> str:
    """The content as text in UTF-8, with the line ends that it has. Errors are those of `load_file`."""
    return _content.load_text(uri)


def load_json(uri: str) -> Any:
    """The object whose JSON text is the content. Errors are those of `load_file`."""
    return _content.load_json(uri)


def load_npy(uri: str) -> Any:
    """The numpy array whose npy form is the content. It can be changed. Errors are those of `load_file`."""
    return _content.load_npy(uri)


def load_pkl(uri: str, *, allow_unsafe_pickle: bool = False) -> Any:
    """The plain data in a pickle, read by a decoder that can call nothing.

    A pickle that names anything else raises `Denied`, which says what. With `allow_unsafe_pickle` it is given to Python's
    own ``pickle`` instead, **which runs whatever its author wants**: only for content of people that you trust.
    Other errors are those of `load_file`.
    """
    return _content.load_pkl(uri, allow_unsafe_pickle)


def cat(uri: str) -> None:
    """Write the content to standard output, as bytes. Errors are those of `load_file`."""
    _content.cat(uri)
