"""A8: the cases of RFC 6455, for both sides of our WebSocket: all of them with an echo made of it (libs/net/websocket_echo.cpp), and
those that need none with the programs themselves."""

from __future__ import annotations

import base64
import itertools
import json
import os
import secrets
import socket
import subprocess
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Callable, Iterator

import pytest

from harness import REPOSITORY, Program
from laboratory import running_laboratory
from live_node import SUBPROTOCOL
from machine import Machine
from older_daemon import older_ask, upload_status
from resource_daemon import running_daemon
from test_older_proxy import SECRET, running_proxy
from websocket_cases import GROUPS, HELLO, MESSAGE_MAX, TOO_BIG, all_cases, fails, ways
from websocket_peer import (
    BINARY, DEADLINE_S, TEXT, Case, Cut, Frame, Message, Peer, Wrong, accept, ask, connect, expect, play, reach, read_head)


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


Connect = Callable[..., Peer]


def decline(listener: socket.socket) -> None:
    """Whatever the next one asks for is not there."""
    asking, _ = listener.accept()
    with asking:
        read_head(asking)
        asking.sendall(b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n")


@contextmanager
def clients_of(echo_program: Path) -> Iterator[Connect]:
    """Gives what makes a WebSocket with the client that comes next."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(DEADLINE_S)
        with subprocess.Popen([echo_program, "connect", f"http://127.0.0.1:{listener.getsockname()[1]}"]) as client:
            try:
                yield lambda **changes: accept(listener.accept()[0], **changes)
                decline(listener)
                assert client.wait(DEADLINE_S) == 0
            finally:
                client.kill()


def judge(cases: list[Case], meet: Connect, what: str) -> str:
    """Meets the other side for each case; all must go well. Gives a line of counts."""
    wrong = []
    for case in cases:
        peer = meet()
        try:
            play(case, peer)
        except Wrong as why:
            wrong.append(f"{case.name}: {why}")
        finally:
            peer.socket.close()
    assert not wrong, "\n".join([f"{len(wrong)} of {len(cases)} cases:", *wrong])
    return f"WebSocket (A8), {what}: {len(cases)} cases, none failed"


def test_a_server_keeps_to_the_rfc(echo_server: str, outcome: Callable[[str], None]) -> None:
    outcome(judge(all_cases(), lambda: connect(echo_server), "an echo as server"))


def test_a_client_keeps_to_the_rfc(echo_program: Path, outcome: Callable[[str], None]) -> None:
    with clients_of(echo_program) as meet:
        outcome(judge(all_cases(), meet, "an echo as client"))


def test_there_are_as_many_cases_as_elsewhere() -> None:
    assert len([case for case in all_cases() if not case.name.startswith("9 ")]) >= 247


# --- How it begins (RFC 6455 section 4); 12 and 13, compression, is never agreed on


@pytest.mark.parametrize(("field", "value"), [
    ("upgrade", ""), ("upgrade", "h2c"), ("connection", ""), ("connection", "keep-alive"), ("sec-websocket-key", ""),
    ("sec-websocket-key", "c2hvcnQ="), ("sec-websocket-version", ""), ("sec-websocket-version", "8"), ("sec-websocket-version", "14")])
def test_a_server_takes_no_other_handshake(field: str, value: str, echo_server: str) -> None:
    with reach(echo_server) as connected:
        answer, _ = ask(connected, echo_server, "/", {field: value})
    assert answer.startswith("HTTP/1.1 4"), answer
    if field == "sec-websocket-version" and value:
        assert "\r\nsec-websocket-version: 13" in answer.lower(), "section 4.2.2: it says which one it knows"


@pytest.mark.parametrize(("field", "value"), [
    ("sec_websocket_accept", "AAAAAAAAAAAAAAAAAAAAAAAAAAA="), ("sec_websocket_accept", ""), ("upgrade", ""), ("upgrade", "h2c"),
    ("connection", ""), ("connection", "close"), ("sec_websocket_protocol", "chat"), ("sec_websocket_extensions", "permessage-deflate")])
def test_a_client_takes_no_other_answer(field: str, value: str, echo_program: Path) -> None:
    with clients_of(echo_program) as meet:
        peer = meet(**{field: value})
        try:
            peer.send((HELLO,))
            assert list(peer.messages()) == []
        except Cut:
            pass
        finally:
            peer.socket.close()


# --- The programs


def quiet(cases: list[Case]) -> list[Case]:
    """Those in which nobody has to understand a message."""
    return [case for case in cases if not any(answer.opcode in (TEXT, BINARY) for answer in case.answers)]


def test_a_hub_keeps_to_the_rfc(tmp_path: Path, program: Program, outcome: Callable[[str], None]) -> None:
    with running_laboratory(tmp_path, program) as laboratory:
        hub, node = laboratory.hub.url, laboratory.alice

        def meet() -> Peer:
            upgrade = {"sec-websocket-key": base64.b64encode(secrets.token_bytes(16)).decode(), "sec-websocket-protocol": SUBPROTOCOL}
            return connect(hub, "/v1/live", upgrade | node.fields(hub, "GET", "/v1/live", None, None, upgrade))

        cases = quiet(all_cases())
        for size in (0, 126, 65_536, MESSAGE_MAX - 12):
            call, answer = b"call 1 ping\n" + b" " * size, Message(TEXT, b"answer 1\n")
            cases += ways(TEXT, call, answer) if size <= 126 else [Case(f"a call with {size} bytes", (Frame(TEXT, call),), (answer,))]
        outcome(judge(cases, meet, "hub serve"))


def test_a_proxy_keeps_to_the_rfc(tmp_path: Path, program: Program, outcome: Callable[[str], None]) -> None:
    with running_proxy(tmp_path, program) as url:
        names = (f"daemon-{number}" for number in itertools.count())

        def meet(name: str | None = None) -> Peer:
            peer = connect(url)
            first = {"type": "initialize", "resourceName": name or next(names), "zone": "lab", "proxySecret": SECRET}
            peer.send((Frame(TEXT, json.dumps(first).encode()),))
            expect(Message(TEXT, b'{"type":"acknowledge"}'), peer.messages())
            return peer

        # Its messages are shorter, because those of older programs are.
        cases = [case for case in quiet(all_cases()) if not case.name.startswith("9 ")]
        cases += [fails("100001 bytes", Frame(TEXT, missing=100_001), code=TOO_BIG)]
        all_ways = ways(TEXT, b'{"type":"ping"}', None)
        cases += all_ways
        outcome(judge(cases, meet, "proxy"))
        for way in range(len(all_ways)):
            assert asked_and_answered(url, meet(f"way-{way}"), f"way-{way}", way) == "not-found"


def asked_and_answered(url: str, peer: Peer, name: str, way: int) -> str:
    """What a client of gen2 hears from a daemon that answers in this way."""
    with ThreadPoolExecutor(1) as pool:
        asked = pool.submit(older_ask, url, name, "sha1://" + "a" * 40, 5_000, "lab")
        request = json.loads(next(peer.messages()).payload)
        response = {"type": "responseToClient", "requestId": request["requestId"], "response": upload_status("not-found")}
        case = ways(TEXT, json.dumps(response).encode(), None)[way]
        peer.send(case.frames, case.piece)
        status, answer = asked.result(30)
    peer.socket.close()
    assert status == 200, answer
    return str(answer["response"]["status"]["status"])


REQUEST = {"type": "requestFromClient", "requestId": "one", "resourceName": "lab", "zone": "default", "timeoutMsec": 5000,
           "request": {"type": "fileUpload", "uri": "sha1://nowhere", "timeoutMsec": 5000}}
REFUSED = b'{"type":"responseToClient","requestId":"one","response":{},"error":"Error handling request: Invalid URI"}'


def test_a_daemon_keeps_to_the_rfc(tmp_path: Path, program: Program, outcome: Callable[[str], None]) -> None:
    """Which comes back too slowly for all of them: four of each group, and a message in each of the ways it may come."""
    cases = [case for group in GROUPS.values() for case in quiet(group())[:4]] + ways(TEXT, json.dumps(REQUEST).encode(), Message(TEXT, REFUSED))
    machine = Machine(program, tmp_path / "machine", "http://127.0.0.1:9")
    for case in cases:
        with socket.create_server(("127.0.0.1", 0)) as listener:
            listener.settimeout(DEADLINE_S)

            def meet() -> Peer:
                decline(listener)  # The question whether this is a hub.
                peer = accept(listener.accept()[0])
                first = next(peer.messages())
                assert json.loads(first.payload)["type"] == "initialize"
                peer.send((Frame(TEXT, b'{"type":"acknowledge"}'),))
                return peer

            with running_daemon(machine, f"http://127.0.0.1:{listener.getsockname()[1]}"):
                judge([case], meet, "")
    outcome(f"WebSocket (A8), kachery-resource share: {len(cases)} cases, none failed")
