"""The names of kachery's second generation, for scripts that use them. New scripts: ``import kachery``.

Where a hub is configured, ``store_*`` puts files into the zone, and ``load_*`` fetches from it what is not here. Without one
files are kept and found on this machine, and ``store_file`` is ``store_file_local``. A miss is None, with a line on standard
error that says where it was looked; damaged content raises ``kachery.Corrupt``. The functions are those of ``kachery`` with the older signatures; a label is written ``?label=``.
"""

from __future__ import annotations

from typing import Any

from kachery import RequestFileResult, __version__

from ._client import admin_delete_file, get_client_id, get_client_info, init
from ._directories import TemporaryDirectory, get_kachery_cloud_dir, use_sandbox
from ._load import (
    cat_file,
    load_bytes,
    load_file,
    load_file_info,
    load_json,
    load_npy,
    load_pkl,
    load_text,
)
from ._mutables import (
    delete_mutable_folder_local,
    delete_mutable_local,
    get_mutable_local,
    set_mutable_local,
)
from ._request import request_file
from ._sha1_of_dict import sha1_of_dict
from ._store import (
    link_file,
    set_custom_storage_backend,
    store_file,
    store_file_local,
    store_json,
    store_json_local,
    store_npy,
    store_npy_local,
    store_pkl,
    store_pkl_local,
    store_text,
    store_text_local,
)

__all__ = [
    "RequestFileResult",
    "TemporaryDirectory",
    "__version__",
    "admin_delete_file",
    "cat_file",
    "delete_mutable_folder_local",
    "delete_mutable_local",
    "get_client_id",
    "get_client_info",
    "get_kachery_cloud_dir",
    "get_mutable_local",
    "init",
    "link_file",
    "load_bytes",
    "load_file",
    "load_file_info",
    "load_json",
    "load_npy",
    "load_pkl",
    "load_text",
    "request_file",
    "set_custom_storage_backend",
    "set_mutable_local",
    "sha1_of_dict",
    "store_file",
    "store_file_local",
    "store_json",
    "store_json_local",
    "store_npy",
    "store_npy_local",
    "store_pkl",
    "store_pkl_local",
    "store_text",
    "store_text_local",
    "use_sandbox",
]


def __getattr__(name: str) -> Any:
    if name == "initiate_zenodo_upload":
        raise AttributeError(f"kachery_cloud.{name}: uploading to zenodo is not there yet")
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
