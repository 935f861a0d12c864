"""Loads the URIs it is given, in every way that kachery_client has."""

import os
import tempfile

import kachery_client as kc
from shown import give, given, tried


def content(path):
    if path is None:
        return None
    with open(path, "rb") as file:
        return file.read(100_000)


def copied(uri):
    with tempfile.TemporaryDirectory() as place:
        return content(kc.load_file(uri, dest=os.path.join(place, "copy"), local_only=True))


results = {}
for name, uri in given().items():
    kind = name.split()[0]
    results[f"{name}: file"] = tried(lambda uri=uri: content(kc.load_file(uri, local_only=True)))
    results[f"{name}: dest"] = tried(copied, uri)
    results[f"{name}: bytes"] = tried(kc.load_bytes, uri, 1, 5)
    results[f"{name}: last bytes"] = tried(kc.load_bytes, uri, 19_999_990, 20_000_005)
    for loader in ("text", "json", "npy", "pkl"):
        if kind == loader:
            results[f"{name}: {loader}"] = tried(getattr(kc, f"load_{loader}"), uri)
    parsed = kc.parse_uri(uri)
    results[f"{name}: parsed"] = [parsed.algorithm, parsed.hash, parsed.filename, tried(kc.build_uri, parsed)]
give(results)
