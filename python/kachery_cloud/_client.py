"""What this machine is to a hub: a client with a key pair. And what only a hub can do."""

from __future__ import annotations

import os
from typing import Any

from kachery import Denied, NotFound, _hub, _native, _session

from ._store import custom_storage_backend


def get_client_id(generate_if_missing: bool = False) -> str | None:
    """The public key of this machine's key pair, 64 hexadecimal digits; None if it has none and none is to be made."""
    return _session.current().node_id(generate_if_missing)


def get_client_info() -> dict[str, Any] | None:
    """What the hub knows of this client; None if it has no key pair, or is not registered."""
    if custom_storage_backend() is not None:
        return {"type": "getClientInfo", "found": True, "client": "custom_storage_backend"}
    client_id = get_client_id()
    if client_id is None:
        return None
    _hub.require()
    _, _, registered, _, label, user, *_ = _session.current().whoami(None)
    if not registered:
        return None
    client = {"clientId": client_id, "label": label, "ownerId": user}
    return {"type": "getClientInfo", "found": True, "client": client}


def init() -> None:
    """Register this client with the hub.

    Where it has to be approved, this prints a link and waits until somebody has done so. Prints who the client is.
    """
    _hub.require()
    session = _session.current()
    client_id = session.node_id(True)
    if get_client_info() is None:
        _register(session)
    info = get_client_info()
    if info is None:
        raise Denied("Failed to initialize this kachery client: the hub does not know it")
    print(f"Client ID: {client_id}\nLabel: {info['client']['label']}\nOwner: {info['client']['ownerId']}")


def _register(session: _native.Session) -> None:
    import socket

    registered, code, link = session.register(socket.gethostname())
    if registered:
        return
    print(f"\n{link}\n\nOpen this link, and do what it says; the code is {code}. Waiting ...", flush=True)
    session.await_registration(code)


def admin_delete_file(uri: str) -> None:
    """Delete a file from the zone, whoever stored it there; that takes an admin. What is on this machine stays."""
    _hub.require()
    if not all(_session.current().remove_from_zone([os.fsencode(uri)], True, None)):
        raise NotFound(f"{uri}: not found: the zone does not have it")
