"""Share data by content, not by location.

A file is named by the hash of its bytes: ``store_*`` keeps content and returns its URI, ``load_*`` takes a URI and gives
the content back, verified. Nothing has to run for that. Where a hub is configured, what is stored goes to a zone of it
too, and what is not here comes from there. What cannot be found raises `NotFound`, what is damaged raises `Corrupt`;
nothing is ever None by accident.

>>> import kachery
>>> uri = kachery.store_text("some-random-text")
>>> uri
'sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt'
>>> kachery.load_text(uri)
'some-random-text'
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

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
from ._file import ContentFile, ContentText
from ._load import cat, load_bytes, load_file, load_json, load_npy, load_pkl, load_text, open
from ._mutables import delete_mutable, get_mutable, set_mutable
from ._native import __version__
from ._store import (
    link_file,
    link_many,
    store_bytes,
    store_file,
    store_json,
    store_many,
    store_npy,
    store_pkl,
    store_text,
)
from ._upkeep import info, verify
from ._uri import URI
from ._zone import fetch_many, find_missing, upload_many, whoami

if TYPE_CHECKING:
    from ._reports import Finding, Info, Verification, WhoAmI
    from ._request import RequestFileResult, request_file

__all__ = [
    "Cancelled",
    "ContentFile",
    "ContentText",
    "Corrupt",
    "Denied",
    "Exhausted",
    "Exists",
    "Finding",
    "Info",
    "Internal",
    "Invalid",
    "KacheryError",
    "NotFound",
    "RequestFileResult",
    "TimedOut",
    "URI",
    "Unavailable",
    "Verification",
    "WhoAmI",
    "__version__",
    "cat",
    "delete_mutable",
    "fetch_many",
    "find_missing",
    "get_mutable",
    "info",
    "link_file",
    "link_many",
    "load_bytes",
    "load_file",
    "load_json",
    "load_npy",
    "load_pkl",
    "load_text",
    "open",
    "request_file",
    "set_mutable",
    "store_bytes",
    "store_file",
    "store_json",
    "store_many",
    "store_npy",
    "store_pkl",
    "store_text",
    "upload_many",
    "verify",
    "whoami",
]


# Dataclasses take as long to import as all the rest: only for those who name them.
_LATER = {
    "Finding": "_reports",
    "Info": "_reports",
    "RequestFileResult": "_request",
    "Verification": "_reports",
    "WhoAmI": "_reports",
    "request_file": "_request",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'kachery' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"kachery.{_LATER[name]}"), name)
