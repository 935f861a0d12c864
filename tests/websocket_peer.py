"""One side of a WebSocket (RFC 6455) that may break every rule, sees whether the other side keeps to all of them, and judges how
the other side took a case."""

from __future__ import annotations

import base64
import hashlib
import secrets
import select
import socket
import struct
import time
from dataclasses import dataclass
from typing import Iterator
from urllib.parse import urlsplit

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
NO_CODE = 1005
DEADLINE_S = 20.0
GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"


@dataclass(frozen=True)
class Frame:
    """What is sent. What has defaults is as it should be.

    Parameters
    ----------
    reserved : int
        The three reserved bits, 4 being RSV1.
    missing : int
        Bytes that are announced behind the payload, and never come.
    length_bytes : int
        In how many bytes the length is told beside the first: 0, 2 or 8; -1 for as few as there can be.
    breaks_mask : bool
        Without a mask where there must be one, or the other way round.
    """

    opcode: int
    payload: bytes = b""
    fin: bool = True
    reserved: int = 0
    missing: int = 0
    length_bytes: int = -1
    breaks_mask: bool = False

    def encode(self, is_client: bool) -> bytes:
        size = len(self.payload) + self.missing
        form = self.length_bytes if self.length_bytes >= 0 else 0 if size < 126 else 2 if size < 65536 else 8
        length = size.to_bytes(form, "big") if form else b""
        is_masked = is_client != self.breaks_mask
        head = bytes([self.fin << 7 | self.reserved << 4 | self.opcode, is_masked << 7 | {0: size, 2: 126, 8: 127}[form]]) + length
        if not is_masked:
            return head + self.payload
        key = secrets.token_bytes(4)
        return head + key + masked(self.payload, key)


def masked(payload: bytes, key: bytes) -> bytes:
    size = len(payload)
    mask = (key * (size // 4 + 1))[:size]
    return (int.from_bytes(payload, "big") ^ int.from_bytes(mask, "big")).to_bytes(size, "big")


@dataclass(frozen=True)
class Message:
    """What comes: a whole message, or a control frame."""

    opcode: int
    payload: bytes = b""

    def __str__(self) -> str:
        shown = self.payload if len(self.payload) <= 40 else self.payload[:40] + b"..."
        return f"(opcode {self.opcode}, {len(self.payload)} bytes: {shown!r})"


@dataclass(frozen=True)
class Case:
    """What is sent, and what must come of it.

    Parameters
    ----------
    answers : tuple of Message
        All that comes, in this order, before it ends.
    ends : tuple of int
        The codes of which one must stand in the other side's farewell; none: it goes on.
    piece : int
        So many bytes are sent at a time; 0: all.
    """

    name: str
    frames: tuple[Frame, ...]
    answers: tuple[Message, ...] = ()
    ends: tuple[int, ...] = ()
    piece: int = 0


class Wrong(Exception):
    """The other side did something else than it must."""


class Cut(Wrong):
    """It has cut the connection, so that something may be lost."""


class Peer:
    """A connection that has become a WebSocket; `rest` is what has come already.

    Sends and receives at once, so that neither side can wait for the other for ever. All of its waits end at its deadline.
    """

    def __init__(self, connected: socket.socket, is_client: bool, rest: bytes = b"") -> None:
        self.socket = connected
        self.is_client = is_client
        self.received = bytearray(rest)
        self.has_ended = False
        self.deadline = time.monotonic() + DEADLINE_S
        connected.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connected.setblocking(False)

    def send(self, frames: tuple[Frame, ...], piece: int = 0) -> None:
        data = memoryview(b"".join(frame.encode(self.is_client) for frame in frames))
        sent = 0
        while sent < len(data):
            readable, writable = self._wait(not self.has_ended, True)
            if readable:
                self._receive()
            if writable:
                try:
                    sent += self.socket.send(data[sent:sent + piece] if piece else data[sent:])
                except OSError as error:
                    raise Cut(f"it has cut the connection while there was something to say: {error}") from None

    def end(self) -> None:
        """Says that nothing more comes."""
        try:
            self.socket.shutdown(socket.SHUT_WR)
        except OSError as error:
            raise Cut(f"it has cut the connection: {error}") from None

    def messages(self) -> Iterator[Message]:
        """Until the other side has ended its stream, or says what no honest side does."""
        kind, parts = CONTINUATION, bytearray()
        while (frame := self._frame()) is not None:
            fin, opcode, payload = frame
            if opcode in (CLOSE, PING, PONG):
                yield Message(opcode, payload)
                continue
            check(opcode in (CONTINUATION, TEXT, BINARY) and (opcode == CONTINUATION) == (kind != CONTINUATION), f"opcode {opcode}")
            kind = opcode or kind
            parts += payload
            if fin:
                if kind == TEXT:
                    bytes(parts).decode()
                yield Message(kind, bytes(parts))
                kind, parts = CONTINUATION, bytearray()

    def _frame(self) -> tuple[bool, int, bytes] | None:
        head = self._exactly(2)
        if head is None:
            return None
        size, opcode, fin = head[1] & 0x7F, head[0] & 0x0F, bool(head[0] & 0x80)
        check(not head[0] & 0x70, "reserved bits")
        check(bool(head[1] & 0x80) != self.is_client, "a mask where none belongs, or none where one does")
        check(opcode < CLOSE or fin and size < 126, "a control frame that is long or fragmented")
        if size >= 126:
            form = 2 if size == 126 else 8
            size = int.from_bytes(self._exactly(form) or b"", "big")
            check(size >= (126 if form == 2 else 65536), "a length in more bytes than it needs")
        key = b"" if self.is_client else self._exactly(4)
        payload = self._exactly(size)
        check(key is not None and payload is not None, "the end inside a frame")
        assert key is not None and payload is not None
        return fin, opcode, masked(payload, key) if key else payload

    def _exactly(self, size: int) -> bytes | None:
        """None at the end of the stream, if nothing stands before it."""
        while len(self.received) < size and not self.has_ended:
            self._wait(True, False)
            self._receive()
        if len(self.received) < size:
            check(not self.received, "the end inside a frame")
            return None
        found = bytes(self.received[:size])
        del self.received[:size]
        return found

    def _wait(self, reads: bool, writes: bool) -> tuple[bool, bool]:
        """Whether there is something to receive, and room to send."""
        patience = max(0.0, self.deadline - time.monotonic())
        readable, writable, _ = select.select([self.socket] * reads, [self.socket] * writes, [], patience)
        check(bool(readable or writable), f"nothing within {DEADLINE_S} s")
        return bool(readable), bool(writable)

    def _receive(self) -> None:
        try:
            piece = self.socket.recv(1 << 18)
        except OSError as error:
            raise Cut(f"it has cut the connection: {error}") from None
        self.received += piece
        self.has_ended = not piece


def check(condition: bool, what: str) -> None:
    if not condition:
        raise Wrong(what)


def code_of(close: Message) -> int:
    """Of a farewell that must be a proper one."""
    check(len(close.payload) != 1, "half a code")
    if not close.payload:
        return NO_CODE
    (code,) = struct.unpack(">H", close.payload[:2])
    close.payload[2:].decode()
    check(code in (*range(1000, 1004), *range(1007, 1012)) or 3000 <= code < 5000, f"the code {code}, which nobody may send")
    return int(code)


STILL_THERE = Message(PONG, b"still there?")
FAREWELL = Frame(CLOSE, struct.pack(">H", 1000))


def play(case: Case, peer: Peer) -> None:
    """Raises Wrong if the other side did not take the case as it must."""
    peer.send(case.frames, case.piece)
    has_closed = any(frame.opcode == CLOSE for frame in case.frames)
    messages = peer.messages()
    try:
        for answer in case.answers:
            expect(answer, messages)
        if not case.ends:
            peer.send((Frame(PING, STILL_THERE.payload),))
            expect(STILL_THERE, messages)
            peer.send((FAREWELL,))
            has_closed = True
        close = next(messages, None)
        check(close is not None and close.opcode == CLOSE, f"a farewell was due, and {close or 'the end'} came")
        assert close is not None
        check(code_of(close) in (case.ends or (1000,)), f"a farewell with {code_of(close)}, where {case.ends or 1000} was due")
        if not has_closed:
            peer.send((Frame(CLOSE, close.payload),))
        if not peer.is_client:
            peer.end()  # RFC 6455 section 7.1.1: the server ends it.
        more = next(messages, None)
        check(more is None, f"{more} came behind the farewell")
    except UnicodeDecodeError:
        raise Wrong("text that is not UTF-8") from None


def expect(expected: Message, messages: Iterator[Message]) -> None:
    came = next(messages, None)
    check(came == expected, f"{expected} was due, and {came or 'the end'} came")


# --- How it begins


def ask(connected: socket.socket, url: str, path: str, fields: dict[str, str]) -> tuple[str, bytes]:
    """The head of the answer, and what came behind it. `fields` come beside what a client sends, or in its place; empty: it is left out.
    It offers compression, which must not be taken."""
    base = urlsplit(url)
    all_fields = {"host": base.netloc, "connection": "Upgrade", "upgrade": "websocket", "sec-websocket-version": "13",
                  "sec-websocket-key": base64.b64encode(secrets.token_bytes(16)).decode(),
                  "sec-websocket-extensions": "permessage-deflate; client_max_window_bits, x-webkit-deflate-frame"} | fields
    lines = "".join(f"{name}: {value}\r\n" for name, value in all_fields.items() if value)
    connected.sendall(f"GET {base.path.rstrip('/')}{path} HTTP/1.1\r\n{lines}\r\n".encode())
    return read_head(connected)


def reach(url: str) -> socket.socket:
    base = urlsplit(url)
    return socket.create_connection((base.hostname or "", base.port or 80), DEADLINE_S)


def connect(url: str, path: str = "/", fields: dict[str, str] | None = None) -> Peer:
    """As a client, to a server that must take it."""
    key = (fields or {}).get("sec-websocket-key") or base64.b64encode(secrets.token_bytes(16)).decode()
    connected = reach(url)
    try:
        answer, rest = ask(connected, url, path, (fields or {}) | {"sec-websocket-key": key})
        check(answer.startswith("HTTP/1.1 101 "), answer)
        check(accept_of(key) in answer, f"another Sec-WebSocket-Accept than for {key}: {answer}")
        check("sec-websocket-extensions" not in answer.lower(), f"an extension: {answer}")
        return Peer(connected, True, rest)
    except BaseException:
        connected.close()
        raise


def accept(connected: socket.socket, **changes: str) -> Peer:
    """As a server, to a client that must ask for it properly. `changes` are fields of the answer, with _ for -; empty: it is left out."""
    connected.settimeout(DEADLINE_S)
    request, rest = read_head(connected)
    lines = request.split("\r\n")
    fields = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])}
    check(lines[0].startswith("GET ") and lines[0].endswith(" HTTP/1.1"), lines[0])
    check(fields.get("upgrade", "").lower() == "websocket" and "upgrade" in fields.get("connection", "").lower()
          and fields.get("sec-websocket-version") == "13" and bool(fields.get("host")), f"no handshake: {request}")
    check(len(base64.b64decode(fields.get("sec-websocket-key", ""))) == 16, f"no proper key: {request}")
    check("sec-websocket-extensions" not in fields, f"an extension: {request}")
    check(not rest, "something behind the handshake, before it was answered")
    answer = {"upgrade": "websocket", "connection": "Upgrade", "sec_websocket_accept": accept_of(fields["sec-websocket-key"])} | changes
    told = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in answer.items() if value)
    connected.sendall(f"HTTP/1.1 101 Switching Protocols\r\n{told}\r\n".encode())
    return Peer(connected, False)


def accept_of(key: str) -> str:
    return base64.b64encode(hashlib.sha1(key.encode() + GUID).digest()).decode()


def read_head(connected: socket.socket) -> tuple[str, bytes]:
    """The head of a request or an answer, and what came behind it."""
    data = b""
    while b"\r\n\r\n" not in data:
        piece = connected.recv(65536)
        check(bool(piece), f"the end inside a head: {data!r}")
        data += piece
    head, _, rest = data.partition(b"\r\n\r\n")
    return head.decode(), rest
