"""Loading what a resource is still uploading: chunks come to the asker while the others are on their way to the hub."""

from __future__ import annotations

import hashlib
import json
import random
import signal
import subprocess
from pathlib import Path
from typing import Iterator

import pytest
from chunked_upload import CHUNK, Upload, sha256
from harness import CORRUPT, MISSING, OK, UNREACHABLE, Program, wait_until
from hub import RunningHub, running_hub
from hub_node import Node, call_unsigned
from laboratory import running_laboratory
from live_node import LiveNode
from machine import Machine
from resource_daemon import node_of, register

CHUNKS = 12


@pytest.fixture
def hub(tmp_path: Path, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path, open=True, program=program) as hub:
        yield hub


@pytest.fixture
def node(program: Program, hub: RunningHub, tmp_path: Path) -> Node:
    """Who provides as the resource "lab"."""
    node = node_of(Machine(program, tmp_path / "hosting", hub.url))
    register(hub.url, node)
    return node


@pytest.fixture
def remote(program: Program, hub: RunningHub, tmp_path: Path) -> Machine:
    return Machine(program, tmp_path / "remote", hub.url)


@pytest.fixture
def content() -> bytes:
    """Of which no chunk is like another."""
    return random.Random(1).randbytes(CHUNKS * CHUNK - 1000)


def uri_of(content: bytes) -> str:
    return "sha1://" + hashlib.sha1(content).hexdigest()


def data_of(machine: Machine, content: bytes) -> Path:
    return machine.store / "partial" / hashlib.sha1(content).hexdigest() / "data"


def has_come(machine: Machine, content: bytes, first: int, last: int) -> bool:
    """Whether chunks [first, last) of the content lie where they belong."""
    path = data_of(machine, content)
    if not path.exists():
        return False
    with path.open("rb") as file:
        file.seek(first * CHUNK)
        return file.read((last - first) * CHUNK) == content[first * CHUNK:last * CHUNK]


def start_loading(machine: Machine, content: bytes) -> subprocess.Popen[bytes]:
    return machine.start("load", uri_of(content), "--resource", "lab")


def assert_loaded(process: subprocess.Popen[bytes], content: bytes) -> None:
    stdout, stderr = process.communicate(timeout=60)
    assert process.returncode == OK, stderr
    assert Path(stdout.decode().strip()).read_bytes() == content


def test_bytes_arrive_before_the_upload_ends(hub, node, remote, content, program, tmp_path):
    with LiveNode(node, hub.url) as daemon:
        daemon.serve("default", "lab")
        loading = start_loading(remote, content)
        order = daemon.order()
        order.progress(state="running", size=len(content), bytes_uploaded=0)
        upload = Upload(node, hub.url, content)
        for last in (3, 7):
            upload.put(0, last)
            wait_until(lambda: has_come(remote, content, 0, last - 1), f"{last - 1} chunks have come", 30)
        assert loading.poll() is None
        digest = upload.digest
        assert call_unsigned(hub.url, "/v1/files/find", {"zone": "default", "digests": [digest], "channel": None}).message["files"] == [None]
        Machine(program, tmp_path / "other", hub.url).run("load", uri_of(content)).expect(MISSING)
        upload.finish(order)
        assert_loaded(loading, content)
    assert not data_of(remote, content).exists()
    sent = hub.metric("kachery_hub_sent_bytes_total")
    assert sent < 1.1 * len(content), f"{sent / len(content):.2f} times the file went to the asker"


def test_a_provider_that_is_taken_over_goes_on_for_those_who_wait(hub, node, remote, content):
    first = LiveNode(node, hub.url)
    with first:
        first.serve("default", "lab")
        loading = start_loading(remote, content)
        first.order().progress(state="running", size=len(content), bytes_uploaded=0)
        Upload(node, hub.url, content).put(0, 5)
        wait_until(lambda: has_come(remote, content, 0, 4), "four chunks have come", 30)
    with LiveNode(node, hub.url) as second:
        second.serve("default", "lab")
        order = second.order()
        upload = Upload(node, hub.url, content)
        assert sum(put is None for put in upload.begun["puts"]) == 5, "they need not be sent again"
        upload.put(0, 9)
        wait_until(lambda: has_come(remote, content, 0, 8), "eight chunks have come", 30)
        upload.finish(order)
        assert_loaded(loading, content)
    assert hub.metric("kachery_hub_sent_bytes_total") < 1.1 * len(content)


def test_an_asker_that_was_killed_goes_on_where_it_was(hub, node, remote, content):
    with LiveNode(node, hub.url) as daemon:
        daemon.serve("default", "lab")
        loading = start_loading(remote, content)
        order = daemon.order()
        order.progress(state="running", size=len(content), bytes_uploaded=0)
        upload = Upload(node, hub.url, content)
        upload.put(0, 7)
        wait_until(lambda: has_come(remote, content, 0, 6), "six chunks have come", 30)
        bitmap = data_of(remote, content).with_name("bitmap")
        wait_until(lambda: bitmap.read_bytes()[:1] == b"\x3f", "and are noted", 30)
        loading.send_signal(signal.SIGKILL)
        loading.communicate(timeout=30)
        again = start_loading(remote, content)
        upload.put(0, 10)
        wait_until(lambda: has_come(remote, content, 0, 9), "the others come, too", 30)
        assert len(daemon.orders) == 1
        upload.finish(order)
        assert_loaded(again, content)
    assert hub.metric("kachery_hub_sent_bytes_total") < 1.1 * len(content), "nothing comes twice"


@pytest.mark.parametrize("is_committed", [True, False])
def test_a_provider_that_lies_makes_no_object(hub, node, remote, content, is_committed):
    """Its chunks are other content, whether it commits them as the file, or only says so."""
    other = random.Random(2).randbytes(len(content))
    with LiveNode(node, hub.url) as daemon:
        daemon.serve("default", "lab")
        loading = start_loading(remote, content)
        order = daemon.order()
        upload = Upload(node, hub.url, content, sent=other)
        upload.put(0, CHUNKS + 1)
        wait_until(lambda: data_of(remote, content).exists(), "it is fetched", 30)
        if is_committed:
            upload.finish(order)
        else:
            order.answer(state="completed", size=len(content), bytes_uploaded=len(content))
        _, stderr = loading.communicate(timeout=60)
    # A hub that has seen through it first has nothing by that name.
    assert loading.returncode in ((CORRUPT, UNREACHABLE) if is_committed else (CORRUPT,)), stderr
    assert uri_of(content).encode() in stderr
    assert not remote.has(uri_of(content)) and not remote.has(uri_of(other))


def test_an_upload_that_fails_says_why_and_leaves_what_has_come(hub, node, remote, content):
    with LiveNode(node, hub.url) as daemon:
        daemon.serve("default", "lab")
        loading = start_loading(remote, content)
        order = daemon.order()
        Upload(node, hub.url, content).put(0, 4)
        wait_until(lambda: has_come(remote, content, 0, 3), "three chunks have come", 30)
        order.answer(state="error", code="exhausted", message="the quota is used up")
        _, stderr = loading.communicate(timeout=60)
    assert loading.returncode not in (OK, MISSING) and b"the quota is used up" in stderr, stderr
    assert has_come(remote, content, 0, 3)


def test_a_hub_that_is_started_again_leaves_the_rest_for_the_end(hub, node, remote, content):
    with LiveNode(node, hub.url) as daemon:
        daemon.serve("default", "lab")
        loading = start_loading(remote, content)
        daemon.order().progress(state="running", size=len(content), bytes_uploaded=0)
        upload = Upload(node, hub.url, content)
        upload.put(0, 5)
        wait_until(lambda: has_come(remote, content, 0, 4), "four chunks have come", 30)
        hub.restart(signal.SIGKILL)
    with LiveNode(node, hub.url) as daemon:
        daemon.serve("default", "lab")
        order = daemon.order()
        upload.put(5, CHUNKS + 1)  # The hub does not know any more who waits for this upload.
        upload.commit()
        order.answer(state="completed", size=len(content), bytes_uploaded=len(content))
        assert_loaded(loading, content)
    assert hub.metric("kachery_hub_sent_bytes_total") < 0.8 * len(content), "what had come did not come again"


def test_only_who_may_download_is_told_of_chunks(tmp_path, program, content):
    with running_laboratory(tmp_path, program) as laboratory:
        hub, alice = laboratory.hub, laboratory.alice
        laboratory.ask(alice, "/v1/resources/register", {"zone": "lab", "name": "data", "proxy_url": None, "older": False})
        with LiveNode(alice, hub.url) as daemon:
            daemon.serve("lab", "data")
            digest = "sha1:" + hashlib.sha1(content).hexdigest()
            message = {"zone": "lab", "digest": digest, "resource": "data", "channel": None, "timeout_ms": 0, "ignore_bucket": False}
            laboratory.ask(alice, "/v1/files/ask", message)
            daemon.order()
            Upload(alice, hub.url, content, zone="lab").put(0, 4)
            asking = message | {"timeout_ms": 500, "relay": True}
            for node in (laboratory.bob, laboratory.revoked, laboratory.stranger):
                answer = node.call(hub.url, "/v1/files/ask", asking)
                assert answer.status == 403 and b"/bucket/" not in answer.body, answer
            assert call_unsigned(hub.url, "/v1/files/ask", asking).status == 403
            lines = [json.loads(line) for line in alice.call(hub.url, "/v1/files/ask", asking).body.splitlines()]
            told = [chunk for line in lines for chunk in line.get("arrivals", {"chunks": []})["chunks"]]
            assert [chunk["number"] for chunk in told] == [0, 1, 2, 3]
            assert told[1]["sha256"] == "sha256:" + sha256(content[:CHUNK])
            for line in alice.call(hub.url, "/v1/files/ask", asking | {"relay": False}).body.splitlines():
                assert "arrivals" not in json.loads(line)
