"""Reads mutables, and with the argument "write" first writes and deletes some."""

import sys

import kachery_cloud as kcl
from shown import give, tried

KEYS = ["key", "@folder/key", "@a/@b/@c/deep", "with space", "ünï©ødé", ".hidden", "50%", "new\nline", "-", "@x/@x/x"]
WRONG = ["a/b", "@a", "@a/@b", "../x", "@../x", "@a/..", ".", "..", "", "@a//b", "/abs", "@a/./b", "@.", "a/", "@a/"]
VALUES = ["", "text", "grün", "a\nb", "x" * 100_000]

results = {}
if sys.argv[1:] == ["write"]:
    for number, key in enumerate(KEYS):
        results[f"set {key}"] = tried(kcl.set_mutable_local, key, VALUES[number % len(VALUES)])
    for key in WRONG:
        if key not in ("", "a/", "@a/"):  # These come to a directory in the older program.
            results[f"set wrong {key}"] = tried(kcl.set_mutable_local, key, "x")
    kcl.set_mutable_local("@gone/one", "1")
    kcl.set_mutable_local("@gone/@deeper/two", "2")
    kcl.set_mutable_local("gone", "3")
    results["delete"] = tried(kcl.delete_mutable_local, "gone")
    results["delete a folder"] = tried(kcl.delete_mutable_folder_local, "@gone")
    results["overwrite"] = tried(kcl.set_mutable_local, "key", "new")
for key in [*KEYS, "gone", "@gone/one", "@gone/@deeper/two", "never"]:
    results[f"get {key}"] = tried(kcl.get_mutable_local, key)
    results[f"get {key} or default"] = tried(kcl.get_mutable_local, key, "default")
for key in WRONG:
    if key not in ("", "a/", "@a/"):
        results[f"get wrong {key}"] = tried(kcl.get_mutable_local, key)
for key in ["never", "@folder", "a/b"]:
    results[f"delete wrong {key}"] = tried(kcl.delete_mutable_local, key)
for key in ["@never", "key", "a/b", "@a/.."]:
    results[f"delete wrong folder {key}"] = tried(kcl.delete_mutable_folder_local, key)
give(results)
