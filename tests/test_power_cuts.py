"""A2: the power fails while files are stored. What was acknowledged is there, and nothing is wrong.

The file system lies in a file; an ioctl cuts it off at once, with what was not yet written lost, and it is mounted
anew. Two controls show that the method has teeth: files written without any sync, and the program with its syncs
turned into nothing, lose what they reported as done."""

from __future__ import annotations

import os
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable

import pytest

import mounts
from harness import DEADLINE_S, Outcome, Program, Store, sha1, write

# A name for the test, the file system, and how it is mounted.
FILE_SYSTEMS = (("ext4", "ext4", "loop,data=ordered"), ("ext4-writeback", "ext4", "loop,data=writeback"),
                ("xfs", "xfs", "loop"))
SIZES = (0, 1, 300, 4096, 70_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 3)
WEIGHTS = (1, 2, 8, 8, 4, 1, 1, 1)
BATCH = 18  # More than 16 take another way to the disk.
CUTS_AN_IMAGE = 12  # Then it is made anew, so that it does not fill up.
CUT_AFTER_MAX_S = 0.12


@dataclass
class Machine:
    """A computer with a disk, and what it has been told was done."""

    place: Path
    kind: str
    options: str
    program: Program
    rng: random.Random
    contents: dict[str, bytes] = field(default_factory=dict)  # Acknowledged, by digest.
    links: dict[str, Path] = field(default_factory=dict)
    unsynced: dict[str, bytes] = field(default_factory=dict)  # The control's, by name.
    running: bool = False
    calls: int = 0

    @property
    def disk(self) -> Path:
        return self.place / "disk"

    @property
    def image(self) -> Path:
        return self.place / "image"

    @property
    def store(self) -> Store:
        return Store(self.program, self.disk / "store")

    def renew(self) -> None:
        mounts.make_image(self.image, self.kind)
        self.contents.clear()
        self.links.clear()
        self.unsynced.clear()

    def content(self) -> bytes:
        return self.rng.randbytes(self.rng.choices(SIZES, WEIGHTS)[0])

    # --- At work, until the power fails

    def work(self, acknowledged: Callable[[], None]) -> None:
        while self.running:
            kind = self.rng.choices((self.store_one, self.store_stdin, self.store_batch, self.link), (4, 3, 2, 2))[0]
            self.calls += 1
            kind(acknowledged)
            self.write_unsynced()

    def store_one(self, acknowledged: Callable[[], None]) -> None:
        self.give([self.content()], acknowledged)

    def store_batch(self, acknowledged: Callable[[], None]) -> None:
        self.give([self.content() for _ in range(BATCH)], acknowledged)

    def give(self, files: list[bytes], acknowledged: Callable[[], None]) -> None:
        paths = [write(self.place / f"source {i}", data) for i, data in enumerate(files)]
        if self.told(acknowledged, "store", *paths):
            self.contents |= {sha1(data): data for data in files}

    def store_stdin(self, acknowledged: Callable[[], None]) -> None:
        data = self.content()
        path = write(self.place / "source", data)
        with path.open("rb") as source:
            if self.told(acknowledged, "store", "-", stdin=source):
                self.contents[sha1(data)] = data

    def link(self, acknowledged: Callable[[], None]) -> None:
        count = self.rng.choice((1, 1, 12))  # A link is two records.
        files = [(data, self.place / f"linked {sha1(data)}") for data in (self.content() for _ in range(count))]
        for data, path in files:
            write(path, data)
        if self.told(acknowledged, "link", *(path for _, path in files)):
            self.links |= {sha1(data): path for data, path in files}

    def told(self, acknowledged: Callable[[], None], *arguments, **options) -> bool:
        """Runs a command; calls `acknowledged` as soon as the program speaks."""
        command, *rest = arguments
        with self.program.start(command, "--dir", self.store.path, "-q", *rest, **options) as process:
            watchdog = threading.Timer(DEADLINE_S, process.kill)
            watchdog.start()
            first = process.stdout.read(1)
            if first:
                acknowledged()
            outcome = Outcome(0, first + process.stdout.read(), process.stderr.read().decode())
            code = process.wait()
            watchdog.cancel()
        assert code != 0 or first, outcome
        assert code != 0 or len(outcome.digests) == len(rest), outcome
        assert code == 0 or not self.running or "Input/output error" in outcome.stderr, (code, outcome)
        return code == 0

    def write_unsynced(self) -> None:
        """The control: a program that writes and renames, and calls that done."""
        name = f"control {self.calls}"
        try:
            write(self.disk / "control" / "part", b"some content " + name.encode()).rename(self.disk / "control" / name)
        except OSError:
            return
        self.unsynced[name] = b"some content " + name.encode()

    # --- One power cut

    def run_until_cut(self) -> None:
        with mounts.mounted(self.image, self.disk, self.options):
            at_the_word = self.rng.random() < 0.5
            self.running = True
            wanted = self.rng.randrange(1, 6)
            lock = threading.Lock()

            def cut() -> None:
                with lock:
                    if self.running:
                        self.running = False
                        mounts.cut_power(self.disk)

            def acknowledged() -> None:
                nonlocal wanted
                wanted -= 1
                if at_the_word and wanted == 0:
                    cut()

            with ThreadPoolExecutor(1) as workers:
                worked = workers.submit(self.work, acknowledged)
                if not at_the_word:
                    time.sleep(self.rng.uniform(0, CUT_AFTER_MAX_S))
                    cut()
                worked.result()

    def look(self) -> tuple[list[str], list[str], int]:
        """After the reboot: what is lost, what is wrong, and how much the control lost."""
        with mounts.mounted(self.image, self.disk, self.options):
            store = self.store
            lost = [digest for digest, data in self.contents.items() if not reads(store.object(digest), data)]
            lost += [f"link {digest}" for digest in self.links
                     if not store.link(digest).exists() or not store.gen1_link(digest).exists()]
            wrong = store.wrong() + store.strangers()
            if store.path.exists():
                report = store.verify()
                if report["exit"] != 0:
                    wrong.append(f"verify: {report}")
            unsynced = sum(not reads(self.disk / "control" / name, data) for name, data in self.unsynced.items())
            self.unsynced.clear()
            return lost, wrong, unsynced


def reads(path: Path, data: bytes) -> bool:
    try:
        return path.read_bytes() == data
    except OSError:
        return False


@dataclass
class Tally:
    cuts: int = 0
    acknowledged: int = 0
    lost: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    control: int = 0
    control_lost: int = 0


def cut_again_and_again(machine: Machine, count: int, enough: Callable[[Tally], bool] = lambda _: False) -> Tally:
    tally = Tally()
    for number in range(count):
        if number % CUTS_AN_IMAGE == 0:
            machine.renew()
        before = len(machine.contents) + len(machine.links)
        machine.run_until_cut()
        tally.acknowledged += len(machine.contents) + len(machine.links) - before
        tally.control += len(machine.unsynced)
        lost, wrong, unsynced = machine.look()
        tally.cuts += 1
        tally.control_lost += unsynced
        tally.lost += [f"after cut {number}: {what}" for what in lost]
        tally.wrong += [f"after cut {number}: {what}" for what in wrong]
        if lost or wrong:
            machine.renew()
        if enough(tally):
            break
    return tally


@pytest.fixture
def machine(may_mount, program, tmp_path, rng) -> Callable[..., Machine]:
    def make(kind: str, options: str, **changes) -> Machine:
        reason = mounts.why_no_image(kind)
        if reason:
            pytest.skip(reason)
        return Machine(tmp_path, kind, options, changes.get("program", program), rng)

    return make


@pytest.mark.parametrize(("name", "kind", "options"), FILE_SYSTEMS, ids=[row[0] for row in FILE_SYSTEMS])
def test_a_power_cut_loses_nothing_that_was_acknowledged(machine, name, kind, options, campaign, outcome, seed):
    tally = cut_again_and_again(machine(kind, options), max(1, campaign("cuts") // len(FILE_SYSTEMS)))
    outcome(f"A2 power cuts, {name}: {tally.cuts} cuts, {tally.acknowledged} acknowledged, {len(tally.lost)} lost, "
            f"{len(tally.wrong)} wrong; without syncs {tally.control_lost} of {tally.control} lost (seed {seed})")
    assert not tally.lost and not tally.wrong, "\n".join((tally.lost + tally.wrong)[:20])
    assert tally.acknowledged > tally.cuts
    assert tally.control_lost > 0, "the method has no teeth: files without any sync survived as well"


@pytest.mark.parametrize("which", ["1+", "2+"], ids=["no-syncs", "files-but-no-directories"])
def test_the_method_finds_a_program_whose_syncs_do_nothing(machine, program, strace, which, campaign, outcome):
    """Every sync, or every one but a call's first, returns success without being done."""
    syncs = "fsync,fdatasync,syncfs"
    idle = program.under(strace, "-f", "--seccomp-bpf", "-o", os.devnull, "-e", f"trace={syncs}",
                         *(f"--inject={name}:retval=0:when={which}" for name in syncs.split(",")))
    tally = cut_again_and_again(machine("ext4", "loop", program=idle), 40, enough=lambda tally: bool(tally.lost))
    outcome(f"A2 with idle syncs ({which}): lost {len(tally.lost)} of {tally.acknowledged} after {tally.cuts} cuts")
    assert tally.lost or tally.wrong
