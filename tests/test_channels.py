"""Channels: who may what in them, with real programs. Alice may upload in the zone and owns a channel there; Bob, Carol and Dan have
no right in the zone at all; its owner is in no channel."""

from __future__ import annotations

import json
import os
import re
import time
from typing import Any, Iterator

import pytest
from harness import DENIED, MISSING, OK, UNREACHABLE, USAGE, Argument, Program, wait_until, write
from hub import running_hub
from hub_node import Node
from machine import Machine
from office import Office

ZONE = "lab"
People = dict[str, Machine]


@pytest.fixture(scope="module")
def office(tmp_path_factory, program: Program) -> Iterator[Office]:
    path = tmp_path_factory.mktemp("office")
    with running_hub(path, program=program) as hub:
        found = Office(program, hub, path)
        found.zone(ZONE, alice="upload")
        yield found


@pytest.fixture
def people(office: Office) -> People:
    machines = {name: office.member(name) for name in ("alice", "bob", "carol", "dan", "owner")}
    for machine in machines.values():
        machine.variables["KACHERY_ZONE"] = ZONE
    return machines


@pytest.fixture
def channel(people: People, request: pytest.FixtureRequest) -> str:
    """One of Alice's, with nobody else in it."""
    name = re.sub("[^a-z]+", "-", request.node.name)[:60]
    say(people["alice"], "create", name, "--description", "For a test")
    return name


def say(machine: Machine, *words: Argument) -> Any:
    """What a command about channels prints with --json; it must succeed."""
    return json.loads(machine.run("channel", *words, "--json").expect(OK).stdout)


def id_of(machine: Machine) -> str:
    return str(json.loads(machine.run("whoami", "--json").expect(OK).stdout)["node"])


def store(machine: Machine, channel: str, content: bytes | None = None):
    """Sends new content to the channel."""
    path = write(machine.path / f"file {time.monotonic_ns()}", content or os.urandom(500))
    return machine.run("store", path, "--upload-to-channel", channel)


def invite(people: People, channel: str, *words: str) -> str:
    return str(say(people["alice"], "invite", channel, *words)["code"])


def admit(people: People, name: str, channel: str, *roles: str) -> None:
    """Granted and wanted."""
    say(people["alice"], "grant", channel, id_of(people[name]), *roles)
    say(people[name], "set-roles", channel, *roles)


def cannot_load(machine: Machine, uri: str, *words: str) -> None:
    assert machine.run("load", uri, *words).code in (MISSING, DENIED)
    assert not machine.has(uri)


def test_a_group_forms_and_shares(people: People, channel: str) -> None:
    alice, bob, carol, dan, owner = people.values()
    bobs = say(bob, "join", channel, invite(people, channel, "requestFiles", "provideFiles"))
    assert bobs["granted"] == ["requestFiles", "provideFiles"] and bobs["effective"] == ["requestFiles"]
    assert bobs["owner"] == "alice" and bobs["description"] == "For a test" and not bobs["manages"]
    said = bob.run("channel", "show", channel).expect(OK).stderr
    assert f"granted but not wanted: provideFiles; kachery channel set-roles {channel} " in said
    assert "wanted but not granted: requestFeeds, requestTasks; alice can grant them" in said
    assert store(bob, channel).code == DENIED
    say(bob, "set-roles", channel, "requestFiles", "provideFiles")
    say(carol, "join", channel, invite(people, channel, "request"))

    uri = store(bob, channel).expect(OK).uri
    carol.run("load", uri).expect(OK)
    assert carol.has(uri), "without naming the channel"
    alice.run("load", uri, "--channel", channel).expect(OK)
    for stranger in (dan, owner):
        cannot_load(stranger, uri)
        cannot_load(stranger, uri, "--channel", channel)
    assert store(carol, channel).code == DENIED

    shown = say(alice, "show", channel)
    assert {member["user"] for member in shown["members"]} == {"alice", "bob", "carol"}
    assert [one["members"] for one in shown["invitations"]] == [1, 1]
    assert say(carol, "show", channel)["members"] is None
    assert {one["user"] for one in say(owner, "show", channel)["members"]} == {"alice", "bob", "carol"}, "an admin of the zone"
    assert channel in {one["name"] for one in say(carol, "list")["channels"]}
    for stranger in (dan, owner):
        assert channel not in {one["name"] for one in say(stranger, "list")["channels"]}
    dan.run("channel", "show", channel).expect(MISSING)


def test_the_first_generations_names_in_python(people: People, channel: str) -> None:
    alice, bob, carol, dan, owner = people.values()
    for name in ("bob", "carol"):
        admit(people, name, channel, "requestFiles", "provideFiles")
    (bob.path / "f.bin").write_bytes(b"of a file")
    uploads = (f"kc.upload_text('of {channel}', channel={channel!r})", f"kc.upload_json({{'of': {channel!r}}}, channel={channel!r})",
               f"kc.upload_file('f.bin', channel={channel!r})")
    for call, load in zip(uploads, ("load_text", "load_json", "load_text"), strict=True):
        sent = bob.python(f"print({call})")
        assert sent.returncode == 0, sent.stderr
        uri = sent.stdout.strip()
        expected = bob.python(f"print(kc.{load}({uri!r}, channel='any'))").stdout  # What is here needs no channel.
        for words in ("", f", channel={channel!r}"):
            loaded = carol.python(f"print(kc.{load}({uri!r}{words}))")
            assert loaded.stdout == expected != "None\n", loaded.stderr
        assert owner.python(f"print(kc.{load}({uri!r}))").stdout == "None\n", "who reads the zone does not read the channel"
        refused = dan.python(f"kc.{load}({uri!r}, channel={channel!r})")
        assert "Denied" in refused.stderr and channel in refused.stderr
    refused = owner.python(f"kc.upload_text('x', channel={channel!r})")
    assert "Denied" in refused.stderr and "stored here, not uploaded" in refused.stderr


def test_a_change_holds_at_the_next_request(people: People, channel: str) -> None:
    admit(people, "bob", channel, "requestFiles", "provideFiles")
    admit(people, "carol", channel, "requestFiles")
    alice, bob, carol = people["alice"], people["bob"], people["carol"]
    uris = [store(bob, channel).expect(OK).uri for _ in range(4)]
    say(carol, "set-roles", channel, "none")
    cannot_load(carol, uris[0])
    say(carol, "set-roles", channel, "request")
    carol.run("load", uris[0]).expect(OK)
    say(alice, "revoke", channel, id_of(carol), "requestFiles")
    cannot_load(carol, uris[1])
    say(alice, "grant", channel, id_of(carol), "request")
    say(carol, "join", channel)
    carol.run("load", uris[1]).expect(OK)
    say(alice, "revoke", channel, id_of(bob), "provideFiles")
    assert store(bob, channel).code == DENIED
    say(carol, "leave", channel)
    cannot_load(carol, uris[2])
    say(alice, "delete", channel)
    cannot_load(alice, uris[2])
    say(alice, "create", channel)
    cannot_load(alice, uris[2], "--channel", channel)


def test_codes_are_counted_and_taken_back(people: People, channel: str) -> None:
    alice, bob, carol, dan, _ = people.values()
    code = invite(people, channel, "request", "--uses", "2")
    say(bob, "join", channel, code)
    say(bob, "join", channel, code)
    say(carol, "join", channel, code)
    assert dan.run("channel", "join", channel, code).code == DENIED
    [invitation] = say(alice, "show", channel)["invitations"]
    assert invitation["uses_left"] == 0 and invitation["members"] == 2
    admit(people, "carol", channel, "provideFiles")
    say(alice, "uninvite", channel, invitation["id"])
    bob.run("channel", "show", channel).expect(MISSING)
    assert say(carol, "show", channel)["granted"] == ["provideFiles"], "by hand"


def test_a_code_expires(people: People, channel: str, office: Office) -> None:
    """What it gave stays."""
    alice, bob, dan = people["alice"], people["bob"], people["dan"]
    say(alice, "invite", channel, "requestFiles", "--days", "1", "--passcode", "for-a-day")
    [invitation] = say(alice, "show", channel)["invitations"]
    assert invitation["passcode"] and invitation["uses_left"] is None and invitation["expires"]
    # A moment cannot be asked for by the command: the owner's own message says it.
    node = Node()
    token = office.hub.admin("invite", "alice")["token"]
    assert node.call(office.hub.url, "/v1/nodes/register", {"label": "", "user": None, "invitation": token}).code == "ok"
    expires_ms = int(time.time() * 1000) + 3000
    made = node.call(office.hub.url, "/v1/channels/invite", {"zone": ZONE, "name": channel, "roles": ["requestFiles"],
                                                             "passcode": "for-a-moment", "uses": None, "expires_ms": expires_ms})
    assert made.code == "ok", made
    say(bob, "join", channel, "for-a-moment")
    wait_until(lambda: time.time() * 1000 > expires_ms, "it has expired", 10)
    assert dan.run("channel", "join", channel, "for-a-moment").code == DENIED
    assert say(bob, "show", channel)["effective"] == ["requestFiles"]


def test_strangers_learn_nothing(people: People, channel: str) -> None:
    """One answer to a wrong code, and for a channel that is not there."""
    dan = people["dan"]

    def answer(name: str, *words: str) -> str:
        outcome = dan.run("channel", *words).expect(DENIED)
        return re.sub("[0-9a-f]{32}", "", outcome.stderr).replace(name, "NAME")

    for words in (["join", "CHANNEL", "guessed"], ["join", "CHANNEL"], ["set-roles", "CHANNEL", "all"], ["leave", "CHANNEL"],
                  ["describe", "CHANNEL", "x"], ["delete", "CHANNEL"], ["invite", "CHANNEL", "all"], ["grant", "CHANNEL", "me", "all"]):
        there, gone = ([name if word == "CHANNEL" else word for word in words] for name in (channel, "nowhere"))
        assert answer(channel, *there) == answer("nowhere", *gone), words


def test_whoever_was_put_out_does_not_come_back_by_the_same_code(people: People, channel: str) -> None:
    alice, bob = people["alice"], people["bob"]
    say(alice, "invite", channel, "all", "--passcode", "open-sesame")
    say(bob, "join", channel, "open-sesame", "--roles", "all")
    assert say(alice, "revoke", channel, id_of(bob))["granted"] == []
    assert bob.run("channel", "join", channel, "open-sesame").code == DENIED
    assert say(alice, "grant", channel, id_of(bob), "requestFiles")["granted"] == ["requestFiles"]
    assert say(bob, "join", channel)["effective"] == ["requestFiles"]


def test_codes_are_nowhere_on_the_hub(people: People, channel: str, office: Office) -> None:
    alice, bob = people["alice"], people["bob"]
    made = alice.run("channel", "invite", channel, "request", "--passcode", "-", "--json", input=b"secret-of-ours\n").expect(OK)
    assert json.loads(made.stdout)["code"] is None and b"secret-of-ours" not in made.stdout
    code = invite(people, channel, "request")
    bob.run("channel", "join", channel, "-", input=code.encode() + b"\n").expect(OK)
    assert bob.run("channel", "join", channel, "secret-of-theirs").code == DENIED
    say(bob, "join", channel, "secret-of-ours")
    office.hub.admin("audit")
    for path in [*office.hub.directory.rglob("*"), office.hub.log_path]:
        if path.is_file() and "bucket" not in path.parts:
            content = path.read_bytes()
            for secret in (code.encode(), b"secret-of-ours", b"secret-of-theirs"):
                assert secret not in content, path


def test_a_file_is_where_it_was_stored(people: People, channel: str) -> None:
    alice, bob, owner = people["alice"], people["bob"], people["owner"]
    admit(people, "bob", channel, "requestFiles")
    say(alice, "set-roles", channel, "requestFiles", "provideFiles")
    content = os.urandom(3000)
    uri = store(alice, channel, content).expect(OK).uri
    owner.run("store", write(owner.path / "the same", content)).expect(OK)
    alice.run("store", write(alice.path / "the same", content)).expect(OK)

    def listed() -> list[dict[str, Any]]:
        files = json.loads(alice.run("ls", "--mine", "--json").expect(OK).stdout)["files"]
        return [file for file in files if uri.startswith(file["uri"])]

    [file] = listed()
    assert file["in_zone"] and file["channels"] == [channel]
    alice.run("rm", "--zone", ZONE, uri).expect(OK)
    assert listed() == []
    cannot_load(bob, uri)
    owner.run("info", uri).expect(OK)
    again = store(alice, channel, content).expect(OK).uri
    owner.run("rm", "--zone", ZONE, "--everybody", again).expect(OK)
    cannot_load(bob, uri)


def test_a_large_file_goes_through_a_channel(people: People, channel: str, office: Office) -> None:
    """In chunks, over a hub that was started again, whose catalog is what it was."""
    admit(people, "bob", channel, "provideFiles")
    admit(people, "carol", channel, "requestFiles")
    content = os.urandom(40 << 20)
    uri = store(people["bob"], channel, content).expect(OK).uri
    office.hub.restart()
    assert people["carol"].run("cat", uri).expect(OK).stdout == content
    cannot_load(people["dan"], uri)
    cannot_load(people["owner"], uri)


def test_the_older_commands_have_channels(people: People, channel: str) -> None:
    admit(people, "bob", channel, "requestFiles", "provideFiles")
    admit(people, "carol", channel, "requestFiles")
    bob, carol, dan = people["bob"], people["carol"], people["dan"]
    content = os.urandom(200)
    path = write(bob.path / "older", content)
    uri = bob.run("--as", "kachery-store", path, "--upload-to-channel", channel).expect(OK).uri
    assert carol.run("--as", "kachery-cat", uri, "--channel", channel).expect(OK).stdout == content
    assert dan.run("--as", "kachery-load", uri, "--channel", channel).code == DENIED
    dan.run("--as", "kachery-load", uri).expect(DENIED)
    bob.run("--as", "kachery-store", path, "--upload-to-channel", "nowhere").expect(DENIED)


def test_what_cannot_be_is_said_before_anything_happens(people: People, channel: str, tmp_path) -> None:
    alice = people["alice"]
    for words in (["create", "../x"], ["grant", channel, "nonsense", "all"], ["grant", channel, "me", "everything"],
                  ["grant", channel, "me"], ["invite", channel, "all", "--uses", "0"], ["invite", channel, "all", "--days", "soon"],
                  ["invite", channel, "all", "--passcode", "short"], ["set-roles", channel], ["join", channel, "--roles", "x"]):
        alice.run("channel", *words).expect(USAGE)
    path = write(alice.path / "f", os.urandom(30))
    alice.run("store", path, "--upload-to-channel", channel, "--local").expect(USAGE)
    alice.run("load", "sha1://" + "0" * 40, "--channel", channel, "--resource", "x").expect(USAGE)
    nobody = Machine(alice.program, tmp_path / "nobody", "")
    nobody.run("channel", "list").expect(UNREACHABLE)
