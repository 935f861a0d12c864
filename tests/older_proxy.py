"""A proxy of gen2 for tests, after the description of its messages: `with OlderProxy(secret="s") as proxy: ...`.

It keeps to what the published proxy does: whatever it does not recognise, it closes for without a word. WebSocket (RFC 6455)
and HTTP/1.1 are done here in the few lines that they need, so that the other end is nobody's library but ours.
"""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
import socket
import string
import struct
import threading
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

Message = dict[str, Any]

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
WAIT_S = 20.0


class Gone(Exception):
    """The other end has closed, or broke the protocol."""


@dataclass
class Connection:
    """A daemon's WebSocket."""

    socket: socket.socket
    messages: list[Message] = field(default_factory=list)
    """All that the daemon has said."""
    frames: list[int] = field(default_factory=list)
    """The kinds of the frames that came."""
    name: str | None = None
    """Of the resource, once it is acknowledged."""
    zone: str | None = None
    answers: dict[str, Message] = field(default_factory=dict)
    changed: threading.Condition = field(default_factory=threading.Condition)
    is_open: bool = True
    sending: threading.Lock = field(default_factory=threading.Lock)

    def send(self, payload: bytes, kind: int = TEXT) -> None:
        size = len(payload)
        head = bytes([0x80 | kind, size]) if size < 126 else bytes([0x80 | kind, 126]) + struct.pack(">H", size)
        with self.sending:
            self.socket.sendall(head + payload)

    def say(self, message: Message) -> None:
        self.send(json.dumps(message).encode())

    def receive(self) -> Message:
        while True:
            first, second = self._exactly(2)
            size = second & 0x7F
            if size == 126:
                size = struct.unpack(">H", self._exactly(2))[0]
            if not second & 0x80 or size == 127 or not first & 0x80:
                raise Gone("a frame that no client sends here")
            mask = self._exactly(4)
            payload = bytes(byte ^ mask[i % 4] for i, byte in enumerate(self._exactly(size)))
            kind = first & 0x0F
            self.frames.append(kind)
            if kind == PING:
                self.send(payload, PONG)
            elif kind == CLOSE:
                self.send(payload[:2], CLOSE)
                raise Gone("farewell")
            elif kind == TEXT:
                message: Message = json.loads(payload)
                self.messages.append(message)
                return message

    def close(self) -> None:
        """Without a word, as the published proxy does."""
        with self.changed:
            self.is_open = False
            self.changed.notify_all()
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        got = b""
        while len(got) < size:
            piece = self.socket.recv(size - len(got))
            if not piece:
                raise Gone("no bytes")
            got += piece
        return got


class OlderProxy:
    """Serves until the end of its block.

    Parameters
    ----------
    secret : str
        What daemons must say.
    port : int
        0 for any that is free.
    """

    def __init__(self, secret: str, port: int = 0):
        self.secret = secret
        self.connections: list[Connection] = []
        self.resources: dict[str, Connection] = {}
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", port))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"

    def __enter__(self) -> OlderProxy:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        for connection in list(self.connections):
            connection.close()

    def ask(self, name: str, uri: str, timeout_ms: int = 1_000, zone: str = "default", **changes: Any) -> tuple[int, Message]:
        """What a client of gen2 gets: the status and the body."""
        body: Message = {"type": "requestFromClient", "resourceName": name, "zone": zone,
                         "request": {"type": "fileUpload", "uri": uri, "timeoutMsec": timeout_ms},
                         "timeoutMsec": timeout_ms + 5_000} | changes
        request = urllib.request.Request(f"{self.url}/r/{name}", json.dumps(body).encode(), {"Content-Type": "application/json"})
        opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        try:
            with opener.open(request, timeout=timeout_ms / 1000 + WAIT_S) as answer:
                return answer.status, json.load(answer)
        except urllib.error.HTTPError as refusal:
            return refusal.code, json.load(refusal)

    def _accept(self) -> None:
        while True:
            try:
                peer, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(peer,), daemon=True).start()

    def _serve(self, peer: socket.socket) -> None:
        with peer:
            try:
                head = b""
                while b"\r\n\r\n" not in head:
                    piece = peer.recv(1)
                    if not piece:
                        return
                    head += piece
                lines = head.decode("latin-1").split("\r\n")
                method, path, _ = lines[0].split(" ")
                fields = {line.partition(":")[0].lower(): line.partition(":")[2].strip() for line in lines[1:] if line}
                if fields.get("upgrade", "").lower() == "websocket":
                    self._serve_daemon(peer, fields["sec-websocket-key"])
                else:
                    body = b""
                    while len(body) < int(fields.get("content-length", 0)):
                        body += peer.recv(65_536)
                    self._answer(peer, method, path, body)
            except (OSError, Gone, ValueError):
                return

    def _answer(self, peer: socket.socket, method: str, path: str, body: bytes) -> None:
        if (method, path) == ("GET", "/probe"):
            status, text = 200, b"running."
        elif method == "POST" and path.startswith("/r/"):
            status, message = self._ask_daemon(path[3:], json.loads(body))
            text = json.dumps(message).encode()
        else:
            status, text = 404, f"<pre>Cannot {method} {path}</pre>".encode()
        peer.sendall(f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\nContent-Length: {len(text)}\r\n"
                     "Connection: close\r\n\r\n".encode() + text)

    def _ask_daemon(self, name: str, request: Message) -> tuple[int, Message]:
        connection = self.resources.get(name)
        if connection is None:
            return 404, {"message": f"resource not found: {name}"}
        if request["resourceName"] != name:
            return 500, {"message": f"Resource name mismatch: {name} <> {request['resourceName']}"}
        if request["zone"] != connection.zone:
            return 500, {"message": f"Zone mismatch: {request['zone']} <> {connection.zone}"}
        identity = "".join(secrets.choice(string.ascii_letters) for _ in range(10))
        connection.say(request | {"requestId": identity})
        with connection.changed:
            connection.changed.wait_for(lambda: identity in connection.answers or not connection.is_open,
                                        request["timeoutMsec"] / 1000)
            answer = connection.answers.get(identity)
        if answer is None:
            return 504, {"message": "timeout waiting for response"}
        return 200, answer

    def _serve_daemon(self, peer: socket.socket, key: str) -> None:
        accept = base64.b64encode(hashlib.sha1((key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11").encode()).digest()).decode()
        peer.sendall("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                     f"Sec-WebSocket-Accept: {accept}\r\n\r\n".encode())
        connection = Connection(peer)
        self.connections.append(connection)
        try:
            while self._take(connection, connection.receive()):
                pass
        finally:
            with self.lock:
                if connection.name is not None and self.resources.get(connection.name) is connection:
                    del self.resources[connection.name]
            connection.close()

    def _take(self, connection: Connection, message: Message) -> bool:
        """Whether the connection goes on."""
        keys = set(message)
        if connection.name is None:
            wanted = {"type", "resourceName", "zone", "proxySecret"}
            with self.lock:
                if message.get("type") != "initialize" or keys != wanted or message["proxySecret"] != self.secret \
                        or message["resourceName"] in self.resources:
                    return False
                connection.name, connection.zone = message["resourceName"], message["zone"]
                self.resources[message["resourceName"]] = connection
            connection.say({"type": "acknowledge"})
            return True
        if message.get("type") == "ping" and keys == {"type"}:
            return True
        if message.get("type") == "responseToClient" and keys in (
                {"type", "requestId", "response"}, {"type", "requestId", "response", "error"}):
            with connection.changed:
                connection.answers[message["requestId"]] = message
                connection.changed.notify_all()
            return True
        return False
