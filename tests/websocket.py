"""The client's side of a WebSocket (RFC 6455), in the few lines that it needs: so that the other end is nobody's library but ours."""

from __future__ import annotations

import base64
import hashlib
import secrets
import socket
import struct
import threading
from urllib.parse import urlsplit

TEXT, CLOSE, PING, PONG = 0x1, 0x8, 0x9, 0xA
WAIT_S = 20.0


class Refused(Exception):
    """The server answered something else than 101. `status` is what, `body` what it said."""

    def __init__(self, status: int, body: bytes) -> None:
        super().__init__(f"{status}: {body!r}")
        self.status = status
        self.body = body


class Closed(Exception):
    """The other end has closed, with this code (1006: without a word) and reason."""

    def __init__(self, code: int, reason: str = "") -> None:
        super().__init__(f"{code} {reason}")
        self.code = code
        self.reason = reason


class WebSocket:
    """Connected when it is made.

    Parameters
    ----------
    url : str
        "http://127.0.0.1:4711", or with a path.
    path : str
        What stands behind it.
    fields : dict
        More fields of the request; Sec-WebSocket-Key, if it is among them, is used.
    answers_pings : bool
        False: as one that hangs.
    """

    def __init__(self, url: str, path: str, fields: dict[str, str] | None = None, answers_pings: bool = True) -> None:
        base = urlsplit(url)
        self.answers_pings = answers_pings
        self.sending = threading.Lock()
        self.rest = b""
        self.socket = socket.create_connection((base.hostname or "", base.port or 80), WAIT_S)
        try:
            self._begin(base.netloc, base.path.rstrip("/") + path, fields or {})
        except BaseException:
            self.socket.close()
            raise
        self.socket.settimeout(None)

    def _begin(self, host: str, target: str, fields: dict[str, str]) -> None:
        known = {name.lower(): value for name, value in fields.items()}
        key = known.get("sec-websocket-key", base64.b64encode(secrets.token_bytes(16)).decode())
        head = {"Host": host, "Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
                "Sec-WebSocket-Key": key} | {name: value for name, value in fields.items() if name.lower() != "sec-websocket-key"}
        lines = "".join(f"{name}: {value}\r\n" for name, value in head.items())
        self.socket.sendall(f"GET {target} HTTP/1.1\r\n{lines}\r\n".encode())
        while b"\r\n\r\n" not in self.rest:
            piece = self.socket.recv(65536)
            if not piece:
                raise Closed(1006)
            self.rest += piece
        answer, _, self.rest = self.rest.partition(b"\r\n\r\n")
        status = int(answer.split()[1])
        if status != 101:
            raise Refused(status, self.rest)
        accept = base64.b64encode(hashlib.sha1(key.encode() + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest())
        assert accept in answer, answer

    def send(self, payload: str | bytes, kind: int = TEXT) -> None:
        data = payload.encode() if isinstance(payload, str) else payload
        size = len(data)
        head = bytes([0x80 | kind])
        head += bytes([0x80 | size]) if size < 126 else bytes([0xFE]) + struct.pack(">H", size) if size < 65536 else \
            bytes([0xFF]) + struct.pack(">Q", size)
        mask = secrets.token_bytes(4)
        masked = bytes(byte ^ mask[i % 4] for i, byte in enumerate(data))
        with self.sending:
            self.socket.sendall(head + mask + masked)

    def receive(self) -> str:
        """The next text. Raises Closed."""
        while True:
            first, second = self._exactly(2)
            size = second & 0x7F
            if size == 126:
                (size,) = struct.unpack(">H", self._exactly(2))
            elif size == 127:
                (size,) = struct.unpack(">Q", self._exactly(8))
            assert not second & 0x80 and first & 0x80, "a server sends whole frames, without a mask"
            payload = self._exactly(size)
            kind = first & 0x0F
            if kind == PING and self.answers_pings:
                self.send(payload, PONG)
            elif kind == CLOSE:
                code = struct.unpack(">H", payload[:2])[0] if payload else 1005
                try:
                    self.send(payload[:2], CLOSE)
                except OSError:
                    pass
                raise Closed(code, payload[2:].decode())
            elif kind == TEXT:
                return payload.decode()

    def cut(self) -> None:
        """Without a word."""
        try:
            self.socket.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass

    def close(self) -> None:
        self.cut()
        self.socket.close()

    def _exactly(self, size: int) -> bytes:
        while len(self.rest) < size:
            try:
                piece = self.socket.recv(65536)
            except OSError:
                piece = b""
            if not piece:
                raise Closed(1006)
            self.rest += piece
        found, self.rest = self.rest[:size], self.rest[size:]
        return found
