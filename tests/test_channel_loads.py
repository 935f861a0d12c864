"""Loading from the nodes of a channel, as people do it: machines with stores and daemons, and a liar among them."""

from __future__ import annotations

import hashlib
import json
import os
import signal
import threading
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest
from chunked_upload import Upload
from harness import CORRUPT, DENIED, MISSING, Program, wait_until, write
from hub import RunningHub, running_hub
from live_node import LiveNode, Order
from machine import Machine
from resource_daemon import node_of

LARGE = 24 << 20


@pytest.fixture
def hub(tmp_path: Path, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path, open=True, program=program) as hub:
        yield hub


@pytest.fixture
def machine(program: Program, hub: RunningHub, tmp_path: Path) -> Callable[..., Machine]:
    """A machine of this name, in the channel `rats` with these roles."""
    owner = Machine(program, tmp_path / "owner", hub.url)
    owner.run("channel", "create", "rats").expect()

    def make(name: str, *roles: str) -> Machine:
        made = Machine(program, tmp_path / name, hub.url)
        if roles:
            code = json.loads(owner.run("channel", "invite", "rats", "all", "--json").expect().stdout)["code"]
            made.run("channel", "join", "rats", code, "--roles", *roles).expect()
        return made

    return make


def keep(machine: Machine, content: bytes) -> str:
    """Stores it on this machine only."""
    return machine.run("store", "--local", write(machine.path / "file.bin", content)).expect().uri


def loaded(machine: Machine, uri: str, *words: str) -> bytes:
    return Path(machine.run("load", uri, *words).expect().stdout.decode().strip()).read_bytes()


def test_a_large_file_comes_while_it_is_sent(machine: Callable[..., Machine]) -> None:
    content = os.urandom(LARGE)
    with_it, asker = machine("with it", "provideFiles"), machine("asker", "requestFiles")
    uri = keep(with_it, content)
    with with_it.daemon("--upload-rate", "12M"):
        partial = asker.store / "partial"
        with asker.start("load", uri) as loading:
            wait_until(lambda: any(partial.glob("*/data")), "chunks come")
            status = with_it.daemon_status()
            stdout, _ = loading.communicate(timeout=60)
    assert status["uploads_completed"] == 0, "they came while others were on their way"
    assert Path(stdout.decode().strip()).read_bytes() == content


def test_names_of_every_kind_load(machine: Callable[..., Machine]) -> None:
    """kachery, kachery_client and kachery_cloud, with the channel's name and without."""
    with_it, asker = machine("with it", "provideFiles"), machine("asker", "requestFiles")
    texts = [f"text {number}" for number in range(5)]
    for text in texts:
        keep(with_it, text.encode())
    uris = ["sha1://" + hashlib.sha1(text.encode()).hexdigest() for text in texts]
    with with_it.daemon():
        done = asker.python(
            f"uris = {uris}\n"
            "print(kachery.load_text(uris[0]), kachery.load_text(uris[1], channel='rats', timeout=20), kc.load_text(uris[2]),\n"
            "      kc.load_text(uris[3], channel='rats'), kcl.load_text(uris[4]), sep='|')\n")
        assert done.stdout.strip() == "|".join(texts), done.stderr
        assert asker.run("--as", "kachery-cat", "sha1://" + hashlib.sha1(b"nothing").hexdigest(), "--channel", "rats").code == MISSING


def test_many_come_from_wherever_they_are(machine: Callable[..., Machine]) -> None:
    with_it, asker = machine("with it", "provideFiles"), machine("asker", "requestFiles")
    uris = [keep(with_it, f"kept {number}".encode()) for number in range(20)]
    uris.append(with_it.run("store", write(with_it.path / "zone", b"in the zone")).expect().uri)
    with with_it.daemon():
        done = asker.python(f"print(*(open(path).read() for path in kachery.fetch_many({uris})), sep='|')")
        assert done.stdout.strip() == "|".join([*(f"kept {number}" for number in range(20)), "in the zone"]), done.stderr
        missed = asker.python(f"kachery.fetch_many({uris + ['sha1://' + '0' * 40]})")
        assert "NotFound" in missed.stderr and "1 node that provides files there" in missed.stderr


def test_a_miss_comes_soon_and_says_why(machine: Callable[..., Machine]) -> None:
    with_it, asker, stranger = machine("with it", "provideFiles"), machine("asker", "requestFiles"), machine("stranger")
    uri = keep(with_it, b"content")
    nowhere = "sha1://" + "0" * 40
    assert "no node that provides files there is connected" in asker.run("load", uri).expect(MISSING).stderr
    with with_it.daemon():
        begun = time.monotonic()
        assert "1 node that provides files there is connected" in asker.run("load", nowhere).expect(MISSING).stderr
        assert time.monotonic() - begun < 3
        assert "rats" not in stranger.run("load", uri).expect(MISSING).stderr
        assert stranger.run("load", uri, "--channel", "rats").code == DENIED
        with_it.run("channel", "set-roles", "rats", "requestFiles").expect()
        assert "no node that provides files there is connected" in asker.run("load", uri).expect(MISSING).stderr
        with_it.run("channel", "set-roles", "rats", "provideFiles").expect()
        assert loaded(asker, uri) == b"content"


def test_find_file_says_who_has_it(machine: Callable[..., Machine]) -> None:
    with_it, without, asker = (machine(name, "all") for name in ("with it", "without", "asker"))
    uri = keep(with_it, b"content")

    def find(uri: str) -> dict:
        found: dict = json.loads(asker.run("find-file", uri, "--json").expect().stdout)
        return found

    with with_it.daemon(), without.daemon():
        found = find(uri)
        assert (found["uploaded"], found["channels"], found["asked"], found["silent"]) == (False, ["rats"], 2, 0)
        [node] = found["nodes"]
        assert node["node"] == node_of(with_it).id and node["channels"] == ["rats"] and node["size"] == 7
        assert "None of them has it" in asker.run("find-file", "sha1://" + "0" * 40).expect().stdout.decode()
        assert find(uri)["uploaded"] is False, "asking who has it uploads nothing"
        assert loaded(asker, uri) == b"content"
        assert find(uri)["uploaded"] is True


def test_doctor_says_what_is_missing(machine: Callable[..., Machine]) -> None:
    with_it, asker, stranger = machine("with it", "provideFiles"), machine("asker", "provideFiles"), machine("stranger")
    uri = keep(with_it, b"content")

    def doctor(of: Machine, *words: str) -> str:
        return of.run("doctor", *words).stdout.decode()

    node_of(stranger)
    assert "a member of no channel" in doctor(stranger, uri)
    said = doctor(asker, uri)
    assert "does not want requestFiles" in said and "set-roles rats requestFiles provideFiles" in said
    assert "its daemon does not run" in doctor(with_it)
    asker.run("channel", "set-roles", "rats", "requestFiles").expect()
    assert "no node that provides files in the channel rats is connected" in doctor(asker, uri)
    with with_it.daemon():
        assert f"the node {node_of(with_it).id}" in doctor(asker, uri)
        assert "none has it" in doctor(asker, "sha1://" + "0" * 40)
        assert "connected; provides files in rats" in doctor(with_it)


def test_a_large_lie_is_not_believed_and_the_truth_is_found(machine: Callable[..., Machine], hub: RunningHub) -> None:
    """Its list of chunks is of other content: nobody can tell before all of it has come."""
    content = os.urandom(LARGE)
    liar, honest, asker = machine("liar", "provideFiles"), machine("honest", "provideFiles"), machine("asker", "requestFiles")
    uri = keep(honest, content)
    lies = threading.Event()

    def lie(order: Order) -> None:
        if lies.is_set():
            order.answer(state="completed", size=len(content), bytes_uploaded=len(content))
            return
        lies.set()
        Upload(order.live.node, hub.url, content, b"x" + content[1:], channel="rats").finish(order)

    with LiveNode(node_of(liar), hub.url, lie, has=lambda asked: len(content)) as live:
        live.serve("default", None)
        refused = asker.run("load", uri)
        assert refused.code == CORRUPT and lies.is_set(), refused.stderr
        assert not asker.has(uri)
        with honest.daemon():
            assert loaded(asker, uri) == content


def test_whoever_vanishes_in_the_middle_is_followed_by_the_next(machine: Callable[..., Machine]) -> None:
    content = os.urandom(LARGE)
    holders = [machine(name, "provideFiles") for name in ("one", "other")]
    asker = machine("asker", "requestFiles")
    for holder in holders:
        uri = keep(holder, content)

    def working() -> list[int]:
        return [status["process"] for status in (holder.daemon_status() for holder in holders) if status["uploads_running"] == 1]

    with holders[0].daemon("--upload-rate", "4M"), holders[1].daemon("--upload-rate", "4M"):
        with asker.start("load", uri) as loading:
            wait_until(lambda: any((asker.store / "partial").glob("*/data")), "chunks come")
            wait_until(lambda: len(working()) == 1, "one of them uploads")
            os.kill(working()[0], signal.SIGKILL)
            stdout, stderr = loading.communicate(timeout=60)
        assert loading.returncode == 0, stderr
        assert Path(stdout.decode().strip()).read_bytes() == content
