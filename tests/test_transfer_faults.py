"""Large files on their way to a hub and back, with everything in between that can go wrong: processes that are killed,
connections that break, disks that are full, bytes that suffer. A relay stands between, which sees and counts what passes."""

from __future__ import annotations

import contextlib
import hashlib
import os
import random
import re
import signal
import sqlite3
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import mounts
import pytest
from harness import CORRUPT, FULL, MISSING, Outcome, Program, flip_bit, overwrite, wait_until, write
from hub import RunningHub, running_hub
from machine import Machine
from relay import Relay, relay

MIB = 1 << 20
CHUNK = 8 * MIB
SLACK = 2 * MIB
"""Messages, lists of chunks, and what libcurl had in its hands."""
DEADLINE_S = 300


class Place(NamedTuple):
    """A hub behind a relay, with machines."""

    hub: RunningHub
    relay: Relay
    path: Path
    program: Program

    def machine(self, name: str) -> Machine:
        return Machine(self.program, self.path / name, self.relay.url)

    def chunks(self) -> list[Path]:
        """In the hub's bucket, the largest first."""
        found = [path for path in self.hub.directory.rglob("chunks/*/*") if path.is_file()]
        return sorted(found, key=lambda path: -path.stat().st_size)


@pytest.fixture(autouse=True)
def nothing_large_stays(tmp_path: Path) -> Iterator[None]:
    """What pytest keeps of its runs would fill the disk."""
    yield
    for path in tmp_path.rglob("*"):
        if path.is_file() and path.stat().st_size >= MIB:
            path.unlink()


@pytest.fixture
def place(tmp_path: Path, program: Program) -> Iterator[Place]:
    with relay() as between, running_hub(tmp_path, "--public-url", between.url, open=True, program=program) as hub:
        between.to_port = hub.port
        yield Place(hub, between, tmp_path, program)


@pytest.fixture
def large(tmp_path: Path, rng: random.Random, campaign: Callable[[str], int]) -> Path:
    """A file of which no chunk is like another."""
    piece = bytearray(rng.randbytes(MIB))
    with (tmp_path / "large").open("wb") as file:
        for number in range(campaign("transfer")):
            piece[:8] = number.to_bytes(8, "big")
            file.write(piece)
    return tmp_path / "large"


def digest_of(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


def fetched(machine: Machine, uri: str) -> str:
    """The digest of what it has got, by our own hash."""
    path = machine.run("load", uri, deadline_s=DEADLINE_S).expect().stdout.decode().strip()
    assert not list((machine.store / "partial").glob("*")), "nothing is left over"
    return digest_of(Path(path))


def chunks_noted(store: Path, digest: str) -> int:
    """How many chunks of a fetch that is under way, or was, are there."""
    try:
        return sum(byte.bit_count() for byte in (store / "partial" / digest / "bitmap").read_bytes())
    except FileNotFoundError:
        return 0


def claims_are_checked(hub: RunningHub) -> bool:
    """Whether the hub has hashed everything once more that was only claimed."""
    with contextlib.closing(sqlite3.connect(f"file:{hub.directory}/catalog.db?mode=ro", uri=True)) as catalog:
        (count,) = catalog.execute("SELECT count(*) FROM claims WHERE NOT checked").fetchone()
    return count == 0


def ended(process: subprocess.Popen) -> Outcome:
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    return Outcome(process.returncode, stdout, stderr.decode())


# --- A1: the sender is killed

STAGES = {
    "before it begins": ("up", b"POST /v1/uploads/begin", 1),
    "when it is told how": ("down", b'{"uploads"', 1),
    "with the first chunk": ("up", b"PUT /bucket/", 1),
    "after some chunks": ("up", b"PUT /bucket/", 7),
    "before it commits": ("up", b"POST /v1/uploads/commit", 1),
    "before it hears of the commit": ("down", b'{"files":[{"state":"stored"', 1),
}
"""Which piece that passes, of those that hold these bytes, is the last that the sender takes part in."""


@pytest.mark.parametrize("stage", STAGES)
def test_a_killed_sender_blocks_nobody_and_goes_on_where_it_was(place, large, stage, outcome):
    direction, sign, count = STAGES[stage]
    size, digest = large.stat().st_size, digest_of(large)
    uri = f"sha1://{digest}"
    one, other = place.machine("one"), place.machine("other")
    sending = one.start("store", large)
    seen = 0

    def kill(way: str, piece: bytes) -> None:
        nonlocal seen
        if way == direction and sign in piece:
            seen += 1
            if seen == count:
                sending.kill()
                place.relay.cut()  # So that this piece goes no further, either.

    place.relay.watcher = kill
    assert ended(sending).code == -signal.SIGKILL, "the stage was reached"
    there = sum(path.stat().st_size for path in place.chunks() if path.stat().st_size == CHUNK)
    place.relay.forget()
    is_committed = stage == "before it hears of the commit"
    if is_committed:
        assert fetched(other, uri) == digest
    else:
        other.run("load", uri).expect(MISSING)
        assert not other.has(uri)

    place.relay.forget()
    assert one.run("store", large, deadline_s=DEADLINE_S).expect().digests == [digest]
    sent = place.relay.bytes["up"]
    assert sent <= size - there + SLACK, "what was there is not sent again"
    assert fetched(place.machine("third"), uri) == digest
    outcome(f"sender killed {stage}: {there / MIB:.0f} of {size / MIB:.0f} MiB were there, {sent / MIB:.1f} MiB were sent then")


def test_what_a_killed_sender_has_begun_another_one_may_send(place, large):
    digest = digest_of(large)
    sending = place.machine("one").start("store", large)
    wait_until(lambda: len(place.chunks()) >= 3 or sending.poll() is not None, "chunks come", 60)
    sending.kill()
    sending.wait()
    place.machine("two").run("store", large, deadline_s=DEADLINE_S).expect()
    assert fetched(place.machine("three"), f"sha1://{digest}") == digest


# --- A2: the hub is killed


def test_a_hub_that_is_killed_while_it_receives(place, large, outcome):
    digest, begun = digest_of(large), time.monotonic()
    sending = place.machine("one").start("store", large)
    for number in (2, 6):
        wait_until(lambda: len(place.chunks()) >= number or sending.poll() is not None, "chunks come", 60)
        place.hub.restart(signal.SIGKILL)
    ended(sending).expect()
    assert fetched(place.machine("other"), f"sha1://{digest}") == digest
    outcome(f"hub killed twice while it received {large.stat().st_size >> 20} MiB: the sender waited and went on, "
            f"all in {time.monotonic() - begun:.1f} s")


def test_a_hub_that_is_killed_while_it_sends(place, large, outcome):
    digest, begun = digest_of(large), time.monotonic()
    place.machine("one").run("store", large, deadline_s=DEADLINE_S).expect()
    other = place.machine("other")
    fetching = other.start("load", f"sha1://{digest}")
    for number in (2, 6):
        wait_until(lambda: chunks_noted(other.store, digest) >= number or fetching.poll() is not None, "chunks come", 60)
        place.hub.restart(signal.SIGKILL)
    ended(fetching).expect()
    assert fetched(other, f"sha1://{digest}") == digest
    outcome(f"hub killed twice while it sent {large.stat().st_size >> 20} MiB: the receiver waited and went on, "
            f"all in {time.monotonic() - begun:.1f} s")


# --- A3: the connection breaks


def cut_every(relay: Relay, step: int) -> Callable[[], int]:
    """Breaks everything after each `step` bytes; how often it has."""
    cuts = 0

    def watch(_direction: str, _piece: bytes) -> None:
        nonlocal cuts
        if sum(relay.bytes.values()) // step > cuts:
            cuts += 1
            relay.cut()

    relay.watcher = watch
    return lambda: cuts


def test_connections_that_break_again_and_again(place, large, outcome):
    size, digest = large.stat().st_size, digest_of(large)
    one, other = place.machine("one"), place.machine("other")
    place.relay.forget()
    cuts_of_upload = cut_every(place.relay, size // 4)
    one.run("store", large, deadline_s=DEADLINE_S).expect()
    assert place.relay.bytes["up"] <= size + cuts_of_upload() * 4 * CHUNK + SLACK
    place.relay.forget()
    cuts_of_fetch = cut_every(place.relay, size // 4)
    assert fetched(other, f"sha1://{digest}") == digest
    received = place.relay.bytes["down"]
    assert received <= size + cuts_of_fetch() * 4 * SLACK, "a fetch goes on behind the bytes it has"
    assert cuts_of_upload() >= 3 and cuts_of_fetch() >= 3
    outcome(f"connections broken {cuts_of_upload()} times in an upload and {cuts_of_fetch()} times in a fetch of "
            f"{size >> 20} MiB: both went through, {received / size:.2f} times the bytes were fetched")


# --- A4: two at once


def test_processes_that_fetch_the_same_at_once_share_one_fetch(place, large):
    size, digest = large.stat().st_size, digest_of(large)
    place.machine("one").run("store", large, deadline_s=DEADLINE_S).expect()
    other = place.machine("other")
    place.relay.forget()
    both = [other.start("load", f"sha1://{digest}") for _ in range(3)]
    paths = {ended(process).expect().stdout for process in both}
    assert len(paths) == 1
    assert digest_of(Path(paths.pop().decode().strip())) == digest
    assert place.relay.bytes["down"] <= size + SLACK, "it came once"
    assert not list((other.store / "partial").iterdir())


# --- A5: bytes that suffer in the bucket


def flipped(chunk: Path) -> None:
    flip_bit(chunk, 8 * 1000 + 3)


def truncated(chunk: Path) -> None:
    os.chmod(chunk, 0o600)
    os.truncate(chunk, chunk.stat().st_size - 1000)


def emptied(chunk: Path) -> None:
    os.chmod(chunk, 0o600)
    os.truncate(chunk, 0)


def lengthened(chunk: Path) -> None:
    overwrite(chunk, b"more", chunk.stat().st_size)


def gone(chunk: Path) -> None:
    chunk.unlink()


@pytest.mark.parametrize("damage", [flipped, truncated, emptied, lengthened, gone])
@pytest.mark.parametrize("size", [100_000, 3 * MIB, 20 * MIB + 1])
def test_what_suffered_in_the_bucket_is_never_taken_and_is_mended_by_storing_it_again(place, rng, damage, size):
    source = write(place.path / "source", rng.randbytes(size))
    digest = digest_of(source)
    uri = f"sha1://{digest}"
    one, other = place.machine("one"), place.machine("other")
    one.run("store", source).expect()
    wait_until(lambda: claims_are_checked(place.hub), "the hub has hashed it once more", 30)
    chunk = place.chunks()[0]
    damage(chunk)

    outcome = other.run("load", uri)
    assert outcome.code in (CORRUPT, MISSING), outcome
    assert uri in outcome.stderr and place.relay.url in outcome.stderr, outcome
    assert "store it again" in outcome.stderr, outcome
    assert not other.has(uri)
    quarantined = list(place.hub.directory.rglob("quarantine/*"))
    assert [path.name.split(".")[0] for path in quarantined] == ([] if damage is gone else [chunk.name])

    place.relay.forget()
    one.run("store", source).expect()
    assert place.relay.bytes["up"] <= CHUNK + SLACK, "only what suffered is sent again"
    assert fetched(other, uri) == digest


# --- A6: URLs that expire in the middle


@pytest.fixture
def movable_clock(program: Program, tmp_path: Path) -> tuple[Program, Path]:
    """The program, whose clock goes by what a file says ("+2h")."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        pytest.skip("faketime is not installed")
    file = write(tmp_path / "clock", b"+0")
    return program.under("env", f"LD_PRELOAD={libraries[0]}", f"FAKETIME_TIMESTAMP_FILE={file}", "FAKETIME_NO_CACHE=1",
                         "FAKETIME_DONT_FAKE_MONOTONIC=1"), file


def move_clock(relay: Relay, clock: Path, shift: str, sign: bytes) -> Callable[[], int]:
    """Once four such requests have passed, it is so much later at the hub; how often it has refused one then."""
    passed = refused = 0

    def watch(direction: str, piece: bytes) -> None:
        nonlocal passed, refused
        passed += direction == "up" and piece.startswith(sign)
        refused += direction == "down" and piece.startswith(b"HTTP/1.1 403")
        if passed == 4:
            clock.write_text(shift)

    relay.watcher = watch
    return lambda: refused


def test_urls_that_expire_in_the_middle_are_asked_for_anew(tmp_path, program, movable_clock, large):
    digest = digest_of(large)
    server, clock = movable_clock
    with relay() as between, running_hub(tmp_path, "--public-url", between.url, open=True, program=server) as hub:
        between.to_port = hub.port
        place = Place(hub, between, tmp_path, program)
        refused = move_clock(between, clock, "+20m", b"PUT /bucket/")
        place.machine("one").run("store", large, deadline_s=DEADLINE_S).expect()
        assert refused() > 0
        refused = move_clock(between, clock, "+3h", b"GET /bucket/")
        assert fetched(place.machine("other"), f"sha1://{digest}") == digest
        assert refused() > 0


# --- A7: disks that are full


def test_a_full_disk_of_the_receiver(place, rng, tmp_path, may_mount):
    source = write(tmp_path / "source", rng.randbytes(48 * MIB))
    digest = digest_of(source)
    place.machine("one").run("store", source).expect()
    with mounts.tmpfs(tmp_path / "disk", 64 * MIB) as disk:
        ballast = write(disk / "ballast", bytes(32 * MIB))
        other = Machine(place.program, disk / "other", place.relay.url)
        outcome = other.run("load", f"sha1://{digest}").expect(FULL)
        assert re.search(r"\d+ more bytes needed, \d+ (bytes )?free|[Nn]o space", outcome.stderr), outcome
        assert not other.has(f"sha1://{digest}")
        ballast.unlink()
        assert fetched(other, f"sha1://{digest}") == digest


def test_a_full_disk_of_the_hub(tmp_path, program, rng, may_mount):
    source = write(tmp_path / "source", rng.randbytes(48 * MIB))
    digest = digest_of(source)
    with mounts.tmpfs(tmp_path / "disk", 72 * MIB) as disk, relay() as between:
        with running_hub(disk, "--public-url", between.url, open=True, program=program) as hub:
            between.to_port = hub.port
            place = Place(hub, between, tmp_path, program)
            one = place.machine("one")
            earlier = one.run("store", write(tmp_path / "earlier", rng.randbytes(3 * MIB))).expect().digests[0]
            ballast = write(disk / "ballast", bytes(48 * MIB))
            outcome = one.run("store", source).expect(FULL)
            assert re.search(r"space|more bytes needed", outcome.stderr) and between.url in outcome.stderr, outcome
            place.machine("second").run("load", f"sha1://{digest}").expect(MISSING)
            assert fetched(place.machine("third"), f"sha1://{earlier}") == earlier
            ballast.unlink()
            between.forget()
            one.run("store", source).expect()
            assert between.bytes["up"] < source.stat().st_size, "what was there is not sent again"
            assert fetched(place.machine("fourth"), f"sha1://{digest}") == digest
            assert fetched(place.machine("fifth"), f"sha1://{earlier}") == earlier
