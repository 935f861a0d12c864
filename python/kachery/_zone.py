"""Working with a zone of the hub, as `kachery` offers it: many files at once, what it lacks, who this node is there."""

from __future__ import annotations

import os
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING

from . import _content, _hub, _native, _session
from ._content import Path
from ._errors import KacheryError
from ._progress import Progress, told
from ._uri import URI

if TYPE_CHECKING:
    from ._reports import WhoAmI


def send_stored(uris: Sequence[str], zone: str | None, progress: Progress) -> None:
    """Upload what was just stored here. A failure says that it is here, and under which URI."""
    try:
        with told(progress, "uploading") as report:
            _session.current().upload(_content.names_of(uris), zone, None, report)
    except KacheryError as error:
        rest = f" and {len(uris) - 1} more" if len(uris) > 1 else ""
        raise type(error)(f"{uris[0]}{rest}: stored here, but not all of it in the zone: {error}") from None


def upload_many(
    uris_or_paths: Iterable[Path], *, zone: str | None = None, progress: Progress = None
) -> list[URI]:
    """Put many files into a zone as one batch. What the zone has already is not sent again.

    Parameters
    ----------
    uris_or_paths : iterable of str, bytes or os.PathLike
        URIs of what is stored or linked here, and paths of regular files, of which no copy is kept here.
    zone : str, optional
        The zone of the hub. Default: the one that is configured.
    progress : callable or bool, optional
        As for `load_file`, for all files together.

    Returns
    -------
    list of URI
        In the order of `uris_or_paths`. When it is returned, the zone has all of them.

    Raises
    ------
    NotFound
        One of them is not here.
    Denied
        This node may not upload to the zone.
    Exhausted
        The zone's quota is used up.
    Corrupt
        A linked file has changed, or a file changed while it was sent.
    Unavailable
        No hub is configured, or it cannot be reached.
    """
    _hub.require(zone)
    names = [os.fsencode(name) for name in uris_or_paths]
    uris = [URI(os.fsdecode(name)) if _native.has_scheme(name) else None for name in names]
    here = [uri for uri in uris if uri is not None]
    paths = [name for name, uri in zip(names, uris, strict=True) if uri is None]
    session = _session.current()
    with told(progress, "uploading") as report:
        if here:
            session.upload(_content.names_of(here), zone, None, report)
        sent = iter(session.upload_files(paths, "sha1", zone, report) if paths else [])
    return [
        URI(_content.uri_of("sha1", next(sent)[0], _content.base_name(name), "path")) if uri is None else uri
        for name, uri in zip(names, uris, strict=True)
    ]


def fetch_many(
    uris: Iterable[str], *, zone: str | None = None, progress: Progress = None
) -> list[str]:
    """Get many files from a zone as one batch, but for those that are here already; and what it lacks from nodes of channels.

    Parameters
    ----------
    uris : iterable of str
        ``sha1://HASH`` or ``sha256://HASH``, with labels or not.
    zone : str, optional
        The zone of the hub. Default: the one that is configured.
    progress : callable or bool, optional
        As for `load_file`, for all files together.

    Returns
    -------
    list of str
        The path of each file, in the order of `uris`; what lies there was checked.

    Raises
    ------
    NotFound
        One of them is neither here nor in the zone, and no node of this node's channels gives it; the others were fetched.
    Invalid
        Something in `uris` is not a URI.
    Unavailable
        No hub is configured, or it cannot be reached.
    Corrupt, Denied
        As for `load_file`.
    """
    _hub.require(zone)
    names = _content.names_of(uris)
    with told(progress, "loading") as report:
        paths = _session.current().fetch_many(names, zone, report)
    return [os.fsdecode(path) for path in paths]


def find_missing(uris: Iterable[str], *, zone: str | None = None) -> list[str]:
    """Which of many files a zone does not have, or does not show to this node.

    Parameters
    ----------
    uris : iterable of str
        ``sha1://HASH`` or ``sha256://HASH``, with labels or not.
    zone : str, optional
        The zone of the hub. Default: the one that is configured.

    Returns
    -------
    list of str
        Those of `uris` that are missing there, in their order.

    Raises
    ------
    Invalid
        Something in `uris` is not a URI.
    Denied
        The hub refuses this node.
    Unavailable
        No hub is configured, or it cannot be reached.
    """
    _hub.require(zone)
    names = list(uris)
    found = _session.current().find_in_zone(_content.names_of(names), zone)
    return [name for name, file in zip(names, found, strict=True) if file is None]


def whoami(*, zone: str | None = None) -> WhoAmI:
    """What this node is to the hub, and what it may do in a zone.

    Parameters
    ----------
    zone : str, optional
        The zone of the hub. Default: the one that is configured.

    Returns
    -------
    WhoAmI
        Also for a node that is not registered: it says so.

    Raises
    ------
    Unavailable
        No hub is configured, or it cannot be reached.
    """
    from ._reports import WhoAmI

    _hub.require(zone)
    return WhoAmI(*_session.current().whoami(zone))
