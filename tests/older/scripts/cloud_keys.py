"""Says who this client is, and with the argument "generate" makes the keys first; and the hash of some dicts."""

import sys

import kachery_cloud as kcl
from shown import give, tried

generate = sys.argv[1:] == ["generate"]
give({
    "client": tried(kcl.get_client_id, generate_if_missing=True) if generate else tried(kcl.get_client_id),
    "dicts": [tried(kcl.sha1_of_dict, value) for value in (
        {}, {"a": 1}, {"a": 1.0}, {"b": [1, 2.5], "a": {"y": None, "x": "ü"}}, {"a": 1e22}, {"a": -0.0}, {"a": True})],
})
