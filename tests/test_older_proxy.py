"""`kachery proxy`: the rendezvous of gen2 alone, with programs of gen2 on both sides. R1-R12 of its known faults."""

from __future__ import annotations

import http.client
import json
import subprocess
import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

from harness import Program, clean_environment, wait_until
from older_daemon import OlderDaemon, older_ask, upload_status

SECRET = "0123456789abcdef0123456789abcdef"
URI = "sha1://" + "a" * 40


@contextmanager
def running_proxy(place: Path, program: Program) -> Iterator[str]:
    said = place / "proxy.said"
    with said.open("wb") as output, (place / "proxy.log").open("wb") as errors:
        process = subprocess.Popen([*program.prefix, program.path, "proxy", "--json", "--listen", "127.0.0.1:0"], stdin=subprocess.DEVNULL,
                                   stdout=output, stderr=errors, env=clean_environment() | {"PROXY_SECRET": SECRET})
    try:
        wait_until(lambda: said.read_bytes().endswith(b"\n") or process.poll() is not None, "the proxy serves", 20)
        assert process.poll() is None, (place / "proxy.log").read_text()
        yield json.loads(said.read_bytes())["address"]
        begun = time.monotonic()
        process.terminate()
        assert process.wait(20) == 0 and time.monotonic() - begun < 9, "it does not wait for its daemons"
        assert SECRET not in (place / "proxy.log").read_text()
    finally:
        process.kill()
        process.wait()


def status_of(answer: tuple[int, Any]) -> str:
    assert answer[0] == 200 and answer[1]["type"] == "responseToClient", answer
    return str(answer[1]["response"]["status"]["status"])


def test_daemons_and_clients_of_gen2_meet(tmp_path: Path, program: Program) -> None:
    with running_proxy(tmp_path, program) as url:
        base = urlsplit(url)
        connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=30)
        connection.request("GET", "/probe")
        assert connection.getresponse().read() == b"running."
        connection.close()
        assert older_ask(url, "old", URI) == (404, {"message": "resource not found: old"})
        with OlderDaemon(url, "old", SECRET, "lab", lambda _: upload_status("completed", size=3, bytesUploaded=3)) as first:
            first.begun()
            assert status_of(older_ask(url, "old", URI, zone="lab")) == "completed"
            assert older_ask(url, "old", URI, zone="fog") == (500, {"message": "Zone mismatch: fog <> lab"})
            assert first.requests[0]["zone"] == "lab"
            with OlderDaemon(url, "old", SECRET, "lab") as second:
                second.refused()
            assert status_of(older_ask(url, "old", URI, zone="lab")) == "completed", "R9"
            with OlderDaemon(url, "old", "wrong", "lab") as stranger:
                stranger.refused()
        wait_until(lambda: older_ask(url, "old", URI, 0, zone="lab")[0] == 404, "the name is free", 20)


def test_the_oldest_programs_meet(tmp_path: Path, program: Program) -> None:
    """Before 2023-03-13: no zone, POST /api, no time in the inner request."""
    with running_proxy(tmp_path, program) as url:
        with OlderDaemon(url, "old", SECRET, None, lambda _: upload_status("not-found")) as daemon:
            daemon.begun()
            answer = older_ask(url, "old", URI, zone=None, target="/api", inner={"type": "fileUpload", "uri": URI})
            assert status_of(answer) == "not-found"
            assert set(daemon.requests[0]) == {"type", "requestId", "resourceName", "request", "timeoutMsec"}
            assert daemon.requests[0]["request"] == {"type": "fileUpload", "uri": URI}


def test_a_daemon_that_goes_is_noticed_at_once(tmp_path: Path, program: Program) -> None:
    """R10: the client does not wait for its whole time."""
    with running_proxy(tmp_path, program) as url:
        daemon = OlderDaemon(url, "old", SECRET, "lab")
        daemon.begun()
        with ThreadPoolExecutor(1) as pool:
            asked = pool.submit(older_ask, url, "old", URI, 120_000, "lab")
            daemon.wait(lambda: len(daemon.requests) == 1)
            daemon.socket.cut()
            begun = time.monotonic()
            assert status_of(asked.result(60)) == "error"
            assert time.monotonic() - begun < 20
        assert older_ask(url, "old", URI, zone="lab")[0] == 404


def test_it_wants_a_secret_and_no_strangers(program: Program) -> None:
    environment = {name: value for name, value in clean_environment().items() if name != "PROXY_SECRET"}
    outcome = program.run("proxy", env=environment)
    assert outcome.code != 0 and "PROXY_SECRET" in outcome.stderr
    outcome = program.run("proxy", "--listen", "0.0.0.0:0", env=environment | {"PROXY_SECRET": SECRET})
    assert outcome.code != 0 and "--insecure-http" in outcome.stderr
