"""Working without a daemon, which gen1 called ephemeral. Here it is the rule; what is left is the node's key and owner."""

from __future__ import annotations

import os
from typing import Any

from kachery import Invalid, _atomic, _json, _session

from ._directories import _kachery_storage_dir


def enable_ephemeral(enabled: bool = True) -> None:
    """Work without a daemon. Files need none here, so there is nothing that this would have to change."""


def config_ephemeral_node() -> None:
    """Ask for the owner of this node, and make its key pair if it has none. Prints what it does."""
    directory = _kachery_storage_dir()
    print("Configuring ephemeral node")
    if _owner() is not None and _session.current().node_id(False) is not None:
        print(f"Node ID: {_session.current().node_id(False)}")
        print(f"Ephemeral node is already configured at {directory}")
        return
    try:
        owner = input("Enter the owner of this node: ").strip()
    except EOFError:
        raise Invalid("the owner of the node is asked for, and there is nobody to answer") from None
    node = _session.current().node_id(True)
    _atomic.write(_owner_path(), owner.encode())
    print(f"Node ID: {node}")
    print(f"Ephemeral node configured at {directory}")


def setup_colab_ephemeral(config_file_path: str) -> None:
    """Keep this node's key and owner in a file, for machines that are made anew each time.

    If the file exists, this machine becomes the node that it describes; else `config_ephemeral_node` is run, and the file
    is written, readable only for this user. Prints what it does.

    Parameters
    ----------
    config_file_path : str
        JSON, an object with ``publicKey``, ``privateKey`` and ``ownerId``.

    Raises
    ------
    Exists
        This machine is another node already.
    Invalid
        The file is no such object.
    """
    if os.path.exists(config_file_path):
        print(f"Using existing config file: {config_file_path}")
        _become(config_file_path)
    else:
        config_ephemeral_node()
        print(f"Writing configuration to {config_file_path}")
        _write_config(config_file_path)
    enable_ephemeral()
    print(f"Node ID: {_session.current().node_id(False)}")
    print(f"Owner: {_owner()}")


def _owner_path() -> str:
    return os.path.join(_kachery_storage_dir(), "owner")


def _owner() -> str | None:
    try:
        with open(_owner_path(), encoding="utf-8") as file:
            return file.read()
    except FileNotFoundError:
        return None


def _write_config(path: str) -> None:
    public, private = _session.current().key_pair()
    text = _json.dumps({"publicKey": public, "privateKey": private, "ownerId": _owner()}, indent=4)
    _atomic.write(path, text, mode=0o600)


def _become(path: str) -> None:
    with open(path, "rb") as file:
        config: Any = _json.loads(file.read(), path)
    members = ("publicKey", "privateKey", "ownerId")
    if not isinstance(config, dict) or not all(isinstance(config.get(member), str) for member in members):
        raise Invalid(f"{path} is no configuration of a node: an object with the texts {', '.join(members)}")
    try:
        _session.current().adopt_key_pair(config["publicKey"], config["privateKey"])
    except Invalid as error:
        raise Invalid(f"{path}: {error}") from None
    _atomic.write(_owner_path(), config["ownerId"].encode())
