"""Zones: who may do what, and that nobody may do more. A hub that is not open, and machines of people with different rights."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
import time
from typing import Callable, Iterator

import pytest
from harness import DENIED, FULL, INTERRUPTED, MISSING, OK, USAGE, Program, sha1, wait_until, write
from hub import running_hub
from machine import Machine
from office import Office

import kachery
import kachery_client as kc
import kachery_cloud as kcl

REVOKED_WITHIN_S = 5


@pytest.fixture(scope="module")
def office(tmp_path_factory, program: Program) -> Iterator[Office]:
    path = tmp_path_factory.mktemp("office")
    with running_hub(path, program=program) as hub:
        yield Office(program, hub, path)


@pytest.fixture
def content() -> bytes:
    return b"content " + os.urandom(100)


# --- What each may do


def upload(machine: Machine, zone: str, uri: str) -> None:
    kachery.store_bytes(os.urandom(50), zone=zone)


def download(machine: Machine, zone: str, uri: str) -> None:
    kachery.load_bytes(uri, zone=zone)
    machine.run("rm", uri).expect(OK)


def find(machine: Machine, zone: str, uri: str) -> None:
    if kachery.find_missing([uri], zone=zone):
        raise kachery.NotFound(uri)


def list_all(machine: Machine, zone: str, uri: str) -> None:
    if machine.run("ls", "--zone", zone).code != OK:
        raise kachery.Denied(zone)


def remove_for_all(machine: Machine, zone: str, uri: str) -> None:
    if machine.run("rm", "--zone", zone, "--everybody", "sha1://" + "0" * 40).code == DENIED:
        raise kachery.Denied(zone)


ACTIONS: dict[str, Callable[[Machine, str, str], None]] = {
    "upload": upload, "download": download, "find": find, "list": list_all, "remove": remove_for_all}

# What each may do in zones of three kinds. The owner has all rights; an admin who is not said to download does not; whoever is
# registered counts as the public, and so does, for downloads, whoever is not.
ALL = {"upload", "download", "find", "list", "remove"}
PEOPLE = {"owner": "", "uploader": "upload", "downloader": "download", "both": "upload download", "manager": "admin", "stranger": ""}
MAY = {
    "private": {"owner": ALL, "uploader": {"upload"}, "downloader": {"download", "find"},
                "both": {"upload", "download", "find"}, "manager": {"list", "remove"}, "stranger": set(), "nobody": set()},
    "readable": {"owner": ALL, "uploader": {"upload", "download", "find"},
                 "downloader": {"download", "find"}, "both": {"upload", "download", "find"},
                 "manager": {"download", "find", "list", "remove"}, "stranger": {"download", "find"}, "nobody": {"download", "find"}},
    "writable": {"owner": ALL, "uploader": {"upload"}, "downloader": {"upload", "download", "find"},
                 "both": {"upload", "download", "find"}, "manager": {"upload", "list", "remove"}, "stranger": {"upload"},
                 "nobody": set()},
}


@pytest.fixture(scope="module")
def zones(office: Office) -> dict[str, str]:
    """Zones of each kind, and a URI that is in each."""
    said = {user: words for user, words in PEOPLE.items() if words}
    office.zone("private", **said)
    office.zone("readable", download=True, **said)
    office.zone("writable", upload=True, **said)
    uris = {}
    with office.member("both").here():
        for zone in MAY:
            uris[zone] = str(kachery.store_text(f"in the zone {zone}", zone=zone))
    return uris


@pytest.mark.parametrize("person", [*PEOPLE, "nobody"])
@pytest.mark.parametrize("zone", MAY)
def test_each_may_do_what_the_zone_says_and_no_more(office: Office, zones, zone: str, person: str) -> None:
    machine = office.machine("nobody") if person == "nobody" else office.member(person)
    could = set()
    with machine.here():
        if person == "both":
            machine.run("rm", zones[zone])  # It is here, because it was stored from here.
        for name, action in ACTIONS.items():
            try:
                action(machine, zone, zones[zone])
                could.add(name)
            except (kachery.Denied, kachery.NotFound):
                pass
        told = kachery.whoami(zone=zone)
    assert could == MAY[zone][person]
    if person != "nobody":
        assert (told.upload, told.download, told.admin) == tuple(word in could for word in ("upload", "download", "list"))


def test_who_may_not_see_a_file_is_told_what_they_are_told_of_no_file(office: Office, zones) -> None:
    """Hashes are not capabilities: whoever knows one does not learn whether a zone has it."""
    with office.member("stranger").here():
        answers = []
        for uri in (zones["private"], "sha1://" + "0" * 40):
            with pytest.raises(kachery.KacheryError) as raised:
                kachery.load_text(uri, zone="private")
            message = re.sub(r"[0-9a-f]{16,}", "X", str(raised.value))
            answers.append((type(raised.value), message))
    assert answers[0] == answers[1]


def test_a_zone_that_is_not_there_is_like_one_that_is_not_for_us(office: Office, zones) -> None:
    with office.member("stranger").here():
        there, missing = kachery.whoami(zone="private"), kachery.whoami(zone="missing")
    assert (there.upload, there.download, there.admin) == (missing.upload, missing.download, missing.admin) == (False,) * 3


def test_one_zone_is_not_another(office: Office, zones, content) -> None:
    with office.member("both").here():
        uri = kachery.store_bytes(content, zone="private")
        assert kachery.find_missing([uri], zone="writable") == [uri]
    with office.member("downloader").here():
        with pytest.raises(kachery.NotFound):
            kachery.load_bytes(uri, zone="writable")
        assert kachery.load_bytes(uri, zone="private") == content


def test_the_zone_is_that_of_the_environment_at_every_call(office: Office, zones, content, monkeypatch) -> None:
    with office.member("both").here():
        monkeypatch.setenv("KACHERY_ZONE", "private")
        uri = kcl.store_text(content.hex())
        assert kcl.load_file_info(uri)["zone"] == "private"
        monkeypatch.setenv("KACHERY_ZONE", "writable")
        assert kcl.load_file_info(uri) is None
        monkeypatch.setenv("KACHERY_ZONE", "private")
        assert kcl.load_text(uri) == content.hex()


def test_what_a_zone_refuses_stays_here(office: Office, zones, content, tmp_path, capfd) -> None:
    machine = office.member("downloader")
    path = write(tmp_path / "file", content)
    with machine.here():
        with pytest.raises(kachery.Denied, match="stored here.*private"):
            kachery.store_file(path, zone="private")
        assert kachery.load_bytes(f"sha1://{sha1(content)}", local_only=True) == content
        with pytest.raises(kachery.Denied):
            kachery.upload_many([path], zone="private")
    assert "stored here" in machine.run("store", path, "--zone", "private").expect(DENIED).stderr
    quiet = machine.python("import os; os.environ['KACHERY_ZONE'] = 'private'\n"
                           "for number in range(3): print(kc.load_text(kc.store_text(f'refused {number}')))")
    assert quiet.stdout == "refused 0\nrefused 1\nrefused 2\n"
    assert quiet.stderr.count("stored here, and not in the zone") == 1 == quiet.stderr.count("\n")


def test_what_two_have_stored_stays_until_both_take_it_back(office: Office, zones, content) -> None:
    uri = f"sha1://{sha1(content)}"
    for person in ("both", "uploader"):
        with office.member(person).here():
            kachery.store_bytes(content, zone="readable")
    office.member("both").run("rm", "--zone", "readable", uri).expect(OK)
    office.member("both").run("rm", "--zone", "readable", uri).expect(MISSING)
    with office.machine("nobody").here():
        assert kachery.find_missing([uri], zone="readable") == []
    office.member("uploader").run("rm", "--zone", "readable", uri).expect(OK)
    with office.machine("nobody").here():
        assert kachery.find_missing([uri], zone="readable") == [uri]


def test_an_admin_removes_what_others_stored(office: Office, zones, content) -> None:
    with office.member("both").here():
        uri = kachery.store_bytes(content, zone="readable")
    with office.member("manager").here() as machine:
        assert sha1(content) in machine.run("ls", "--zone", "readable").expect(OK).digests_of_lines()
        machine.variables["KACHERY_ZONE"] = "readable"
    with machine.here():
        kcl.admin_delete_file(uri)
        assert kcl.load_file_info(uri) is None
        with pytest.raises(kachery.NotFound):
            kcl.admin_delete_file(uri)
    machine.variables.pop("KACHERY_ZONE")


# --- Settings


def shows(zone: str, uri: str) -> bool:
    """Whether the zone shows this file to the machine that we are on."""
    try:
        return kachery.find_missing([uri], zone=zone) == []
    except kachery.Denied:
        return False


def test_settings_go_out_and_in_and_hold_at_once(office: Office, content) -> None:
    office.zone("changing", alice="upload download")
    exported = office.hub.run_admin("zone", "settings", "changing", "--export").expect(OK).stdout
    with office.member("alice").here():
        uri = kachery.store_bytes(content, zone="changing")
    office.set("changing")
    with office.member("alice").here():
        wait_until(lambda: not shows("changing", uri), "alice has no rights any more", 5)
    office.hub.admin("zone", "settings", "changing", "--import", write(office.path / "exported.yaml", exported))
    again = office.hub.run_admin("zone", "settings", "changing", "--export").expect(OK).stdout
    assert again == exported
    with office.member("alice").here():
        wait_until(lambda: shows("changing", uri), "alice has her rights back", 5)


@pytest.mark.parametrize("text", [
    "allowPublicUpload: true\n", "authorizedUsers: []\n", "allowPublicUpload: maybe\nauthorizedUsers: []\n", "[", "a: &a [*a]\n",
    "allowPublicUpload: true\nauthorizedUsers: [{userId: alice, uplaod: true}]\n",
    "allowPublicUpload: true\nallowPublicDelete: true\nauthorizedUsers: []\n",
])
def test_settings_that_make_no_sense_change_nothing(office: Office, zones, text: str) -> None:
    before = office.hub.run_admin("zone", "settings", "private", "--export").expect(OK).stdout
    path = write(office.path / "wrong.yaml", text.encode())
    assert office.hub.run_admin("zone", "settings", "private", "--import", path).code not in (OK, 1)
    assert office.hub.run_admin("zone", "settings", "private", "--export").expect(OK).stdout == before


# --- Quotas


def test_a_quota_holds_and_what_is_taken_back_is_free_again(office: Office, tmp_path) -> None:
    office.zone("small", alice="upload download", download=True)
    office.hub.admin("quota", "set", "small", "--bytes", "3000000")
    large = [write(tmp_path / f"large {number}", os.urandom(2_000_000)) for number in range(2)]
    machine = office.member("alice")
    uri = machine.run("store", large[0], "--zone", "small").expect(OK).uri
    refused = machine.run("store", large[1], "--zone", "small").expect(FULL)
    assert "stored here" in refused.stderr and "small" in refused.stderr
    with machine.here():
        with pytest.raises(kachery.Exhausted):
            kachery.upload_many([large[1]], zone="small")
        who = kachery.whoami(zone="small")
        assert who.bytes == 2_000_000
        machine.run("rm", "--zone", "small", uri).expect(OK)
        kachery.upload_many([large[1]], zone="small")
    office.hub.admin("quota", "set", "small", "--user", "alice", "--objects", "2")
    with machine.here():
        kachery.store_text("one more", zone="small")
        with pytest.raises(kachery.Exhausted):
            kachery.store_text("one too many", zone="small")
        assert kachery.whoami(zone="small").objects_max == 2


# --- Becoming a node, and no longer being one


def test_an_invitation_is_good_for_so_many_machines_of_one_user(office: Office) -> None:
    office.zone("carols")
    invitation = office.invitation("carol", "--uses", "2", "--zone", "carols", "--upload", "--download")
    for number in range(3):
        machine = office.machine(f"carol {number}")
        outcome = machine.run("init", "--invitation-file", invitation, "--json")
        if number == 2:
            assert outcome.expect(DENIED).stdout and "invitation" in outcome.stderr
            continue
        who = json.loads(outcome.expect(OK).stdout)
        assert (who["user"], who["registered"]) == ("carol", True)
        with machine.here():
            uri = kachery.store_text("carol's", zone="carols")
    assert "carols" in office.hub.run_admin("zone", "list").expect(OK).stdout.decode()
    with office.machine("carol 0").here():
        assert kachery.load_text(uri, zone="carols") == "carol's"


def test_an_invitation_that_was_taken_back_is_good_for_nobody(office: Office) -> None:
    invitation = office.invitation("dave")
    [entry] = [one for one in office.hub.admin("invitation", "list")["invitations"] if one["user"] == "dave"]
    office.hub.admin("invitation", "revoke", entry["id"])
    office.machine("dave").run("init", "--invitation-file", invitation).expect(DENIED)


def waiting(machine: Machine, *words: str) -> tuple[subprocess.Popen, str]:
    """`kachery init` that waits, and its code."""
    log = machine.path / "log"
    with log.open("wb") as errors:
        process = subprocess.Popen([machine.program.path, "init", *words], env=machine.environment, cwd=machine.path,
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
    try:
        wait_until(lambda: b"Ctrl-C" in log.read_bytes() or process.poll() is not None, "it says how to be approved")
        found = re.search(r"code (\S+), node ([0-9a-f]{16})", log.read_text())
        assert found, log.read_text()
        return process, found[1]
    except BaseException:
        process.kill()
        process.wait()
        raise


def test_a_machine_waits_until_the_administrator_approves_it(office: Office) -> None:
    machine = office.machine("waits for the administrator")
    process, code = waiting(machine, "--label", "the new one")
    try:
        with machine.here():
            assert not kachery.whoami().registered
        office.hub.admin("node", "approve", code, "--user", "erin")
        printed = process.communicate(timeout=20)[0].decode()
        assert process.returncode == OK and "erin" in printed and "the new one" in printed
    finally:
        process.kill()
        process.wait()


def test_a_machine_of_the_same_user_approves_one_for_that_user_only(office: Office) -> None:
    machine = office.machine("waits for alice")
    process, code = waiting(machine)
    try:
        approved = json.loads(office.member("alice").run("node", "approve", code, "--json").expect(OK).stdout)
        assert process.wait(20) == OK
        with machine.here():
            who = kachery.whoami()
        assert (who.user, who.node) == ("alice", approved["node"])
    finally:
        process.kill()
        process.communicate()
    listed = json.loads(office.member("alice").run("node", "list", "--json").expect(OK).stdout)["nodes"]
    assert approved["node"] in [node["node"] for node in listed] and len(listed) >= 2
    assert {node["user"] for node in listed} == {"alice"}


def test_waiting_can_be_stopped_and_the_code_stays_good(office: Office) -> None:
    machine = office.machine("is impatient")
    process, code = waiting(machine)
    process.send_signal(signal.SIGINT)
    assert process.wait(3) == INTERRUPTED
    process.communicate()
    office.hub.admin("node", "approve", code, "--user", "frank")
    assert "frank" in machine.run("init").expect(OK).stdout.decode(), "at once"


def test_init_of_the_second_generation_prints_a_link_and_waits(office: Office) -> None:
    machine = office.machine("of the second generation")
    process = subprocess.Popen([sys.executable, "-c", "import kachery_cloud; kachery_cloud.init()"], env=machine.environment,
                               stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    try:
        lines = []
        while "Waiting" not in "".join(lines):
            lines.append(process.stdout.readline())
            assert lines[-1], "it ended"
        link = next(line for line in lines if "/register/" in line).strip()
        assert link.startswith(office.hub.url)
        office.hub.admin("node", "approve", link.rpartition("/")[2], "--user", "julia")
        printed = process.communicate(timeout=20)[0]
        assert process.returncode == 0 and "Owner: julia" in printed
    finally:
        process.kill()
        process.communicate()


def test_nobody_approves_who_is_no_node(office: Office) -> None:
    machine = office.machine("waits in vain")
    process, code = waiting(machine)
    try:
        office.machine("unknown").run("node", "approve", code).expect(DENIED)
        office.member("alice").run("node", "approve", "ABCD2345").expect(MISSING)
        assert process.poll() is None
    finally:
        process.kill()
        process.communicate()


def test_init_notes_the_hub_where_the_program_finds_it(office: Office) -> None:
    machine = office.machine("notes")
    url = machine.variables.pop("KACHERY_GATEWAY_URL")
    machine.run("whoami").expect(5)
    machine.run("init", url, "--invitation-file", office.invitation("gina")).expect(OK)
    assert "gina" in machine.run("whoami").expect(OK).stdout.decode()
    with machine.here():
        assert kachery.whoami().user == "gina"
    assert machine.run("config", "gatewayUrl").expect(OK).stdout.decode().strip() == url
    other = office.machine("other hub", KACHERY_GATEWAY_URL="http://127.0.0.1:9")
    assert "KACHERY_GATEWAY_URL" in other.run("init", url, "--invitation-file", office.invitation("gina")).expect(OK).stderr
    machine.run("init", "nonsense").expect(USAGE)


def await_refusal(machine: Machine, zone: str) -> None:
    begun = time.monotonic()

    def refused() -> bool:
        with machine.here():
            try:
                kachery.store_bytes(os.urandom(20), zone=zone)
            except kachery.Denied:
                return True
        return False

    wait_until(refused, "it is refused", REVOKED_WITHIN_S)
    assert time.monotonic() - begun < REVOKED_WITHIN_S


def test_a_revoked_node_is_shut_out_within_seconds_and_for_good(office: Office) -> None:
    office.zone("shut", henry="upload download")
    lost = office.member("henry")
    second = office.machine("henry's second")
    second.run("init", "--invitation-file", office.invitation("henry")).expect(OK)
    with lost.here():
        uri = kachery.store_text("from the laptop", zone="shut")
        node = kachery.whoami().node
    second.run("node", "revoke", node).expect(OK)
    await_refusal(lost, "shut")
    with lost.here():
        lost.run("rm", uri).expect(OK)
        with pytest.raises((kachery.Denied, kachery.NotFound)):
            kachery.load_text(uri, zone="shut")
        assert kachery.whoami().revoked
    assert "revoked" in lost.run("init", "--invitation-file", office.invitation("henry")).expect(DENIED).stderr
    with second.here():
        assert kachery.load_text(uri, zone="shut") == "from the laptop"


def test_a_disabled_user_is_shut_out_with_all_nodes(office: Office) -> None:
    office.zone("disabled", iris="upload download")
    machine = office.member("iris")
    with machine.here():
        kachery.store_text("before", zone="disabled")
    office.hub.admin("user", "disable", "iris")
    await_refusal(machine, "disabled")
    office.hub.admin("user", "enable", "iris")
    with machine.here():
        wait_until(lambda: kachery.whoami(zone="disabled").upload, "iris may again", 5)


def test_one_does_not_revoke_the_nodes_of_others(office: Office) -> None:
    with office.member("alice").here():
        node = kachery.whoami().node
    assert office.member("stranger").run("node", "revoke", node).code in (DENIED, MISSING)
    with office.member("alice").here():
        assert not kachery.whoami().revoked


def test_what_a_deleted_zone_had_is_gone(office: Office, content) -> None:
    office.zone("gone", download=True, alice="upload download")
    with office.member("alice").here():
        uri = kachery.store_bytes(content, zone="gone")
    office.hub.admin("zone", "delete", "gone")
    with office.machine("nobody").here():
        wait_until(lambda: not shows("gone", uri), "the zone is gone", 5)
    with office.member("alice").here():
        assert kc.load_file(uri) is not None, "what is here stays"
