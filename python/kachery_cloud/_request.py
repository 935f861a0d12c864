"""Asking for a file that some resource of the zone has."""

from __future__ import annotations

import os
from dataclasses import dataclass

from kachery import NotFound, _hub, _native, _session


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
        For a file on this machine ``completed`` is True: it can be loaded.
    """
    if not ignore_local:
        try:
            _, size, _ = _session.current().locate(os.fsencode(uri), None, use_location=True)
        except NotFound:
            if not _native.has_scheme(os.fsencode(uri)):
                raise
        else:
            return RequestFileResult(
                found=True, queued=False, completed=True, running=False, local=True, size=size
            )
    raise _hub.unavailable()
