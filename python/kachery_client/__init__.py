"""The names of kachery's first generation, for scripts that use them. New scripts: ``import kachery``.

Files, feeds and mutables are kept and found on this machine without a daemon; where a hub is configured, files also go to
the zone and come from there. A miss is None, with a line on standard error
that says where it was looked; damaged content raises ``kachery.Corrupt``. The functions are those of ``kachery`` with
the older signatures; `basename` is the label.
"""

from __future__ import annotations

from typing import Any

from kachery import __version__

from . import main as main
from ._direct import DirectClient, EphemeralClient
from ._directories import TemporaryDirectory, _kachery_storage_dir, _kachery_temp_dir
from ._ephemeral import config_ephemeral_node, enable_ephemeral, setup_colab_ephemeral
from ._feeds import Feed, Subfeed, create_feed, get_feed_id, load_feed, load_subfeed, watch_for_new_messages
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
    upload_file,
    upload_json,
    upload_npy,
    upload_pkl,
    upload_text,
)
from ._mutables import delete, get, get_string, set  # noqa: A004 (the older name)
from ._shell_script import ShellScript
from ._uris import KacheryUri, build_uri, parse_uri

__all__ = [
    "DirectClient",
    "EphemeralClient",
    "Feed",
    "KacheryUri",
    "ShellScript",
    "Subfeed",
    "TemporaryDirectory",
    "__version__",
    "_kachery_storage_dir",
    "_kachery_temp_dir",
    "build_uri",
    "config_ephemeral_node",
    "create_feed",
    "delete",
    "enable_ephemeral",
    "get",
    "get_feed_id",
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
    "setup_colab_ephemeral",
    "store_file",
    "store_json",
    "store_npy",
    "store_pkl",
    "store_text",
    "upload_file",
    "upload_json",
    "upload_npy",
    "upload_pkl",
    "upload_text",
    "watch_for_new_messages",
]

_TASKS = ("request_task", "taskfunction", "run_task_backend", "_run_task")


def __getattr__(name: str) -> Any:
    if name in _TASKS:
        raise AttributeError(f"kachery_client.{name}: tasks are not there yet; files, feeds and mutables are")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
