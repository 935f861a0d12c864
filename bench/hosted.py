#!/usr/bin/env python3
"""Measures getting a file that another machine hosts and nobody has uploaded, beside kachery-cloud's upload and download.

README.md says how to run it.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness import (
    REPOSITORY,
    Bench,
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
from hub import DURABLE, MEMORY_MIB_MAX, client_of, gigabytes, uri_of
from peers import NOT_SYNCED, Work, install_kachery_cloud
from servers import Server, start_gateway, start_hub, start_nginx
from store import make_files, size_text

# At most 0.7 of the time of an upload and a download.
RATIO_MIN = 1 / 0.7
RESOURCE = "bench"
CONNECT_WAIT_S = 20

# Any key pair; the gateway looks at no signature. Theirs is a published test vector.
CLIENT_ID = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
PRIVATE_KEY = "0102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f20"


@dataclass(frozen=True)
class HostedBench(Bench):
    big: Work
    stack: contextlib.ExitStack



# --- kachery-cloud


def upload_and_download(bench: HostedBench, python: Path) -> Program:
    """Both in warm processes, one after the other, without the polls in between."""
    place = bench.space.fresh()
    gateway = start_gateway(place)
    bench.stack.callback(gateway.stop)
    nginx = start_nginx(place, bench.big.folder, gateway)
    bench.stack.callback(nginx.stop)
    uris = bench.space.root / "uri.list"
    uris.write_bytes(uri_of(bench.big.files[0]).encode() + b"\0")

    def prepare(folder: Path) -> Callable[[], Run]:
        def call(function: str, names: Path, warm_up: Path | str, store: str) -> WarmCall:
            environment = {
                "KACHERY_CLOUD_DIR": str(folder / store),
                "KACHERY_GATEWAY_URL": nginx.address,
                "KACHERY_ZONE": folder.name,
                "KACHERY_CLOUD_CLIENT_ID": CLIENT_ID,
                "KACHERY_CLOUD_PRIVATE_KEY": PRIVATE_KEY,
            }
            return WarmCall(python, ("kachery_cloud", function), names, warm_up, environment)

        upload = call("store_file", bench.big.names, bench.warm_up, "one")
        download = call("load_file", uris, uri_of(bench.warm_up), "other")

        def both() -> Run:
            runs = [upload(), download()]
            return Run(sum(run.seconds for run in runs), max(run.rss_mib for run in runs))

        return both

    name = "kachery-cloud 0.4.10, store_file and load_file, warm processes, bucket: nginx"
    return Program(name, prepare, NOT_SYNCED, bytes_written=2 * bench.big.size)


# --- kachery


def start_resource(bench: HostedBench, hub: Server, folder: Path) -> Server:
    """A machine that has linked the file, and serves it."""
    environment = client_of(hub.address, folder / "hosting")
    bench.run([bench.kachery, "link", "-q", *bench.big.files], environment=environment)
    bench.run([bench.kachery, "resource", "register", RESOURCE], environment=environment)
    configuration = folder / "resource"
    configuration.mkdir()
    words: list[str | Path] = [bench.kachery, "--as", "kachery-resource"]
    answers = f"{RESOURCE}\n.\n2\n{hub.address}\n\n"
    everything = {**client_environment(), **environment}
    with open(folder / "daemon.log", "w") as log:
        subprocess.run([*words, "init"], input=answers, cwd=configuration, env=everything, stdout=log, stderr=log,
                       text=True, check=True)
        process = subprocess.Popen([*words, "share"], cwd=configuration, env=everything, stdin=subprocess.DEVNULL,
                                   stdout=log, stderr=log, text=True)
    daemon = Server(process, hub.address)
    bench.stack.callback(daemon.stop)
    deadline = time.monotonic() + CONNECT_WAIT_S
    while not is_connected(bench, everything):
        if process.poll() is not None or time.monotonic() > deadline:
            sys.exit(f"the daemon does not serve: {(folder / 'daemon.log').read_text()}")
        time.sleep(0.05)
    return daemon


def client_environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith("KACHERY_")}


def is_connected(bench: HostedBench, environment: dict[str, str]) -> bool:
    command: list[str | Path] = [bench.kachery, "resource", "show", RESOURCE, "--json"]
    shown = subprocess.run(command, env=environment, capture_output=True, text=True, check=True)
    return bool(json.loads(shown.stdout)["connected"])


def ask_and_load(bench: HostedBench, peaks: list[str]) -> Program:
    [file] = bench.big.files
    uri = uri_of(file)

    def prepare(folder: Path) -> Callable[[], Run]:
        hub = start_hub(bench.kachery, folder)
        bench.stack.callback(hub.stop)
        daemon = start_resource(bench, hub, folder)

        def load() -> Run:
            words: list[str | Path] = [bench.kachery, "load", "-q", "--resource", RESOURCE, uri]
            run = bench.run(words, environment=client_of(hub.address, folder / "store"))
            memory = {"client": run.rss_mib, "hub": hub.peak_mib(), "daemon": daemon.peak_mib()}
            peaks[:] = [", ".join(f"{name} {mib:.0f} MiB" for name, mib in memory.items())]
            daemon.stop()
            hub.stop()
            return Run(run.seconds, max(memory.values()))

        return load

    goal = Goal(ratio_min=RATIO_MIN, rss_mib_max=MEMORY_MIB_MAX)
    name = "**kachery load --resource**, from a linked file, into an empty store"
    return Program(name, prepare, DURABLE, goal, bytes_written=2 * bench.big.size)


def measure(bench: HostedBench, python: Path, method: Method, out: Path) -> None:
    title = f"Get {size_text(bench.big.size)} that another machine hosts and nobody has uploaded"
    say(title)
    head = circumstances(bench.space)
    peaks: list[str] = []
    baseline = upload_and_download(bench, python)
    comparison = compare(
        bench.space, baseline, ask_and_load(bench, peaks), method, lambda: warm(bench.big.files)
    )
    record(out, "hosted", title, [
        *head,
        f"- {method.pairs} pairs, on loopback, after `sync` and with warm files; the memory is that of the largest of client, "
        "hub and daemon",
        "",
        *table(baseline, [comparison], gigabytes(bench.big.size)),
        "",
        *notes([comparison]),
        f"Peak memory of the last run: {', '.join(peaks)}.",
        "",
        "kachery hashes the file at its place (SHA-1 and SHA-256), sends it while the hub checks and syncs it, and meanwhile fetches "
        "and checks what has come, and syncs it. kachery-cloud hashes it, sends it and fetches it; nothing is checked, and nothing synced.",
        "What its users saw came on top: `load_file` asks the proxy anew every 9 s (5 s of waiting there, 4 s of sleep) until "
        "the upload is done. Measured by itself on a machine of this kind: 2.06 s for the upload, 2.33 s for the download.",
    ])


def parse_arguments() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.ArgumentDefaultsHelpFormatter)
    parser.add_argument("--pairs", type=int, default=5, help="pairs of runs; at least 5 for a result")
    parser.add_argument("--size-gib", type=float, default=1, help="size of the file")
    folder = REPOSITORY / "build" / "bench-hosted-data"
    parser.add_argument("--dir", type=Path, default=folder, help="a folder to make, use and delete")
    parser.add_argument("--keep", action="store_true", help="leave that folder behind")
    parser.add_argument("--programs", type=Path, default=REPOSITORY / "build" / "release", help="the release build")
    parser.add_argument("--cloud-python", type=Path, help="a Python that has kachery-cloud 0.4.10; else pip installs it")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench" / "results.md", help="the results file")
    parser.add_argument("--patience", type=float, default=10, help="seconds to wait for a quiet machine, each pair")
    return parser.parse_args()


def main() -> None:
    arguments = parse_arguments()
    programs = arguments.programs.resolve()
    for program in ("apps/cli/kachery", "bench/timed"):
        if not (programs / program).exists():
            sys.exit(f"{programs / program} is not there: cmake --preset release && cmake --build --preset release")
    if arguments.dir.exists():
        sys.exit(f"{arguments.dir} is there already; the runs need a folder of their own: delete it, or give --dir")

    signal.signal(signal.SIGTERM, lambda *_: sys.exit("stopped"))  # By way of `finally`.
    space = Space(arguments.dir.resolve())
    try:
        with contextlib.ExitStack() as stack:
            big_bytes = int(arguments.size_gib * 2**30)
            space.require(big_bytes, "making the file")
            big, _ = make_files(space.root, big_bytes, 1)
            python = arguments.cloud_python or install_kachery_cloud(space.root / "venv")
            method = Method(arguments.pairs, arguments.patience)
            measure(HostedBench(space, programs, Runner(programs), big, stack), python, method, arguments.out)
    finally:
        if not arguments.keep:
            space.remove()


if __name__ == "__main__":
    main()
