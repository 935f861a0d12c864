"""Reads and writes the mutables that it is given as [[key, value], ...]. The older program has them in its daemon only."""

import sys

import kachery_client as kc
from shown import give, given, shown

pairs = given()
if sys.argv[1] == "get":
    give({"values": [kc.get(key) for key, _ in pairs], "as text": [kc.get_string(key) for key, _ in pairs],
          "missing": [kc.get("never"), kc.get_string({"never": 1})]})
elif sys.argv[1] == "set":
    give({"set": [shown(kc.set(key, value)) for key, value in pairs],
          "not updated": [shown(kc.set(key, "other", update=False)) for key, _ in pairs],
          "deleted": [kc.set("gone", 1), kc.delete("gone"), kc.delete("gone")]})
