"""A hub as it is run: its first start, its directory, stops and kills, nginx in front, metrics, administration."""

from __future__ import annotations

import http.client
import json
import random
import re
import shutil
import signal
import socket
import stat
import subprocess
import threading
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Callable, Iterator

import jsonschema
import pytest
from harness import DENIED, FAILED, MISSING, OK, REPOSITORY, USAGE, Program, write, wait_until
from hub import RunningHub, running_hub, tls_words
from hub_node import Forgery, Node, call_unsigned, send
from machine import Machine
from proxy import caddy, free_port, nginx

Proxy = Callable[[Path, int, int, str], AbstractContextManager[str]]
WHO = "/v1/nodes/whoami"
ME = {"zone": "default"}


@pytest.fixture
def hub(tmp_path: Path, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path, program=program) as running:
        yield running


def modes(directory: Path) -> dict[str, str]:
    return {path.name: oct(stat.S_IMODE(path.stat().st_mode)) for path in directory.iterdir()}


def metrics(hub: RunningHub, token: str | None = None) -> bytes:
    token = token or (hub.directory / "metrics-token").read_text().strip()
    answer = send(hub.url, "GET", "/metrics", {"Authorization": f"Bearer {token}"}, None)
    assert answer.status == 200, answer
    return answer.body


# --- Starting


def test_the_first_start_makes_everything_for_its_owner_alone(hub: RunningHub) -> None:
    assert oct(stat.S_IMODE(hub.directory.stat().st_mode)) == "0o700"
    found = modes(hub.directory)
    for name in ("admin-token", "metrics-token", "proxy-secret", "url-key", "address"):
        assert found[name] == "0o600", name
    assert re.fullmatch(r"kachery-admin-[0-9a-f]{64}\n", (hub.directory / "admin-token").read_text())
    [zone] = hub.admin("zone", "list")["zones"]
    assert (zone["zone"], zone["owner"]) == ("default", "admin")


def test_it_prints_one_line_once_it_serves(tmp_path: Path, program: Program) -> None:
    with running_hub(tmp_path, program=program) as hub:
        said = (tmp_path / "hub.said").read_text()
        assert said.count("\n") == 1
        schema = json.loads((REPOSITORY / "docs/formats/json/hub-serve.schema.json").read_text())
        jsonschema.validate(json.loads(said), schema)
        assert hub.url == f"http://127.0.0.1:{hub.port}"
        assert send(hub.url, "GET", "/healthz", {}, None).status == 200
        assert send(hub.url, "GET", "/readyz", {}, None).status == 200
        info = send(hub.url, "GET", "/v1/hub", {}, None).message
        assert info["public_urls"] == [hub.url, f"http://localhost:{hub.port}"] and not info["open"]


def test_an_open_hub_takes_everybody(tmp_path: Path, program: Program) -> None:
    with running_hub(tmp_path, open=True, program=program) as hub:
        who = Node().call(hub.url, WHO, ME).message
        assert who["rights"] == {"upload": True, "download": True, "admin": False}, who


def test_a_closed_hub_lets_strangers_read_what_is_public_and_nothing_else(hub: RunningHub) -> None:
    who = Node().call(hub.url, WHO, ME).message
    assert not who["registered"] and who["rights"] == {"upload": False, "download": True, "admin": False}


def test_a_directory_is_served_once(hub: RunningHub) -> None:
    second = hub.program.run("hub", "serve", "--dir", hub.directory, "--listen", "127.0.0.1:0")
    assert second.expect(FAILED).stdout == b""
    assert f"another process serves {hub.directory}" in second.stderr
    assert hub.admin("zone", "list")["zones"], "the first one is still there"


def test_an_address_that_is_taken_is_said(hub: RunningHub, tmp_path: Path) -> None:
    taken = hub.program.run("hub", "serve", "--dir", tmp_path / "other", "--listen", f"127.0.0.1:{hub.port}")
    assert taken.code not in (OK, USAGE) and str(hub.port) in taken.stderr, taken


@pytest.mark.parametrize("name", ["", "admin-token", "metrics-token", "proxy-secret", "url-key"])
def test_what_others_may_read_is_refused_with_the_command_that_mends_it(tmp_path: Path, program: Program, name: str) -> None:
    with running_hub(tmp_path, program=program) as hub:
        path = hub.directory / name
    path.chmod(0o755 if name == "" else 0o644)
    refused = program.run("hub", "serve", "--dir", hub.directory, "--listen", "127.0.0.1:0").expect(DENIED)
    assert f"chmod {'700' if name == '' else '600'} {path}" in refused.stderr


@pytest.mark.parametrize(("arguments", "said"), [
    (["--listen", "nonsense"], "HOST:PORT"),
    (["--listen", "127.0.0.1:0", "--public-url", "ftp://x"], "ftp://x"),
    (["--listen", "127.0.0.1:0", "--certificate", "c.pem"], "--private-key"),
    (["--listen", "0.0.0.0:0", "--insecure-http", "--certificate", "c.pem", "--private-key", "k.pem"], "--insecure-http"),
])
def test_settings_that_cannot_be_are_refused(tmp_path: Path, program: Program, arguments: list[str], said: str) -> None:
    refused = program.run("hub", "serve", "--dir", tmp_path / "hub", *arguments).expect(USAGE)
    assert said in refused.stderr
    assert not (tmp_path / "hub").exists() or not (tmp_path / "hub/catalog.db").exists()


def test_a_hub_with_certificate_files_serves_tls_and_its_own_commands_trust_its_key(tmp_path: Path, program: Program) -> None:
    words = tls_words(tmp_path)
    with running_hub(tmp_path, *words, program=program) as hub:
        assert hub.url == f"https://127.0.0.1:{hub.port}"
        assert hub.admin("zone", "list")["zones"]
        with pytest.raises((ConnectionError, http.client.HTTPException)):
            send(hub.url.replace("https", "http"), "GET", "/healthz", {}, None)
    key = Path(words[-1])
    key.chmod(0o644)
    refused = program.run("hub", "serve", "--dir", tmp_path / "hub", "--listen", "127.0.0.1:0", *words).expect(DENIED)
    assert f"chmod 600 {key}" in refused.stderr


# --- Stopping and starting again


def test_everything_is_there_after_a_restart(hub: RunningHub) -> None:
    hub.admin("zone", "create", "lab", "--owner", "alice")
    before = [(hub.directory / name).read_bytes() for name in ("admin-token", "metrics-token", "proxy-secret", "url-key")]
    hub.restart()
    assert before == [(hub.directory / name).read_bytes() for name in ("admin-token", "metrics-token", "proxy-secret", "url-key")]
    assert {zone["zone"] for zone in hub.admin("zone", "list")["zones"]} == {"default", "lab"}


def test_what_was_acknowledged_survives_kills(hub: RunningHub) -> None:
    for number in range(3):
        hub.admin("zone", "create", f"zone-{number}")
        hub.restart(signal.SIGKILL)
        found = {zone["zone"] for zone in hub.admin("zone", "list")["zones"]}
        assert found == {"default", *(f"zone-{i}" for i in range(number + 1))}
    hub.run_admin("audit", "--verify", hub.directory / "audit").expect(OK)


def test_a_request_that_was_recorded_is_refused_after_a_restart(hub: RunningHub) -> None:
    node, recorded = Node(), json.dumps(ME).encode()
    fields = node.fields(hub.url, "POST", WHO, recorded)
    assert send(hub.url, "POST", WHO, fields, recorded).status == 200
    assert send(hub.url, "POST", WHO, fields, recorded).code == "denied", "sent again at once"
    for number in (signal.SIGTERM, signal.SIGKILL):
        hub.restart(number)
        assert send(hub.url, "POST", WHO, fields, recorded).code == "denied", "sent again after a restart"
        assert node.call(hub.url, WHO, ME).status == 200, "and an honest one is taken at once"


def test_a_request_that_has_begun_is_answered_before_the_hub_stops(hub: RunningHub) -> None:
    body = json.dumps(ME).encode()
    with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as slow:
        slow.sendall(b"POST %s HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n"
                     % (WHO.encode(), len(body)) + body[:5])
        # The hub has the head before it is told to stop: another request on a later connection was answered.
        assert send(hub.url, "GET", "/healthz", {}, None).status == 200
        hub.process.send_signal(signal.SIGTERM)
        wait_until(lambda: any(line["event"] == "hub stops" for line in hub.log()), "the hub stops")
        slow.sendall(body[5:])
        assert slow.recv(100).startswith(b"HTTP/1.1 200 ")
    assert hub.process.wait(20) == 0


def test_it_stops_although_somebody_is_silent(hub: RunningHub) -> None:
    with socket.create_connection(("127.0.0.1", hub.port), timeout=20) as silent:
        silent.sendall(b"POST /v1/nodes/whoami HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\n")
        assert hub.stop() == 0


# --- Who may administrate


def test_administration_takes_the_token(hub: RunningHub, tmp_path: Path) -> None:
    run = hub.program.run
    listing = ("hub", "admin", "zone", "list", "--hub", hub.url)
    token = (hub.directory / "admin-token").read_text()
    assert "token" in run(*listing).expect(DENIED).stderr
    wrong = write(tmp_path / "wrong", b"kachery-admin-" + b"0" * 64)
    wrong.chmod(0o600)
    refused = run(*listing, "--token-file", wrong).expect(DENIED)
    assert "0" * 20 not in refused.stderr
    right = write(tmp_path / "right", token.encode())
    right.chmod(0o644)
    assert "chmod 600" in run(*listing, "--token-file", right).expect(DENIED).stderr
    right.chmod(0o600)
    run(*listing, "--token-file", right).expect(OK)
    environment = {"HOME": str(tmp_path), "KACHERY_ADMIN_TOKEN": token, "KACHERY_GATEWAY_URL": hub.url}
    run("hub", "admin", "zone", "list", env=environment).expect(OK)
    run("hub", "admin", "zone", "list", "--dir", tmp_path / "nowhere").expect(MISSING)
    hub.stop()
    assert token.strip() not in hub.log_path.read_text()
    assert all(token.strip() not in path.read_text() for path in (hub.directory / "audit").iterdir())


def test_a_node_cannot_administrate(hub: RunningHub) -> None:
    metrics_token = (hub.directory / "metrics-token").read_text().strip()
    for name, message in {"users/list": {}, "nodes/list": {"user": None}, "invitations/list": {}, "zones/list": {}}.items():
        path = f"/v1/admin/{name}"
        assert Node().call(hub.url, path, message).code == "denied"
        assert call_unsigned(hub.url, path, message).code == "denied"
        assert call_unsigned(hub.url, path, message, {"Authorization": f"Bearer {metrics_token}"}).code == "denied"


def test_a_zone_is_created_limited_and_deleted(hub: RunningHub) -> None:
    hub.admin("zone", "create", "lab", "--owner", "alice")
    assert "lab" in hub.run_admin("zone", "create", "lab").expect(FAILED).stderr
    hub.admin("quota", "set", "lab", "--bytes", "1000", "--objects", "3")
    [lab] = [zone for zone in hub.admin("zone", "list")["zones"] if zone["zone"] == "lab"]
    assert (lab["owner"], lab["bytes"]["max"], lab["objects"]["max"]) == ("alice", 1000, 3)
    hub.admin("quota", "set", "lab")
    [lab] = [zone for zone in hub.admin("zone", "list")["zones"] if zone["zone"] == "lab"]
    assert (lab["bytes"]["max"], lab["objects"]["max"]) == (None, None)
    hub.admin("zone", "delete", "lab")
    assert [zone["zone"] for zone in hub.admin("zone", "list")["zones"]] == ["default"]
    hub.run_admin("zone", "delete", "lab").expect(MISSING)
    assert "default" in hub.run_admin("zone", "delete", "default").expect(USAGE).stderr


def test_settings_count_at_once(hub: RunningHub, tmp_path: Path) -> None:
    public = hub.admin("zone", "settings", "default")["yaml"]
    private = public.replace("allowPublicDownload: true", "allowPublicDownload: false")
    assert private != public
    path = write(tmp_path / "settings.yaml", private.encode())
    assert hub.admin("zone", "settings", "default", "--import", path)["yaml"] == private
    assert not Node().call(hub.url, WHO, ME).message["rights"]["download"]
    path.write_text("allowPublicUpload: perhaps\n")
    hub.run_admin("zone", "settings", "default", "--import", path).expect(USAGE)
    assert hub.run_admin("zone", "settings", "default", "--export").expect(OK).stdout.decode() == private


def test_an_invitation_registers_nodes_and_can_be_taken_back(hub: RunningHub) -> None:
    token = hub.admin("invite", "alice", "--uses", "2")["token"]
    first, second = Node(), Node()
    joining = {"label": "laptop", "user": None, "invitation": token}
    assert first.call(hub.url, "/v1/nodes/register", joining).message["user"] == "alice"
    [entry] = hub.admin("invitation", "list")["invitations"]
    assert entry["uses_left"] == 1 and token not in json.dumps(entry)
    hub.admin("invitation", "revoke", entry["id"])
    assert second.call(hub.url, "/v1/nodes/register", joining).code == "denied"
    [node] = hub.admin("node", "list", "--user", "alice")["nodes"]
    assert (node["node"], node["label"]) == (first.id, "laptop")
    hub.admin("node", "revoke", first.id)
    assert first.call(hub.url, WHO, ME).message["revoked"]


@pytest.mark.parametrize("arguments", [["alice", "--uses", "0"], ["alice", "--hours", "0"], ["alice", "--uses", "1000000"],
                                       ["alice", "--zone", "default"], ["alice", "--upload"], ["-", "--uses", "1"]])
def test_an_invitation_that_makes_no_sense_is_refused(hub: RunningHub, arguments: list[str]) -> None:
    hub.run_admin("invite", *arguments).expect(USAGE)


# --- What can be seen of it


def test_metrics_are_as_prometheus_wants_them(hub: RunningHub) -> None:
    promtool = shutil.which("promtool")
    if promtool is None:
        pytest.skip("promtool is not installed")
    Node().call(hub.url, "/v1/admin/zones/list", {})
    send(hub.url, "GET", "/nowhere", {}, None)
    hub.admin("zone", "list")
    text = metrics(hub)
    checked = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True)
    assert checked.returncode == 0 and not checked.stderr, checked
    assert re.search(rb'kachery_hub_requests_total\{route="/v1/admin/zones/list",status="200"\} 1\n', text)
    assert re.search(rb'kachery_hub_denials_total\{action="administrate"\} [1-9]', text)
    assert b"/nowhere" not in text, "strangers make no labels"
    assert send(hub.url, "GET", "/metrics", {}, None).status == 403


def test_the_audit_log_tells_who_was_allowed_what(hub: RunningHub) -> None:
    node = Node()
    node.call(hub.url, "/v1/admin/zones/list", {})
    hub.admin("zone", "create", "lab")
    found = hub.admin("audit")
    entries = [json.loads(line) for line in found["lines"]]
    assert any(entry["actor"] == node.id and not entry["allowed"] and entry["why"] for entry in entries)
    assert any(entry["actor"] == "administrator" and entry["zone"] == "lab" and entry["allowed"] for entry in entries)
    assert all(entry["request"] and entry["peer"] == "127.0.0.1" for entry in entries)
    lines = hub.run_admin("audit").expect(OK).stdout.splitlines()
    assert lines[: len(entries)] == [line.encode() for line in found["lines"]]
    hub.run_admin("audit", "--day", "1999-12-31").expect(MISSING)
    hub.run_admin("audit", "--day", "../admin-token").expect(USAGE)


def test_tampering_with_the_audit_log_shows(hub: RunningHub) -> None:
    for name in ("a", "b", "c"):
        hub.admin("zone", "create", name)
    hub.stop()
    [log] = (hub.directory / "audit").iterdir()
    assert json.loads(hub.run_admin("audit", "--verify", log.parent, "--json").expect(OK).stdout)["lines"] >= 3
    text = log.read_text()
    log.write_text(text.replace('"zone":"b"', '"zone":"x"'))
    assert ", line " in hub.run_admin("audit", "--verify", log.parent).expect(7).stderr
    log.write_text(text)
    hub.run_admin("audit", "--verify", log.parent).expect(OK)


def test_the_log_is_json(hub: RunningHub) -> None:
    hub.stop()
    events = [line["event"] for line in hub.log()]
    assert events[0] == "hub started" and events[-1] == "hub stopped"
    assert all({"time", "level", "event"} <= set(line) for line in hub.log())


# --- Behind a proxy


@pytest.mark.parametrize("prefix", ["", "/data/kachery"])
@pytest.mark.parametrize("proxy", [nginx, caddy])
def test_a_proxy_in_front_as_the_guide_says(tmp_path: Path, program: Program, proxy: Proxy, prefix: str) -> None:
    port = free_port()
    public = f"http://127.0.0.1:{port}{prefix}"
    with running_hub(tmp_path, "--public-url", public, "--trusted-proxy", "127.0.0.1", open=True, program=program) as hub:
        assert hub.url == public
        with proxy(tmp_path / "proxy", port, hub.port, prefix) as url:
            node = Node()
            assert node.call(url, WHO, ME).message["node"] == node.id
            assert node.call(url, WHO, ME, Forgery(authority=f"127.0.0.1:{hub.port}")).code == "denied"
            assert send(url, "GET", "/healthz", {}, None).status == 200
            assert send(url, "GET", "/v1/hub", {}, None).message["public_urls"] == [public]
            # Whoever asks is known by the proxy's word, and not by what they say themselves.
            connection = http.client.HTTPConnection("127.0.0.1", port, timeout=20, source_address=("127.0.0.2", 0))
            connection.request("POST", f"{prefix}/v1/admin/users/list", b"{}", {"X-Forwarded-For": "192.0.2.9"})
            assert connection.getresponse().status == 403
            connection.close()
            # Chunks, with their signed URLs and Expect: 100-continue, and many small files in one body.
            one, other = (Machine(program, tmp_path / name, url) for name in ("one", "other"))
            sources = [write(tmp_path / f"file {size}", random.Random(size).randbytes(size)) for size in (10, 20_000, 20 << 20)]
            for uri, source in zip(one.run("store", *sources).expect(OK).uris, sources, strict=True):
                assert other.run("cat", uri).expect(OK).stdout == source.read_bytes()
        entries = [json.loads(line) for line in hub.admin("audit")["lines"]]
        assert {entry["peer"] for entry in entries if entry["action"] == "administrate" and not entry["allowed"]} == {"127.0.0.2"}


def test_nobody_but_a_trusted_proxy_speaks_for_others(hub: RunningHub) -> None:
    send(hub.url, "POST", "/v1/admin/users/list", {"X-Forwarded-For": "192.0.2.9"}, b"{}")
    entries = [json.loads(line) for line in hub.admin("audit")["lines"]]
    assert {entry["peer"] for entry in entries} == {"127.0.0.1"}


# --- Many at once


def test_many_connections_are_served(hub: RunningHub) -> None:
    failures: list[str] = []

    def ask() -> None:
        for _ in range(20):
            answer = send(hub.url, "GET", "/v1/hub", {}, None)
            if answer.status != 200:
                failures.append(str(answer))

    threads = [threading.Thread(target=ask) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures[:3]
