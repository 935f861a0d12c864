"""A11: bytes rot. Whatever bit of an object, of a link record or of index.db changes, nobody ever gets wrong bytes, and
no file ever gets a wrong URI."""

from __future__ import annotations

import os
import random
import shutil
import sqlite3
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest

from harness import (CORRUPT, MISSING, OK, PARTLY, Store, evenly, flip_bit, in_parallel, overwrite, sha1,
                     wait_until_settled, write)

MIB = 1 << 20
SMALL = 1024
BITS = SMALL * 8
LARGE = 50 * MIB


def assert_refused(store: Store, digest: str) -> None:
    """A damaged object gives exit 7, and not a byte."""
    for command in ("cat", "load"):
        outcome = store.run(command, f"sha1://{digest}").expect(CORRUPT)
        assert outcome.stdout == b"", f"{command} gave something of a damaged object"
        assert digest in outcome.stderr


def plant(store: Store, data: bytes, damaged: bytes | None = None) -> str:
    """An object, put in its place by hand; with these bytes instead, where they are given."""
    digest = sha1(data)
    write(store.object(digest), data if damaged is None else damaged)
    return digest


def with_flip(data: bytes, bit: int) -> bytes:
    flipped = bytearray(data)
    flipped[bit // 8] ^= 1 << bit % 8
    return bytes(flipped)


def test_verify_finds_a_flip_of_any_bit_of_a_small_object(store, rng, outcome, seed):
    """One object for each of its 8,192 bits, that bit flipped, among as many good ones."""
    damaged = set()
    good = set()
    for bit in range(BITS):
        data = rng.randbytes(SMALL)
        damaged.add(plant(store, data, with_flip(data, bit)))
        if bit % 8 == 0:
            good.add(plant(store, rng.randbytes(SMALL)))
    report = store.verify()
    assert report["exit"] == CORRUPT
    assert {fault["uri"].removeprefix("sha1://") for fault in report["damaged"]} == damaged
    assert store.digests() == good, "damaged objects go to quarantine, good ones stay"
    assert {path.name[:40] for path in (store.path / "quarantine").iterdir()} == damaged
    store.assert_verified()
    outcome(f"A11 verify: {len(report['damaged'])} of {BITS} flips found, 0 of {len(good)} good objects accused "
            f"(seed {seed})")


def test_cat_and_load_refuse_a_flip_of_any_bit_of_a_small_object(store, rng, campaign, outcome, seed):
    data = rng.randbytes(SMALL)
    bits = evenly(range(BITS), min(BITS, campaign("flips")))

    def try_bit(bit: int) -> None:
        place = replace(store, path=store.path / str(bit))
        assert_refused(place, plant(place, data, with_flip(data, bit)))

    in_parallel(try_bit, bits)
    outcome(f"A11 cat and load: {len(bits)} flips of {BITS} tried, all refused (seed {seed})")


@pytest.fixture
def remembered(store, rng) -> tuple[Store, str]:
    """A large object whose hash index.db knows."""
    digest = store.put(rng.randbytes(LARGE))
    [[known]] = sqlite3.connect(store.path / "index.db").execute(
        "SELECT count(*) FROM hashed WHERE inode = ?", [store.object(digest).stat().st_ino])
    assert known == 1, "the object should be remembered, or this test shows little"
    return store, digest


def test_flips_in_a_large_object_are_found_although_its_hash_is_remembered(remembered, rng, campaign, outcome, seed):
    store, digest = remembered
    count = max(5, campaign("flips") // 10)
    for _ in range(count):
        bit = rng.randrange(LARGE * 8)
        before = store.object(digest).stat()
        flip_bit(store.object(digest), bit)
        if rng.random() < 0.5:  # One that covers its tracks.
            os.utime(store.object(digest), ns=(before.st_atime_ns, before.st_mtime_ns))
        assert_refused(store, digest)
        report = store.verify()
        assert report["exit"] == CORRUPT and len(report["damaged"]) == 1
        assert not store.object(digest).exists()
        store.cat(digest).expect(MISSING)
        [kept] = (store.path / "quarantine").iterdir()
        flip_bit(kept, bit)
        kept.rename(store.object(digest))
    outcome(f"A11 a known object of 50 MiB: {count} flips, all refused by load, cat and verify (seed {seed})")


def test_storing_the_original_again_replaces_a_damaged_object(remembered, rng, tmp_path):
    store, digest = remembered
    original = Path(shutil.copy(store.object(digest), tmp_path / "original"))
    flip_bit(store.object(digest), rng.randrange(LARGE * 8))
    damaged = store.object(digest).read_bytes()
    assert store.put_file(original).startswith(f"sha1://{digest}")
    store.assert_sound()
    [kept] = (store.path / "quarantine").iterdir()
    assert kept.read_bytes() == damaged
    store.assert_verified()


@pytest.mark.parametrize("size", [1, SMALL, MIB - 1, MIB, MIB + 3])
def test_truncated_and_padded_objects_are_refused(store, rng, size):
    data = rng.randbytes(size)
    digest = store.put(data)
    for wrong in {b"", data[:-1], data[:size // 2], data + b"\0", data + data, b"\0" + data[1:] + b"\1"} - {data}:
        store.object(digest).chmod(0o644)
        store.object(digest).write_bytes(wrong)
        assert_refused(store, digest)
    assert store.verify()["exit"] == CORRUPT
    assert store.put(data) == digest
    assert store.cat(digest).expect().stdout == data


def test_a_damaged_object_gives_way_to_a_link_with_the_right_bytes(store, rng, tmp_path):
    data = rng.randbytes(5000)
    digest = store.put(data)
    store.run("link", write(tmp_path / "linked", data)).expect()
    flip_bit(store.object(digest), 77)
    assert store.cat(digest).expect().stdout == data


# --- Link records


def test_no_flip_in_a_link_record_leads_to_wrong_bytes(store, rng, tmp_path, campaign, outcome, seed):
    """Beside the linked file lie others of its size, whose names are one bit away."""
    data = rng.randbytes(3000)
    linked = write(tmp_path / "files" / "a", data)
    for bit in range(7):
        name = chr(ord("a") ^ 1 << bit)
        if name not in "/\0":
            write(tmp_path / "files" / name, rng.randbytes(3000))
    wait_until_settled([linked])
    digest = store.run("link", linked).expect().digests[0]
    records = store.link(digest).read_bytes(), store.gen1_link(digest).read_bytes()
    flips = [(which, bit) for which in (0, 1) for bit in range(len(records[which]) * 8)]
    codes: Counter[int] = Counter()

    def try_flip(flip: tuple[int, int]) -> None:
        which, bit = flip
        place = replace(store, path=store.path / f"{which}-{bit}")
        for other in (0, 1):
            record = place.gen1_link(digest) if other else place.link(digest)
            # Once with the other record whole beside it, once alone.
            if other == which:
                write(record, with_flip(records[other], bit))
            elif bit % 2:
                write(record, records[other])
        outcome = place.cat(digest)
        codes[outcome.code] += 1
        assert outcome.code in (OK, MISSING, CORRUPT), (flip, outcome)
        assert outcome.stdout == (data if outcome.code == OK else b""), (flip, outcome.code)
        assert outcome.code == OK or not bit % 2, "the other record was whole"

    chosen = evenly(flips, min(len(flips), 2 * campaign("flips")))
    in_parallel(try_flip, chosen)
    outcome(f"A11 link records: {len(chosen)} flips of {len(flips)} tried, exits {dict(codes)}, never wrong bytes "
            f"(seed {seed})")
    assert codes[MISSING] + codes[CORRUPT] > 0


@pytest.mark.parametrize("text", [b"", b"{", b"null", b"[]", b"{}", b'{"path": 1}', b"\xff\xfe", b"x" * 100_000,
                                  b'{"path": "../../etc/passwd", "size": 1}', b'{"path": "/", "size": 4096}'])
def test_a_senseless_link_record_is_a_miss(store, rng, text):
    digest = sha1(rng.randbytes(10))
    write(store.link(digest), text)
    write(store.gen1_link(digest), text)
    outcome = store.cat(digest).expect(MISSING)
    assert outcome.stdout == b""
    assert store.verify()["exit"] == PARTLY


# --- index.db


@pytest.fixture(scope="module")
def known_once(program, tmp_path_factory) -> tuple[Store, list[tuple[Path, str]]]:
    place = tmp_path_factory.mktemp("known")
    store = Store(program, place / "store")
    paths = [write(place / f"known {size}", os.urandom(size)) for size in (70_000, 100_000, MIB + 3)]
    wait_until_settled(paths)
    uris = [store.put_file(path) for path in paths]
    [[known]] = sqlite3.connect(store.path / "index.db").execute("SELECT count(*) FROM hashed")
    assert known >= len(paths)
    return store, list(zip(paths, uris))


@pytest.fixture
def known_files(known_once, store) -> tuple[Store, list[tuple[Path, str]]]:
    """Stored files whose hashes index.db knows; a copy of it, closed and whole."""
    shutil.copytree(known_once[0].path, store.path)
    return store, known_once[1]


def assert_right_uris(store: Store, known: list[tuple[Path, str]], what: object) -> None:
    stored = store.run("store", *(path for path, _ in known)).expect()
    assert stored.uris == [uri for _, uri in known], f"a wrong URI after {what}"
    for path, uri in known:
        assert store.cat(uri[7:47]).expect().stdout == path.read_bytes(), f"wrong bytes after {what}"


def test_no_flip_in_the_index_leads_to_a_wrong_uri(known_files, rng, campaign, outcome, seed):
    store, known = known_files
    index = (store.path / "index.db").read_bytes()
    tries = max(10, campaign("flips") // 2)
    # The first bytes of a page, and its rows, are what a flip can hit; the rest of it is empty.
    used = [at for at in range(len(index)) if index[at] != 0 or at % 4096 < 200]
    for at in rng.choices(used, k=tries) if tries < len(used) else used:
        overwrite(store.path / "index.db", with_flip(index, at * 8 + rng.randrange(8)))
        assert_right_uris(store, known[:2], f"a flip in byte {at} of index.db")
    outcome(f"A11 index.db: {tries} flips, never a wrong URI (seed {seed})")


def forged(index: Path, digest: bytes) -> None:
    with sqlite3.connect(index) as database:
        database.execute("UPDATE hashed SET digest = ?", [digest])
    database.close()


def test_a_digest_that_is_changed_in_the_index_is_not_believed(known_files):
    store, known = known_files
    forged(store.path / "index.db", bytes(20))
    assert_right_uris(store, known, "a changed digest")


@pytest.mark.parametrize("what", ["empty", "truncated", "padded", "garbage", "text", "a directory", "no permission",
                                  "another database", "garbage in the log"])
def test_the_index_may_be_anything(known_files, rng, tmp_path, what):
    store, known = known_files
    index = store.path / "index.db"
    whole = index.read_bytes()
    if what == "garbage in the log":
        write(store.path / "index.db-wal", rng.randbytes(10_000))
        write(store.path / "index.db-shm", rng.randbytes(32_768))
    elif what == "a directory":
        index.unlink()
        write(index / "file", b"")
    elif what == "another database":
        index.unlink()
        with sqlite3.connect(index) as database:
            database.execute("CREATE TABLE hashed(device)")
        database.close()
    elif what == "no permission":
        index.chmod(0)
    else:
        index.write_bytes({"empty": b"", "truncated": whole[:len(whole) // 2 + 7], "padded": whole + bytes(5000),
                           "garbage": rng.randbytes(20_000), "text": b"hello\n"}[what])
    assert_right_uris(store, known, what)
    assert_right_uris(store, known, what)
