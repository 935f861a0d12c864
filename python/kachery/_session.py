"""The native session of this process, for the directory that the environment names now."""

from __future__ import annotations

import atexit
import os

from . import _hub, _native
from ._errors import Unavailable

# Kept for the life of the process: a session holds the store's database open.
_sessions: dict[bytes, _native.Session] = {}


def current() -> _native.Session:
    """The session for KACHERY_DIR and its kin, as they are set at this moment."""
    key = _native.session_key()
    if key not in _sessions:
        _sessions[key] = _native.Session()
    return _sessions[key]


def check_zone(zone: str | None) -> None:
    """Refuse to do in the local store what was asked of a zone. The one place that knows of hubs.

    Parameters
    ----------
    zone : str, optional
        As it was given to a function of `kachery`.

    Raises
    ------
    Unavailable
        A zone is named, and there is no hub.
    """
    if zone is not None:
        raise Unavailable(f'the zone "{zone}" is out of reach: {_hub.why_not()}; without zone=, files are on this machine')


def _start_afresh() -> None:
    # The parent's databases must be closed by the parent only.
    for session in _sessions.values():
        session.abandon()
    _sessions.clear()


# A session notes what was used together with others, at the latest when it ends.
atexit.register(_sessions.clear)
os.register_at_fork(after_in_child=_start_afresh)
