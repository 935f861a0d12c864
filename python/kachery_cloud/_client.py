"""What this machine is to a hub: a client with a key pair. And what only a hub can do."""

from __future__ import annotations

from typing import Any

from kachery import _hub, _session

from ._store import custom_storage_backend


def get_client_id(generate_if_missing: bool = False) -> str | None:
    """The public key of this machine's key pair, 64 hexadecimal digits; None if it has none and none is to be made."""
    return _session.current().node_id(generate_if_missing)


def get_client_info() -> dict[str, Any] | None:
    """What the hub knows of this client; None if it has no key pair."""
    if custom_storage_backend() is not None:
        return {"type": "getClientInfo", "found": True, "client": "custom_storage_backend"}
    if get_client_id() is None:
        return None
    raise _hub.unavailable()


def init() -> None:
    """Register this client with the hub."""
    raise _hub.unavailable()


def admin_delete_file(uri: str) -> None:
    """Delete a file from the zone's bucket."""
    raise _hub.unavailable()
