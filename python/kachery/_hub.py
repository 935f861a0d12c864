"""The hub, which adds other people's data. It cannot be used yet; what needs it says so, everywhere in the same words."""

from __future__ import annotations

from . import _native
from ._errors import Unavailable


def why_not() -> str:
    """Why no hub was asked, and what to do."""
    address, offline = _native.hub()
    if offline:
        return "KACHERY_OFFLINE_STORAGE_DIR is set, so nobody else is asked"
    if address:
        return f"the hub {address} was not asked: this version works with the stores of this machine only"
    return "no hub is configured: set KACHERY_GATEWAY_URL to the address of one"


def unavailable() -> Unavailable:
    """What to raise where nothing can be done without a hub."""
    return Unavailable(why_not())
