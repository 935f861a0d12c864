"""Loads the URIs it is given, in every way that kachery_cloud has."""

import os
import tempfile

import kachery_cloud as kcl
from shown import give, given, tried


def content(path):
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read()


def copied(uri):
    with tempfile.TemporaryDirectory() as place:
        path = kcl.load_file(uri, dest=os.path.join(place, "copy"), local_only=True)
        assert path is None or path == os.path.join(place, "copy")
        return content(path)


results = {}
for name, uri in given().items():
    kind = name.split()[0]
    results[f"{name}: file"] = tried(lambda uri=uri: content(kcl.load_file(uri, local_only=True)))
    results[f"{name}: dest"] = tried(copied, uri)
    if kind == "text":
        results[f"{name}: text"] = tried(kcl.load_text, uri, local_only=True)
    if kind == "json":
        results[f"{name}: json"] = tried(kcl.load_json, uri, local_only=True)
    if kind == "npy":
        results[f"{name}: npy"] = tried(kcl.load_npy, uri, local_only=True)
    if kind == "pkl":
        results[f"{name}: pkl"] = tried(kcl.load_pkl, uri, local_only=True)
    results[f"{name}: bytes"] = tried(kcl.load_bytes, uri, 1, 5)
    results[f"{name}: no bytes"] = tried(kcl.load_bytes, uri, 0, 0)
    results[f"{name}: bytes beyond the end"] = tried(kcl.load_bytes, uri, 5, 10**9)
results["a miss"] = tried(kcl.load_file, "sha1://" + "0" * 40, local_only=True)
results["a miss of text"] = tried(kcl.load_text, "sha1://" + "0" * 40, local_only=True)
give(results)
