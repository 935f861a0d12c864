"""Stores everything that kachery_cloud can store on this machine; run by the older program and by ours, unchanged."""

import os
import sys

import kachery_cloud as kcl
from shown import give, tried
from values import ARRAYS, JSONS, LABELS, PICKLES, TEXTS

results = {}
for name, value in TEXTS.items():
    results[f"text {name}"] = tried(kcl.store_text_local, value)
for name, value in JSONS.items():
    results[f"json {name}"] = tried(kcl.store_json_local, value)
results["json indented"] = tried(kcl.store_json_local, JSONS["nested"], separators=(", ", ": "), indent=2)
for name, value in ARRAYS.items():
    results[f"npy {name}"] = tried(kcl.store_npy_local, value)
for name, value in PICKLES.items():
    results[f"pkl {name}"] = tried(kcl.store_pkl_local, value)
for label in LABELS:
    results[f"text labelled {label}"] = tried(kcl.store_text_local, "example text", label=label)
results["text labelled by position"] = tried(kcl.store_text_local, "example text", "label.txt")
results["json labelled"] = tried(kcl.store_json_local, {}, label="a b.json")
results["npy labelled"] = tried(kcl.store_npy_local, ARRAYS["ones"], label="a.npy")
results["pkl labelled"] = tried(kcl.store_pkl_local, PICKLES["plain"], label="a.pkl")
results["text with local=True"] = tried(kcl.store_text, "local", label="l", local=True)
results["json with local=True"] = tried(kcl.store_json, {"b": 1, "a": 2}, local=True)
for directory, folders, names in sorted(os.walk(sys.argv[1])):
    folders.sort()
    for name in sorted(names):
        path = os.path.join(directory, name)
        results[f"file {name}"] = tried(kcl.store_file_local, path)
        results[f"file labelled {name}"] = tried(kcl.store_file_local, path, label=name)
        results[f"file with local=True {name}"] = tried(kcl.store_file, path, local=True)
results["missing file"] = tried(kcl.store_file_local, "/nowhere/at/all")
give(results)
