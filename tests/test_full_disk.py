"""A4: the disk fills up. The error says so, nothing half done is left, nothing is lost, and it goes on when there is
space again."""

from __future__ import annotations

import itertools
import os
import random
import re
from pathlib import Path
from typing import Callable

import pytest

import mounts
from harness import FULL, Outcome, Program, Store, sha1, write

KIB = 1 << 10
MIB = 1 << 20
SIZE_MIN = 64 * KIB  # Free at first, beside as much ballast. While a call runs, index.db takes a good part of it.


def assert_says_so(outcome: Outcome) -> None:
    outcome.expect(FULL)
    assert outcome.stdout == b"", f"something was acknowledged: {outcome}"
    assert re.search(r"\b\d+ more bytes needed, \d+ (bytes )?free\b", outcome.stderr), outcome.stderr


def assert_unharmed(store: Store, earlier: list[bytes]) -> None:
    store.assert_holds(earlier)
    store.assert_sound()
    assert not store.sessions(), f"temporaries were left: {store.temporaries()}"
    assert store.digests() == {sha1(data) for data in earlier}, "something unacknowledged is there"


def fill_up(program: Program, disk: Path, size: int, rng: random.Random) -> None:
    """Stores into a small disk until it is full, takes the ballast out, and stores the same again."""
    ballast = write(disk / "ballast", b"b" * size)
    store = Store(program, disk / "store")
    earlier: list[bytes] = []
    for _ in range(10_000):
        data = rng.randbytes(rng.choice((1, 100, size // 64, 4096, size // 20, size // 10, size // 8)))
        outcome = store.run("store", "-", input=data)
        if outcome.code != 0:
            break
        earlier.append(data)
    assert_says_so(outcome)
    assert_unharmed(store, earlier)
    for kept in earlier[-2:]:
        assert store.cat(sha1(kept)).expect().stdout == kept
    ballast.unlink()
    store.run("store", "-", input=data).expect()
    assert_unharmed(store, [*earlier, data])
    store.assert_verified()


def test_a_disk_of_any_size_fills_up_without_harm(program, may_mount, tmp_path, rng, campaign, outcome, seed):
    sizes = [SIZE_MIN + 4 * KIB * step for step in range(campaign("disks"))]
    for size in sizes:
        with mounts.tmpfs(tmp_path / "disk", 2 * size) as disk:
            try:
                fill_up(program, disk, size, rng)
            except AssertionError as failure:
                raise AssertionError(f"on a disk of {2 * size} bytes: {failure}") from failure
    outcome(f"A4 full disks: {len(sizes)} sizes from {sizes[0]} to {sizes[-1]} bytes free, 0 partial objects (seed {seed})")


@pytest.fixture
def disk(may_mount, tmp_path):
    with mounts.tmpfs(tmp_path / "disk", 1 * MIB) as place:
        yield place


def from_file(store: Store, sources: Path, data: bytes) -> Outcome:
    return store.run("store", write(sources / "large", data))


def from_stdin(store: Store, _: Path, data: bytes) -> Outcome:
    return store.run("store", "-", input=data)


def as_a_batch(store: Store, sources: Path, data: bytes) -> Outcome:
    size = -(-len(data) // 20)
    return store.run("store", *(write(sources / f"part {at}", data[at:at + size]) for at in range(0, len(data), size)))


@pytest.mark.parametrize("way", [from_file, from_stdin, as_a_batch])
@pytest.mark.parametrize("size", [1_200_000, 5_000_003])
def test_more_than_fits_is_refused_whole(program, disk, tmp_path, rng, way: Callable, size):
    store = Store(program, disk / "store")
    earlier = [rng.randbytes(size) for size in (10, 30_000)]
    for data in earlier:
        store.put(data)
    assert_says_so(way(store, tmp_path / "sources", rng.randbytes(size)))
    assert_unharmed(store, earlier)
    store.assert_verified()


def test_the_same_batch_works_when_there_is_space_again(program, disk, tmp_path, rng):
    ballast = write(disk / "ballast", b"b" * (600 * KIB))
    store = Store(program, disk / "store")
    data = rng.randbytes(600_000)
    assert_says_so(as_a_batch(store, tmp_path, data))
    ballast.unlink()
    assert len(as_a_batch(store, tmp_path, data).expect().uris) == 20
    store.assert_sound()


def test_a_link_needs_space_for_its_record_only(program, disk, tmp_path, rng):
    store = Store(program, disk / "store")
    store.put(b"so that the directory is there")
    fill(disk)
    source = write(tmp_path / "source", rng.randbytes(3 * MIB))
    assert_says_so(store.run("link", source))
    store.assert_sound()
    assert not store.sessions() and not list(store.records())
    (disk / "filler").unlink()
    digest = store.run("link", source).expect().digests[0]
    assert store.cat(digest).expect().stdout == source.read_bytes()


def fill(disk: Path) -> None:
    with (disk / "filler").open("wb", buffering=0) as filler:
        for size in itertools.chain(itertools.repeat(64 * KIB, 1000), itertools.repeat(4 * KIB, 32)):
            try:
                filler.write(b"f" * size)
            except OSError:
                continue


@pytest.mark.parametrize("old", [None, b"what was there before"], ids=["new", "replaced"])
def test_loading_to_a_full_disk_leaves_the_destination_as_it_was(store, disk, rng, old):
    digest = store.put(rng.randbytes(3 * MIB))
    destination = disk / "destination"
    if old is not None:
        write(destination, old)
    assert_says_so(store.run("load", f"sha1://{digest}", "--dest", destination))
    assert os.listdir(disk) == ([] if old is None else ["destination"])
    assert old is None or destination.read_bytes() == old


def test_a_full_disk_can_still_be_read(program, disk, rng):
    store = Store(program, disk / "store")
    contents = [rng.randbytes(size) for size in (0, 5000, 200_000)]
    for data in contents:
        store.put(data)
    fill(disk)
    for data in contents:
        assert store.cat(sha1(data)).expect().stdout == data
        store.run("load", f"sha1://{sha1(data)}").expect()
    store.assert_verified()
