"""Asking a hub for a file, by ourselves: a request to /v1/files/ask, whose lines come one by one."""

from __future__ import annotations

import http.client
import json
from typing import Any
from urllib.parse import urlsplit

from hub import RunningHub
from hub_node import Node, encode

PATH = "/v1/files/ask"


class Asking:
    """A request that goes on. `node` signs it; None: nobody does."""

    def __init__(self, hub: RunningHub, node: Node | None, message: dict[str, Any]) -> None:
        body = encode(message)
        fields = node.fields(hub.url, "POST", PATH, body) if node else {}
        base = urlsplit(hub.url)
        self.connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=60)
        self.connection.request("POST", PATH, body, {"Content-Type": "application/json"} | fields)
        self.answer = self.connection.getresponse()

    def __enter__(self) -> Asking:
        return self

    def __exit__(self, *_: object) -> None:
        self.connection.close()

    def line(self) -> dict[str, Any] | None:
        """The next one; None at the end."""
        assert self.answer.status == 200, self.answer.read()
        text = self.answer.readline()
        found: dict[str, Any] | None = json.loads(text) if text else None
        return found

    def until(self, state: str) -> dict[str, Any]:
        while (found := self.line()) is not None:
            if found["state"] == state:
                return found
        raise AssertionError(f"it ended before it was {state}")

    def last(self) -> dict[str, Any]:
        """How it ended."""
        last = None
        while (found := self.line()) is not None:
            last = found
        assert last is not None, "there was no line"
        return last
