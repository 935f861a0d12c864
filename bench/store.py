#!/usr/bin/env python3
"""Measures storing and linking, beside a bare loop and beside other people's programs. README.md says how to run it."""

from __future__ import annotations

import argparse
import itertools
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import peers
from harness import (
    REPOSITORY,
    Bench,
    Comparison,
    Goal,
    Method,
    Program,
    Run,
    Runner,
    Space,
    WarmCall,
    circumstances,
    compare,
    missing_row,
    notes,
    record,
    say,
    table,
    warm,
)
from peers import Work

FILE_BYTES = 4096
# With a folder or two for nearly every small file: what a store of them takes on the disk.
SMALL_BYTES_ON_DISK = 4 * 4096
SINGLE_FILES = 1000
# git-annex takes a tenth of a second a file, a Python process that imports numpy three tenths.
SLOW_FILES = 1000
SLOWEST_FILES = 100
# A file that changed less than two seconds ago may change again within one tick of the clock, so its hash is not kept.
SETTLE_S = 3

DURABLE = "yes"
STORES_NOTHING = "stores nothing"


@dataclass(frozen=True)
class StoreBench(Bench):
    python: Path
    method: Method
    out: Path
    big: Work
    small: Work
    kachery_cloud: peers.KacheryCloud | None
    with_peers: bool

    def part_of_small(self, count: int, name: str) -> Work:
        """The first of the small files, in a folder of their own (as hard links)."""
        folder = self.space.root / name
        if not folder.exists():
            folder.mkdir()
            for file in self.small.files[:count]:
                os.link(file, folder / file.name)
        return list_of([folder / file.name for file in self.small.files[:count]], folder, self.space.root)


def list_of(files: list[Path], folder: Path, root: Path) -> Work:
    names = root / f"{folder.name}.list"
    names.write_bytes(b"".join(os.fsencode(file) + b"\0" for file in files))
    return Work(files, folder, names)


# --- What is measured


def command(bench: StoreBench, name: str, words: Callable[[Path], Sequence[str | Path]], **details: object) -> Program:
    """A program whose command line needs nothing but a fresh folder."""

    def prepare(folder: Path) -> Callable[[], Run]:
        argv = words(folder)
        return lambda: bench.run(argv)

    return Program(name, prepare, **details)  # type: ignore[arg-type]


def hash_only(bench: StoreBench) -> Program:
    [file] = bench.big.files
    words = [bench.bare("hash_only"), file]
    return command(bench, "hash only (read(2) of 1 MiB, SHA-1 by OpenSSL)", lambda _: words, durable=STORES_NOTHING)


def store_big(bench: StoreBench) -> None:
    [file] = bench.big.files
    programs = [
        command(
            bench,
            "**kachery store**",
            lambda folder: [bench.kachery, "store", "--dir", folder / "store", "-q", file],
            durable=DURABLE,
            goal=Goal(ratio_min=0.75, rss_mib_max=64),
            bytes_written=bench.big.size,
        ),
        command(bench, "`openssl dgst -sha1 F`", lambda _: ["openssl", "dgst", "-sha1", file], durable=STORES_NOTHING),
        peers.openssl_and_cp(bench.run, file),
    ]
    missing: list[str] = []
    if bench.with_peers:
        assert bench.kachery_cloud is not None
        programs += [
            bench.kachery_cloud.whole("store_file_local", bench.big),
            bench.kachery_cloud.warm("store_file_local", bench.big),
        ]
        add_debian(bench, programs, missing, bench.big, peers.git_annex, "git-annex", "git")
        add_debian(bench, programs, missing, bench.big, peers.restic, "restic")
        add_debian(bench, programs, missing, bench.big, peers.borg, "borg")
    title = f"Store one hot file of {size_text(bench.big.size)}"
    measure(bench, "store-one", title, hash_only(bench), programs, missing, bench.big)


def link_big(bench: StoreBench) -> None:
    [file] = bench.big.files

    def link(folder: Path) -> Sequence[str | Path]:
        return [bench.kachery, "link", "--dir", folder / "store", "-q", file]

    def link_before(folder: Path) -> Callable[[], Run]:
        bench.run(link(folder))
        return lambda: bench.run(link(folder))

    programs = [
        command(bench, "**kachery link**", link, durable=DURABLE, goal=Goal(ratio_min=0.95, rss_mib_max=64)),
        Program("**kachery link**, again, unchanged", link_before, DURABLE, Goal(seconds_max=0.010)),
    ]
    if bench.with_peers:
        assert bench.kachery_cloud is not None
        for again, how in itertools.product((False, True), (bench.kachery_cloud.whole, bench.kachery_cloud.warm)):
            programs.append(how("link_file", bench.big, again=again))
    title = f"Link one file of {size_text(bench.big.size)}, and the same again"
    measure(bench, "link-one", title, hash_only(bench), programs, [], bench.big)


def bare_loop(bench: StoreBench, name: str, mode: str, work: Work) -> Program:
    return command(
        bench,
        name,
        lambda folder: [bench.bare("bare_store"), mode, folder, work.names],
        durable=DURABLE,
        units=len(work.files),
        bytes_written=len(work.files) * SMALL_BYTES_ON_DISK,
    )


def kachery_list(bench: StoreBench, name: str, work: Work, goal: Goal) -> Program:
    return command(
        bench,
        name,
        lambda folder: [bench.kachery, "store", "--dir", folder / "store", "-q", "--from", work.names, "-0"],
        durable=DURABLE,
        goal=goal,
        units=len(work.files),
        bytes_written=len(work.files) * SMALL_BYTES_ON_DISK,
    )


def kachery_each(bench: StoreBench, work: Work) -> Program:
    def words(folder: Path) -> Sequence[str | Path]:
        return peers.one_by_one([bench.kachery, "store", "--dir", folder / "store", "-q"], work)

    size = len(work.files) * SMALL_BYTES_ON_DISK
    name = "**kachery store FILE**, a process for each file"
    return command(bench, name, words, durable=DURABLE, units=len(work.files), bytes_written=size)


def store_small(bench: StoreBench) -> None:
    work = bench.small
    baseline = bare_loop(bench, "bare loop: same files, folders and syncs, one thread", "batch", work)
    programs = [
        kachery_list(bench, "**kachery store --from LIST -0**", work, Goal(ratio_min=0.8, rss_mib_max=64)),
        command(
            bench,
            "hash only",
            lambda _: [bench.bare("hash_only"), "--from", work.names],
            durable=STORES_NOTHING,
            units=len(work.files),
        ),
    ]
    missing: list[str] = []
    if bench.with_peers:
        assert bench.kachery_cloud is not None
        programs.append(bench.kachery_cloud.warm("store_file_local", work))
        some = bench.part_of_small(SLOW_FILES, "some")
        add_debian(bench, programs, missing, some, peers.git_annex, "git-annex", "git")
        add_debian(bench, programs, missing, work, peers.git_add, "git")
        add_debian(bench, programs, missing, work, peers.borg, "borg")
        add_debian(bench, programs, missing, work, peers.restic, "restic")
    title = f"Store {len(work.files):,} files of 4 KiB"
    measure(bench, "store-many", title, baseline, programs, missing, work)


def store_single(bench: StoreBench) -> None:
    """1,000 files, each durable before the next begins."""
    work = bench.part_of_small(SINGLE_FILES, "single")
    baseline = bare_loop(bench, "bare loop: write, fsync, rename, fsync of one folder", "flat", work)
    programs = [
        bare_loop(bench, "the same loop in kachery's folders: sha1/ab/cd/ef, each synced", "each", work),
        kachery_list(bench, "**kachery store --from LIST -0**: one answer for all", work, Goal(ratio_min=0.8)),
    ]
    missing: list[str] = []
    add_python(bench, programs, missing, work)
    programs.append(kachery_each(bench, work))
    if bench.with_peers:
        assert bench.kachery_cloud is not None
        programs.append(bench.kachery_cloud.warm("store_file_local", work))
        programs.append(bench.kachery_cloud.whole("store_file_local", bench.part_of_small(SLOWEST_FILES, "few")))
    title = f"Store {len(work.files):,} files of 4 KiB one at a time, each durable before the next"
    measure(bench, "store-single", title, baseline, programs, missing, work)


def add_python(bench: StoreBench, programs: list[Program], missing: list[str], work: Work) -> None:
    """kachery from Python, in one process, if there is a Python that has it."""
    name = "**kachery.store_file**, from Python, one by one in a warm process"
    importing: list[str | Path] = [bench.python, "-c", "import kachery"]
    if not bench.python.exists() or subprocess.run(importing, capture_output=True, check=False).returncode != 0:
        missing.append(missing_row(name, "not there: the Python of --python has no kachery package"))
        return

    def prepare(folder: Path) -> Callable[[], Run]:
        where = {"KACHERY_DIR": str(folder / "store")}
        return WarmCall(bench.python, ("kachery", "store_file"), work.names, bench.warm_up, where)

    size = len(work.files) * SMALL_BYTES_ON_DISK
    programs.append(Program(name, prepare, DURABLE, Goal(ratio_min=0.8), len(work.files), size))


SECTIONS = {
    "store-one": store_big,
    "link-one": link_big,
    "store-many": store_small,
    "store-single": store_single,
}


# --- How


def add_debian(
    bench: StoreBench,
    programs: list[Program],
    missing: list[str],
    work: Work,
    make: Callable[[Runner, Work], Program],
    *needed: str,
) -> None:
    lacking = peers.lacking(*needed)
    if lacking is None:
        programs.append(make(bench.run, work))
    else:
        missing.append(missing_row(needed[0], f"not there: this machine has no `{lacking}`"))


def size_text(size: int) -> str:
    return f"{size / 2**30:g} GiB" if size >= 2**30 else f"{size / 2**20:g} MiB"


def measure(
    bench: StoreBench,
    name: str,
    title: str,
    baseline: Program,
    programs: Sequence[Program],
    missing: Sequence[str],
    work: Work,
) -> None:
    say(title)
    head = circumstances(bench.space)

    def rate(units: int, seconds: float) -> str:
        if len(work.files) == 1:
            return f"{work.size / seconds / 1e9:.2f} GB/s"
        each = seconds / units
        return f"{1 / each:,.0f} files/s, {f'{1000 * each:.2f} ms' if each > 1e-4 else f'{1e6 * each:.0f} us'} each"

    comparisons: list[Comparison] = [
        compare(bench.space, baseline, program, bench.method, lambda: warm(work.files)) for program in programs
    ]
    pair_count = f"- {bench.method.pairs} pairs each, every run in a fresh folder, after `sync` and with warm files"
    lines = [*head, pair_count, "", *table(baseline, comparisons, rate), *missing, "", *notes(comparisons)]
    if not bench.with_peers:
        lines += ["", "Other people's programs were not measured (`--peers`)."]
    record(bench.out, name, title, lines)


def make_files(root: Path, big_bytes: int, small_count: int) -> tuple[Work, Work]:
    """Random bytes, so that nobody gains by compressing or by finding the same twice."""
    say(f"making one file of {size_text(big_bytes)} and {small_count:,} of 4 KiB")
    big, small = root / "big", root / "small"
    big.mkdir()
    small.mkdir()
    piece_bytes = 1 << 20
    with open(big / "file", "wb") as file:
        for offset in range(0, big_bytes, piece_bytes):
            file.write(os.urandom(min(piece_bytes, big_bytes - offset)))
    files = [small / f"{i:05d}" for i in range(small_count)]
    for path in files:
        path.write_bytes(os.urandom(FILE_BYTES))
    (root / "warm-up").write_bytes(os.urandom(FILE_BYTES))
    works = list_of([big / "file"], big, root), list_of(files, small, root)
    os.sync()
    time.sleep(SETTLE_S)
    return works


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs per program; at least 5 for a result")
    parser.add_argument("--size-gib", type=float, default=1, help="size of the large file")
    parser.add_argument("--files", type=int, default=20_000, help="how many small files")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section only (repeatable)")
    parser.add_argument("--peers", action="store_true", help="also other people's programs; installs kachery-cloud")
    folder = REPOSITORY / "build" / "bench-data"
    parser.add_argument("--dir", type=Path, default=folder, help="a folder to make, use and delete")
    parser.add_argument("--keep", action="store_true", help="leave that folder behind")
    parser.add_argument("--programs", type=Path, default=REPOSITORY / "build" / "release", help="the release build")
    python = REPOSITORY / ".venv" / "bin" / "python"
    parser.add_argument("--python", type=Path, default=python, help="a Python that has the kachery package")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench" / "results.md", help="the results file")
    parser.add_argument("--patience", type=float, default=10, help="seconds to wait for a quiet machine, each pair")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    programs = arguments.programs.resolve()
    for program in ("apps/cli/kachery", "bench/bare_store", "bench/hash_only", "bench/timed"):
        if not (programs / program).exists():
            sys.exit(f"{programs / program} is not there: cmake --preset release && cmake --build --preset release")
    if arguments.dir.exists():
        sys.exit(f"{arguments.dir} is there already; the runs need a folder of their own: delete it, or give --dir")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # By way of `finally`.
    space = Space(arguments.dir.resolve())
    try:
        big_bytes = int(arguments.size_gib * 2**30)
        space.require(big_bytes + arguments.files * FILE_BYTES, "making the files")
        big, small = make_files(space.root, big_bytes, max(arguments.files, SINGLE_FILES))
        run = Runner(programs)
        cloud = None
        if arguments.peers:
            with_cloud = peers.install_kachery_cloud(space.root / "venv")
            cloud = peers.KacheryCloud(run, with_cloud, space.root / "warm-up")
        method = Method(arguments.pairs, arguments.patience)
        python = arguments.python.absolute()  # Not resolved: what a virtual environment is, its link says.
        bench = StoreBench(space, programs, run, python, method, arguments.out, big, small, cloud, arguments.peers)
        for name in arguments.only or SECTIONS:
            SECTIONS[name](bench)
    finally:
        if not arguments.keep:
            space.remove()


if __name__ == "__main__":
    main()
