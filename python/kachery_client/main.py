"""The names that gen1's scripts import from ``kachery_client.main``."""

from __future__ import annotations

from typing import Any

from kachery import _session

from ._files import (
    link_file,
    load_bytes,
    load_file,
    load_json,
    load_npy,
    load_pkl,
    load_text,
    store_file,
    store_json,
    store_npy,
    store_pkl,
    store_text,
)
from ._mutables import delete, get, get_string, set  # noqa: A004 (the older name)
from ._uris import build_uri, parse_uri

__all__ = [
    "build_uri",
    "delete",
    "get",
    "get_node_id",
    "get_string",
    "link_file",
    "load_bytes",
    "load_file",
    "load_json",
    "load_npy",
    "load_pkl",
    "load_text",
    "parse_uri",
    "set",
    "store_file",
    "store_json",
    "store_npy",
    "store_pkl",
    "store_text",
]


def get_node_id(daemon_port: int | None = None) -> str:
    """The ID of this node, 64 hexadecimal digits: its public key, which is made if there is none.

    `daemon_port` is not needed any more: the key pair belongs to the store.
    """
    node = _session.current().node_id(True)
    assert node is not None
    return node


def __getattr__(name: str) -> Any:
    if name == "delete_feed":
        raise AttributeError(f"kachery_client.main.{name}: feeds are not there yet; files and mutables are")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
