"""A18: many processes, and two users of one group, in one store: no call fails, no reader ever sees a wrong byte, and
one content is one file."""

from __future__ import annotations

import os
import random
import stat
import subprocess
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from itertools import count
from pathlib import Path

import pytest

from harness import OK, Outcome, Program, Store, holds, in_parallel, sha1, wait_until, write

PROCESSES = 64
READERS = 8
SHARED_CONTENTS = 40  # Half of what is stored is one of these.
SIZES = (0, 1, 700, 4096, 50_000, 70_000, 1 << 20, (1 << 20) + 3)
WEIGHTS = (1, 1, 8, 8, 4, 4, 1, 1)
BATCH = 18

GROUP = 45000
USERS = (45001, 45002)  # Each with a group of the same number as its first one.


def as_user(number: int) -> dict:
    """The first user keeps everything to itself, as far as umask goes; the second shares."""
    which = number % len(USERS)
    return {"user": USERS[which], "group": USERS[which], "extra_groups": [GROUP], "umask": (0o077, 0o002)[which]}


@dataclass
class Crowd:
    """Processes that store, read and verify at the same time."""

    store: Store
    sources: Path
    rng: random.Random
    users: bool
    shared: list[bytes] = field(default_factory=list)
    acknowledged: list[str] = field(default_factory=list)
    inodes: dict[str, int] = field(default_factory=dict)
    counts: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)
    done: bool = False

    def __post_init__(self) -> None:
        self.shared = [self.content() for _ in range(SHARED_CONTENTS)]
        self.numbers = count()

    def content(self) -> bytes:
        return self.rng.randbytes(self.rng.choices(SIZES, WEIGHTS)[0])

    def options(self, number: int) -> dict:
        return as_user(number) if self.users else {}

    def pick(self) -> bytes:
        return self.rng.choice(self.shared) if self.rng.random() < 0.5 else self.content()

    def source(self, data: bytes) -> Path:
        path = write(self.sources / str(next(self.numbers)), data)
        path.chmod(0o644)
        return path

    def check(self, right: bool, what: object) -> None:
        if not right:
            self.failures.append(str(what)[:400])

    # --- Who does what

    def keep_storing(self, number: int, calls: int) -> None:
        for _ in range(calls):
            files = [self.pick() for _ in range(BATCH if self.rng.random() < 0.03 else 1)]
            if len(files) == 1 and self.rng.random() < 0.5:
                outcome = self.store.run("store", "-", input=files[0], **self.options(number))
            else:
                outcome = self.store.run("store", *map(self.source, files), **self.options(number))
            self.counts["stores"] += 1
            self.check(outcome.code == OK and outcome.digests == [sha1(data) for data in files], outcome)
            self.acknowledged += outcome.digests

    def keep_reading(self, number: int) -> None:
        while not self.done:
            if not self.acknowledged:
                continue
            digest = self.rng.choice(self.acknowledged)
            if self.rng.random() < 0.2:
                outcome = self.store.cat(digest, **self.options(number))
                right = outcome.code == OK and sha1(outcome.stdout) == digest
                self.check(right, (digest, outcome.code, outcome.stderr))
            else:
                self.check(holds(self.store.object(digest)), f"read wrong bytes of {digest}")
            inode = self.store.object(digest).stat().st_ino
            self.check(self.inodes.setdefault(digest, inode) == inode, f"{digest} became another file")
            self.counts["reads"] += 1

    def keep_scanning(self) -> None:
        """Also what nobody has acknowledged yet must be right as soon as it has its name."""
        while not self.done:
            wrong = self.store.wrong()
            self.check(not wrong, wrong)
            self.counts["scans"] += 1

    def keep_verifying(self, number: int) -> None:
        while not self.done:
            outcome = self.store.run("verify", **self.options(number))
            self.check(outcome.code == OK, outcome)
            self.counts["verifies"] += 1

    def run(self, calls: int) -> None:
        others = [threading.Thread(target=self.keep_reading, args=[number]) for number in range(READERS)]
        others += [threading.Thread(target=self.keep_scanning), threading.Thread(target=self.keep_verifying, args=[1])]
        for thread in others:
            thread.start()
        try:
            in_parallel(lambda number: self.keep_storing(number, calls), range(PROCESSES), workers=PROCESSES)
        finally:
            self.done = True
            for thread in others:
                thread.join()


def assert_one_file_a_content(crowd: Crowd) -> None:
    assert not crowd.failures, f"{len(crowd.failures)} failures: " + "\n".join(crowd.failures[:8])
    crowd.store.assert_sound()
    assert crowd.store.digests() == set(crowd.acknowledged)
    assert all(path.stat().st_nlink == 1 for path in crowd.store.objects())
    assert crowd.counts["reads"] > READERS and crowd.counts["verifies"] > 0


def test_many_processes_store_read_and_verify_at_once(store, tmp_path, rng, campaign, outcome, seed):
    crowd = Crowd(store, tmp_path / "sources", rng, users=False)
    crowd.run(campaign("stores"))
    outcome(f"A18 one user: {dict(crowd.counts)}, {len(set(crowd.acknowledged))} contents, "
            f"{len(crowd.failures)} failures (seed {seed})")
    assert_one_file_a_content(crowd)
    assert not store.sessions(), "processes that ended well left temporaries"
    store.assert_verified()


def test_two_processes_that_begin_at_the_same_moment_both_work(store, strace):
    """One looks whether the other is dead while that one, just begun, has made its lock file and not yet taken it."""
    store.put(b"so that the directory is there")

    def slowly(where: str) -> Program:
        return store.program.under(strace, "-f", "-o", os.devnull, "-e", "trace=flock", f"--inject=flock:{where}")

    one = replace(store, program=slowly("delay_enter=400000"))
    other = replace(store, program=slowly("delay_exit=800000"))
    with one.program.start("store", "--dir", store.path, "-q", "-", stdin=subprocess.PIPE) as begun:
        begun.stdin.write(bytes((1 << 20) + 1))
        begun.stdin.flush()
        wait_until(lambda: any((store.path / "tmp").glob("*.lock")), "it has made its lock file")
        other.run("store", "-", input=b"the other").expect()
        printed, said = begun.communicate()
        assert begun.returncode == OK, said
    assert not store.sessions()


@pytest.fixture(params=[0o2775, 0o2770], ids=["2775", "2770"])
def group_store(public_program: Program, as_root, public_path: Path, request) -> Store:
    """A directory that belongs to a group."""
    path = public_path / "store"
    path.mkdir()
    os.chown(path, 0, GROUP)
    path.chmod(request.param)
    return Store(public_program, path)


def test_two_users_of_a_group_store_into_one_directory(group_store, public_path, rng, campaign, outcome, seed):
    crowd = Crowd(group_store, public_path / "sources", rng, users=True)
    crowd.run(max(2, campaign("stores") // 3))
    mode = stat.S_IMODE(group_store.path.stat().st_mode)
    outcome(f"A18 two users, directory {mode:o}: {dict(crowd.counts)}, {len(crowd.failures)} failures (seed {seed})")
    assert_one_file_a_content(crowd)
    for number in range(2):
        for digest in rng.sample(sorted(set(crowd.acknowledged)), 10):
            assert sha1(group_store.cat(digest, **as_user(number)).expect().stdout) == digest


@pytest.mark.parametrize("first", [0, 1], ids=["umask 077 first", "umask 002 first"])
def test_what_one_user_stored_the_other_can_read_store_and_link(group_store, public_path, first):
    """Both in the same folders of the store, whoever made them."""
    data = b"of both"
    path = write(public_path / "source", data)
    one, other = as_user(first), as_user(1 - first)
    for command in ("store", "link"):
        uri = group_store.run(command, path, **one).expect().uri
        assert group_store.run(command, path, **other).expect().uri == uri
    assert group_store.run("cat", uri, **other).expect().stdout == data
    neighbour = content_beside(sha1(data))
    assert group_store.run("store", "-", input=neighbour, **other).expect().digests == [sha1(neighbour)]
    group_store.object(sha1(data)).unlink()
    assert group_store.run("store", path, **other).expect().uri == uri
    group_store.run("verify", **other).expect()


def content_beside(digest: str) -> bytes:
    """Some content whose object lies in the same two folders."""
    return next(data for data in map(str.encode, map(str, count())) if sha1(data)[:4] == digest[:4])


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_what_is_made_is_as_open_as_the_directory(group_store, umask):
    options = as_user(0) | {"umask": umask}
    digest = group_store.run("store", "-", input=b"x" * 100_000, **options).expect().digests[0]
    directory = stat.S_IMODE(group_store.path.stat().st_mode)
    for path in group_store.path.rglob("*"):
        status = path.stat()
        assert status.st_gid == GROUP, f"{path} belongs to group {status.st_gid}"
        if path.is_dir():
            assert stat.S_IMODE(status.st_mode) == directory, f"{path} has mode {status.st_mode:o}"
    assert stat.S_IMODE(group_store.object(digest).stat().st_mode) == directory & 0o444


def test_a_damaged_object_of_another_user_is_put_aside(group_store):
    """By a user who may write to the directory but not to the object."""
    outcome: Outcome = group_store.run("store", "-", input=b"content", **as_user(0)).expect()
    [digest] = outcome.digests
    group_store.object(digest).unlink()
    write(group_store.object(digest), b"contend").chmod(0o444)
    group_store.run("store", "-", input=b"content", **as_user(1)).expect()
    group_store.assert_holds([b"content"])
    assert len(list((group_store.path / "quarantine").iterdir())) == 1
