"""A node that provides its files under a name: at a hub, and at a proxy of gen2; killed, cut, refused, stopped."""

from __future__ import annotations

import http.client
import os
import random
import signal
import threading
from pathlib import Path
from typing import Any, Iterator

import pytest
from harness import MISSING, OK, USAGE, Program, sha1, wait_until, write
from hub import RunningHub, running_hub, tls_words
from machine import Machine
from older_proxy import OlderProxy
from proxy import free_port
from relay import ConnectProxy, relay, serving
from resource_daemon import Daemon, ask, node_of, register, running_daemon, write_settings

NOWHERE = "sha1://" + "0" * 40
LARGE = 100 << 20
"""Takes long enough to be met under way."""


@pytest.fixture
def hub(tmp_path: Path, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path, open=True, program=program) as hub:
        yield hub


@pytest.fixture
def one(program: Program, hub: RunningHub, tmp_path: Path) -> Machine:
    """The machine with the files."""
    return Machine(program, tmp_path / "one", hub.url)


@pytest.fixture
def other(program: Program, hub: RunningHub, tmp_path: Path) -> Machine:
    return Machine(program, tmp_path / "other", hub.url)


def keep(machine: Machine, content: bytes, name: str = "file.bin") -> str:
    """Stores it on this machine only."""
    path = write(machine.path / name, content)
    return machine.run("--as", "kachery-cloud-store-local", path).expect().uri


def link(machine: Machine, content: bytes, name: str = "linked.bin") -> str:
    return machine.run("--as", "kachery-cloud-link", write(machine.path / name, content)).expect().uri


def large_content(rng: random.Random) -> bytes:
    """Of which no chunk is like another."""
    return b"".join(rng.randbytes(1 << 10) * (1 << 10) for _ in range(LARGE >> 20))


def last(states: list[dict[str, Any]]) -> dict[str, Any]:
    return states[-1]


def completes(hub: str, uri: str, timeout_s: float = 20) -> bool:
    try:
        return bool(last(ask(hub, uri, timeout_s=timeout_s))["state"] == "completed")
    except (OSError, ValueError, IndexError, AssertionError, http.client.HTTPException):
        return False  # The asker's own connection was cut, or the daemon has not come back.


def assert_loads(machine: Machine, uri: str, content: bytes) -> None:
    path = machine.run("load", uri, deadline_s=120).expect().uri
    assert sha1(Path(path).read_bytes()) == sha1(content)


# --- init


def init(machine: Machine, *answers: str) -> Any:
    return machine.run("--as", "kachery-resource", "init", input="".join(answer + "\n" for answer in answers).encode())


def test_init_writes_what_was_answered_for_its_owner_only(one: Machine) -> None:
    outcome = init(one, "lab", ".", "", "http://127.0.0.1:1", "a: \"secret\"").expect()
    assert outcome.stdout == b"Wrote ./kachery-resource.yaml\n"
    questions = ["Resource name", "Kachery zone", "Maximum concurrent uploads", "Proxy URL", "Proxy secret"]
    places = [outcome.stderr.find(question) for question in questions]
    assert places == sorted(places) and places[0] >= 0, outcome.stderr
    path = one.path / "kachery-resource.yaml"
    assert path.stat().st_mode & 0o777 == 0o600
    assert path.read_text() == ('resourceName: "lab"\nkacheryZone: "default"\nmaxConcurrentUploads: 2\n'
                                'proxyUrl: "http://127.0.0.1:1"\nproxySecret: "a: \\"secret\\""\n')
    init(one, "", "physics", "7").expect()  # What is not answered stays.
    assert path.read_text() == ('resourceName: "lab"\nkacheryZone: "physics"\nmaxConcurrentUploads: 7\n'
                                'proxyUrl: "http://127.0.0.1:1"\nproxySecret: "a: \\"secret\\""\n')


def test_init_writes_nothing_that_makes_no_sense(one: Machine) -> None:
    for answers in (["a b", ".", "2", "http://127.0.0.1:1"], ["lab", ".", "0", "http://127.0.0.1:1"], ["lab", ".", "2", "somewhere"], []):
        outcome = init(one, *answers)
        assert outcome.code == USAGE, outcome
        assert not (one.path / "kachery-resource.yaml").exists()


# --- share: what it needs


def test_share_says_what_is_wrong_with_its_file(one: Machine) -> None:
    share = ("--as", "kachery-resource", "share")
    outcome = one.run(*share)
    assert outcome.code == MISSING and "kachery-resource init" in outcome.stderr, outcome
    write_settings(one.path, "http://127.0.0.1:1", uploads=0)
    outcome = one.run(*share)
    assert outcome.code == USAGE and "kachery-resource.yaml, line 3: maxConcurrentUploads" in outcome.stderr, outcome
    write_settings(one.path, "http://127.0.0.1:1", zone="physics")
    outcome = one.run(*share)
    assert outcome.code == USAGE and "KACHERY_ZONE=physics" in outcome.stderr, outcome
    write(one.path / "kachery-resource.yaml", b"resourceName: lab\nresource: lab\n")
    outcome = one.run(*share)
    assert outcome.code == USAGE and "line 2" in outcome.stderr, outcome


def test_share_goes_on_trying_while_nobody_answers_and_stops_when_told_to(one: Machine) -> None:
    with running_daemon(one, f"http://127.0.0.1:{free_port()}") as daemon:
        wait_until(lambda: daemon.lines().count(daemon.lines()[0]) >= 3 if daemon.lines() else False, "three attempts", 30)
        assert daemon.lines()[0].startswith("Connecting to http://127.0.0.1:")
        assert daemon.stop() == OK


# --- At a hub


def test_a_file_is_sent_when_it_is_asked_for(hub: RunningHub, one: Machine, other: Machine) -> None:
    content = os.urandom(200_000)
    stored, linked = keep(one, content), link(one, content + b"!")
    register(hub.url, node_of(one))
    with running_daemon(one, hub.url) as daemon:
        daemon.wait_until_it_serves()
        assert daemon.lines()[:3] == [f"Connecting to {hub.url}", "Connected", "Connection acknowledged by proxy server"]
        assert f"Resource URL: {hub.url}/r/lab" in daemon.lines()
        for uri, expected in ((stored, content), (linked, content + b"!")):
            state = last(ask(hub.url, uri))
            assert (state["state"], state["size"], state["bytes_uploaded"]) == ("completed", len(expected), len(expected))
            assert_loads(other, uri, expected)
            assert daemon.count(f"Upload request: {uri.partition('?')[0]}") == 1
            assert daemon.count(f"Starting upload: {uri.partition('?')[0]}") == 1
        assert last(ask(hub.url, NOWHERE))["state"] == "not_found"


def test_bytes_are_counted_truly_while_a_file_is_sent(hub: RunningHub, one: Machine, rng: random.Random) -> None:
    uri = keep(one, large_content(rng))
    register(hub.url, node_of(one))
    with running_daemon(one, hub.url) as daemon:
        daemon.wait_until_it_serves()
        states = ask(hub.url, uri, timeout_s=120)
    counts = [state["bytes_uploaded"] for state in states if state["bytes_uploaded"] is not None]
    assert last(states)["state"] == "completed" and counts[-1] == LARGE
    assert counts == sorted(counts) and any(0 < count < LARGE for count in counts), counts


def test_a_changed_linked_file_is_refused_and_nothing_of_it_is_sent(hub: RunningHub, one: Machine, other: Machine) -> None:
    content = os.urandom(200_000)
    uris = [link(one, content + name.encode(), name) for name in ("altered", "longer", "gone")]
    write(one.path / "altered", os.urandom(200_000) + b"altered")
    write(one.path / "longer", content + b"longer and longer")
    (one.path / "gone").unlink()
    register(hub.url, node_of(one))
    with running_daemon(one, hub.url) as daemon:
        daemon.wait_until_it_serves()
        for uri in uris:
            state = last(ask(hub.url, uri))
            assert (state["state"], state["code"]) == ("error", "corrupt"), state
            assert "changed" in state["message"] and str(one.path) not in state["message"], state
            assert other.run("load", uri).code == MISSING


def test_a_name_must_be_registered_and_may_be_while_the_daemon_waits(hub: RunningHub, one: Machine) -> None:
    uri = keep(one, b"waiting")
    with running_daemon(one, hub.url) as daemon:
        daemon.wait_for_warning("run kachery resource register lab")
        register(hub.url, node_of(one))
        daemon.wait_until_it_serves()
        assert last(ask(hub.url, uri))["state"] == "completed"


def test_a_name_that_is_anothers_is_not_served(hub: RunningHub, one: Machine, other: Machine) -> None:
    register(hub.url, node_of(other))
    with running_daemon(one, hub.url) as daemon:
        daemon.wait_for_warning("the resource lab is refused")
        assert "Connection acknowledged by proxy server" not in daemon.lines()


def test_a_second_daemon_changes_nothing_for_the_first_and_takes_over_when_it_is_gone(
        hub: RunningHub, one: Machine, tmp_path: Path) -> None:
    uris = [keep(one, f"content {number}".encode()) for number in range(3)]
    register(hub.url, node_of(one))
    with running_daemon(one, hub.url, "first") as first:
        first.wait_until_it_serves()
        with running_daemon(one, hub.url, "second") as second:
            second.wait_for_warning("another daemon serves the resource lab")
            first.wait_for_warning("The hub says: ")
            assert last(ask(hub.url, uris[0]))["state"] == "completed"
            assert first.count(f"Upload request: {uris[0].partition('?')[0]}") == 1
            assert first.count("Websocket closed.") == 0
            assert first.stop(signal.SIGKILL) == -signal.SIGKILL
            second.wait_until_it_serves()
            assert last(ask(hub.url, uris[1]))["state"] == "completed"


def begin_upload(hub: RunningHub, daemon: Daemon, uri: str) -> threading.Thread:
    """Asks, and comes back when some of the file is there."""
    asking = threading.Thread(target=completes, args=(hub.url, uri, 1))
    asking.start()
    daemon.wait_for(f"Starting upload: {uri.partition('?')[0]}")
    chunks = hub.directory / "bucket" / "default" / "chunks"
    wait_until(lambda: daemon.process.poll() is not None or any(path.is_file() for path in chunks.rglob("*")), "a chunk is there", 30)
    return asking


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_an_upload_goes_on_after_its_daemon_was_ended(hub: RunningHub, one: Machine, other: Machine, rng: random.Random,
                                                      number: signal.Signals) -> None:
    content = large_content(rng)
    uri = keep(one, content)
    register(hub.url, node_of(one))
    with running_daemon(one, hub.url, "first") as daemon:
        daemon.wait_until_it_serves()
        asking = begin_upload(hub, daemon, uri)
        assert daemon.stop(number) == (OK if number == signal.SIGTERM else -number)
        asking.join(60)
    assert other.run("load", uri).code == MISSING
    with running_daemon(one, hub.url, "second") as daemon:
        daemon.wait_until_it_serves()
        assert last(ask(hub.url, uri, timeout_s=120))["state"] == "completed"
    assert_loads(other, uri, content)


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_a_daemon_comes_back_to_a_hub_that_was_ended(hub: RunningHub, one: Machine, other: Machine, rng: random.Random,
                                                     number: signal.Signals) -> None:
    content = large_content(rng)
    uri = keep(one, content)
    register(hub.url, node_of(one))
    with running_daemon(one, hub.url) as daemon:
        daemon.wait_until_it_serves()
        asking = begin_upload(hub, daemon, uri)
        hub.restart(number)
        asking.join(60)
        daemon.wait_until_it_serves(2)
        assert last(ask(hub.url, uri, timeout_s=120))["state"] == "completed"
    assert_loads(other, uri, content)


def test_an_upload_is_completed_wherever_its_connections_are_cut(tmp_path: Path, program: Program, rng: random.Random) -> None:
    with relay() as between, running_hub(tmp_path, "--public-url", between.url, open=True, program=program) as hub:
        between.to_port = hub.port
        one, other = (Machine(program, tmp_path / name, between.url) for name in ("one", "other"))
        register(between.url, node_of(one))
        with running_daemon(one, between.url) as daemon:
            daemon.wait_until_it_serves()
            for after in (200, 5_000, 1 << 20, 19 << 20, (20 << 20) + 3_000):
                content = rng.randbytes(20 << 20)
                uri = keep(one, content)
                has_cut = between.cut_after(after)
                wait_until(lambda: completes(between.url, uri), f"it is completed after a cut at {after}", 90)
                assert has_cut(), f"nothing was cut after {after} bytes"
                assert_loads(other, uri, content)


def test_a_daemon_reaches_its_hub_through_the_proxy_of_its_network(tmp_path: Path, program: Program) -> None:
    port = free_port()
    # A name that only the proxy can resolve.
    with serving(ConnectProxy()) as tunnels, running_hub(tmp_path, "--public-url", f"https://hub.invalid:{port}", *tls_words(tmp_path),
                                                     listen=f"127.0.0.1:{port}", open=True, program=program) as hub:
        url = f"https://hub.invalid:{port}#{hub.fingerprint()}"
        one = Machine(program, tmp_path / "one", url, HTTPS_PROXY=tunnels.url)
        with running_daemon(one, url) as daemon:
            daemon.wait_for("Connected")
            daemon.wait_for_warning("run kachery resource register lab")
        assert tunnels.asked and set(tunnels.asked) == {f"hub.invalid:{port}"}


# --- At a proxy of gen2


@pytest.fixture
def proxy() -> Iterator[OlderProxy]:
    with OlderProxy("its secret") as proxy:
        yield proxy


def status(answer: tuple[int, dict[str, Any]]) -> dict[str, Any]:
    """Of the file, in an answer with an envelope."""
    code, message = answer
    assert code == 200 and set(message) == {"type", "requestId", "response"} and message["type"] == "responseToClient", answer
    assert set(message["response"]) == {"type", "status"} and message["response"]["type"] == "fileUpload", answer
    found: dict[str, Any] = message["response"]["status"]
    assert set(found) <= {"status", "size", "bytesUploaded", "timestampRequested", "timestampStarted", "timestampCompleted", "error"}
    return found


def test_an_older_proxy_gets_exactly_the_messages_it_knows(proxy: OlderProxy, hub: RunningHub, one: Machine,
                                                           other: Machine) -> None:
    content = os.urandom(300_000)
    uri = keep(one, content).partition("?")[0]
    changed = link(one, os.urandom(100_000)).partition("?")[0]
    write(one.path / "linked.bin", os.urandom(100_000))
    with running_daemon(one, proxy.url, secret="its secret") as daemon:
        daemon.wait_until_it_serves()
        assert f"Resource URL: {proxy.url}/r/lab" in daemon.lines()
        assert status(proxy.ask("lab", uri)) == {"status": "completed", "size": 300_000, "bytesUploaded": 300_000}
        assert_loads(other, uri, content)
        assert status(proxy.ask("lab", NOWHERE)) == {"status": "not-found"}
        refused = status(proxy.ask("lab", changed))
        assert refused["status"] == "error" and "changed" in refused["error"] and str(one.path) not in refused["error"]
        for strange, why in ((uri + "?label=x", "Error handling request: Invalid URI"), ("sha1://x", "Error handling request: Invalid URI")):
            code, message = proxy.ask("lab", strange)
            assert (code, message["response"], message["error"]) == (200, {}, why)
        code, message = proxy.ask("lab", uri, request={"type": "list"})
        assert (code, message["response"], message["error"]) == (200, {}, "Invalid kachery resource request")
        connection = proxy.resources["lab"]
        assert connection.messages[0] == {"type": "initialize", "resourceName": "lab", "zone": "default", "proxySecret": "its secret"}
        wait_until(lambda: {"type": "ping"} in connection.messages, "a ping after 10 s", 20)
        connection.say({"type": "something of the future"})
        daemon.wait_for_warning("Unexpected message from the proxy")
        assert status(proxy.ask("lab", uri))["status"] == "completed", "it serves on"


def test_an_older_client_that_asks_again_and_again_sees_one_upload_grow(proxy: OlderProxy, hub: RunningHub, one: Machine,
                                                                        rng: random.Random) -> None:
    uri = keep(one, large_content(rng)).partition("?")[0]
    with running_daemon(one, proxy.url, secret="its secret") as daemon:
        daemon.wait_until_it_serves()
        seen: list[dict[str, Any]] = []
        while not seen or seen[-1]["status"] in ("queued", "running"):
            seen.append(status(proxy.ask("lab", uri, timeout_ms=100)))
        assert seen[-1]["status"] == "completed", seen[-1]
        counts = [state["bytesUploaded"] for state in seen if state["status"] == "running"]
        assert counts == sorted(counts) and any(0 < count < LARGE for count in counts), counts
        assert daemon.count(f"Starting upload: {uri}") == 1


def test_a_daemon_says_what_an_older_proxy_does_not(proxy: OlderProxy, hub: RunningHub, one: Machine, other: Machine) -> None:
    uri = keep(one, b"mine").partition("?")[0]
    with running_daemon(one, proxy.url, secret="its secret") as first:
        first.wait_until_it_serves()
        with running_daemon(other, proxy.url, secret="wrong") as stranger:
            stranger.wait_for_warning("a wrong proxySecret, or another daemon of this name")
            assert "wrong" not in stranger.warnings().replace("a wrong proxySecret", "")
        assert status(proxy.ask("lab", uri))["status"] == "completed"
        assert first.count("Websocket closed.") == 0


def test_a_daemon_comes_back_to_an_older_proxy(hub: RunningHub, one: Machine) -> None:
    uri = keep(one, b"mine").partition("?")[0]
    port = free_port()
    with OlderProxy("", port) as proxy, running_daemon(one, proxy.url) as daemon:
        daemon.wait_until_it_serves()
        for connection in proxy.connections:
            connection.close()
        daemon.wait_until_it_serves(2)
        assert status(proxy.ask("lab", uri))["status"] == "completed"
        connection = proxy.resources["lab"]
        assert daemon.stop() == OK
        wait_until(lambda: not connection.is_open, "the connection has ended")
        assert connection.frames[-1] == 0x8, "it said farewell"
