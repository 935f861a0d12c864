"""Stores and links files by the parts of kachery-client 1.2.0 that write into a storage directory themselves.

They make what its daemon makes, but that a link names its manifest "manifest_hash". For the older program only.
"""

import os
import sys

import kachery_client as kc
from kachery_client._local_kachery_storage import _local_kachery_storage_link_file, _local_kachery_storage_store_file
from shown import give, shown

kc.enable_ephemeral()
results = {}
for name in sorted(os.listdir(sys.argv[1])):
    path = os.path.join(sys.argv[1], name)
    store = _local_kachery_storage_link_file if name.startswith("link") else _local_kachery_storage_store_file
    _, digest, manifest = store(path=path)
    results[f"file {name}"] = shown(f"sha1://{digest}/{name}" + (f"?manifest={manifest}" if manifest else ""))
give(results)
