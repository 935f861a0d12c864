"""A3: the disk fails. A sync that failed is never reported as done, and the store works when the disk does.

Once for real: a disk with less room than it claims, whose first sync fails and whose second one would say that all is
well. And every system call of every command once with an injected error."""

from __future__ import annotations

import json
import random
import re
import shutil
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

import mounts
from harness import CORRUPT, FULL, OK, Outcome, Store, evenly, in_parallel, sha1, write
from syscalls import Call, distinct, failing_at, read_log, tracing

MIB = 1 << 20

# --- Syncs that really fail


def store_until_it_fails(store: Store, rng: random.Random) -> tuple[list[bytes], Outcome]:
    acknowledged: list[bytes] = []
    for _ in range(200):
        files = [rng.randbytes(rng.choice((1000, 70_000, MIB + 3))) for _ in range(rng.choice((1, 1, 18)))]
        if len(files) == 1:
            outcome = store.run("store", "-", input=files[0])
        else:
            outcome = store.run("store", *(write(store.path.parent.parent / f"source {i}", data)
                                           for i, data in enumerate(files)))
        if outcome.code != OK:
            return acknowledged, outcome
        acknowledged += files
    raise AssertionError("the disk never failed")


def test_what_a_failing_sync_lost_is_not_acknowledged(program, may_mount, tmp_path, rng, campaign, outcome, seed):
    if reason := mounts.why_no_image("ext4"):
        pytest.skip(reason)
    count = 0
    for _ in range(campaign("thin")):
        with mounts.tmpfs(tmp_path / "thin", 12 * MIB) as thin:
            mounts.make_image(thin / "image", "ext4")
            with mounts.mounted(thin / "image", tmp_path / "disk", "loop") as disk:
                store = Store(program, disk / "store")
                acknowledged, failed = store_until_it_fails(store, rng)
                assert failed.stdout == b"", f"a failed call acknowledged something: {failed}"
                assert failed.code > 0, f"a signal ended it: {failed}"
                # The same once more: the failed sync must not count as done.
                for data in (rng.randbytes(MIB), b"small"):
                    if store.run("store", "-", input=data).code == OK:
                        acknowledged.append(data)
            mounts.command("mount", "-o", f"remount,size={80 * MIB}", thin)
            with mounts.mounted(thin / "image", tmp_path / "disk", "loop"):
                store.assert_holds(acknowledged)
                assert not store.wrong()
                store.put(b"and it goes on")
                store.assert_verified()
        count += len(acknowledged)
    outcome(f"A3 failing syncs: {campaign('thin')} disks, {count} acknowledged, 0 false (seed {seed})")


# --- Errors of system calls

ERRORS = {
    "fsync": ("EIO", "ENOSPC"), "syncfs": ("EIO", "ENOSPC"), "write": ("ENOSPC", "EIO", "EDQUOT"), "pread64": ("EIO",),
    "openat": ("EMFILE", "EACCES", "EIO"), "openat2": ("EIO", "EMFILE", "ENOMEM", "EACCES"),
    "mkdirat": ("ENOSPC", "EIO", "EACCES"), "renameat2": ("EIO", "ENOSPC", "EACCES"), "unlinkat": ("EIO",),
    "mkdir": ("EACCES", "ENOSPC"), "flock": ("ENOLCK",), "newfstatat": ("EIO",), "fchmod": ("EPERM",),
    "getdents64": ("EIO",), "pwrite64": ("ENOSPC", "EIO"), "fdatasync": ("EIO",), "ftruncate": ("ENOSPC",),
    "mmap": ("ENOMEM",), "clone3": ("EAGAIN",), "poll": ("ENOMEM",), "read": ("EIO",),
}


@dataclass
class Scene:
    """A store, and a command that meets an error in it."""

    name: str
    template: Store
    arguments: list[str]
    input: bytes | None = None
    stored: list[bytes] = field(default_factory=list)
    linked: list[bytes] = field(default_factory=list)
    shown: bytes | None = None  # What `cat` is to print.
    umask: int = 0o022

    def call(self, store: Store) -> Outcome:
        command, *rest = self.arguments
        return store.run(command, *rest, input=self.input, umask=self.umask)


EARLIER = [b"earlier", b"e" * 70_000, b"x" * (MIB + 3)]


def scenes(store: Store, place: Path, rng: random.Random) -> list[Scene]:
    for data in EARLIER:
        store.put(data)
    files = [rng.randbytes(100 + i) for i in range(18)]
    small, large = rng.randbytes(5000), rng.randbytes(2 * MIB + 5)
    linked = b"linked before"
    store.run("link", write(place / "linked before", linked)).expect()

    def path(data: bytes) -> str:
        return str(write(place / sha1(data), data))

    return [
        Scene("store small", store, ["store", path(small)], stored=[small]),
        Scene("store small, umask 077", store, ["store", path(small)], stored=[small], umask=0o077),
        Scene("store large", store, ["store", path(large)], stored=[large]),
        Scene("store stdin", store, ["store", "-"], input=large, stored=[large]),
        Scene("store batch", store, ["store", *map(path, files)], stored=files),
        Scene("store again", store, ["store", path(EARLIER[2])], stored=[EARLIER[2]]),
        Scene("link", store, ["link", path(large)], linked=[large]),
        Scene("link again", store, ["link", str(place / "linked before")], linked=[linked]),
        Scene("cat", store, ["cat", f"sha1://{sha1(EARLIER[2])}"], shown=EARLIER[2]),
        Scene("cat a link", store, ["cat", f"sha1://{sha1(linked)}"], shown=linked),
        Scene("load", store, ["load", f"sha1://{sha1(EARLIER[1])}"]),
        Scene("verify", store, ["verify", "--json"]),
    ]


@dataclass(frozen=True)
class Failure:
    scene: Scene
    call: Call
    error: str

    def __str__(self) -> str:
        return f"[{self.scene.name}; {self.call} says {self.error}: {self.call.text[:160]}]"


def copy_store(scene: Scene, place: Path) -> Store:
    return replace(scene.template, path=Path(shutil.copytree(scene.template.path, place / "copy")))


def failures_of(scene: Scene, strace: str, place: Path) -> list[Failure]:
    """Every call on the store or a source, with every error that it may meet there."""
    log = place / "log"
    copy = copy_store(scene, place)
    scene.call(replace(copy, program=tracing(copy.program, strace, log, ERRORS))).expect()
    shutil.rmtree(copy.path)
    ours = [call for call in distinct(read_log(log))
            if str(place) in call.text or call.name in ("mmap", "clone3", "poll")]
    started = next((i for i, call in enumerate(ours) if str(place) in call.text), 0)
    return [Failure(scene, call, error) for call in ours[started:] for error in ERRORS[call.name]]


IS_SYNC = re.compile(r"(fsync|fdatasync|syncfs)\(")


def assert_honest(failure: Failure, after: Store, outcome: Outcome, log: str) -> None:
    """Success means that all is done, and that no sync that counts has failed."""
    scene = failure.scene
    assert outcome.code >= 0, f"a signal ended it: {outcome}"
    if outcome.code != OK:
        assert outcome.stderr.strip() or outcome.stdout.startswith(b"{"), "it failed without a word"
        assert scene.shown is None or scene.shown.startswith(outcome.stdout), "cat printed wrong bytes"
        assert not outcome.digests, f"exit {outcome.code}, and yet acknowledged: {outcome}"
        return
    failed = [line for line in log.splitlines() if "(INJECTED)" in line]
    false = [line for line in failed if IS_SYNC.search(line) and "/index.db" not in line and not is_sqlite(line)]
    assert not false, f"acknowledged after a failed sync: {false[0]}"
    after.assert_holds(scene.stored)
    for data in scene.linked:
        assert json.loads(after.link(sha1(data)).read_bytes())["path"].startswith("/")
    assert scene.shown is None or outcome.stdout == scene.shown, "cat printed something else"


def is_sqlite(line: str) -> bool:
    """SQLite syncs the directory of a journal of index.db, which is only a memory."""
    return "fdatasync(" in line


def fail_and_look(failure: Failure, strace: str, place: Path) -> int:
    scene = failure.scene
    after = copy_store(scene, place)
    log = place / "log"
    outcome = scene.call(replace(after, program=failing_at(after.program, strace, failure.call, failure.error, log)))
    put_back_what_verify_could_not_read(failure, after)
    after.assert_holds(EARLIER)
    after.assert_sound()
    assert_honest(failure, after, outcome, log.read_text(errors="replace"))
    again = scene.call(after).expect()
    assert_honest(failure, after, again, "")
    after.assert_holds(EARLIER)
    after.assert_verified()
    return outcome.code


def put_back_what_verify_could_not_read(failure: Failure, after: Store) -> None:
    """It goes to quarantine/, whole."""
    if failure.scene.name == "verify" and failure.call.name == "pread64":
        for kept in after.path.glob("quarantine/*"):
            kept.rename(after.object(kept.name.split(".")[0]))


def test_any_failing_system_call_is_told_and_harms_nothing(store, strace, tmp_path, rng, campaign, outcome, seed):
    everything = [failure for scene in scenes(store, tmp_path / "sources", rng)
                  for failure in failures_of(scene, strace, tmp_path)]
    chosen = evenly(everything, min(campaign("failures"), len(everything)))
    codes: Counter[int] = Counter()
    defects: list[str] = []

    def try_failure(numbered: tuple[int, Failure]) -> None:
        number, failure = numbered
        place = tmp_path / f"{threading.get_ident()}-{number}"
        place.mkdir()
        try:
            codes[fail_and_look(failure, strace, place)] += 1
        except AssertionError as found:
            defects.append(f"{failure}: {str(found).splitlines()[0]}")
        shutil.rmtree(place)

    in_parallel(try_failure, list(enumerate(chosen)))
    outcome(f"A3 injected errors: {len(everything)} exist, {len(chosen)} tried, exits {dict(sorted(codes.items()))}; "
            f"{len(defects)} with a false word or harm (seed {seed})")
    assert not defects, "\n".join(defects[:12])
    assert codes[1] + codes[FULL] > len(chosen) / 4, "hardly anything failed: were the errors injected?"


def test_an_object_that_cannot_be_read_is_not_served(store, strace, tmp_path):
    digest = store.put(b"y" * 5000)
    [call, *_] = [call for call in log_of(store, strace, tmp_path, "cat", f"sha1://{digest}")
                  if digest in call.text and call.name == "pread64"]
    broken = replace(store, program=failing_at(store.program, strace, call, "EIO", tmp_path / "log"))
    outcome = broken.cat(digest).expect(CORRUPT)
    assert outcome.stdout == b"" and "Input/output error" in outcome.stderr
    assert store.cat(digest).expect().stdout == b"y" * 5000, "one failed read must not cost the object"


def log_of(store: Store, strace: str, place: Path, *arguments: str) -> list[Call]:
    traced = replace(store, program=tracing(store.program, strace, place / "log", ERRORS))
    traced.run(*arguments).expect()
    return read_log(place / "log")
