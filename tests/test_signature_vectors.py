"""The signed requests of tests/vectors, made again by the node that the tests sign with: three programs agree, then."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hub_node import Forgery, Node

VECTORS = json.loads((Path(__file__).parent / "vectors" / "signed_request.json").read_text())
REQUESTS = [request for request in VECTORS["requests"] if request["name"] != "websocket"]  # Which this node does not speak.


@pytest.mark.parametrize("request_", REQUESTS, ids=[request["name"] for request in REQUESTS])
def test_the_nodes_of_the_tests_sign_as_the_vectors_say(request_: dict[str, Any]) -> None:
    node = Node(bytes.fromhex(VECTORS["seed"]))
    target = request_["path"] + (f"?{request_['query']}" if request_["query"] else "")
    body = None if request_["body"] is None else request_["body"].encode()
    fixed = Forgery(created=request_["created"], nonce=request_["nonce"])
    fields = node.fields(request_["public_url"], request_["method"], target, body, fixed)
    assert {name.lower(): value for name, value in fields.items()} == request_["fields"]
