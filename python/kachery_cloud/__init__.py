"""The names of kachery's second generation, for scripts that use them. New scripts: ``import kachery``.

As long as no hub is configured, files are kept and found on this machine, and ``store_file`` is ``store_file_local``. A
miss is None, with a line on standard error that says where it was looked; damaged content raises ``kachery.Corrupt``.
The functions are those of ``kachery`` with the older signatures; a label is written ``?label=``.
"""

from __future__ import annotations

from typing import Any

from kachery import __version__, _content
from kachery._content import Path, none_if_missing

__all__ = [
    "__version__",
    "cat_file",
    "link_file",
    "load_bytes",
    "load_file",
    "load_json",
    "load_npy",
    "load_pkl",
    "load_text",
    "store_file",
    "store_file_local",
    "store_json",
    "store_json_local",
    "store_npy",
    "store_npy_local",
    "store_pkl",
    "store_pkl_local",
    "store_text",
    "store_text_local",
]


def _uri(stored: tuple[str, int], label: str | None) -> str:
    return _content.uri_of("sha1", stored[0], label, "query")


def store_file_local(filename: Path, *, label: str | None = None) -> str:
    """Keep a copy of a file on this machine; its URI is ``sha1://HASH``, with ``?label=`` if one is given."""
    return _uri(_content.store_many([filename], "sha1", None)[0], label)


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


def store_file(
    filename: Path, *, label: str | None = None, cache_locally: bool = False, local: bool = False
) -> str:
    """Keep a copy of a file."""
    return store_file_local(filename, label=label)


def store_text(
    text: str, *, label: str | None = None, cache_locally: bool = False, local: bool = False
) -> str:
    """Keep text in UTF-8."""
    return store_text_local(text, label=label)


def store_json(
    x: Any,
    *,
    separators: tuple[str, str] = (",", ":"),
    indent: int | None = None,
    label: str | None = None,
    cache_locally: bool = False,
    local: bool = False,
) -> str:
    """Keep an object as JSON, with sorted keys."""
    return store_json_local(x, separators=separators, indent=indent, label=label)


def store_npy(
    array: Any, *, label: str | None = None, cache_locally: bool = False, local: bool = False
) -> str:
    """Keep a numpy array in the npy format."""
    return store_npy_local(array, label=label)


def store_pkl(x: Any, *, label: str | None = None, cache_locally: bool = False, local: bool = False) -> str:
    """Keep plain data as a pickle."""
    return store_pkl_local(x, label=label)


def link_file(filename: Path, *, label: str | None = None) -> str:
    """Note where a file is, without copying it. A changed file is not served under its old URI."""
    return _uri(_content.link_many([filename], "sha1", None)[0], label)


def load_file(
    uri: str, *, verbose: bool = False, local_only: bool = False, dest: Path | None = None
) -> str | None:
    """The path of a file with the content, or `dest`, where a copy was put; None if it is nowhere."""
    return none_if_missing(_content.load_file, uri, dest, None)


def load_bytes(
    uri: str, start: int | None, end: int | None, *, write_to_stdout: bool = False
) -> bytes | None:
    """The bytes from `start` up to, not including, `end`; None if there is no such file, or if they were written out."""
    content = none_if_missing(_content.load_bytes, uri, start, end)
    return _content.write_out(content) if write_to_stdout else content


def load_text(uri: str, *, local_only: bool = False) -> str | None:
    """The content as text, or None."""
    return none_if_missing(_content.load_text, uri)


def load_json(uri: str, *, local_only: bool = False) -> Any:
    """The object whose JSON text is the content, or None."""
    return none_if_missing(_content.load_json, uri)


def load_npy(uri: str, *, local_only: bool = False) -> Any:
    """The numpy array whose npy form is the content, or None."""
    return none_if_missing(_content.load_npy, uri)


def load_pkl(uri: str, *, local_only: bool = False) -> Any:
    """The plain data in a pickle, or None. A pickle that names anything else raises ``kachery.Denied``."""
    return none_if_missing(_content.load_pkl, uri)


def cat_file(uri: str) -> None:
    """Write the content to standard output, as bytes; nothing if there is no such file."""
    none_if_missing(_content.cat, uri)
