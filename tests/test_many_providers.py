"""A17: very many daemons that are connected to one hub, and as many clients that ask them, at once."""

from __future__ import annotations

import hashlib
import http.client
import json
import resource
import signal
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

import pytest

from harness import Program, in_parallel
from hub_node import encode
from laboratory import Laboratory, running_laboratory
from live_node import LiveNode, Order

MEMORY_MIB = 300
BACK_S = 15.0


@pytest.fixture
def laboratory(tmp_path: Path, program: Program) -> Iterator[Laboratory]:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    try:
        with running_laboratory(tmp_path, program) as running:
            yield running
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def name_of(number: int) -> str:
    return f"agent-{number}"


def digest_of(number: int) -> str:
    return "sha1:" + hashlib.sha1(str(number).encode()).hexdigest()


def memory_mib(pid: int) -> float:
    return int(Path(f"/proc/{pid}/status").read_text().split("VmRSS:")[1].split()[0]) / 1024


def last_line(laboratory: Laboratory, number: int) -> dict[str, Any]:
    """What one asker hears last."""
    body = encode({"zone": "lab", "digest": digest_of(number), "resource": name_of(number), "channel": None,
                   "timeout_ms": 300_000, "ignore_bucket": False})
    base = urlsplit(laboratory.hub.url)
    connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=300)
    try:
        connection.request("POST", "/v1/files/ask", body, laboratory.alice.fields(laboratory.hub.url, "POST", "/v1/files/ask", body))
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        found: dict[str, Any] = json.loads(text.splitlines()[-1])
        return found
    finally:
        connection.close()


def test_many_agents_and_as_many_clients(laboratory: Laboratory, campaign: Callable[[str], int], outcome: Callable[[str], None]) -> None:
    count = campaign("agents")
    numbers = range(count)
    release = threading.Event()

    def answer(order: Order) -> None:
        order.progress(state="running", size=9, bytes_uploaded=1)
        release.wait(300)
        order.answer(state="not_found")

    def agent(number: int) -> LiveNode:
        live = LiveNode(laboratory.alice, laboratory.hub.url, answer)
        live.serve("lab", name_of(number))
        return live

    for number in numbers:
        laboratory.ask(laboratory.alice, "/v1/resources/register",
                       {"zone": "lab", "name": name_of(number), "proxy_url": None, "older": False})
    agents = [agent(number) for number in numbers]
    heard: dict[int, dict[str, Any]] = {}

    def ask(number: int) -> None:
        heard[number] = last_line(laboratory, number)

    askers = [threading.Thread(target=ask, args=(number,)) for number in numbers]
    for asker in askers:
        asker.start()
    for live in agents:
        live.order()

    took = []
    for _ in range(100):
        begun = time.monotonic()
        laboratory.ask(laboratory.bob, "/v1/nodes/whoami", {"zone": "lab"})
        took.append(time.monotonic() - begun)
    memory = memory_mib(laboratory.hub.process.pid)
    release.set()
    for asker in askers:
        asker.join(300)
    assert len(heard) == count and all(line["state"] == "not_found" for line in heard.values())
    assert memory < MEMORY_MIB

    laboratory.hub.restart(signal.SIGKILL)
    begun = time.monotonic()
    for live in agents:
        live.wait(lambda live=live: live.closed is not None)  # type: ignore[misc]
        live.socket.close()
    again: list[LiveNode] = []
    in_parallel(lambda number: again.append(agent(number)), numbers, 8)  # type: ignore[arg-type]
    back = time.monotonic() - begun
    assert len(again) == count and last_line(laboratory, 0)["state"] == "not_found"
    assert back < BACK_S * max(1, count / 1000)
    for live in again:
        live.socket.close()
    outcome(f"A17: {count} agents and {count} clients at once: all served; other calls took at most {max(took):.3f} s, the hub had "
            f"{memory:.0f} MiB; after a kill all were back within {back:.1f} s")
