"""Stores with KACHERY_STORE_FILE_DIR set, in a sandbox, and into a backend of the caller's own."""

import os
import sys

import kachery_cloud as kcl
from shown import give, tried
from values import ARRAYS, JSONS


class Backend:
    def store_file(self, filename, *, label=None):
        with open(filename, "rb") as file:
            return f"backend:{file.read(10)!r}:{label}"


results = {}
path = os.path.join(sys.argv[1], "small.txt")
for name, call in {
    "file": lambda: kcl.store_file(path), "labelled": lambda: kcl.store_file(path, label="a b"),
    "text": lambda: kcl.store_text("diverted", label="t"), "json": lambda: kcl.store_json(JSONS["nested"]),
    "npy": lambda: kcl.store_npy(ARRAYS["ones"]), "pkl": lambda: kcl.store_pkl([1]),
    "local": lambda: kcl.store_file(path, local=True), "named": lambda: kcl.store_file_local(
        path, store_file_dir=os.environ["KACHERY_STORE_FILE_DIR"], store_file_prefix="p"),
}.items():
    results[name] = tried(call)
kcl.use_sandbox()
inside = kcl.get_kachery_cloud_dir()
results["sandbox"] = [inside != kcl.get_kachery_cloud_dir(respect_sandbox=False), os.path.isdir(inside)]
uri = kcl.store_text_local("in the sandbox")
kcl.set_mutable_local("sandboxed", "x")
kcl.use_sandbox(False)
results["out of the sandbox"] = [tried(kcl.load_text, uri, local_only=True), kcl.get_mutable_local("sandboxed")]
with kcl.TemporaryDirectory() as place:
    results["temporary"] = [os.path.isdir(place), place.startswith(kcl.get_kachery_cloud_dir())]
results["temporary, after"] = os.path.exists(place)
del os.environ["KACHERY_STORE_FILE_DIR"]
kcl.set_custom_storage_backend(Backend())
results["backend"] = [tried(kcl.store_file, path, label="l"), tried(kcl.store_text, "text")]
give(results)
