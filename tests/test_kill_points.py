"""A1: the program is killed at each of its system calls that change something. Nothing is lost, nothing is wrong, and
the next call just works."""

from __future__ import annotations

import itertools
import json
import os
import random
import shutil
import threading
from collections import Counter
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Callable, Iterator

from harness import OK, PARTLY, Outcome, Program, Store, evenly, in_parallel, overwrite, sha1, write
from syscalls import CHANGING, Call, changes_something, distinct, killing_at, read_log, tracing

MIB = 1 << 20
SIZES = (0, 1, 4096, MIB - 1, MIB, MIB + 3, 3 * MIB)
# A batch of more than 16 is made durable by syncs of the whole file system.
BATCH = 20


@dataclass
class Scene:
    """A store, and one call in it that is going to be killed."""

    name: str
    template: Store  # Copied for each kill.
    arguments: list[str]
    input: bytes | None = None
    earlier: list[bytes] = field(default_factory=list)  # Acknowledged before; must be there whatever happens.
    stored: list[bytes] = field(default_factory=list)  # To be there after the call.
    linked: dict[str, Path] = field(default_factory=dict)  # Likewise, by digest.
    damaged: dict[str, bytes] = field(default_factory=dict)  # Wrong bytes that lie in an object's place before.
    umask: int = 0o022
    verified: int = OK  # What `verify` ends with after the call.

    def call(self, store: Store, program: Program) -> Outcome:
        command, *rest = self.arguments
        return replace(store, program=program).run(command, *rest, input=self.input, umask=self.umask)


# --- Scenes


def first(scene: Scene, sources: Path, data: bytes) -> None:
    """The directory of the store is not there yet."""
    shutil.rmtree(scene.template.path)
    scene.earlier.clear()
    store(scene, sources, data)


def store(scene: Scene, sources: Path, data: bytes) -> None:
    scene.arguments = ["store", str(write(sources / "new", data))]
    scene.stored = [data]


def store_stdin(scene: Scene, _: Path, data: bytes) -> None:
    scene.arguments = ["store", "-"]
    scene.input = data
    scene.stored = [data]


def store_again(scene: Scene, sources: Path, data: bytes) -> None:
    store(scene, sources, data)
    scene.template.put(data)
    scene.earlier.append(data)


def store_over_damage(scene: Scene, sources: Path, data: bytes) -> None:
    store(scene, sources, data)
    digest = scene.template.put(data)
    damage = data[:-1] + bytes([data[-1] ^ 1]) if data else b"x"
    overwrite(scene.template.object(digest), damage)
    scene.damaged = {digest: damage}


def link(scene: Scene, sources: Path, data: bytes) -> None:
    path = write(sources / "linked", data)
    scene.arguments = ["link", str(path)]
    scene.linked = {sha1(data): path}


def link_again_after_change(scene: Scene, sources: Path, data: bytes) -> None:
    path = write(sources / "linked", data + b" as it was")
    scene.template.run("link", path).expect()
    link(scene, sources, data)
    scene.verified = PARTLY  # The record of what it was is stale.


KINDS = (first, store, store_stdin, store_again, store_over_damage, link, link_again_after_change)


def store_batch(scene: Scene, sources: Path, files: list[bytes]) -> None:
    scene.arguments = ["store", *(str(write(sources / f"file {i}", data)) for i, data in enumerate(files))]
    scene.stored = files
    scene.template.put(files[3])
    scene.earlier.append(files[3])
    digest = scene.template.put(files[5])
    overwrite(scene.template.object(digest), b"!!")
    scene.damaged = {digest: b"!!" + files[5][2:]}


def link_batch(scene: Scene, sources: Path, files: list[bytes]) -> None:
    paths = [write(sources / f"file {i}", data) for i, data in enumerate(files)]
    scene.arguments = ["link", *map(str, paths)]
    scene.linked = {sha1(data): path for data, path in zip(files, paths)}


def scenes(program: Program, place: Path, rng: random.Random) -> Iterator[Scene]:
    def begin(kind: Callable, umask: int, what: str) -> tuple[Scene, Path]:
        name = f"{kind.__name__} {what} umask {umask:03o}"
        made = Scene(name, Store(program, place / name / "store"), [], umask=umask)
        made.earlier = [rng.randbytes(size) for size in (10, 5000, 70_000)]
        for data in made.earlier:
            made.template.put(data)
        return made, place / name / "sources"

    for umask, kind, size in itertools.product((0o022, 0o077), KINDS, SIZES):
        scene, sources = begin(kind, umask, f"{size} bytes")
        kind(scene, sources, rng.randbytes(size))
        yield scene
    one_processor = program.under("taskset", "-c", str(min(os.sched_getaffinity(0))))
    for umask, kind, with_program in itertools.product(
            (0o022, 0o077), (store_batch, link_batch), (program, one_processor)):
        scene, sources = begin(kind, umask, "with threads" if with_program is program else "in one thread")
        # No two alike, and one file that is not small; links of the same content would replace each other.
        kind(scene, sources, [rng.randbytes(3 + i * 200) for i in range(BATCH - 1)] + [rng.randbytes(MIB + 3)])
        scene.template = replace(scene.template, program=with_program)
        yield scene


# --- Points


@dataclass(frozen=True)
class Point:
    scene: Scene
    call: Call

    def __str__(self) -> str:
        return f"[{self.scene.name}; killed at {self.call}: {self.call.text[:160]}]"


def copy_store(scene: Scene, place: Path) -> Store:
    copy = replace(scene.template, path=place / "store")
    if scene.template.path.exists():
        shutil.copytree(scene.template.path, copy.path)
    return copy


def points_of(scene: Scene, strace: str, place: Path) -> list[Point]:
    """Every call that changes something, in a run that nobody disturbs."""
    log = place / "log"
    scene.call(copy_store(scene, place), tracing(scene.template.program, strace, log, CHANGING)).expect()
    shutil.rmtree(place / "store")
    return [Point(scene, call) for call in distinct(filter(changes_something, read_log(log)))]


def assert_nothing_lost_or_wrong(scene: Scene, after: Store) -> None:
    after.assert_holds(scene.earlier)
    excused = {str(after.object(digest)) for digest, damage in scene.damaged.items()
               if after.object(digest).exists() and after.object(digest).read_bytes() == damage}
    assert set(after.wrong()) <= excused, f"wrong bytes at a final place: {after.wrong()}"
    assert not after.strangers(), f"left over: {after.strangers()}"
    for digest, damage in scene.damaged.items():
        kept = [path for path in after.path.glob(f"quarantine/{digest}.*") if path.read_bytes() == damage]
        assert kept or str(after.object(digest)) in excused, f"the damaged bytes of {digest} were thrown away"
    for digest, path in scene.linked.items():
        for record in (after.link(digest), after.gen1_link(digest)):
            named = json.loads(record.read_bytes())["path"] if record.exists() else str(path)
            assert named == str(path), f"{record} names {named} instead of {path}"


def assert_done(scene: Scene, after: Store) -> None:
    after.assert_holds(scene.stored)
    for digest in scene.linked:
        assert after.link(digest).exists() and after.gen1_link(digest).exists(), f"no link: {digest}"


def kill_and_look(point: Point, strace: str, place: Path) -> bool:
    """False if the call that was to be killed did not come this time."""
    scene = point.scene
    after = copy_store(scene, place)
    killed = scene.call(after, killing_at(scene.template.program, strace, point.call))
    assert killed.code in (-9, OK), killed
    assert_nothing_lost_or_wrong(scene, after)
    if killed.stdout:
        assert_done(scene, after)

    sessions = after.sessions()
    again = scene.call(after, scene.template.program).expect()
    assert again.digests == [sha1(data) for data in scene.stored] or again.digests == list(scene.linked), again
    assert_done(scene, after)
    assert_nothing_lost_or_wrong(scene, after)
    assert not after.wrong()
    assert after.sessions() <= sessions, "the next call left temporaries"
    after.assert_verified(scene.verified)
    return killed.code == -9


def test_a_kill_at_any_system_call_loses_nothing(program, strace, tmp_path, rng, campaign, outcome, seed):
    everything = [point for scene in scenes(program, tmp_path / "scenes", rng)
                  for point in points_of(scene, strace, tmp_path)]
    chosen = evenly(everything, campaign("points"))
    kills: Counter[bool] = Counter()
    defects: list[str] = []
    kinds: Counter[str] = Counter()

    def try_point(numbered: tuple[int, Point]) -> None:
        number, point = numbered
        place = tmp_path / f"{threading.get_ident()}-{number}"
        place.mkdir()
        try:
            kills[kill_and_look(point, strace, place)] += 1
        except AssertionError as failure:
            defects.append(f"{point}: {str(failure).splitlines()[0]}")
            kinds[str(failure).split(":")[0]] += 1
        shutil.rmtree(place)

    in_parallel(try_point, list(enumerate(chosen)))
    outcome(f"A1 kill points: {len(everything)} exist, {len(chosen)} tried, {kills[True]} killed, {kills[False]} ended "
            f"before; {len(defects)} with something lost, wrong or left "
            f"{dict(kinds) or ''} (seed {seed})")
    assert not defects, "\n".join(defects[:10])
    assert kills[True] >= 0.95 * len(chosen)
