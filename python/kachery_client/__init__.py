"""The names of kachery's first generation, for scripts that use them. New scripts: ``import kachery``.

Files are kept and found on this machine without a daemon. A miss is None, with a line on standard error that says where
it was looked; damaged content raises ``kachery.Corrupt``. The functions are those of ``kachery`` with the older
signatures; `basename` is the label.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

from kachery import __version__, _content, _native
from kachery._content import Path, none_if_missing

__all__ = [
    "__version__",
    "link_file",
    "load_bytes",
    "load_file",
    "load_json",
    "load_npy",
    "load_pkl",
    "load_text",
    "store_file",
    "store_json",
    "store_npy",
    "store_pkl",
    "store_text",
]


def _load(load: Callable[..., Any], uri: str, *arguments: Any) -> Any:
    # A URI that is a miss is None; a path of no file is an error, as it always was.
    if not _native.has_scheme(os.fsencode(uri)):
        return load(uri, *arguments)
    return none_if_missing(load, uri, *arguments)


def _uri(stored: tuple[str, int], basename: str | None, default: str) -> str:
    return _content.uri_of("sha1", stored[0], default if basename is None else basename, "path")


def store_file(path: Path, basename: str | None = None) -> str:
    """Keep a copy of a file; its URI is ``sha1://HASH/basename``, by default with the file's name."""
    return _uri(_content.store_many([path], "sha1", None)[0], basename, _content.base_name(path))


def link_file(path: Path, basename: str | None = None) -> str:
    """Note where a file is, without copying it. A changed file is not served under its old URI."""
    return _uri(_content.link_many([path], "sha1", None)[0], basename, _content.base_name(path))


def store_text(text: str, basename: str | None = None) -> str:
    """Keep text in UTF-8."""
    return _uri(_content.store_text(text, "sha1"), basename, "file.txt")


def store_json(object: Any, basename: str | None = None) -> str:  # noqa: A002 (the older name)
    """Keep an object as JSON, keys in their order."""
    return _uri(_content.store_json(object, "sha1"), basename, "file.json")


def store_npy(array: Any, basename: str | None = None) -> str:
    """Keep a numpy array in the npy format."""
    return _uri(_content.store_npy(array, "sha1"), basename, "file.npy")


def store_pkl(x: Any, basename: str | None = None) -> str:
    """Keep plain data as a pickle."""
    return _uri(_content.store_pkl(x, "sha1"), basename, "file.pkl")


def load_file(
    uri: str, dest: Path | None = None, local_only: bool = False, channel: str | None = None
) -> str | None:
    """The path of a file with the content, or `dest`, where a copy was put; None if it is nowhere."""
    return _load(_content.load_file, uri, dest, None)


def load_bytes(
    uri: str, start: int | None, end: int | None, *, write_to_stdout: bool = False, channel: str | None = None
) -> bytes | None:
    """The bytes from `start` up to, not including, `end`; None if there is no such file, or if they were written out."""
    content = _load(_content.load_bytes, uri, start, end)
    return _content.write_out(content) if write_to_stdout else content


def load_text(uri: str, *, channel: str | None = None) -> str | None:
    """The content as text, or None."""
    return _load(_content.load_text, uri)


def load_json(uri: str, *, channel: str | None = None) -> Any:
    """The object whose JSON text is the content, or None."""
    return _load(_content.load_json, uri)


def load_npy(uri: str, *, channel: str | None = None) -> Any:
    """The numpy array whose npy form is the content, or None."""
    return _load(_content.load_npy, uri)


def load_pkl(uri: str, *, channel: str | None = None) -> Any:
    """The plain data in a pickle, or None. A pickle that names anything else raises ``kachery.Denied``."""
    return _load(_content.load_pkl, uri)
