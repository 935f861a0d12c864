"""The names that gen1's scripts import from ``kachery_client.main``."""

from __future__ import annotations

from kachery import _session

from ._feeds import (
    Feed,
    Subfeed,
    create_feed,
    delete_feed,
    get_feed_id,
    load_feed,
    load_subfeed,
    watch_for_new_messages,
)
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
    "Feed",
    "Subfeed",
    "build_uri",
    "create_feed",
    "delete",
    "delete_feed",
    "get",
    "get_feed_id",
    "get_node_id",
    "get_string",
    "link_file",
    "load_bytes",
    "load_feed",
    "load_file",
    "load_json",
    "load_npy",
    "load_pkl",
    "load_subfeed",
    "load_text",
    "parse_uri",
    "set",
    "store_file",
    "store_json",
    "store_npy",
    "store_pkl",
    "store_text",
    "watch_for_new_messages",
]


def get_node_id(daemon_port: int | None = None) -> str:
    """The ID of this node, 64 hexadecimal digits: its public key, which is made if there is none.

    `daemon_port` is not needed any more: the key pair belongs to the store.
    """
    node = _session.current().node_id(True)
    assert node is not None
    return node
