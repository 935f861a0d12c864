"""What stands between two programs of a test: a relay that cuts connections, and a proxy that makes tunnels (CONNECT)."""

from __future__ import annotations

import socket
import threading
from types import TracebackType


class CuttingRelay:
    """Passes bytes on between its port and `target`, another port; once cuts everything, after `cut_after` bytes more."""

    def __init__(self) -> None:
        self.target = 0
        self.cut_after: int | None = None
        """None: it has cut, or is not to."""
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port: int = self.listener.getsockname()[1]
        self.url = f"http://127.0.0.1:{self.port}"
        self.lock = threading.Lock()
        self.sockets: set[socket.socket] = set()

    def __enter__(self) -> CuttingRelay:
        threading.Thread(target=self._accept, daemon=True).start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.listener.shutdown(socket.SHUT_RDWR)
        self.listener.close()
        self._cut()

    def _cut(self) -> None:
        for each in list(self.sockets):
            end(each)

    def _accept(self) -> None:
        while True:
            try:
                near, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self._join, args=(near,), daemon=True).start()

    def _find(self, near: socket.socket) -> int:
        """The port that is meant."""
        return self.target

    def _join(self, near: socket.socket) -> None:
        try:
            far = socket.create_connection(("127.0.0.1", self._find(near)))
        except (OSError, ValueError):
            near.close()
            return
        self.sockets |= {near, far}
        threading.Thread(target=self._pass, args=(near, far), daemon=True).start()
        self._pass(far, near)

    def _pass(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while piece := source.recv(65_536):
                if self._is_enough(len(piece)):
                    self._cut()
                    return
                sink.sendall(piece)
        except OSError:
            pass
        finally:
            end(source)
            end(sink)

    def _is_enough(self, size: int) -> bool:
        with self.lock:
            if self.cut_after is None:
                return False
            self.cut_after = self.cut_after - size if self.cut_after > size else None
            return self.cut_after is None


class ConnectProxy(CuttingRelay):
    """Makes tunnels to ports of this machine (RFC 9110 section 9.3.6)."""

    def __init__(self) -> None:
        super().__init__()
        self.asked: list[str] = []
        """The authorities."""

    def __enter__(self) -> ConnectProxy:
        super().__enter__()
        return self

    def _find(self, near: socket.socket) -> int:
        head = b""
        while not head.endswith(b"\r\n\r\n"):
            byte = near.recv(1)
            if not byte:
                raise ValueError("the client has gone")
            head += byte
        method, authority, _ = head.decode("latin-1").split("\r\n")[0].split(" ")
        if method != "CONNECT":
            raise ValueError(method)
        self.asked.append(authority)
        near.sendall(b"HTTP/1.1 200 Connected\r\n\r\n")
        return int(authority.rpartition(":")[2])


def end(connection: socket.socket) -> None:
    try:
        connection.shutdown(socket.SHUT_RDWR)
    except OSError:
        pass
