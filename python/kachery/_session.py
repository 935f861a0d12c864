"""The native session of this process, for the directory that the environment names now."""

from __future__ import annotations

import atexit
import os

from . import _native

# The ones made last: a session holds some files of its store open, and most processes need one.
_sessions: dict[bytes, _native.Session] = {}
_sessions_max = 8


def current() -> _native.Session:
    """The session for KACHERY_DIR and its kin, as they are set at this moment."""
    key = _native.session_key()
    session = _sessions.get(key)
    if session is None:
        session = _sessions[key] = _native.Session()
        # Whoever works with one of the others still has it.
        while len(_sessions) > _sessions_max:
            _sessions.pop(list(_sessions)[0], None)
    return session


def _start_afresh() -> None:
    # The parent's databases must be closed by the parent only.
    for session in _sessions.values():
        session.abandon()
    _sessions.clear()


# A session notes what was used together with others, at the latest when it ends.
atexit.register(_sessions.clear)
os.register_at_fork(after_in_child=_start_afresh)
