"""Looking at what is in the store, as `kachery` offers it."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TYPE_CHECKING

from . import _hub, _session
from ._progress import Progress, told

if TYPE_CHECKING:
    from ._reports import Info, Verification


def info(
    uri: str, *, zone: str | None = None, resource: str | None = None, local_only: bool = False, progress: Progress = None
) -> Info:
    """Where some content is, and how large. It is fetched if it is not here, and checked, unless that was done before.

    Parameters
    ----------
    uri : str
        ``sha1://HASH``, with a label or not, ``sha256://HASH``, or the path of a file.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    local_only : bool
        Ask nobody else.
    progress : callable or bool, optional
        As for `load_file`, while it is fetched, or the hash is checked.

    Returns
    -------
    Info
        Its `kind`, `path` and `size`.

    Raises
    ------
    NotFound, Corrupt, Invalid, Unavailable, Denied
        As for `load_file`.
    """
    from ._reports import Info

    sources = _hub.sources(zone, local_only, resource)
    with told(progress, "checking") as report:
        path, size, kind = _session.current().locate(os.fsencode(uri), report, sources)
    return Info(kind, os.fsdecode(path), size)


def verify(uris: Iterable[str] | None = None, *, progress: Progress = None) -> Verification:
    """Read what is stored and check it against its hashes, whatever was checked before.

    What is damaged is moved to the store's folder ``quarantine``; where a linked file has the content it is made again at
    once, otherwise by storing it again.

    Parameters
    ----------
    uris : iterable of str, optional
        Check these only. Default: everything, linked files too.
    progress : callable or bool, optional
        As for `load_file`.

    Returns
    -------
    Verification
        What was read, and what is `damaged`, `missing` or a stale link.

    Raises
    ------
    Invalid
        Something in `uris` is not a URI.
    """
    from ._reports import Finding, Verification

    if isinstance(uris, str):
        uris = [uris]
    names = None if uris is None else [os.fsencode(uri) for uri in uris]
    if names == []:
        return Verification(0, 0, 0)
    with told(progress, "verifying") as report:
        counts = _session.current().verify(names or [], report)
    objects, links, size, *found = counts
    damaged, repaired, stale, missing = ([Finding(uri, os.fsdecode(what)) for uri, what in one] for one in found)
    return Verification(objects, links, size, damaged, repaired, stale, missing)
