"""The hub, which adds other people's data: whether one is configured, and what is said where one is needed."""

from __future__ import annotations

from typing import NamedTuple

from . import _native
from ._errors import Invalid, Unavailable


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
    """

    use_location: bool = False
    local_only: bool = False
    zone: str = ""
    resource: str = ""
    asks: bool = True
    channel: str = ""


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


def sources(zone: str | None, local_only: bool = False, resource: str | None = None) -> Sources:
    """Where to look, as the functions of `kachery` are told."""
    for name, value in (("zone", zone), ("resource", resource)):
        if local_only and value is not None:
            raise Invalid(f'local_only=True asks nobody else, and {name}="{value}" asks a {name}: give one of the two')
    if zone is not None or resource is not None:
        require(zone)
    return Sources(local_only=local_only, zone=zone or "", resource=resource or "")


def uploads(zone: str | None, local: bool) -> bool:
    """Whether what is stored goes to a zone too, as the functions of `kachery` are told."""
    if local and zone is not None:
        raise Invalid(f'local=True keeps it here only, and zone="{zone}" sends it to a zone: give one of the two')
    if zone is not None:
        require(zone)
    return not local and is_configured()
