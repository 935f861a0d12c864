"""A node that provides, by itself: a second implementation of docs/protocol/live.md, and the means to do what no honest daemon
would."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import threading
from typing import Any, Callable

from hub_node import Answer, Forgery, Node
from websocket import Closed, WebSocket

SUBPROTOCOL = "kachery.1"
WAIT_S = 20.0


class Failed(Exception):
    """A call of ours failed: the code and the message."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(f"{code}: {message}")
        self.code = code
        self.message = message


def connect(node: Node, url: str, fields: dict[str, str] | None = None, answers_pings: bool = True,
            forged: Forgery | None = None) -> WebSocket:
    upgrade = {"sec-websocket-key": base64.b64encode(secrets.token_bytes(16)).decode(), "sec-websocket-protocol": SUBPROTOCOL}
    signed = node.fields(url, "GET", "/v1/live", None, forged, upgrade)
    return WebSocket(url, "/v1/live", upgrade | signed | (fields or {}), answers_pings)


class Order:
    """A call `upload` of the hub, while a test decides what becomes of it."""

    def __init__(self, live: LiveNode, number: str, message: dict[str, Any]) -> None:
        self.live = live
        self.number = number
        self.message = message
        self.cancelled = threading.Event()

    @property
    def digest(self) -> str:
        return str(self.message["digest"])

    @property
    def channel(self) -> str | None:
        """To which it is to be sent; None: to the zone."""
        found: str | None = self.message["channel"]
        return found

    def progress(self, **state: Any) -> None:
        self.live.socket.send(f"progress {self.number}\n" + state_text(**state))

    def answer(self, **state: Any) -> None:
        self.live.socket.send(f"answer {self.number}\n" + state_text(**state))

    def fail(self, code: str, message: str) -> None:
        self.live.socket.send(f"failure {self.number} {code}\n{message}")


def state_text(state: str, size: int | None = None, bytes_uploaded: int | None = None, code: str | None = None,
               message: str | None = None) -> str:
    return json.dumps({"state": state, "size": size, "bytes_uploaded": bytes_uploaded, "code": code, "message": message})


class LiveNode:
    """Connected to a hub, with a thread that reads. `on_order` is called for each upload that the hub wants, on a thread of its own.

    Parameters
    ----------
    node : Node
        Who signs.
    url : str
        The hub's address.
    on_order : callable
        What becomes of an order; None: it is only listed in `orders`.
    has : callable
        The size that it says to have, for a message `have`; None: it has nothing. Called on the thread that reads. All are listed
        in `questions`; none is answered while `answers_questions` is False.
    """

    def __init__(self, node: Node, url: str, on_order: Callable[[Order], None] | None = None, answers_pings: bool = True,
                 has: Callable[[dict[str, Any]], int | None] | None = None) -> None:
        self.node = node
        self.url = url
        self.on_order = on_order
        self.answers_pings = answers_pings
        self.has = has
        self.orders: list[Order] = []
        self.questions: list[dict[str, Any]] = []
        self.answers_questions = True
        self.notices: list[str] = []
        self.closed: Closed | None = None
        self.changed = threading.Condition()
        self.answers: dict[str, tuple[str, str]] = {}
        self.calls = 0
        self.socket = connect(node, url, answers_pings=answers_pings)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def __enter__(self) -> LiveNode:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.thread.join(WAIT_S)

    def call(self, method: str, message: Any) -> Any:
        """What it is answered. Raises Failed, or Closed."""
        with self.changed:
            self.calls += 1
            number = str(self.calls)
        self.socket.send(f"call {number} {method}\n" + json.dumps(message))
        self.wait(lambda: number in self.answers or self.closed is not None)
        if number not in self.answers:
            assert self.closed is not None
            raise self.closed
        code, text = self.answers[number]
        if code:
            raise Failed(code, text)
        return json.loads(text)

    def serve(self, zone: str, resource: str | None) -> str | None:
        """The resource's URL. None for a resource: the whole node, which has no URL."""
        found: str | None = self.call("serve", {"zone": zone, "resource": resource, "program": "test 1"})["resource_url"]
        return found

    def wait(self, condition: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, wait_s), f"not within {wait_s} s; closed: {self.closed}"

    def order(self, number: int = 0) -> Order:
        self.wait(lambda: len(self.orders) > number)
        return self.orders[number]

    def upload(self, zone: str, content: bytes, channel: str | None = None) -> Answer:
        """Sends a small file to the zone, or to a channel of it, as a daemon does."""
        digest = "sha1:" + hashlib.sha1(content).hexdigest()
        line = json.dumps({"zone": zone, "files": [{"digest": digest, "size": len(content)}], "channel": channel},
                          separators=(",", ":"))
        return self.node.call(self.url, "/v1/files/put", line.encode() + b"\n" + content)

    def _read(self) -> None:
        try:
            while True:
                self._take(self.socket.receive())
        except Closed as closed:
            with self.changed:
                self.closed = closed
                self.changed.notify_all()
            for order in self.orders:
                order.cancelled.set()

    def _take(self, text: str) -> None:
        line, _, message = text.partition("\n")
        kind, number, *rest = line.split(" ")
        with self.changed:
            if kind == "answer":
                self.answers[number] = ("", message)
            elif kind == "failure":
                self.answers[number] = (rest[0], message)
            elif kind == "cancel":
                for order in self.orders:
                    if order.number == number:
                        order.cancelled.set()
            elif kind == "call":
                self._serve(number, rest[0], message)
            self.changed.notify_all()

    def _serve(self, number: str, method: str, message: str) -> None:
        if method == "ping" and self.answers_pings:
            self.socket.send(f"answer {number}\n")
        elif method == "notice":
            self.notices.append(json.loads(message)["message"])
            self.socket.send(f'answer {number}\n{{"done":true}}')
        elif method == "have":
            question = json.loads(message)
            self.questions.append(question)
            if self.answers_questions:
                size = self.has(question) if self.has is not None else None
                self.socket.send(f"answer {number}\n" + json.dumps({"size": size}))
        elif method == "upload":
            order = Order(self, number, json.loads(message))
            self.orders.append(order)
            if self.on_order is not None:
                threading.Thread(target=self.on_order, args=(order,), daemon=True).start()
