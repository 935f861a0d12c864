"""`kachery daemon`: a node that provides, in the foreground, in the background, stopped, killed, cut off, twice."""

from __future__ import annotations

import configparser
import json
import os
import shlex
import signal
import stat
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator

import pytest
from harness import MISSING, OK, USAGE, Program, is_alive, sha1, wait_until, write
from hub import RunningHub, running_hub
from machine import Machine
from proxy import free_port

EXISTS = 1
NOWHERE = "sha1://" + "0" * 40


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
    return machine.run("store", "--local", write(machine.path / name, content)).expect().uri


def register(machine: Machine, name: str = "lab") -> None:
    machine.run("resource", "register", name).expect()


def status(machine: Machine) -> dict[str, Any]:
    return json.loads(machine.run("daemon", "status", "--json").expect().stdout)


@contextmanager
def background(machine: Machine, *words: str) -> Iterator[int]:
    """Its process."""
    process = json.loads(machine.run("daemon", "start", "--background", "--json", *words).expect().stdout)["process"]
    try:
        yield process
    finally:
        machine.run("daemon", "stop")
        wait_until(lambda: not is_alive(process), "the daemon ends", 20)


def load(machine: Machine, uri: str, resource: str = "lab") -> bytes:
    path = machine.run("load", "--resource", resource, uri).expect().stdout.decode().strip()
    return Path(path).read_bytes()


def test_a_daemon_in_the_background_serves_every_name_of_its_node(one: Machine, other: Machine) -> None:
    register(one)
    first = keep(one, b"first")
    with background(one) as process:
        now = status(one)
        assert now["state"] == "connected" and now["process"] == process and now["why"] is None
        assert load(other, first) == b"first"
        second = keep(one, b"stored while it runs", "second.bin")
        register(one, "later")
        assert load(other, second, "later") == b"stored while it runs"
        wait_until(lambda: status(one)["uploads_completed"] == 2, "both are counted")
        assert status(one)["bytes_provided"] == len(b"first") + len(b"stored while it runs")
        missing = other.run("load", "--resource", "lab", NOWHERE).expect(MISSING)
        assert "does not have it" in missing.stderr
    assert one.run("daemon", "status").code == MISSING


def test_its_place_is_for_its_owner_alone(one: Machine) -> None:
    with background(one):
        place = one.store / "daemon"
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        wait_until(lambda: (place / "status.json").exists(), "it says how it is")
        for file in place.iterdir():
            assert stat.S_IMODE(file.stat().st_mode) & 0o077 == 0, file
        assert "Connected" in (place / "log").read_text()


def test_a_second_one_names_the_first_and_ends(one: Machine) -> None:
    with background(one) as process:
        for words in (["daemon", "start"], ["daemon", "start", "--background"], ["--as", "kachery-daemon-start", "--label", "x"]):
            refused = one.run(*words)
            assert refused.code == EXISTS and f"process {process}" in refused.stderr and "daemon stop" in refused.stderr
        assert status(one)["process"] == process


def test_one_elsewhere_with_the_same_key_is_refused_and_both_say_so(one: Machine, program: Program, hub: RunningHub,
                                                                     tmp_path: Path) -> None:
    register(one)
    content = keep(one, b"content")
    copy = Machine(program, tmp_path / "copy", hub.url)
    copy.store.mkdir()
    for name in ("private.pem", "public.pem"):
        (copy.store / name).write_bytes((one.store / name).read_bytes())
        (copy.store / name).chmod(0o600)
    with background(one):
        with background(copy):
            wait_until(lambda: status(copy)["state"] == "waiting", "it is refused")
            assert "another daemon serves the node" in status(copy)["why"]
            wait_until(lambda: "another daemon of the same key" in (one.store / "daemon/log").read_text(), "the first hears of it")
            assert load(Machine(program, tmp_path / "reader", hub.url), content) == b"content"


def test_a_killed_one_leaves_its_place_to_the_next(one: Machine, other: Machine) -> None:
    register(one)
    content = keep(one, b"content")
    with background(one) as process:
        os.kill(process, signal.SIGKILL)
        wait_until(lambda: one.run("daemon", "status").code == MISSING, "nobody holds its place")
        with background(one) as next_one:
            assert next_one != process
            assert load(other, content) == b"content"


def test_it_survives_the_hub_and_the_network(one: Machine, other: Machine, hub: RunningHub) -> None:
    register(one)
    before, after = keep(one, b"before"), keep(one, b"after", "after.bin")
    with background(one):
        assert load(other, before) == b"before"
        hub.restart(signal.SIGKILL)
        wait_until(lambda: status(one)["state"] == "connected", "it is back", 40)
        assert load(other, after) == b"after"


def test_it_says_why_it_is_not_connected(program: Program, tmp_path: Path) -> None:
    address = f"http://127.0.0.1:{free_port()}"
    machine = Machine(program, tmp_path / "away", address)
    with background(machine):
        now = status(machine)
        assert now["state"] == "waiting" and address.removeprefix("http://") in now["why"], now


def test_what_cannot_be_is_refused_at_once(program: Program, hub: RunningHub, tmp_path: Path) -> None:
    machine = Machine(program, tmp_path / "one", hub.url)
    assert "1 to 64" in machine.run("daemon", "start", "--uploads", "0").expect(USAGE).stderr
    for command in ("start", "install"):
        assert "256" in machine.run("daemon", command, "--upload-rate", "1K").expect(USAGE).stderr
    assert not (machine.path / ".config").exists()
    without = Machine(program, tmp_path / "two", "")
    assert "no hub is configured" in without.run("daemon", "start", "--background").stderr
    assert "no daemon runs" in machine.run("daemon", "stop").expect(MISSING).stderr


def test_an_upload_keeps_to_its_rate(one: Machine, other: Machine, rng) -> None:
    register(one)
    content = keep(one, rng.randbytes(1_500_000))
    with background(one, "--upload-rate", "1M"):
        begun = time.monotonic()
        assert sha1(load(other, content)) in content
        assert time.monotonic() - begun > 1.2


def test_the_unit_starts_this_program_with_these_settings(one: Machine, hub: RunningHub, tmp_path: Path) -> None:
    odd = Machine(one.program, tmp_path / 'a "b" 50% $HOME', hub.url)
    path = Path(json.loads(odd.run("daemon", "install", "--json", "--uploads", "3").expect().stdout)["unit"])
    assert path == odd.path / ".config/systemd/user/kachery-daemon.service"
    unit = configparser.RawConfigParser(strict=False)
    unit.optionxform = str  # type: ignore[assignment, method-assign]
    unit.read(path)
    words = shlex.split(unit["Service"]["ExecStart"].replace("%%", "%").replace("$$", "$"))
    assert words == [str(one.program.path.resolve()), "daemon", "start", "--uploads", "3"]
    text = path.read_text().replace("%%", "%")
    assert f"KACHERY_DIR={odd.store}".replace('"', '\\"') in text and "Restart=on-failure" in text
    refused = odd.program.run("daemon", "install", env=odd.environment | {
        "KACHERY_CLOUD_CLIENT_ID": "0" * 64, "KACHERY_CLOUD_PRIVATE_KEY": "secret"}, cwd=odd.path)
    assert refused.code == USAGE and "KACHERY_CLOUD_PRIVATE_KEY" in refused.stderr and "secret" not in refused.stderr


def test_the_first_generations_names(one: Machine) -> None:
    assert b"Node ID: none yet" in one.run("--as", "kachery-daemon-info").expect().stdout
    with one.start("--as", "kachery-daemon-start", "--label", "lab", "--owner", "a@b.c") as daemon:
        wait_until(lambda: one.run("daemon", "status").code == OK and status(one)["state"] == "connected", "it is connected")
        said = one.run("--as", "kachery-daemon-info").expect().stdout.decode()
        assert "connected" in said and len(said.split()[2]) == 64
        daemon.send_signal(signal.SIGINT)
        daemon.communicate(timeout=20)
    assert daemon.returncode == 0
