"""A8: the cases of RFC 6455, for both sides of our WebSocket: all of them with an echo made of it (libs/net/websocket_echo.cpp), and
those that need none with the programs themselves."""

from __future__ import annotations

import os
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import pytest

from harness import REPOSITORY
from websocket_cases import GROUPS
from websocket_peer import DEADLINE_S, Case, Peer, Wrong, accept, connect, play, read_head


@pytest.fixture(scope="module")
def echo_program() -> Path:
    """As it was built last, with the unit tests; KACHERY_WEBSOCKET_ECHO may name another."""
    named = os.environ.get("KACHERY_WEBSOCKET_ECHO")
    built = [Path(named)] if named else list(REPOSITORY.glob("build/*/libs/net/websocket_echo"))
    if not built:
        pytest.fail("there is no websocket_echo; build the unit tests: cmake --preset dev && ninja -C build/dev websocket_echo")
    return max(built, key=lambda path: path.stat().st_mtime)


@pytest.fixture(scope="module")
def echo_server(echo_program: Path) -> Iterator[str]:
    with subprocess.Popen([echo_program, "serve"], stdout=subprocess.PIPE, text=True) as server:
        try:
            assert server.stdout is not None
            yield f"http://127.0.0.1:{int(server.stdout.readline())}"
            assert server.poll() is None, "it has served to the end"
        finally:
            server.terminate()


Connect = Callable[[], Peer]


@contextmanager
def clients_of(echo_program: Path) -> Iterator[Connect]:
    """Gives what makes a WebSocket with the client that comes next."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_S)
        with subprocess.Popen([echo_program, "connect", f"http://127.0.0.1:{listener.getsockname()[1]}"]) as client:
            try:
                yield lambda: accept(listener.accept()[0])
                last, _ = listener.accept()
                with last:
                    read_head(last)
                    last.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")
                assert client.wait(DEADLINE_S) == 0
            finally:
                client.kill()


def failures(cases: list[Case], meet: Connect) -> list[str]:
    """What went wrong, by the names of the cases."""
    found = []
    for case in cases:
        peer = meet()
        try:
            play(case, peer)
        except Wrong as wrong:
            found.append(f"{case.name}: {wrong}")
        finally:
            peer.socket.close()
    return found


@pytest.mark.parametrize("group", GROUPS)
def test_a_server_keeps_to_the_rfc(group: str, echo_server: str) -> None:
    assert failures(GROUPS[group](), lambda: connect(echo_server)) == []


@pytest.mark.parametrize("group", GROUPS)
def test_a_client_keeps_to_the_rfc(group: str, echo_program: Path) -> None:
    with clients_of(echo_program) as meet:
        found = failures(GROUPS[group](), meet)
    assert found == []
