#!/usr/bin/env python3
"""Measures a hub and its clients on loopback, beside curl, requests, nginx and bare loops. README.md says how to run it."""

from __future__ import annotations

import argparse
import contextlib
import hashlib
import json
import signal
import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

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
    notes,
    record,
    say,
    table,
    warm,
)
from peers import NOT_SYNCED, Work
from servers import Server, start_hub, start_nginx
from store import FILE_BYTES, SMALL_BYTES_ON_DISK, make_files, size_text

# A second of `requests` in a loop.
LOOP_FILES = 1000
MEMORY_MIB_MAX = 128
SECOND_PUSH_PER_S = 50_000

# How many connections the load generator keeps, how long it asks, and the requests that a time is given for.
WRK_CONNECTIONS = 32
WRK_SECONDS = 4
ASKED = 100_000
# What is asked for in turn.
ASKED_FILES = 250
# More than a processor can check: each signed request is good once.
SIGNED_PER_S_MAX = 25_000
VERIFIED = 50_000

DURABLE = "yes"
STORES_NOTHING = "stores nothing"


@dataclass
class Peaks:
    """Of what a program used on both sides, over all its runs."""

    client_mib: float = 0
    server_mib: float = 0

    def note(self, run: Run, server: Server) -> Run:
        """A run with the larger one of both."""
        self.client_mib = max(self.client_mib, run.rss_mib)
        self.server_mib = max(self.server_mib, server.peak_mib())
        return Run(run.seconds, max(run.rss_mib, server.peak_mib()))

    def text(self) -> str:
        return f"client {self.client_mib:.0f} MiB, server {self.server_mib:.0f} MiB"


@dataclass(frozen=True)
class HubBench(Bench):
    python: Path
    method: Method
    out: Path
    big: Work
    small: Work
    few: Work  # The first of the small ones, for what is slow.
    stack: contextlib.ExitStack  # Stops what still serves when the script ends.
    peaks: dict[str, Peaks] = field(default_factory=dict)

    def peaks_of(self, name: str) -> Peaks:
        return self.peaks.setdefault(name, Peaks())

    def hub(self, folder: Path) -> Server:
        hub = start_hub(self.kachery, folder)
        self.stack.callback(hub.stop)
        return hub

    def nginx(self, files: Path) -> Server:
        nginx = start_nginx(self.space.fresh(), files)
        self.stack.callback(nginx.stop)
        return nginx

    def call(self, hub: Server, store: Path, function: str, names: Path, warm_up: Path | str) -> WarmCall:
        """A function of kachery for many names, in a warm process with this store."""
        return WarmCall(
            self.python, ("kachery", function), names, warm_up, client_of(hub.address, store), together=True
        )

    def push(self, hub: Server, store: Path, work: Work) -> None:
        """Fill a hub, also with the file that warms up."""
        self.call(hub, store, "upload_many", work.names, self.warm_up)()


def client_of(address: str, store: Path) -> dict[str, str]:
    """The settings of a client, whatever those of the user are."""
    return {
        "KACHERY_DIR": str(store),
        "KACHERY_GATEWAY_URL": address,
        "KACHERY_ZONE": "default",
        "KACHERY_CONFIG_DIR": str(store / "none"),
        "KACHERY_CONTEXT": "",
    }


def sha1_of(path: Path) -> str:
    with open(path, "rb") as file:
        return hashlib.file_digest(file, "sha1").hexdigest()


def uri_of(path: Path) -> str:
    return f"sha1://{sha1_of(path)}"


# --- One large file


def shell(bench: HubBench, name: str, server: Server, line: Callable[[Path], str], **details: object) -> Program:
    """What people type. The memory is that of the server, or of the largest program of the line."""

    def prepare(folder: Path) -> Callable[[], Run]:
        words = ["bash", "-o", "pipefail", "-e", "-c", line(folder)]
        return lambda: bench.peaks_of(name).note(bench.run(words), server)

    return Program(name, prepare, **details)  # type: ignore[arg-type]


def get_large(bench: HubBench) -> None:
    [file] = bench.big.files
    uri = uri_of(file)
    nginx = bench.nginx(bench.big.folder)
    place = bench.space.fresh()
    filled = bench.hub(place)
    bench.push(filled, place / "pushing", bench.big)
    filled.stop()
    hub = bench.hub(place)  # Afresh: what filling it took is no part of what giving takes.

    curl = shell(
        bench,
        "`curl URL \\| tee FILE \\| openssl dgst -sha1`, from nginx",
        nginx,
        lambda folder: f"curl -sSf {nginx.address}/files/{file.name} | tee {folder}/file | openssl dgst -sha1",
        durable=NOT_SYNCED,
        bytes_written=bench.big.size,
    )
    name = "**kachery load**, from a hub into an empty store"

    def load(folder: Path) -> Callable[[], Run]:
        environment = client_of(hub.address, folder / "store")
        words: list[str | Path] = [bench.kachery, "load", "-q", uri]
        return lambda: bench.peaks_of(name).note(bench.run(words, environment=environment), hub)

    goal = Goal(ratio_min=1.5, rss_mib_max=MEMORY_MIB_MAX)
    program = Program(name, load, DURABLE, goal, bytes_written=bench.big.size)
    title = f"Get {size_text(bench.big.size)} from a hub, verified"
    bucket = [path for path in (place / "hub" / "bucket").rglob("*") if path.is_file()]
    measure(bench, "hub-get", title, curl, [program], gigabytes(bench.big.size), [*bench.big.files, *bucket], [
        "The hub checks who may have it, kachery checks the hash and syncs before it answers; the curl pipe prints a "
        "hash that somebody has to compare, and syncs nothing.",
    ])
    hub.stop()
    nginx.stop()


def put_large(bench: HubBench) -> None:
    [file] = bench.big.files
    nginx = bench.nginx(bench.big.folder)
    curl = shell(
        bench,
        "`openssl dgst -sha1 F && curl -T F`, to nginx",
        nginx,
        lambda folder: f"openssl dgst -sha1 {file} && curl -sSf -T {file} {nginx.address}/put/{folder.name}",
        durable=NOT_SYNCED,
        bytes_written=bench.big.size,
    )
    name = "**kachery.upload_many** of one file, to an empty hub, from Python in a warm process"

    def upload(folder: Path) -> Callable[[], Run]:
        hub = bench.hub(folder)
        call = bench.call(hub, folder / "store", "upload_many", bench.big.names, bench.warm_up)
        return lambda: then_stop(hub, bench.peaks_of(name).note(call(), hub))

    program = Program(name, upload, DURABLE, Goal(rss_mib_max=MEMORY_MIB_MAX), bytes_written=bench.big.size)
    title = f"Send {size_text(bench.big.size)} to an empty hub"
    measure(bench, "hub-put", title, curl, [program], gigabytes(bench.big.size), bench.big.files, [
        "nginx (dav_methods PUT) writes down what comes: it checks no hash and syncs nothing, and a file that changes "
        "on the way goes unnoticed. The client of kachery hashes twice before it sends (SHA-1 of the file, SHA-256 "
        "of each chunk), the hub once while it takes the chunks, and syncs before it answers; it hashes once more "
        "behind that, for which nobody waits.",
    ])
    nginx.stop()


def then_stop(server: Server, run: Run) -> Run:
    server.stop()
    return run


# --- Many small files


def loop(bench: HubBench, name: str, server: Server, function: str, work: Work, **details: object) -> Program:
    """The package `requests`, one file after the other over one connection."""

    def prepare(_: Path) -> Callable[[], Run]:
        environment = {"BENCH_SERVER": server.address}
        names, warm_up = work.names, str(work.files[0])
        if function == "get":
            names, warm_up = bench.space.root / "names.list", work.files[0].name
            names.write_bytes(b"".join(path.name.encode() + b"\0" for path in work.files))
        return WarmCall(bench.python, ("requests_loop", function), names, warm_up, environment)

    return Program(name, prepare, units=len(work.files), **details)  # type: ignore[arg-type]


def put_many(bench: HubBench) -> None:
    nginx = bench.nginx(bench.small.folder)
    count = len(bench.small.files)
    baseline = loop(
        bench, "`requests.Session.post`, one by one, to nginx that answers 204", nginx, "post", bench.few, durable="no"
    )
    first, second = "**kachery.upload_many**, to an empty hub", "**kachery.upload_many** again, nothing new"

    def upload(folder: Path, name: str, again: bool) -> Callable[[], Run]:
        hub = bench.hub(folder)
        if again:
            bench.push(hub, folder / "store", bench.small)
        call = bench.call(hub, folder / "store", "upload_many", bench.small.names, bench.warm_up)
        return lambda: then_stop(hub, bench.peaks_of(name).note(call(), hub))

    size = count * SMALL_BYTES_ON_DISK
    rss = MEMORY_MIB_MAX
    programs = [
        Program(first, lambda folder: upload(folder, first, False), DURABLE, Goal(30, rss), count, size),
        Program(
            second, lambda folder: upload(folder, second, True), DURABLE,
            Goal(rss_mib_max=rss, seconds_max=count / SECOND_PUSH_PER_S), count, size,
        ),
    ]
    title = f"Send {count:,} files of 4 KiB to a hub, and again"
    measure(bench, "hub-put-many", title, baseline, programs, files_per_second, bench.small.files, [
        f"The loop sends {len(bench.few.files):,} of them, to a server that forgets them. kachery reads and hashes all "
        "of them, also the second time, and what the hub has is hashed and synced when it answers.",
    ])
    nginx.stop()


def get_many(bench: HubBench) -> None:
    nginx = bench.nginx(bench.small.folder)
    count = len(bench.small.files)
    place = bench.space.fresh()
    hub = bench.hub(place)
    bench.push(hub, place / "pushing", bench.small)
    uris = bench.space.root / "uris.list"
    uris.write_bytes(b"".join(uri_of(path).encode() + b"\0" for path in bench.small.files))
    baseline = loop(bench, "`requests.Session.get`, one by one, from nginx", nginx, "get", bench.few,
                    durable="keeps nothing")
    name = "**kachery.fetch_many**, into an empty store"

    def fetch(folder: Path) -> Callable[[], Run]:
        call = bench.call(hub, folder / "store", "fetch_many", uris, uri_of(bench.warm_up))
        return lambda: bench.peaks_of(name).note(call(), hub)

    size = count * SMALL_BYTES_ON_DISK
    program = Program(name, fetch, DURABLE, Goal(30, MEMORY_MIB_MAX), count, size)
    title = f"Get {count:,} files of 4 KiB from a hub"
    bucket = [path for path in (place / "hub" / "bucket").rglob("*") if path.is_file()]
    measure(bench, "hub-get-many", title, baseline, [program], files_per_second, [*bench.small.files, *bucket], [
        f"The loop gets {len(bench.few.files):,} of them into memory, and checks and keeps nothing.",
    ])
    hub.stop()
    nginx.stop()


# --- Questions


def ask(bench: HubBench, server: Server, requests: Path) -> Run:
    """As long as ASKED requests would take at the rate that wrk found."""
    words: list[str | Path] = ["wrk", "-t1", f"-c{WRK_CONNECTIONS}", f"-d{WRK_SECONDS}s"]
    words += ["-s", Path(__file__).with_name("replay.lua"), server.address, "--", requests]
    answer = subprocess.run(words, capture_output=True, text=True, check=False)
    if answer.returncode != 0:
        sys.exit(f"wrk failed: {answer.stdout}{answer.stderr}")
    found = json.loads(answer.stdout.splitlines()[-1])
    if found["failed"] or not found["requests"]:
        sys.exit(f"of the requests of wrk some were refused: {answer.stdout}")
    return Run(ASKED * found["microseconds"] / 1e6 / found["requests"], server.peak_mib())


def questions(bench: HubBench) -> list[str]:
    """The bodies that are sent, each about one file."""
    return [
        json.dumps({"zone": "default", "digests": [f"sha1:{sha1_of(path)}"], "channel": None}, separators=(",", ":"))
        for path in bench.small.files[:ASKED_FILES]
    ]


def hub_with_small(bench: HubBench) -> Server:
    place = bench.space.fresh()
    hub = bench.hub(place)
    bench.push(hub, place / "pushing", bench.few)
    return hub


def plain_request(path: str, address: int, body: str) -> bytes:
    head = [f"POST {path} HTTP/1.1", "Host: 127.0.0.1", f"X-Forwarded-For: 10.0.0.{address}"]
    head += ["Content-Type: application/json", f"Content-Length: {len(body)}"]
    return ("\r\n".join(head) + "\r\n\r\n" + body + "\0").encode()


def find(bench: HubBench) -> None:
    hub, nginx = hub_with_small(bench), bench.nginx(bench.small.folder)
    nothing, asked = bench.space.root / "nothing.requests", bench.space.root / "find.requests"
    nothing.write_bytes(b"GET /nothing HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n\0")
    bodies = questions(bench)
    asked.write_bytes(b"".join(plain_request("/v1/files/find", i + 1, body) for i, body in enumerate(bodies)))

    def asking(name: str, server: Server, requests: Path, goal: Goal = Goal()) -> Program:
        return Program(name, lambda _: lambda: ask(bench, server, requests), STORES_NOTHING, goal, ASKED)

    baseline = asking("nginx `return 200`, one worker, GET", nginx, nothing)
    programs = [
        asking("nginx `return 200`, one worker, the POST that the hub gets", nginx, asked),
        asking("**find + presign**, unsigned, of one file in an open zone", hub, asked,
               Goal(ratio_min=0.6, rss_mib_max=MEMORY_MIB_MAX)),
    ]
    title = "Find a file and sign its URL, unsigned"
    measure(bench, "hub-find", title, baseline, programs, requests_per_second, bench.few.files, [
        f"wrk with one thread and {WRK_CONNECTIONS} connections for {WRK_SECONDS} s, against one network thread. "
        f"{ASKED_FILES} files are asked for in turn, from as many addresses; each answer is in the audit log.",
    ])
    hub.stop()
    nginx.stop()


def find_signed(bench: HubBench) -> None:
    hub = hub_with_small(bench)
    bodies = "".join(body + "\n" for body in questions(bench))

    def prepare(folder: Path) -> Callable[[], Run]:
        requests = folder / "signed.requests"
        with open(requests, "wb") as file:
            words: list[str | Path] = [bench.bare("signed_requests"), hub.address]
            words.append(str(WRK_SECONDS * SIGNED_PER_S_MAX))
            subprocess.run(words, input=bodies.encode(), stdout=file, check=True)
        return lambda: ask(bench, hub, requests)

    def verify(_: Path) -> Callable[[], Run]:
        return lambda: bench.run([bench.bare("verify_only"), str(VERIFIED)])

    baseline = Program("check an ed25519 signature (libsodium, one thread)", verify, STORES_NOTHING, units=VERIFIED)
    goal = Goal(ratio_min=0.6, rss_mib_max=MEMORY_MIB_MAX)
    program = Program("**find + presign**, signed, of one file", prepare, STORES_NOTHING, goal, ASKED)
    title = "Find a file and sign its URL, asked by signed requests"
    measure(bench, "hub-find-signed", title, baseline, [program], requests_per_second, bench.few.files, [
        f"wrk with one thread and {WRK_CONNECTIONS} connections for {WRK_SECONDS} s, against one network thread, with "
        "requests that were signed before by 16 nodes; each is sent once.",
    ])
    hub.stop()


SECTIONS = {
    "hub-get": get_large,
    "hub-put": put_large,
    "hub-put-many": put_many,
    "hub-get-many": get_many,
    "hub-find": find,
    "hub-find-signed": find_signed,
}


# --- How


def gigabytes(size: int) -> Callable[[int, float], str]:
    return lambda _, seconds: f"{size / seconds / 1e9:.2f} GB/s"


def files_per_second(units: int, seconds: float) -> str:
    return f"{units / seconds:,.0f} files/s"


def requests_per_second(units: int, seconds: float) -> str:
    return f"{units / seconds:,.0f} requests/s"


def measure(
    bench: HubBench,
    name: str,
    title: str,
    baseline: Program,
    programs: Sequence[Program],
    rate: Callable[[int, float], str],
    warm_files: Sequence[Path],
    remarks: Sequence[str],
) -> None:
    say(title)
    head = circumstances(bench.space)
    comparisons: list[Comparison] = [
        compare(bench.space, baseline, program, bench.method, lambda: warm(warm_files)) for program in programs
    ]
    memory = [f"Peak memory, {one.name}: {bench.peaks[one.name].text()}." for one in programs if one.name in bench.peaks]
    record(bench.out, name, title, [
        *head,
        f"- {bench.method.pairs} pairs each, on loopback, after `sync` and with warm files; the memory is that of the "
        "larger one of client and server",
        "",
        *table(baseline, comparisons, rate),
        "",
        *notes(comparisons),
        *memory,
        "",
        *remarks,
    ])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs per program; at least 5 for a result")
    parser.add_argument("--size-gib", type=float, default=1, help="size of the large file")
    parser.add_argument("--files", type=int, default=20_000, help="how many small files")
    parser.add_argument("--only", action="append", choices=SECTIONS, help="measure this section only (repeatable)")
    folder = REPOSITORY / "build" / "bench-hub-data"
    parser.add_argument("--dir", type=Path, default=folder, help="a folder to make, use and delete")
    parser.add_argument("--keep", action="store_true", help="leave that folder behind")
    parser.add_argument("--programs", type=Path, default=REPOSITORY / "build" / "release", help="the release build")
    python = REPOSITORY / ".venv" / "bin" / "python"
    parser.add_argument("--python", type=Path, default=python, help="a Python that has kachery and requests")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench" / "results.md", help="the results file")
    parser.add_argument("--patience", type=float, default=10, help="seconds to wait for a quiet machine, each pair")
    return parser.parse_args()


def check_tools(programs: Path, python: Path) -> None:
    for program in ("apps/cli/kachery", "bench/signed_requests", "bench/timed", "bench/verify_only"):
        if not (programs / program).exists():
            sys.exit(f"{programs / program} is not there: cmake --preset release && cmake --build --preset release")
    for program in ("curl", "openssl", "wrk"):
        if subprocess.run(["which", program], capture_output=True, check=False).returncode != 0:
            sys.exit(f"{program} is not there: apt-get install {program}")
    importing: list[str | Path] = [python, "-c", "import requests, kachery; kachery.upload_many"]
    if subprocess.run(importing, check=False).returncode != 0:
        sys.exit(f"{python} has not both kachery and requests: {python} -m pip install requests .")


def main() -> None:
    arguments = parse_arguments()
    programs = arguments.programs.resolve()
    python = arguments.python.absolute()  # Not resolved: what a virtual environment is, its link says.
    check_tools(programs, python)
    if arguments.dir.exists():
        sys.exit(f"{arguments.dir} is there already; the runs need a folder of their own: delete it, or give --dir")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # By way of `finally`.
    space = Space(arguments.dir.resolve())
    try:
        with contextlib.ExitStack() as stack:
            big_bytes = int(arguments.size_gib * 2**30)
            space.require(big_bytes + arguments.files * FILE_BYTES, "making the files")
            big, small = make_files(space.root, big_bytes, arguments.files)
            few = part_of(small, LOOP_FILES, space.root)
            method = Method(arguments.pairs, arguments.patience)
            run = Runner(programs)
            bench = HubBench(space, programs, run, python, method, arguments.out, big, small, few, stack)
            for name in arguments.only or SECTIONS:
                SECTIONS[name](bench)
    finally:
        if not arguments.keep:
            space.remove()


def part_of(work: Work, count: int, root: Path) -> Work:
    files = work.files[:count]
    names = root / "few.list"
    names.write_bytes(b"".join(str(file).encode() + b"\0" for file in files))
    return Work(files, work.folder, names)


if __name__ == "__main__":
    main()
