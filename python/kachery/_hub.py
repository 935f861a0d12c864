"""The hub, which adds other people's data. It cannot be used yet; what needs it says so, everywhere with one sentence."""

from __future__ import annotations

import os

from ._errors import Unavailable


def why_not() -> str:
    """Why no hub was asked, and what to do."""
    address = os.environ.get("KACHERY_GATEWAY_URL")
    if address:
        return f"the hub {address} (KACHERY_GATEWAY_URL) was not asked: this version works with this machine's store only"
    return "no hub is configured: set KACHERY_GATEWAY_URL to the address of one"


def unavailable() -> Unavailable:
    """What to raise where nothing can be done without a hub."""
    return Unavailable(why_not())
