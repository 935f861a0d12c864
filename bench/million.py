#!/usr/bin/env python3
"""Grows one store to a million small objects, beside a bare tree of the same files, and measures at each stage whether
storing, loading and listing get slower; at the end, what deleting half of them takes. README.md says more."""

from __future__ import annotations

import argparse
import hashlib
import os
import random
import shutil
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from harness import REPOSITORY, Runner, Space, circumstances, record, say, wait_until_quiet

FILE_BYTES = 256
LOADS = 5000


def make_sources(folder: Path, first: int, count: int) -> tuple[Path, list[str]]:
    """Files whose content is their number, and a list of them; their SHA-1s."""
    folder.mkdir(parents=True)
    names = []
    digests = []
    for number in range(first, first + count):
        data = b"%d " % number * (FILE_BYTES // 8)
        path = folder / str(number % 1000) / str(number)
        if number - first < 1000:
            path.parent.mkdir()
        path.write_bytes(data)
        names.append(os.fsencode(path))
        digests.append(hashlib.sha1(data).hexdigest())
    listing = folder / "list"
    listing.write_bytes(b"".join(name + b"\0" for name in names))
    return listing, digests


def timed(work: Callable[[], object]) -> float:
    begun = time.monotonic()
    work()
    return time.monotonic() - begun


def path_of(root: Path, digest: str) -> Path:
    return root / "sha1" / digest[:2] / digest[2:4] / digest[4:6] / digest


def load_bare(root: Path, digests: list[str]) -> None:
    for digest in digests:
        with open(path_of(root, digest), "rb") as file:
            if hashlib.sha1(file.read()).hexdigest() != digest:
                sys.exit(f"{digest} is damaged")


def load_with(python: Path, root: Path, digests: list[str], folder: Path) -> float:
    """In a process that has loaded one object before."""
    names = folder / "names"
    names.write_text("\n".join(digests))
    code = (
        "import sys, time, kachery\n"
        "names = ['sha1://' + line for line in open(sys.argv[1]).read().split()]\n"
        "kachery.load_bytes(names[0])\n"
        "begun = time.monotonic()\n"
        "for name in names: kachery.load_bytes(name)\n"
        "print(time.monotonic() - begun)\n"
    )
    environment = {**os.environ, "KACHERY_DIR": str(root)}
    return float(subprocess.run([python, "-c", code, names], env=environment, capture_output=True, check=True).stdout)


def remove_bare(root: Path, digests: list[str]) -> None:
    for digest in digests:
        path = path_of(root, digest)
        path.unlink()
        for folder in list(path.parents)[:3]:
            try:
                folder.rmdir()
            except OSError:
                break


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, default=REPOSITORY / "build/release", help="where it was built")
    parser.add_argument("--python", type=Path, default=REPOSITORY / ".venv/bin/python", help="where kachery is installed")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--stages", type=int, default=10)
    parser.add_argument("--dir", type=Path, required=True, help="a new folder, on the disk that is meant")
    parser.add_argument("--sources", type=Path, default=Path("/dev/shm"), help="where the source files are made")
    parser.add_argument("--patience", type=float, default=20, help="seconds to wait for a quiet machine before each stage")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench/results.md")
    arguments = parser.parse_args()
    space = Space(arguments.dir)
    space.require(arguments.count * 20_000, "two trees of that many files and folders")
    run = Runner(arguments.programs)
    program = arguments.programs / "apps/cli/kachery"
    python = arguments.python.absolute()
    store, bare = space.fresh(), space.fresh()
    chance = random.Random(1)
    stage_count = arguments.count // arguments.stages
    all_digests: list[str] = []
    rows = []
    for stage in range(arguments.stages):
        sources = arguments.sources / f"kachery-million-{os.getpid()}"
        listing, digests = make_sources(sources, stage * stage_count, stage_count)
        all_digests += digests
        wait_until_quiet(arguments.patience)
        # Half of them may be evicted; a batch is durable when it is answered, in both.
        put_bare = run([arguments.programs / "bench/bare_store", "batch", bare, listing])
        put = run([program, "store", "-q", "--evictable", "--dir", store, "--from", listing, "-0"])
        shutil.rmtree(sources)
        some = chance.sample(all_digests, min(LOADS, len(all_digests)))
        get_bare = timed(lambda: load_bare(bare, some))
        get = load_with(python, store, some, space.root)
        ls_bare = run(["find", bare / "sha1", "-type", "f", "-printf", "%f %s %C@\\n"])
        ls = run([program, "ls", "--dir", store])
        rows.append((len(all_digests), put_bare.seconds, put.seconds, get_bare, get, ls_bare.seconds, ls.seconds, ls.rss_mib))
        say("  " + " ".join(f"{value:.3g}" for value in rows[-1]))

    half = arguments.count // 2
    wait_until_quiet(arguments.patience)
    limit = str(half * len(b"%d " % (arguments.count - 1) * (FILE_BYTES // 8)))
    collect = run([program, "gc", "-q", "--dir", store, "--max-size", limit, "--min-age", "0"])
    left = int(subprocess.run(
        f"{program} ls --dir {store} | wc -l", shell=True, capture_output=True, text=True, check=True).stdout)
    gone = len(all_digests) - left
    remove = timed(lambda: remove_bare(bare, chance.sample(all_digests, gone)))

    def per_second(seconds: float, count: int) -> str:
        return f"{count / seconds:,.0f}/s"

    lines = [
        "| objects then | store, bare loop | kachery store | ratio | load, bare loop in Python | kachery.load_bytes | ratio "
        "| list, `find` | kachery ls | ratio | memory of ls |",
        "| --- | --- | --- | --- | --- | --- | --- | --- | --- | --- | --- |",
    ]
    for count, a, b, c, d, e, f, rss in rows:
        loads = min(LOADS, count)
        lines.append(
            f"| {count:,} | {per_second(a, stage_count)} | {per_second(b, stage_count)} | {a / b:.2f} "
            f"| {per_second(c, loads)} | {per_second(d, loads)} | {c / d:.2f} | {e:.2f} s | {f:.2f} s | {e / f:.2f} | {rss:.0f} MiB |"
        )
    first, last = rows[0], rows[-1]
    lines += [
        "",
        f"The last stage in parts of the first: storing {first[2] / last[2]:.2f} (bare loop {first[1] / last[1]:.2f}), loading "
        f"{first[4] / last[4]:.2f} (bare loop {first[3] / last[3]:.2f}), listing per object "
        f"{first[6] / first[0] / (last[6] / last[0]):.2f} (`find` {first[5] / first[0] / (last[5] / last[0]):.2f}).",
        "",
        f"`kachery gc` down to half: {gone:,} evicted in {collect.seconds:.1f} s ({per_second(collect.seconds, gone)}, "
        f"{collect.rss_mib:.0f} MiB), with their folders; a bare loop in Python that removes as many: {remove:.1f} s "
        f"({per_second(remove, gone)}); ratio {remove / collect.seconds:.2f}.",
    ]
    record(arguments.out, "million", f"{arguments.count:,} small objects", [
        *circumstances(space),
        f"- {arguments.stages} stages of {stage_count:,} files of about {FILE_BYTES} bytes, each one batch; bare loop, then kachery",
        "",
        *lines,
    ])
    space.remove()


if __name__ == "__main__":
    main()
