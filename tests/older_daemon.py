"""A resource's daemon of gen2, and its client, after the description of their messages; not a copy of anything."""

from __future__ import annotations

import http.client
import json
import threading
from typing import Any, Callable
from urllib.parse import urlsplit

from websocket import Closed, WebSocket

Message = dict[str, Any]
WAIT_S = 20.0


class OlderDaemon:
    """Connected as to a proxy of gen2; `answer` makes the inner response to a request, on a thread of its own.

    Parameters
    ----------
    url : str
        The proxy's.
    zone : str, optional
        None: as one before 0.1.8.
    answer : callable
        From the forwarded message to {"type": "fileUpload", "status": {...}}, or to a text, which is an error.
    """

    def __init__(self, url: str, name: str, secret: str, zone: str | None = "default",
                 answer: Callable[[Message], Message | str] | None = None, first: Message | None = None) -> None:
        self.answer = answer
        self.requests: list[Message] = []
        self.acknowledged = False
        self.closed: Closed | None = None
        self.changed = threading.Condition()
        self.socket = WebSocket(url, "/")
        message: Message = {"type": "initialize", "resourceName": name, "proxySecret": secret}
        if zone is not None:
            message["zone"] = zone
        self.say(first or message)
        self.thread = threading.Thread(target=self._read, daemon=True)
        self.thread.start()

    def __enter__(self) -> OlderDaemon:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()
        self.thread.join(WAIT_S)

    def say(self, message: Message) -> None:
        self.socket.send(json.dumps(message))

    def wait(self, condition: Callable[[], bool], wait_s: float = WAIT_S) -> None:
        with self.changed:
            assert self.changed.wait_for(condition, wait_s), f"not within {wait_s} s; closed: {self.closed}"

    def begun(self) -> OlderDaemon:
        """Once it is acknowledged."""
        self.wait(lambda: self.acknowledged or self.closed is not None)
        assert self.acknowledged, self.closed
        return self

    def refused(self) -> None:
        """Once it is closed without a word but the reason."""
        self.wait(lambda: self.closed is not None)
        assert not self.acknowledged

    def _read(self) -> None:
        try:
            while True:
                message: Message = json.loads(self.socket.receive())
                with self.changed:
                    if message == {"type": "acknowledge"} and not self.acknowledged:
                        self.acknowledged = True
                    else:
                        assert self.acknowledged, message
                        self.requests.append(message)
                        threading.Thread(target=self._respond, args=(message,), daemon=True).start()
                    self.changed.notify_all()
        except Closed as closed:
            with self.changed:
                self.closed = closed
                self.changed.notify_all()

    def _respond(self, message: Message) -> None:
        uri = message["request"]["uri"]
        found: Message | str | None
        if not uri.startswith("sha1://") or len(uri) != 47:
            found = "Error handling request: Invalid URI"
        else:
            found = self.answer(message) if self.answer is not None else None
        if found is None:
            return
        response: Message = {"type": "responseToClient", "requestId": message["requestId"]}
        response |= {"response": {}, "error": found} if isinstance(found, str) else {"response": found}
        try:
            self.say(response)
        except OSError:
            pass  # The test has ended.


def upload_status(status: str, **more: Any) -> Message:
    return {"type": "fileUpload", "status": {"status": status} | more}


def older_ask(url: str, name: str, uri: str, timeout_ms: int = 5_000, zone: str | None = "default", target: str | None = None,
              inner: Any = None, **changes: Any) -> tuple[int, Any]:
    """What a client of gen2 gets: the status and the body."""
    request: Message = {"type": "requestFromClient", "resourceName": name, "timeoutMsec": timeout_ms + 5_000,
                        "request": inner or {"type": "fileUpload", "uri": uri, "timeoutMsec": timeout_ms}}
    if zone is not None:
        request["zone"] = zone
    return older_post(url, target or f"/r/{name}", json.dumps(request | changes).encode())


def older_post(url: str, target: str, body: bytes) -> tuple[int, Any]:
    base = urlsplit(url)
    connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=60)
    try:
        connection.request("POST", target, body, {"Content-Type": "application/json"})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()
