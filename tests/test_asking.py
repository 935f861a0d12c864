"""Asking the nodes of channels for files: who is asked, who hears of it, and nodes that vanish, lie, stall and come back."""

from __future__ import annotations

import hashlib
import itertools
import os
import signal
import threading
import time
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest

from asking import Asking
from harness import OK, Program, wait_until, write
from hub_node import Node
from laboratory import Laboratory, register, running_laboratory
from live_node import LiveNode, Order
from machine import Machine
from resource_daemon import node_of

MISS_S = 3.0
REQUEST, PROVIDE, OTHER = "requestFiles", "provideFiles", "requestTasks"
Act = Callable[[Order], None]


def digest_of(content: bytes) -> str:
    return "sha1:" + hashlib.sha1(content).hexdigest()


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[Laboratory]:
    with running_laboratory(tmp_path_factory.mktemp("asking"), program) as running:
        yield running


@pytest.fixture
def channel(laboratory: Laboratory, request: pytest.FixtureRequest) -> str:
    """A new one of Alice's, with nobody else in it."""
    return laboratory.channel("".join(letter if letter.isalnum() else "-" for letter in request.node.name)[:60].rstrip("-"))


def member(laboratory: Laboratory, channel: str, *roles: str) -> Node:
    """A node without any right in the zone, in this channel."""
    node = register(laboratory.hub, "bob")
    laboratory.admit(node, channel, list(roles))
    return node


def question(digest: str, channel: str | None, timeout_ms: int = 50_000) -> dict[str, Any]:
    return {"zone": "lab", "digest": digest, "resource": None, "channel": channel, "timeout_ms": timeout_ms, "ignore_bucket": False}


def ask(laboratory: Laboratory, node: Node, content: bytes, channel: str | None = None) -> dict[str, Any]:
    """How it ended."""
    with Asking(laboratory.hub, node, question(digest_of(content), channel)) as asking:
        return asking.last()


def can_fetch(laboratory: Laboratory, node: Node, content: bytes) -> bool:
    answer = node.call(laboratory.hub.url, "/v1/files/get", {"zone": "lab", "digests": [digest_of(content)], "channel": None})
    return answer.status == 200 and answer.body.endswith(content)


def give(*contents: bytes) -> Act:
    """What an honest node does with an order for one of these."""
    files = {digest_of(content): content for content in contents}

    def act(order: Order) -> None:
        content = files[order.digest]
        assert order.live.upload("lab", content, order.channel).code == "ok"
        order.answer(state="completed", size=len(content), bytes_uploaded=len(content))

    return act


@contextmanager
def providing(laboratory: Laboratory, node: Node, *contents: bytes, act: Act | None = None) -> Iterator[LiveNode]:
    """A node that says that it has these, and gives them unless it acts otherwise."""
    sizes = {digest_of(content): len(content) for content in contents}
    with LiveNode(node, laboratory.hub.url, act or give(*contents), has=lambda asked: sizes.get(asked["digest"])) as live:
        live.serve("lab", None)
        yield live


# --- Roles


def test_a_file_is_asked_for_where_both_roles_are_granted_and_wanted(laboratory: Laboratory, channel: str) -> None:
    """Each of sixteen ways, asked with and without the name of the channel."""
    asker, provider = member(laboratory, channel, OTHER), member(laboratory, channel, OTHER)
    stranger = register(laboratory.hub, "carol")
    content = {ways: os.urandom(100) for ways in itertools.product((False, True), repeat=4)}
    with providing(laboratory, provider, *content.values()) as live:
        for ways, file in content.items():
            asks_granted, asks_wanted, gives_granted, gives_wanted = ways
            laboratory.admit(asker, channel, [OTHER] + [REQUEST] * asks_granted, [OTHER] + [REQUEST] * asks_wanted)
            laboratory.admit(provider, channel, [OTHER] + [PROVIDE] * gives_granted, [OTHER] + [PROVIDE] * gives_wanted)
            asked, ordered = len(live.questions), len(live.orders)
            may_ask, may_give = asks_granted and asks_wanted, gives_granted and gives_wanted
            if not may_ask:
                for name in (channel, None):
                    refused = asker.call(laboratory.hub.url, "/v1/files/ask", question(digest_of(file), name))
                    assert refused.code == "denied" or b'"not_found"' in refused.body, ways
                assert len(live.questions) == asked, "nobody hears of it"
            elif not may_give:
                for name in (channel, None):
                    missed = ask(laboratory, asker, file, name)
                    assert missed["state"] == "not_found" and "no node that provides files there" in missed["message"], ways
                assert len(live.questions) == asked, "who may not provide is not asked"
            else:
                assert ask(laboratory, asker, file, channel)["state"] == "completed"
                assert len(live.questions) == asked + 1 and live.questions[-1]["channels"] == [channel]
                assert live.orders[-1].message["asker"] == asker.id
            assert len(live.orders) == ordered + (may_ask and may_give)
            assert can_fetch(laboratory, asker, file) == (may_ask and may_give), ways
            assert not can_fetch(laboratory, stranger, file)


def test_who_requests_files_nowhere_learns_nothing(laboratory: Laboratory, channel: str) -> None:
    """Whether somebody has a file cannot be told from the answer."""
    content = os.urandom(100)
    nobody = member(laboratory, channel, PROVIDE)
    with providing(laboratory, member(laboratory, channel, PROVIDE), content) as live:
        for path in ("/v1/files/ask", "/v1/files/holders"):
            for name in (channel, None):
                answers = []
                for digest in (digest_of(content), digest_of(b"that nobody has")):
                    message = question(digest, name) if path == "/v1/files/ask" else {"zone": "lab", "digest": digest, "channel": name}
                    answer = nobody.call(laboratory.hub.url, path, message)
                    said = answer.message.get("error", answer.message)
                    answers.append((answer.status, {key: value for key, value in said.items() if key != "request"}))
                assert answers[0] == answers[1]
        assert live.questions == [] and live.orders == []


def test_ten_nodes_in_three_channels(laboratory: Laboratory) -> None:
    """Each gives to those with whom it shares a channel, and to no other; no channel is named."""
    channels = [laboratory.channel(name) for name in ("rats", "mice", "flies")]
    nodes = [register(laboratory.hub, "bob") for _ in range(10)]
    files = [os.urandom(100 + number) for number in range(10)]
    homes = [{channels[number % 3]} for number in range(9)] + [{"rats", "mice"}]
    for node, home in zip(nodes, homes, strict=True):
        for name in home:
            laboratory.admit(node, name, [REQUEST, PROVIDE])
    with ExitStack() as stack:
        live = [stack.enter_context(providing(laboratory, node, file)) for node, file in zip(nodes, files, strict=True)]
        for asker, provider in itertools.permutations(range(10), 2):
            state = ask(laboratory, nodes[asker], files[provider])["state"]
            assert state == ("completed" if homes[asker] & homes[provider] else "not_found"), (asker, provider)
            assert can_fetch(laboratory, nodes[asker], files[provider]) == bool(homes[asker] & homes[provider])
        for number, one in enumerate(live):
            for message in one.questions:
                assert set(message["channels"]) <= homes[number], "in its own channels only"
        found = laboratory.ask(nodes[9], "/v1/files/holders", {"zone": "lab", "digest": digest_of(files[0]), "channel": None}).message
        assert found["channels"] == ["mice", "rats"] and found["asked"] == 6 and found["silent"] == 0
        assert [(one["node"], one["channels"], one["size"]) for one in found["holders"]] == [(nodes[0].id, ["rats"], len(files[0]))]


# --- Misses, and who asks meanwhile


def test_a_miss_says_where_it_was_looked_and_comes_soon(laboratory: Laboratory, channel: str) -> None:
    """Also when a node says nothing at all."""
    asker = member(laboratory, channel, REQUEST)
    with ExitStack() as stack:
        live = [stack.enter_context(providing(laboratory, member(laboratory, channel, PROVIDE))) for _ in range(3)]
        live[0].answers_questions = False
        begun = time.monotonic()
        missed = ask(laboratory, asker, b"that nobody has", channel)
        assert time.monotonic() - begun < MISS_S
        assert missed["state"] == "not_found"
        for words in (channel, "3 nodes", "1 did not answer"):
            assert words in missed["message"], missed


def test_sixteen_who_ask_share_one_upload(laboratory: Laboratory, channel: str) -> None:
    content = os.urandom(1000)
    askers = [member(laboratory, channel, REQUEST) for _ in range(16)]
    release = threading.Event()

    def act(order: Order) -> None:
        order.progress(state="running", size=len(content), bytes_uploaded=1)
        release.wait(30)
        give(content)(order)

    with ExitStack() as stack:
        live = [stack.enter_context(providing(laboratory, member(laboratory, channel, PROVIDE), content, act=act)) for _ in range(2)]
        asked = [stack.enter_context(Asking(laboratory.hub, node, question(digest_of(content), channel))) for node in askers]
        for asking in asked:
            asking.until("running")
        release.set()
        for asking in asked:
            assert asking.until("completed")["size"] == len(content)
        assert len(live[0].orders) + len(live[1].orders) == 1


# --- Nodes that fail


def vanish(order: Order) -> None:
    order.progress(state="running", size=1000, bytes_uploaded=1)
    order.live.socket.close()


def send_wrong_bytes(order: Order) -> None:
    line = b'{"zone":"lab","files":[{"digest":"%s","size":5}],"channel":"%s"}\n' % (order.digest.encode(), str(order.channel).encode())
    order.live.node.call(order.live.url, "/v1/files/put", line + b"wrong")
    order.answer(state="completed", size=5, bytes_uploaded=5)


def claim_to_have_sent_it(order: Order) -> None:
    order.answer(state="completed", size=1000, bytes_uploaded=1000)


def have_it_no_more(order: Order) -> None:
    order.answer(state="not_found")


def refuse(order: Order) -> None:
    order.fail("exhausted", "not now")


def say_nothing(order: Order) -> None:
    """Takes 15 s, the hub's patience where others have the file, too."""


@pytest.mark.parametrize("fail", [vanish, send_wrong_bytes, claim_to_have_sent_it, have_it_no_more, refuse, say_nothing],
                         ids=lambda act: act.__name__.replace("_", "-"))
def test_the_next_node_gives_what_the_first_does_not(laboratory: Laboratory, channel: str, fail: Act) -> None:
    content = os.urandom(1000)
    asker = member(laboratory, channel, REQUEST)
    turns = itertools.count()

    def act(order: Order) -> None:
        (fail if next(turns) == 0 else give(content))(order)

    with ExitStack() as stack:
        live = [stack.enter_context(providing(laboratory, member(laboratory, channel, PROVIDE), content, act=act)) for _ in range(3)]
        last = ask(laboratory, asker, content, channel)
        assert last["state"] == "completed" and last["size"] == len(content), last
        assert sorted(len(one.orders) for one in live) == [0, 1, 1]
        assert can_fetch(laboratory, asker, content)


def test_whoever_lied_is_asked_last(laboratory: Laboratory, channel: str) -> None:
    contents = [os.urandom(1000) for _ in range(6)]
    asker = member(laboratory, channel, REQUEST)
    liar = member(laboratory, channel, PROVIDE)
    with providing(laboratory, liar, *contents, act=claim_to_have_sent_it) as lying:
        assert ask(laboratory, asker, contents[0], channel)["state"] == "error", "nobody else has it"
        with providing(laboratory, member(laboratory, channel, PROVIDE), *contents) as honest:
            for content in contents:
                assert ask(laboratory, asker, content, channel)["state"] == "completed"
            assert len(honest.orders) == len(contents)
        assert len(lying.orders) == 1


def test_a_wrong_size_is_put_right(laboratory: Laboratory, channel: str) -> None:
    content = os.urandom(1000)
    asker = member(laboratory, channel, REQUEST)

    def act(order: Order) -> None:
        order.progress(state="running", size=7, bytes_uploaded=7)
        give(content)(order)

    with LiveNode(member(laboratory, channel, PROVIDE), laboratory.hub.url, act, has=lambda _: 7) as live:
        live.serve("lab", None)
        assert ask(laboratory, asker, content, channel)["size"] == len(content)


@pytest.mark.parametrize("whose", ["the asker's", "the provider's"])
def test_a_role_that_is_withdrawn_ends_it(laboratory: Laboratory, channel: str, whose: str) -> None:
    content = os.urandom(1000)
    asker, provider = member(laboratory, channel, REQUEST), member(laboratory, channel, PROVIDE)

    def act(order: Order) -> None:
        order.progress(state="running", size=len(content), bytes_uploaded=1)

    with providing(laboratory, provider, content, act=act) as live:
        with Asking(laboratory.hub, asker, question(digest_of(content), channel)) as asking:
            asking.until("running")
            laboratory.admit(asker if whose == "the asker's" else provider, channel, [OTHER])
            assert asking.last()["state"] == "error"
        assert live.order().cancelled.wait(20) or whose == "the asker's"
    assert not can_fetch(laboratory, asker, content)


# --- The daemon itself


def machine_of(laboratory: Laboratory, program: Program, path: Path, user: str = "bob") -> Machine:
    machine = Machine(program, path, laboratory.hub.url, KACHERY_ZONE="lab")
    token = write(path / "invitation", laboratory.hub.admin("invite", user)["token"].encode() + b"\n")
    token.chmod(0o600)
    machine.run("init", "--invitation-file", token).expect(OK)
    return machine


def keep(machine: Machine, content: bytes) -> bytes:
    """Stores it on this machine only."""
    machine.run("store", "--local", write(machine.path / f"file {time.monotonic_ns()}", content)).expect(OK)
    return content


def test_a_daemon_gives_in_the_channels_in_which_it_provides(laboratory: Laboratory, channel: str, program: Program,
                                                             tmp_path: Path) -> None:
    """Its roles are changed while it runs: what is granted and wanted counts at once."""
    machine = machine_of(laboratory, program, tmp_path / "one")
    node, asker = node_of(machine), member(laboratory, channel, REQUEST)
    laboratory.admit(node, channel, [OTHER])
    with machine.daemon():
        for granted, wanted in itertools.product((False, True), repeat=2):
            content = keep(machine, os.urandom(500))
            laboratory.admit(node, channel, [OTHER] + [PROVIDE] * granted, [OTHER] + [PROVIDE] * wanted)
            last = ask(laboratory, asker, content, channel)
            assert last["state"] == ("completed" if granted and wanted else "not_found"), (granted, wanted, last)
        large = keep(machine, os.urandom(40 << 20))
        assert ask(laboratory, asker, large, channel)["state"] == "completed"
        assert f"Upload request: sha1://{digest_of(large)[5:]} for the channel {channel}" in (machine.store / "daemon/log").read_text()
        laboratory.admit(node, channel, [OTHER])
        missed = ask(laboratory, asker, keep(machine, os.urandom(500)), channel)
        assert "no node that provides files there is connected" in missed["message"]


def test_one_file_goes_to_two_channels(laboratory: Laboratory, channel: str, program: Program, tmp_path: Path) -> None:
    other = laboratory.channel(channel + "-too")
    machine = machine_of(laboratory, program, tmp_path / "one")
    for name in (channel, other):
        laboratory.admit(node_of(machine), name, [PROVIDE])
    askers = {name: member(laboratory, name, REQUEST) for name in (channel, other)}
    content = keep(machine, os.urandom(40 << 20))
    with machine.daemon(), ExitStack() as stack:
        asked = [stack.enter_context(Asking(laboratory.hub, asker, question(digest_of(content), name))) for name, asker in askers.items()]
        assert [asking.last()["state"] for asking in asked] == ["completed", "completed"]


def test_a_linked_file_that_changed_is_not_claimed(laboratory: Laboratory, channel: str, program: Program, tmp_path: Path) -> None:
    machine = machine_of(laboratory, program, tmp_path / "one")
    laboratory.admit(node_of(machine), channel, [PROVIDE])
    asker = member(laboratory, channel, REQUEST)
    content = os.urandom(2000)
    path = write(machine.path / "linked", content)
    machine.run("link", path).expect(OK)
    path.write_bytes(content + b"more")
    with machine.daemon():
        assert ask(laboratory, asker, content, channel)["state"] == "not_found"
        wait_until(lambda: str(path) in (machine.store / "daemon/log").read_text(), "its own log says which file it is")


def test_a_daemon_comes_back_after_it_was_killed_and_after_the_hub_was(laboratory: Laboratory, channel: str, program: Program,
                                                                       tmp_path: Path) -> None:
    machine = machine_of(laboratory, program, tmp_path / "one")
    laboratory.admit(node_of(machine), channel, [PROVIDE])
    asker = member(laboratory, channel, REQUEST)

    def is_there() -> bool:
        message = {"zone": "lab", "digest": digest_of(b""), "channel": channel}
        return bool(laboratory.ask(asker, "/v1/files/holders", message).message["asked"] == 1)

    with machine.daemon():
        os.kill(machine.daemon_status()["process"], signal.SIGKILL)
        wait_until(lambda: not is_there(), "the hub has noticed it")
    with machine.daemon():
        assert ask(laboratory, asker, keep(machine, os.urandom(500)), channel)["state"] == "completed"
        laboratory.hub.restart()
        wait_until(is_there, "it is connected again", 30)
        assert ask(laboratory, asker, keep(machine, os.urandom(500)), channel)["state"] == "completed"


def test_another_daemon_goes_on_when_one_is_killed(laboratory: Laboratory, channel: str, program: Program, tmp_path: Path) -> None:
    """In the middle of the upload."""
    asker = member(laboratory, channel, REQUEST)
    machines = [machine_of(laboratory, program, tmp_path / name) for name in ("one", "two")]
    content = os.urandom(12 << 20)
    with ExitStack() as stack:
        for machine in machines:
            laboratory.admit(node_of(machine), channel, [PROVIDE])
            keep(machine, content)
            stack.enter_context(machine.daemon("--upload-rate", "3M"))
        asking = stack.enter_context(Asking(laboratory.hub, asker, question(digest_of(content), None)))
        asking.until("running")
        wait_until(lambda: any(machine.daemon_status()["uploads_running"] for machine in machines), "one of them says that it sends")
        [sending] = [machine for machine in machines if machine.daemon_status()["uploads_running"]]
        [other] = [machine for machine in machines if machine is not sending]
        os.kill(sending.daemon_status()["process"], signal.SIGKILL)
        last = asking.last()
        assert last["state"] == "completed" and last["size"] == len(content), last
        wait_until(lambda: other.daemon_status()["uploads_completed"] == 1, "the other one has sent it")
