"""Clients that take all the time they are given, hundreds at once, while an honest one works (A9, A17).

Each slow kind comes from four source addresses. Nothing here is timed: the honest client's calls must all succeed, and
the hub must get rid of whoever is too slow. How long calls took and what the hub's memory was stands under "outcomes".
"""

from __future__ import annotations

import json
import math
import select
import socket
import threading
import time
from pathlib import Path
from typing import Callable, Iterator
from urllib.parse import urlsplit

import pytest
from harness import Program, wait_until, write
from hub import RunningHub, running_hub
from hub_node import Node
from machine import Machine

WHO = "/v1/nodes/whoami"
ME = {"zone": "default"}
HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n"
CALLS = 200
MEMORY_MAX_MIB = 256
PATIENCE_S = 90
"""Longer than the hub's for any of them."""


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub"), open=True, program=program) as hub:
        yield hub


def memory_mib(hub: RunningHub) -> float:
    """The hub's resident memory."""
    status = Path(f"/proc/{hub.process.pid}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def answer_of(connection: socket.socket) -> bytes:
    """The status line of the next answer, which has a short body."""
    head = b""
    while b"\r\n\r\nok\n" not in head:
        piece = connection.recv(4096)
        assert piece, head
        head += piece
    return head.split(b"\r\n")[0]


class Crowd:
    """Slow connections to a hub: each sends `first`, then a byte more or reads a byte less, again and again."""

    def __init__(self, hub: RunningHub, count: int, first: bytes, reads: bool = False) -> None:
        self.reads = reads
        self.open: list[socket.socket] = []
        self.has_left = threading.Event()
        for number in range(count):
            connection = socket.socket()
            if reads:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            connection.settimeout(20)
            connection.bind((f"127.0.0.{2 + number % 4}", 0))
            connection.connect(("127.0.0.1", hub.port))
            connection.sendall(first)
            connection.setblocking(False)
            self.open.append(connection)
        self.thread = threading.Thread(target=self.dawdle)

    def __enter__(self) -> Crowd:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.has_left.set()
        self.thread.join()
        for connection in self.open:
            connection.close()

    def dawdle(self) -> None:
        while not self.has_left.wait(1):
            for connection in list(self.open):
                if not self.goes_on(connection):
                    connection.close()
                    self.open.remove(connection)

    def goes_on(self, connection: socket.socket) -> bool:
        """Takes one small step; False once the hub has ended the connection."""
        asked = select.poll()
        asked.register(connection, 0)
        # What came before the hub cut it could still be read, for hours.
        if asked.poll(0):
            return False
        try:
            if self.reads:
                return connection.recv(1) != b""
            connection.send(b"x")
            return connection.recv(4096, socket.MSG_PEEK) != b""
        except BlockingIOError:
            return True
        except OSError:
            return False


def work_honestly(hub: RunningHub) -> float:
    """Signed calls that must all succeed; the time in ms within which 99 of 100 were answered."""
    node = Node()
    times = []
    for _ in range(CALLS):
        begun = time.monotonic()
        answer = node.call(hub.url, WHO, ME)
        times.append(time.monotonic() - begun)
        assert answer.status == 200, answer
    return 1000 * sorted(times)[math.ceil(0.99 * CALLS) - 1]


def slow_header(_hub: RunningHub, _place: Path) -> bytes:
    return b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Slow: "


def slow_body(_hub: RunningHub, _place: Path) -> bytes:
    return (b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: 60000\r\n\r\n{"
            % WHO.encode())


def slow_read(hub: RunningHub, place: Path) -> bytes:
    """Asks for a chunk that no socket's buffer holds."""
    machine = Machine(hub.program, place / "machine", hub.url)
    uri = machine.run("store", write(place / "large", bytes(12 << 20))).expect().uri
    digest = uri.split("//")[1].split("/")[0]
    found = Node().call(hub.url, "/v1/files/find", {"zone": "default", "digests": [f"sha1:{digest}"], "channel": None}).message
    url = urlsplit(found["files"][0]["url"])
    return f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


@pytest.mark.parametrize("kind", [slow_header, slow_body, slow_read])
def test_slow_clients_keep_nobody_waiting_and_are_got_rid_of(
        hub: RunningHub, kind: Callable[[RunningHub, Path], bytes], tmp_path: Path, campaign: Callable[[str], int],
        outcome: Callable[[str], None]) -> None:
    count = campaign("slow")
    first = kind(hub, tmp_path)
    before = memory_mib(hub)
    with Crowd(hub, count, first, reads=kind is slow_read) as crowd:
        p99_ms = work_honestly(hub)
        there, during = len(crowd.open), memory_mib(hub)
        wait_until(lambda: not crowd.open, "the hub has ended all slow connections", PATIENCE_S)
    outcome(f"{kind.__name__}: {count} connections, {there} still there after {CALLS} honest calls, p99 {p99_ms:.1f} ms, "
            f"memory of the hub {before:.0f} -> {during:.0f} MiB")
    assert during < MEMORY_MAX_MIB
    assert Node().call(hub.url, WHO, ME).status == 200


def test_idle_connections_cost_little_and_are_served_when_they_wake(
        hub: RunningHub, campaign: Callable[[str], int], outcome: Callable[[str], None]) -> None:
    count = campaign("slow")
    before = memory_mib(hub)
    idle = []
    try:
        for number in range(count):
            connection = socket.create_connection(("127.0.0.1", hub.port), 20, (f"127.0.0.{2 + number % 4}", 0))
            idle.append(connection)
            connection.sendall(HEALTH)
            assert answer_of(connection) == b"HTTP/1.1 200 OK"
        p99_ms = work_honestly(hub)
        during = memory_mib(hub)
        for connection in idle:
            connection.sendall(HEALTH)
            assert answer_of(connection) == b"HTTP/1.1 200 OK"
    finally:
        for connection in idle:
            connection.close()
    outcome(f"idle: {count} connections, p99 of {CALLS} honest calls {p99_ms:.1f} ms, "
            f"memory of the hub {before:.0f} -> {during:.0f} MiB: {1024 * (during - before) / count:.1f} KiB each")
    assert during < MEMORY_MAX_MIB


def test_a_stop_does_not_wait_for_slow_clients(tmp_path: Path, program: Program, campaign: Callable[[str], int]) -> None:
    with running_hub(tmp_path, open=True, program=program) as hub:
        with Crowd(hub, campaign("slow") // 3, slow_header(hub, tmp_path)):
            assert hub.stop() == 0
        assert json.loads(hub.log_path.read_text().splitlines()[-1])["event"] == "hub stopped"
