"""A17: very many daemons that are connected to one hub, and as many clients that ask them, at once."""

from __future__ import annotations

import hashlib
import http.client
import json
import os
import resource
import signal
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

import pytest

from asking import Asking
from harness import Program, in_parallel
from hub import running_hub
from hub_node import Node, encode
from laboratory import Laboratory, running_laboratory
from live_node import LiveNode, Order

MEMORY_MIB = 300
BACK_S = 15.0
CHANNEL_MEMBERS = 250


@pytest.fixture
def many_files() -> Iterator[None]:
    """As many as this process may open."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@pytest.fixture
def laboratory(many_files: None, tmp_path: Path, program: Program) -> Iterator[Laboratory]:
    with running_laboratory(tmp_path, program) as running:
        yield running


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


def test_many_nodes_of_channels(many_files: None, tmp_path: Path, program: Program, campaign: Callable[[str], int],
                                 outcome: Callable[[str], None]) -> None:
    """They provide, and idle; each is asked for every file that nobody has uploaded."""
    count = campaign("agents")
    content = os.urandom(1000)
    digest = "sha1:" + hashlib.sha1(content).hexdigest()
    with running_hub(tmp_path, open=True, program=program) as hub:
        def call(node: Node, path: str, /, **message: Any) -> Any:
            answer = node.call(hub.url, path, {"zone": "default"} | message)
            assert answer.code == "ok", (path, answer)
            return answer.message

        def give(order: Order) -> None:
            assert order.live.upload("default", content, order.channel).code == "ok"
            order.answer(state="completed", size=len(content), bytes_uploaded=len(content))

        def connect(node: Node) -> LiveNode:
            live = LiveNode(node, hub.url, give, has=lambda asked: len(content) if node is nodes[-1] and asked["digest"] == digest else None)
            live.serve("default", None)
            return live

        def ask(digest: str) -> tuple[dict[str, Any], float]:
            begun = time.monotonic()
            with Asking(hub, owner, {"zone": "default", "digest": digest, "resource": None, "channel": None, "timeout_ms": 60_000,
                                     "ignore_bucket": True}) as asking:
                return asking.last(), time.monotonic() - begun

        owner = Node()
        nodes = [Node() for _ in range(count)]
        channel_of = {node: f"crowd-{number // CHANNEL_MEMBERS}" for number, node in enumerate(nodes)}
        for channel in set(channel_of.values()):
            call(owner, "/v1/channels/create", name=channel, description="")
            call(owner, "/v1/channels/set-roles", name=channel, wanted=["requestFiles"])

        def join(node: Node) -> None:
            call(node, "/v1/channels/list", name=None, all=False)
            call(owner, "/v1/channels/grant", name=channel_of[node], node=node.id, roles=["provideFiles"])
            call(node, "/v1/channels/set-roles", name=channel_of[node], wanted=["provideFiles"])

        in_parallel(join, nodes, 8)
        idle = memory_mib(hub.process.pid)
        connected = [connect(node) for node in nodes]
        memory = memory_mib(hub.process.pid)
        found, found_s = ask(digest)
        missed, missed_s = ask("sha1:" + "0" * 40)
        assert found["state"] == "completed" and f"{count} nodes" in missed["message"] and "did not answer" not in missed["message"]
        assert missed_s < 3
        assert memory < MEMORY_MIB

        hub.restart(signal.SIGKILL)
        begun = time.monotonic()
        for live in connected:
            live.wait(lambda live=live: live.closed is not None)  # type: ignore[misc]
            live.socket.close()
        again: list[LiveNode] = []
        in_parallel(lambda node: again.append(connect(node)), nodes, 8)  # type: ignore[arg-type]
        back = time.monotonic() - begun
        assert f"{count} nodes" in ask("sha1:" + "0" * 40)[0]["message"]
        assert back < BACK_S * max(1, count / 1000)
        for live in again:
            live.socket.close()
    outcome(f"{count} idle nodes of channels: {memory:.0f} MiB of the hub, {(memory - idle) * 1024 / count:.0f} KiB each; a file of one of "
            f"them had come after {found_s:.2f} s, a miss was said after {missed_s:.2f} s; after a kill all were back within {back:.1f} s")
