"""Stores everything that kachery_client can store without a daemon; run by the older program and by ours, unchanged."""

import os
import sys

import kachery_client as kc
from shown import give, tried
from values import ARRAYS, JSONS, LABELS, PICKLES, TEXTS

kc.enable_ephemeral()
results = {}
for name, value in TEXTS.items():
    results[f"text {name}"] = tried(kc.store_text, value)
for name, value in JSONS.items():
    results[f"json {name}"] = tried(kc.store_json, value)
for name, value in ARRAYS.items():
    results[f"npy {name}"] = tried(kc.store_npy, value)
for name, value in PICKLES.items():
    results[f"pkl {name}"] = tried(kc.store_pkl, value)
for label in LABELS:
    results[f"text labelled {label}"] = tried(kc.store_text, "example text", basename=label)
results["text labelled by position"] = tried(kc.store_text, "example text", "label.txt")
results["npy labelled"] = tried(kc.store_npy, ARRAYS["ones"], basename="a.npy")
results["pkl labelled"] = tried(kc.store_pkl, PICKLES["plain"], basename="a.pkl")
for name in sorted(os.listdir(sys.argv[1])):
    path = os.path.join(sys.argv[1], name)
    results[f"file {name}"] = tried(kc.store_file, path)
    results[f"file labelled {name}"] = tried(kc.store_file, path, basename="label.dat")
    results[f"direct file {name}"] = tried(kc.DirectClient().store_file, path)
results["direct json"] = tried(kc.DirectClient().store_json, {"b": 1, "a": 2})
results["direct text"] = tried(kc.DirectClient().store_text, "text", basename="label.txt")
results["missing file"] = tried(kc.store_file, "/nowhere/at/all")
give(results)
