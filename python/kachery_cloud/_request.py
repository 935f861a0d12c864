"""Asking a resource for a file, under gen2's name."""

from __future__ import annotations

from collections.abc import Callable

from kachery import RequestFileResult, _hub
from kachery._request import Question, ask


def request_file(
    uri: str,
    *,
    timeout_sec: float,
    ignore_local: bool = False,
    ignore_bucket: bool = False,
    resource_url: str | None = None,
    resource: str | None = None,
    verbose: bool = False,
    progress: Callable[[int, int], object] | bool | None = None,
) -> RequestFileResult:
    """Ask a resource to upload a file, unless it can be loaded already.

    Parameters
    ----------
    uri : str
        The file.
    timeout_sec : float
        How many seconds to wait for the upload; 0 only looks how it is. It goes on afterwards.
    ignore_local, ignore_bucket : bool
        Ask although the file is on this machine, or in the zone's bucket.
    resource_url, resource : str, optional
        Whom to ask, by address or by name. Default: KACHERY_RESOURCE_URL.
    verbose : bool
        Say on standard error how far the upload is.
    progress : callable or bool, optional
        Called with (bytes uploaded, bytes in all) about ten times a second, instead.

    Returns
    -------
    RequestFileResult
        For a file on this machine or in the zone ``completed`` is True: it can be loaded. Its `wait` waits longer, its
        `cancel` takes the request back.
    """
    question = Question(resource or "", resource_url or "", "", 0, ignore_bucket)
    here = None if ignore_local else _hub.Sources(use_location=True, local_only=True)
    return ask(uri, question, timeout_sec, progress if progress is not None else verbose, here=here)
