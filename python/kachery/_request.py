"""Asking a resource for a file, as `kachery` and `kachery_cloud` offer it."""

from __future__ import annotations

import math
import os
from dataclasses import dataclass
from typing import NamedTuple

from . import _hub, _native, _session
from ._errors import Invalid, NotFound
from ._progress import Progress, told

# As long as one question may take.
_DAY_S = 24 * 3600.0


class Question(NamedTuple):
    """What is asked, but for the file: as the native module takes it."""

    resource: str
    resource_url: str
    zone: str  # Empty for the one that is configured.
    wait_ms: int
    ignore_bucket: bool


@dataclass
class RequestFileResult:
    """What became of a request for a file.

    Parameters
    ----------
    found : bool or None
        Whether the file exists; None while the resource has not said so.
    queued, completed, running : bool or None
        Whether its upload waits, is done, is going on. Once `completed` it can be loaded.
    local : bool
        Whether it is on this machine; then nothing was asked.
    errored : bool
        Whether the upload failed.
    error_message : str
        Why it failed, or why the resource does not have it.
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

    def __post_init__(self) -> None:
        # What was asked; None where nothing was.
        self._uri: str = ""
        self._question: Question | None = None

    def wait(self, timeout: float | None = None, *, progress: Progress = None) -> RequestFileResult:
        """Wait until the upload has ended, which the members say then.

        Parameters
        ----------
        timeout : float, optional
            Seconds after which they say how it is then. Default: as long as it takes.
        progress : callable or bool, optional
            As for `request_file`.

        Returns
        -------
        RequestFileResult
            This object.

        Raises
        ------
        Unavailable, NotFound, Denied, TimedOut, Invalid
            As for `request_file`.
        """
        while self._goes_on():
            self._ask(_DAY_S if timeout is None else timeout, progress)
            if timeout is not None:
                break
        return self

    def cancel(self) -> None:
        """Take the request back: if nobody else waits for the file, the resource stops uploading it.

        Nothing happens if it has ended already.

        Raises
        ------
        Unavailable
            The hub cannot be reached; or the resource is behind an older proxy, where nothing can be cancelled.
        """
        if self._question is None or not self._goes_on():
            return
        _session.current().cancel_ask(os.fsencode(self._uri), self._question)
        self.queued = self.running = False
        self.error_message = "cancelled"
        self._question = None

    def _goes_on(self) -> bool:
        ended = self.completed or self.errored or self.found is False
        return self._question is not None and not ended

    def _ask(self, timeout_s: float, progress: Progress) -> None:
        assert self._question is not None
        question = self._question._replace(wait_ms=_hub.milliseconds(timeout_s))
        with told(progress, "uploading there") as report:
            state, size, bytes_uploaded, _, message = _session.current().ask(os.fsencode(self._uri), question, report)
        self.queued, self.running, self.completed = (state == name for name in ("queued", "running", "completed"))
        self.errored = state == "error"
        self.found = None if state == "asking" else state in ("queued", "running", "completed")
        self.error_message = message or ""
        self.size, self.bytes_uploaded = size, bytes_uploaded


def request_file(
    uri: str,
    *,
    resource: str | None = None,
    resource_url: str | None = None,
    timeout_sec: float = 10.0,
    zone: str | None = None,
    ignore_local: bool = False,
    ignore_bucket: bool = False,
    progress: Progress = None,
) -> RequestFileResult:
    """Ask a resource to upload a file to the zone, unless it can be loaded already.

    Parameters
    ----------
    uri : str
        ``sha1://HASH`` or ``sha256://HASH``, with a label or not.
    resource : str, optional
        The name that the resource has in the zone.
    resource_url : str, optional
        Its address, instead. Default: KACHERY_RESOURCE_URL.
    timeout_sec : float
        How many seconds to wait for the upload; 0 only looks how it is. It goes on afterwards, and asked again it is found
        going on.
    zone : str, optional
        The zone of the hub. Default: the one that is configured.
    ignore_local : bool
        Ask although the file is on this machine.
    ignore_bucket : bool
        Ask although the zone has the file.
    progress : callable or bool, optional
        As for `load_file`, about the upload.

    Returns
    -------
    RequestFileResult
        How it is. For a file on this machine or in the zone ``completed`` is True: it can be loaded.

    Raises
    ------
    NotFound
        No resource of this name is registered in the zone.
    Unavailable
        No hub is configured, it cannot be reached, or the resource is not connected.
    Denied
        This node may not download in the zone.
    TimedOut
        An older proxy had no answer from the resource in time.
    Invalid
        No resource is named, or `uri` cannot be used.
    """
    if zone is not None:
        _hub.require(zone)
    here = None if ignore_local else _hub.Sources(local_only=True)
    question = Question(resource or "", resource_url or "", zone or "", 0, ignore_bucket)
    return ask(uri, question, timeout_sec, progress, here=here)


def ask(
    uri: str, question: Question, timeout_s: float, progress: Progress, *, here: _hub.Sources | None
) -> RequestFileResult:
    """As `request_file`; `here` is where on this machine to look first, if anywhere."""
    if here is not None:
        try:
            _, size, _ = _session.current().locate(os.fsencode(uri), None, here)
        except NotFound:
            if not _native.has_scheme(os.fsencode(uri)):
                raise
        else:
            return RequestFileResult(found=True, queued=False, completed=True, running=False, local=True, size=size)
    _hub.require(question.zone or None)
    result = RequestFileResult()
    result._uri = uri
    result._question = question
    result._ask(timeout_s, progress)
    return result
