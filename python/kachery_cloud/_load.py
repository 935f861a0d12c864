"""Loading, under gen2's names. A miss is None; what a URI's ``location=`` names is hashed before it is used."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from typing import Any

from kachery import Invalid, NotFound, Unavailable, _content, _hub, _native, _session
from kachery._content import Path, T

_CONTENT_SCHEMES = ("sha1://", "sha256://")
_ZENODO_SCHEMES = ("zenodo://", "zenodo-sandbox://")
_WEB_SCHEMES = ("gh://", "http://", "https://")


def _load(local_only: bool, load: Callable[..., T], uri: str, *arguments: Any, asks: bool = True) -> T | None:
    """What `load` gives for a name of any kind, or None with a line that says why."""
    uri = os.fsdecode(uri)
    sources = _hub.Sources(use_location=True, local_only=local_only, asks=asks)

    def find() -> T:
        if uri.startswith(_WEB_SCHEMES):
            raise _not_fetched(uri, local_only)
        name = _zenodo_file(uri, local_only) if uri.startswith(_ZENODO_SCHEMES) else uri
        if _native.has_scheme(os.fsencode(name)) and not name.startswith(_CONTENT_SCHEMES):
            raise NotFound(f"{name}: not found: nothing of that scheme is known here")
        return load(name, *arguments, sources=sources)

    asks_hub = not local_only and uri.startswith(_CONTENT_SCHEMES)
    return _content.none_if_missing(find, hub=asks_hub)


def _not_fetched(uri: str, local_only: bool) -> Exception:
    if local_only:
        return NotFound(f"{uri}: not found: it is not on this machine")
    return Unavailable(f"{uri}: this version fetches nothing from the web; download it and use store_file")


def _zenodo_file(uri: str, local_only: bool) -> str:
    """Where kachery_cloud has kept a file of a zenodo record."""
    scheme, _, name = uri.partition("://")
    parts = name.split("/")
    if len(parts) < 2 or not all(parts) or not {".", ".."}.isdisjoint(parts):
        raise Invalid(f"not a file of a zenodo record: {uri} (it is {scheme}://RECORD/NAME)")
    for directory in _native.directories():
        path = os.path.join(os.fsdecode(directory), scheme, *parts)
        if os.path.isfile(path):
            return path
    raise _not_fetched(uri, local_only)


def load_file(
    uri: str,
    *,
    verbose: bool = False,
    local_only: bool = False,
    dest: Path | None = None,
    _get_info: bool = False,
    do_request: bool | None = None,
) -> str | None:
    """Find a file.

    Parameters
    ----------
    uri : str
        A URI, or the path of a file. What is not on this machine is fetched from the zone.
    verbose : bool
        Say on standard error where it was found.
    local_only : bool
        Look on this machine only.
    dest : str, bytes or os.PathLike, optional
        Put a verified copy here, at once or not at all.
    do_request : bool, optional
        Whether to ask the resource that KACHERY_RESOURCE_URL names for what the zone does not have, and to wait until it
        has uploaded it. Default: if it is set.

    Returns
    -------
    str or None
        The path of a file with the content, or `dest`; None if it is nowhere.
    """
    if _get_info and not local_only:
        return load_file_info(uri)  # type: ignore[return-value]
    path = _load(local_only, _content.load_file, uri, dest, None, asks=do_request is not False)
    if path is None and do_request and not os.environ.get("KACHERY_RESOURCE_URL"):
        print(f"kachery: {uri}: no resource was asked: KACHERY_RESOURCE_URL is not set", file=sys.stderr)
    if verbose and path is not None:
        print(f"kachery: {uri} is {path}", file=sys.stderr)
    return path


def load_file_info(uri: str) -> dict[str, Any] | None:
    """What the zone has under a URI, without fetching it; what is on this machine does not count.

    Parameters
    ----------
    uri : str
        ``sha1://HASH`` or ``sha256://HASH``.

    Returns
    -------
    dict or None
        With `type`, `found`, `size`, `zone`, and in `attestedBy` who says that these are the bytes: "hub", or the ID of a
        node; None if the zone has no such file.
    """
    if not uri.startswith(_CONTENT_SCHEMES):
        raise Invalid(f"Cannot use _get_info for this uri: {uri}")
    _hub.require()
    [found] = _session.current().find_in_zone([os.fsencode(uri)], None)
    if found is None:
        return None
    size, attested_by = found
    return {"type": "findFile", "found": True, "size": size, "zone": _native.zone(), "attestedBy": attested_by}


def load_bytes(
    uri: str, start: int | None, end: int | None, *, write_to_stdout: bool = False
) -> bytes | None:
    """The bytes from `start` up to, not including, `end`; None if there is no such file, or if they were written out."""
    content = _load(False, _content.load_bytes, uri, start, end)
    if not write_to_stdout:
        return content
    _content.write_out(content)
    return None


def load_text(uri: str, *, local_only: bool = False) -> str | None:
    """The content as text, or None."""
    return _load(local_only, _content.load_text, uri)


def load_json(uri: str, *, local_only: bool = False) -> Any:
    """The object whose JSON text is the content, or None."""
    return _load(local_only, _content.load_json, uri)


def load_npy(uri: str, *, local_only: bool = False) -> Any:
    """The numpy array whose npy form is the content, or None."""
    return _load(local_only, _content.load_npy, uri)


def load_pkl(uri: str, *, local_only: bool = False) -> Any:
    """The plain data in a pickle, or None. A pickle that names anything else raises ``kachery.Denied``."""
    return _load(local_only, _content.load_pkl, uri)


def cat_file(uri: str) -> None:
    """Write the content to standard output, as bytes; nothing if there is no such file."""
    _load(False, _content.cat, uri)
