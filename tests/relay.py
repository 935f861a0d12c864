"""What stands between two programs of a test: a relay of TCP, which counts, tells what passes, and breaks connections; and a
proxy that makes tunnels (CONNECT)."""

from __future__ import annotations

import contextlib
import socket
import struct
import threading
from typing import Callable, Iterator, TypeVar

PIECE = 256 << 10

Watcher = Callable[[str, bytes], None]
AnyRelay = TypeVar("AnyRelay", bound="Relay")


class Relay:
    """Listens on a free port of 127.0.0.1. `to_port` is where it goes on, and may be set later."""

    def __init__(self) -> None:
        self.to_port = 0
        self.bytes = {"up": 0, "down": 0}
        """What passed since the last forget(): to the hub, and from it."""
        self.watcher: Watcher = lambda _direction, _piece: None
        """Is called with every piece before it goes on; with what it does, nothing else goes on that connection."""
        self._lock = threading.Lock()
        self._open: set[socket.socket] = set()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self.port: int = self._listener.getsockname()[1]

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def forget(self) -> None:
        """Counts from nothing, and nobody watches."""
        self.watcher = lambda _direction, _piece: None
        with self._lock:
            self.bytes = {"up": 0, "down": 0}

    def cut(self) -> int:
        """Breaks every connection, as if a cable were pulled and a router said so; how many there were."""
        with self._lock:
            broken = list(self._open)
        for connection in broken:
            with contextlib.suppress(OSError):
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
                connection.shutdown(socket.SHUT_RDWR)
        return len(broken) // 2

    def cut_after(self, count: int) -> Callable[[], bool]:
        """Breaks everything once, when so many bytes more have come; what it gives says whether it has."""
        lock = threading.Lock()
        left = count

        def watch(_direction: str, piece: bytes) -> None:
            nonlocal left
            with lock:
                is_enough = 0 < left <= len(piece)
                left = max(0, left - len(piece))
            if is_enough:
                self.cut()

        self.watcher = watch
        return lambda: left == 0

    def serve(self) -> None:
        """Until close()."""
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(client,), daemon=True).start()

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        self.cut()

    def _find(self, client: socket.socket) -> int:
        """The port that is meant."""
        return self.to_port

    def _join(self, client: socket.socket) -> None:
        with client, socket.socket() as hub:
            try:
                hub.connect(("127.0.0.1", self._find(client)))
            except (OSError, ValueError):
                return
            with self._lock:
                self._open |= {client, hub}
            back = threading.Thread(target=self._pass_on, args=("down", hub, client), daemon=True)
            back.start()
            self._pass_on("up", client, hub)
            back.join()
            with self._lock:
                self._open -= {client, hub}

    def _pass_on(self, direction: str, source: socket.socket, target: socket.socket) -> None:
        with contextlib.suppress(OSError):
            while piece := source.recv(PIECE):
                self.watcher(direction, piece)
                target.sendall(piece)
                with self._lock:
                    self.bytes[direction] += len(piece)
        for end in (source, target):
            with contextlib.suppress(OSError):
                end.shutdown(socket.SHUT_RDWR)


class ConnectProxy(Relay):
    """Makes tunnels to ports of this machine (RFC 9110 section 9.3.6)."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        """The authorities."""

    def _find(self, client: socket.socket) -> int:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = client.recv(1)
            if not byte:
                raise ValueError("the client has gone")
            head += byte
        method, authority, _ = head.decode("latin-1").split("\r\n")[0].split(" ")
        if method != "CONNECT":
            raise ValueError(method)
        self.asked.append(authority)
        client.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        return int(authority.rpartition(":")[2])


@contextlib.contextmanager
def serving(found: AnyRelay) -> Iterator[AnyRelay]:
    """While it runs."""
    server = threading.Thread(target=found.serve, daemon=True)
    server.start()
    try:
        yield found
    finally:
        found.close()
        server.join()


def relay() -> contextlib.AbstractContextManager[Relay]:
    return serving(Relay())
