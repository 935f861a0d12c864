"""The hub, which adds other people's data: whether one is configured, and what is said where one is needed."""

from __future__ import annotations

import math
from typing import NamedTuple

from . import _native
from ._errors import Invalid, Unavailable


# The longest time that somebody can be asked for.
DAY_MS = 24 * 3600 * 1000


class Sources(NamedTuple):
    """Where to look for content, beyond this machine's store.

    Parameters
    ----------
    use_location : bool
        Also where a URI's ``location=`` says.
    local_only : bool
        Ask nobody else.
    zone : str
        The zone to ask; empty for the one that is configured.
    resource : str
        The resource to ask for what the zone does not have; empty for the one that KACHERY_RESOURCE_URL names.
    asks : bool
        Whether a resource is asked at all.
    channel : str
        The channel of the zone to ask, and nothing else of it; empty for the zone and all channels of this node.
    wait_ms : int
        How long those who are asked may take, in milliseconds.
    """

    use_location: bool = False
    local_only: bool = False
    zone: str = ""
    resource: str = ""
    asks: bool = True
    channel: str = ""
    wait_ms: int = DAY_MS


# Here, then in the zone that is configured, and then at the resource that KACHERY_RESOURCE_URL names, if it is set.
ANYWHERE = Sources()


def is_configured() -> bool:
    """Whether what is not here is looked for in a zone, and what is stored goes there too."""
    address, offline = _native.hub()
    return bool(address) and not offline


def why_none() -> str | None:
    """Why there is no hub to be asked, and what to do; None if there is one."""
    address, offline = _native.hub()
    if offline:
        return "KACHERY_OFFLINE_STORAGE_DIR is set, so nobody else is asked"
    return None if address else "no hub is configured: set KACHERY_GATEWAY_URL to the address of one"


def require(zone: str | None = None) -> None:
    """Raise `Unavailable` if there is no hub; what is done, in this zone, needs one."""
    reason = why_none()
    if reason is not None:
        raise Unavailable(reason if zone is None else f'the zone "{zone}" is out of reach: {reason}')


def milliseconds(timeout_s: float) -> int:
    """Of a timeout, as people give it."""
    if not timeout_s >= 0 or math.isnan(timeout_s):
        raise Invalid(f"a timeout is 0 or more seconds, not {timeout_s}")
    return int(min(timeout_s * 1000, DAY_MS))


def sources(
    zone: str | None,
    local_only: bool = False,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
) -> Sources:
    """Where to look, as the functions of `kachery` are told."""
    named = [(name, value) for name, value in (("zone", zone), ("resource", resource), ("channel", channel)) if value is not None]
    for name, value in named:
        if local_only:
            raise Invalid(f'local_only=True asks nobody else, and {name}="{value}" asks a {name}: give one of the two')
    if resource is not None and channel is not None:
        raise Invalid(f'resource="{resource}" uploads to the zone, and channel="{channel}" asks that channel only: give one of the two')
    if named:
        require(zone)
    return Sources(
        local_only=local_only,
        zone=zone or "",
        resource=resource or "",
        asks=channel is None,
        channel=channel or "",
        wait_ms=DAY_MS if timeout is None else milliseconds(timeout),
    )


def uploads(zone: str | None, local: bool) -> bool:
    """Whether what is stored goes to a zone too, as the functions of `kachery` are told."""
    if local and zone is not None:
        raise Invalid(f'local=True keeps it here only, and zone="{zone}" sends it to a zone: give one of the two')
    if zone is not None:
        require(zone)
    return not local and is_configured()
