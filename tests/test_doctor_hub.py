"""kachery doctor and the hub: everything that can be wrong between this machine and a hub is made wrong once, and must be
named with what to do."""

from __future__ import annotations

import contextlib
import http.server
import json
import os
import shutil
import socket
import threading
import time
from pathlib import Path
from typing import Iterator

import pytest
from harness import FAILED, OK, PARTLY, Program, wait_until, write
from hub import RunningHub, running_hub, tls_words
from machine import Machine

import kachery

NOWHERE = "sha1://" + "0" * 40


def checks(machine: Machine, code: int, *words: str, **options) -> dict[str, dict]:
    found = json.loads(machine.run("doctor", "--json", *words, **options).expect(code).stdout)["checks"]
    return {check["name"]: check for check in found if check["name"].startswith(("hub", "content"))}


def assert_finds(machine: Machine, name: str, status: str, says: str, *words: str, todo: str = "", **options) -> None:
    found = checks(machine, FAILED if status == "error" else PARTLY, *words, **options)
    check = found[name]
    assert check["status"] == status, found
    assert says in check["what"], check
    assert check["do"] and todo in check["do"], check


@pytest.fixture(scope="module")
def hub(tmp_path_factory, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub"), program=program) as hub:
        hub.admin("zone", "create", "lab", "--owner", "alice")
        yield hub


@pytest.fixture
def machine(program: Program, hub: RunningHub, tmp_path: Path) -> Machine:
    machine = Machine(program, tmp_path / "machine", hub.url)
    machine.run("store", "/etc/hosts", "--local").expect(OK)
    return machine


def join(machine: Machine, hub: RunningHub, user: str, *options: str) -> None:
    token = hub.admin("invite", user, *options)["token"]
    path = write(machine.path / "invitation", token.encode())
    machine.run("init", "--invitation-file", path).expect(OK)


def set_rights(hub: RunningHub, tmp_path: Path, text: str) -> None:
    hub.admin("zone", "settings", "lab", "--import", write(tmp_path / "lab.yaml", text.encode()))


OPEN = "allowPublicUpload: true\nallowPublicDownload: true\nauthorizedUsers: []\n"
CLOSED = "allowPublicUpload: false\nallowPublicDownload: true\nauthorizedUsers: []\n"


def test_a_node_that_may_everything_is_told_so(machine: Machine, hub: RunningHub, tmp_path: Path) -> None:
    set_rights(hub, tmp_path, OPEN)
    machine.variables["KACHERY_ZONE"] = "lab"
    join(machine, hub, "alice")
    found = checks(machine, OK)
    assert {check["status"] for check in found.values()} == {"ok"}, found
    assert set(found) == {"hub", "hub-clock", "hub-tls", "hub-node", "hub-zone", "hub-quota"}
    assert "alice" in found["hub-node"]["what"] and "upload, download, administer" in found["hub-zone"]["what"]


def test_without_a_hub_nothing_is_asked(machine: Machine) -> None:
    del machine.variables["KACHERY_GATEWAY_URL"]
    assert checks(machine, OK)["hub"]["what"].startswith("no hub is configured")


def test_a_node_that_is_not_registered(machine: Machine) -> None:
    assert_finds(machine, "hub-node", "warning", "no key yet", todo="kachery init")
    with machine.here():
        import kachery_cloud

        kachery_cloud.get_client_id(generate_if_missing=True)
    assert_finds(machine, "hub-node", "warning", "does not know this node", todo="kachery init")


def test_a_node_that_was_revoked(machine: Machine, hub: RunningHub) -> None:
    join(machine, hub, "mallory")
    with machine.here():
        node = kachery.whoami().node
    hub.admin("node", "revoke", node)
    wait_until(lambda: checks(machine, FAILED)["hub-node"]["status"] == "error", "it is revoked", 10)
    assert_finds(machine, "hub-node", "error", "revoked", todo="private.pem")


def test_a_zone_that_gives_only_some_rights_or_none(machine: Machine, hub: RunningHub, tmp_path: Path) -> None:
    set_rights(hub, tmp_path, CLOSED)
    machine.variables["KACHERY_ZONE"] = "lab"
    join(machine, hub, "bob")
    assert_finds(machine, "hub-zone", "warning", "only download", todo="user bob")
    machine.variables["KACHERY_ZONE"] = "nowhere"
    assert_finds(machine, "hub-zone", "warning", "no zone nowhere", todo="KACHERY_ZONE")
    machine.variables["KACHERY_ZONE"] = "no such name!"
    assert_finds(machine, "hub-zone", "error", "no such name!")


def test_a_quota_that_is_nearly_used_up(machine: Machine, hub: RunningHub, tmp_path: Path) -> None:
    set_rights(hub, tmp_path, OPEN)
    machine.variables["KACHERY_ZONE"] = "lab"
    join(machine, hub, "carol")
    hub.admin("quota", "set", "lab", "--user", "carol", "--bytes", "1000")
    with machine.here():
        kachery.store_bytes(os.urandom(990))
    assert_finds(machine, "hub-quota", "warning", "990 B of 1.0 kB", todo="kachery ls --mine")


def test_content_is_here_or_in_the_zone_or_nowhere(machine: Machine, hub: RunningHub, tmp_path: Path) -> None:
    set_rights(hub, tmp_path, OPEN)
    machine.variables["KACHERY_ZONE"] = "lab"
    join(machine, hub, "dora")
    with machine.here():
        here = kachery.store_text("here", local=True)
        path = write(tmp_path / "file", os.urandom(500))
        there = kachery.upload_many([path])[0]
    assert "is here, as" in checks(machine, OK, here)["content"]["what"]
    assert "in the zone: 500 B" in checks(machine, OK, there)["content"]["what"]
    assert_finds(machine, "content", "error", str(machine.store), NOWHERE, todo="--zone")
    assert_finds(machine, "content", "error", "nonsense", "nonsense")


# --- Hubs that are none, or not the right one


def at(machine: Machine, url: str) -> Machine:
    machine.variables["KACHERY_GATEWAY_URL"] = url
    return machine


def test_an_address_where_nobody_answers(machine: Machine) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    assert_finds(at(machine, url), "hub", "error", url, todo="network")
    assert_finds(at(machine, "http://no-such-host.invalid"), "hub", "error", "no-such-host.invalid", todo="address")


@pytest.mark.parametrize("url", ["ftp://hub", "hub.example", "https://user@hub.example", "https://hub.example#12"])
def test_an_address_that_is_none(machine: Machine, url: str) -> None:
    assert_finds(at(machine, url), "hub", "error", "", todo="https://HOST")


def test_plain_http_beyond_this_machine_is_refused(machine: Machine) -> None:
    assert_finds(at(machine, "http://192.0.2.1:7"), "hub", "error", "KACHERY_INSECURE_HTTP")


@contextlib.contextmanager
def somebody(body: bytes, content_type: str) -> Iterator[str]:
    """A server that says the same to everybody."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            if length := int(self.headers.get("Content-Length") or 0):
                self.rfile.read(length)
            self.send_response(200)
            self.send_header("Content-Type", content_type)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_POST = do_GET

        def log_message(self, *_: object) -> None:
            pass

    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_a_web_site_is_no_hub(machine: Machine) -> None:
    with somebody(b"<html>Log in to the network</html>", "text/html") as url:
        assert_finds(at(machine, url), "hub", "error", url)


def test_a_clock_that_is_off(machine: Machine) -> None:
    for ahead_s in (-3600, 86400):
        info = {"program": "kachery", "version": "0.1.0", "open": False, "public_urls": [], "now_ms": int(time.time() - ahead_s) * 1000}
        with somebody(json.dumps(info).encode(), "application/json") as url:
            found = checks(at(machine, url), FAILED)
        assert found["hub-clock"]["status"] == "warning" and "timedatectl" in found["hub-clock"]["do"]
        assert ("ahead of" if ahead_s > 0 else "behind") in found["hub-clock"]["what"]


def test_a_clock_that_is_off_keeps_nobody_from_working(machine: Machine, hub: RunningHub, tmp_path: Path) -> None:
    faketime = shutil.which("faketime")
    if faketime is None:
        pytest.skip("faketime is not installed")
    set_rights(hub, tmp_path, OPEN)
    machine.variables["KACHERY_ZONE"] = "lab"
    join(machine, hub, "erin")
    machine.program = machine.program.under(faketime, "-f", "+1d")
    assert_finds(machine, "hub-clock", "warning", "ahead of")
    machine.run("store", write(tmp_path / "file", os.urandom(50))).expect(OK)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return free.getsockname()[1]


def test_a_hub_with_another_key_than_its_address_names(machine: Machine, program: Program, tmp_path: Path) -> None:
    port = free_port()
    with running_hub(tmp_path, "--public-url", f"https://127.0.0.1:{port}", *tls_words(tmp_path), listen=f"127.0.0.1:{port}", name="tls hub",
                     open=True, program=program) as hub:
        fingerprint = hub.fingerprint()
        assert len(fingerprint) == 64
        url = f"https://127.0.0.1:{port}"
        at(machine, f"{url}#{fingerprint}").run("init").expect(OK)
        assert checks(machine, OK)["hub-tls"]["status"] == "ok"
        wrong = ("0" if fingerprint[0] != "0" else "1") + fingerprint[1:]
        assert_finds(at(machine, f"{url}#{wrong}"), "hub", "error", url, todo="FINGERPRINT")
        assert_finds(at(machine, url), "hub", "error", url, todo="FINGERPRINT")
