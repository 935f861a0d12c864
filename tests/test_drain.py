"""A hub that is told to stop while files are fetched: it ends within its time, and clients go on where they were."""

from __future__ import annotations

import random
import socket
import threading
import time
from pathlib import Path
from typing import Callable
from urllib.parse import urlsplit

from harness import UNREACHABLE, Program, sha1, wait_until, write
from hub import RunningHub, running_hub
from hub_node import Node
from machine import Machine

DRAIN_S = 10
"""What the hub gives to requests that have begun (hub_limits.h)."""
CHUNK = 12 << 20
STEP = 64 << 10


def chunk_request(hub: RunningHub, digest: str) -> bytes:
    """Asks for a file of one chunk."""
    found = Node().call(hub.url, "/v1/files/find", {"zone": "default", "digests": [f"sha1:{digest}"], "channel": None}).message
    url = urlsplit(found["files"][0]["url"])
    return f"GET {url.path}?{url.query} HTTP/1.1\r\nHost: x\r\n\r\n".encode()


def test_a_fetch_goes_on_where_it_was_when_its_hub_is_stopped_and_started_again(
        tmp_path: Path, program: Program, rng: random.Random, campaign: Callable[[str], int],
        outcome: Callable[[str], None]) -> None:
    size = campaign("download") << 20
    with running_hub(tmp_path, open=True, program=program) as hub:
        one, other = (Machine(program, tmp_path / name, hub.url) for name in ("one", "other"))
        large = write(tmp_path / "large", rng.randbytes(1 << 20) * (size >> 20))
        with large.open("r+b") as file:  # So that no chunk is like another.
            for place in range(0, size, 1 << 20):
                file.seek(place)
                file.write(place.to_bytes(8, "big"))
        uri = one.run("store", large, deadline_s=300).expect().uri
        fetched = tmp_path / "fetched"
        with other.start("load", uri, "--dest", fetched) as client:
            partial = other.store / "partial"
            wait_until(lambda: client.poll() is not None or sum(1 for _ in partial.rglob("*")) > 3, "the fetch has begun")
            was_under_way = client.poll() is None
            begun = time.monotonic()
            assert hub.stop() == 0
            drained_s = time.monotonic() - begun
            hub.restart()
            client.communicate(timeout=300)
            first = client.returncode
        assert first in (0, UNREACHABLE)
        if first != 0:
            other.run("load", uri, "--dest", fetched, deadline_s=300).expect()
        assert sha1(fetched.read_bytes()) == uri.split("//")[1].split("/")[0]
    outcome(f"stop during a fetch of {size >> 20} MiB: under way {was_under_way}, stopped in {drained_s:.2f} s, "
            f"the client's exit status {first}")
    assert was_under_way


def test_a_client_that_reads_on_slowly_is_cut_in_the_end(tmp_path: Path, program: Program, outcome: Callable[[str], None]) -> None:
    with running_hub(tmp_path, open=True, program=program) as hub:
        one = Machine(program, tmp_path / "one", hub.url)
        uri = one.run("store", write(tmp_path / "large", bytes(CHUNK))).expect().uri
        request = chunk_request(hub, uri.split("//")[1].split("/")[0])
        received = 0
        has_ended = threading.Event()

        def read_on() -> None:
            nonlocal received
            try:
                while piece := connection.recv(STEP):
                    received += len(piece)
                    has_ended.wait(0.2)
            except OSError:
                pass

        with socket.socket() as connection:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, STEP)
            connection.settimeout(30)
            connection.connect(("127.0.0.1", hub.port))
            connection.sendall(request)
            reader = threading.Thread(target=read_on)
            reader.start()
            wait_until(lambda: received > 0, "the answer has begun")
            begun = time.monotonic()
            assert hub.stop() == 0
            stopped_s = time.monotonic() - begun
            has_ended.set()
            reader.join()
        outcome(f"stop while somebody reads slowly: after {stopped_s:.1f} s, {received >> 10} of {CHUNK >> 10} KiB were read")
        assert received < CHUNK, "it was cut"
        assert stopped_s >= DRAIN_S - 1, "it was given its time"
