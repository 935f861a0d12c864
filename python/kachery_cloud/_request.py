"""Asking for a file that some resource of the zone has."""

from __future__ import annotations

import os
from dataclasses import dataclass

from kachery import NotFound, Unavailable, _hub, _native, _session


@dataclass
class RequestFileResult:
    """What became of a request.

    Attributes
    ----------
    found, queued, completed, running : bool or None
        Whether the file exists, its upload waits, is done, is going on.
    local : bool
        Whether it is on this machine; then nothing was asked.
    errored : bool
        Whether the upload failed.
    error_message : str
        Why.
    size, bytes_uploaded : int or None
        Of the file, and of it so far.
    """

    found: bool | None = None
    queued: bool | None = None
    completed: bool | None = None
    running: bool | None = None
    local: bool = False
    errored: bool = False
    error_message: str = ""
    size: int | None = None
    bytes_uploaded: int | None = None


def request_file(
    uri: str,
    *,
    timeout_sec: float,
    ignore_local: bool = False,
    ignore_bucket: bool = False,
    resource_url: str | None = None,
    resource: str | None = None,
) -> RequestFileResult:
    """Ask a resource to upload a file, unless it can be loaded already.

    Parameters
    ----------
    uri : str
        The file.
    timeout_sec : float
        How long to wait for the resource's answer.
    ignore_local, ignore_bucket : bool
        Ask although the file is on this machine, or in the zone's bucket.
    resource_url, resource : str, optional
        Whom to ask, by address or by name. Default: KACHERY_RESOURCE_URL.

    Returns
    -------
    RequestFileResult
        For a file on this machine or in the zone ``completed`` is True: it can be loaded.
    """
    if not ignore_local:
        here = _hub.Sources(use_location=True, local_only=True)
        try:
            _, size, _ = _session.current().locate(os.fsencode(uri), None, here)
        except NotFound:
            if not _native.has_scheme(os.fsencode(uri)):
                raise
        else:
            return _completed(size, local=True)
    _hub.require()
    [found] = [None] if ignore_bucket else _session.current().find_in_zone([os.fsencode(uri)], None)
    if found is not None:
        return _completed(found[0], local=False)
    whom = resource or resource_url or os.environ.get("KACHERY_RESOURCE_URL")
    asking = f"the resource {whom} was not asked" if whom else "no resource was named (resource=, or KACHERY_RESOURCE_URL)"
    raise Unavailable(f"{uri}: neither here nor in the zone; {asking}: requests to resources are not there yet")


def _completed(size: int, *, local: bool) -> RequestFileResult:
    return RequestFileResult(found=True, queued=False, completed=True, running=False, local=local, size=size)
