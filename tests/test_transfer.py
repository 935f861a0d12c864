"""Transfers between two machines and a real hub, with what can happen to them in the middle: kills, damage, wrong clocks."""

from __future__ import annotations

import os
import random
import shutil
import signal
import urllib.request
from pathlib import Path
from typing import Iterator

import pytest
from harness import CORRUPT, MISSING, OK, UNREACHABLE, Program, flip_bit, sha1, wait_until, write
from hub import RunningHub, running_hub
from machine import Machine

LARGE = 96 << 20
CHUNK = 8 << 20


@pytest.fixture
def hub(tmp_path: Path, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path, open=True, program=program) as hub:
        yield hub


def machine(program: Program, hub: RunningHub, tmp_path: Path, name: str) -> Machine:
    return Machine(program, tmp_path / name, hub.url)


def content(size: int) -> bytes:
    return random.Random(size).randbytes(size)


def chunks_noted(store: Path, digest: str) -> int:
    """How many chunks of an interrupted fetch are there."""
    try:
        return sum(byte.bit_count() for byte in (store / "partial" / digest / "bitmap").read_bytes())
    except FileNotFoundError:
        return 0


def bytes_sent(hub: RunningHub) -> int:
    """By the hub, as answers, since it was started."""
    token = (hub.directory / "metrics-token").read_text().strip()
    request = urllib.request.Request(f"{hub.url}/metrics", headers={"Authorization": f"Bearer {token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        lines = answer.read().decode().splitlines()
    return int(float(next(line.split()[1] for line in lines if line.startswith("kachery_hub_sent_bytes_total"))))


def send(one: Machine, path: Path) -> str:
    """Stores a file on a machine and in the zone; its digest."""
    return one.run("store", path).expect(OK).digests[0]


def test_a_fetch_that_is_killed_again_and_again_comes_to_its_end(program, hub, tmp_path):
    data = content(LARGE)
    digest = send(machine(program, hub, tmp_path, "one"), write(tmp_path / "file", data))
    other = machine(program, hub, tmp_path, "other")
    noted = 0
    for wanted in (2, 5, 8):
        fetching = other.start("load", f"sha1://{digest}")
        wait_until(lambda: chunks_noted(other.store, digest) >= wanted or fetching.poll() is not None, "chunks come", 60)
        fetching.send_signal(signal.SIGKILL)
        fetching.wait()
        if other.has(f"sha1://{digest}"):
            break
        assert chunks_noted(other.store, digest) >= noted, "what was there is not fetched again"
        noted = chunks_noted(other.store, digest)
    before = bytes_sent(hub)
    path = Path(other.run("load", f"sha1://{digest}").expect(OK).stdout.decode().strip())
    assert sha1(path.read_bytes()) == digest
    # What was noted is not sent again, but for the lists of chunks and the answers of the hub.
    assert bytes_sent(hub) - before <= LARGE - noted * CHUNK + (1 << 20)
    assert not list((other.store / "partial").iterdir())


def test_a_fetch_outlives_the_hub(program, hub, tmp_path):
    data = content(LARGE)
    digest = send(machine(program, hub, tmp_path, "one"), write(tmp_path / "file", data))
    other = machine(program, hub, tmp_path, "other")
    fetching = other.start("load", f"sha1://{digest}")
    wait_until(lambda: chunks_noted(other.store, digest) >= 3 or fetching.poll() is not None, "chunks come", 60)
    hub.restart(signal.SIGKILL)
    assert fetching.wait(60) in (OK, UNREACHABLE)
    path = Path(other.run("load", f"sha1://{digest}").expect(OK).stdout.decode().strip())
    assert sha1(path.read_bytes()) == digest


@pytest.mark.parametrize("size", [100_000, 3 << 20, (16 << 20) + 1])
def test_damage_in_the_bucket_never_gets_a_name(program, hub, tmp_path, size):
    one = machine(program, hub, tmp_path, "one")
    digest = send(one, write(tmp_path / "file", content(size)))
    shutil.rmtree(one.store / "sha1")
    chunk = max((path for path in hub.directory.rglob("chunks/**/*") if path.is_file()), key=lambda path: path.stat().st_size)
    os.chmod(chunk, 0o600)
    flip_bit(chunk, 8 * 1000 + 3)
    other = machine(program, hub, tmp_path, "other")
    outcome = other.run("load", f"sha1://{digest}")
    # The hub, which hashes large files once more by itself, may have found the damage first.
    assert outcome.code in (CORRUPT, MISSING), outcome
    assert hub.url in outcome.stderr
    assert not other.has(f"sha1://{digest}")


@pytest.mark.skipif(shutil.which("faketime") is None, reason="needs faketime")
@pytest.mark.parametrize("shift", ["+1d", "-1d", "+30d", "-30d"])
def test_a_wrong_clock_only_costs_a_second_try(program, hub, tmp_path, shift):
    one = Machine(program.under("faketime", "-f", shift), tmp_path / "one", hub.url)
    other = Machine(program.under("faketime", "-f", shift), tmp_path / "other", hub.url)
    digest = send(one, write(tmp_path / "file", content(20 << 20)))
    path = Path(other.run("load", f"sha1://{digest}").expect(OK).stdout.decode().strip())
    assert sha1(path.read_bytes()) == digest
