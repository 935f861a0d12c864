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
    from ._feeds import (
        Entry,
        Feed,
        Proved,
        Subfeed,
        check_history,
        check_proof,
        create_feed,
        delete_feed,
        list_feeds,
        load_feed,
        load_subfeed,
    )
    from ._reports import Finding, Info, Verification, WhoAmI
    from ._request import RequestFileResult, request_file

__all__ = [
    "Cancelled",
    "ContentFile",
    "ContentText",
    "Corrupt",
    "Denied",
    "Entry",
    "Exhausted",
    "Exists",
    "Feed",
    "Finding",
    "Info",
    "Internal",
    "Invalid",
    "KacheryError",
    "NotFound",
    "Proved",
    "RequestFileResult",
    "Subfeed",
    "TimedOut",
    "URI",
    "Unavailable",
    "Verification",
    "WhoAmI",
    "__version__",
    "cat",
    "check_history",
    "check_proof",
    "create_feed",
    "delete_feed",
    "delete_mutable",
    "fetch_many",
    "find_missing",
    "get_mutable",
    "info",
    "link_file",
    "link_many",
    "list_feeds",
    "load_bytes",
    "load_feed",
    "load_file",
    "load_json",
    "load_npy",
    "load_pkl",
    "load_subfeed",
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


# What takes long to import, or is not for everybody: only for those who name it.
_LATER = {
    "Entry": "_feeds",
    "Feed": "_feeds",
    "Finding": "_reports",
    "Info": "_reports",
    "Proved": "_feeds",
    "RequestFileResult": "_request",
    "Subfeed": "_feeds",
    "Verification": "_reports",
    "WhoAmI": "_reports",
    "check_history": "_feeds",
    "check_proof": "_feeds",
    "create_feed": "_feeds",
    "delete_feed": "_feeds",
    "list_feeds": "_feeds",
    "load_feed": "_feeds",
    "load_subfeed": "_feeds",
    "request_file": "_request",
}


def __getattr__(name: str) -> Any:
    if name not in _LATER:
        raise AttributeError(f"module 'kachery' has no attribute {name!r}")
    import importlib

    return getattr(importlib.import_module(f"kachery.{_LATER[name]}"), name)
