"""The rendezvous of a hub, asked by programs that are not ours: who provides, who asks, and what comes between."""

from __future__ import annotations

import hashlib
import http.client
import json
import signal
import stat
import threading
import time
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

import pytest

from asking import Asking
from harness import Program, wait_until
from hub import RunningHub
from hub_node import Node
from laboratory import Laboratory, audited, register, running_laboratory
from live_node import Failed, LiveNode, Order, connect
from older_daemon import OlderDaemon, older_ask, older_post, upload_status
from websocket import Closed, Refused, WebSocket

CONTENT = b"what nobody has uploaded yet"
DIGEST = "sha1:" + hashlib.sha1(CONTENT).hexdigest()
URI = "sha1://" + hashlib.sha1(CONTENT).hexdigest()


@pytest.fixture
def laboratory(tmp_path: Path, program: Program) -> Iterator[Laboratory]:
    """In whose zone `lab` Alice has registered the resource `data`."""
    with running_laboratory(tmp_path, program) as running:
        running.ask(running.alice, "/v1/resources/register", registration())
        yield running


def registration(name: str = "data", older: bool = False) -> dict[str, Any]:
    return {"zone": "lab", "name": name, "proxy_url": None, "older": older}


def ask_data(hub: RunningHub, node: Node | None, timeout_ms: int = 20_000, digest: str = DIGEST, resource: str = "data",
             ignore_bucket: bool = False) -> Asking:
    return Asking(hub, node, {"zone": "lab", "digest": digest, "resource": resource, "channel": None, "timeout_ms": timeout_ms,
                              "ignore_bucket": ignore_bucket})


def allow_download(laboratory: Laboratory, place: Path, public: bool) -> None:
    settings = place / "settings.yaml"
    users = [{"userId": "alice", "upload": True, "download": True, "admin": True}]
    settings.write_text(f"allowPublicUpload: false\nallowPublicDownload: {str(public).lower()}\nauthorizedUsers: {json.dumps(users)}\n")
    laboratory.hub.admin("zone", "settings", "lab", "--import", settings)


def wait_for_log(hub: RunningHub, event: str) -> None:
    """It is written some time after it has happened."""
    wait_until(lambda: f'"event":"{event}"' in hub.log_path.read_text(), f"the log says {event}")


# --- Asking and providing


def test_a_file_that_nobody_uploaded_is_asked_for_and_comes(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        assert daemon.serve("lab", "data") == laboratory.hub.url + "/r/data"
        [listed] = laboratory.ask(laboratory.alice, "/v1/resources/list", {"zone": "lab", "name": None}).message["resources"]
        assert listed["connected"] and listed["node"] == laboratory.alice.id and listed["user"] == "alice"
        with ask_data(laboratory.hub, laboratory.alice) as asking:
            assert asking.answer.getheader("Content-Type") == "application/x-ndjson"
            order = daemon.order()
            assert order.message == {"zone": "lab", "digest": DIGEST, "channel": None, "asker": laboratory.alice.id}
            order.progress(state="queued")
            asking.until("queued")
            order.progress(state="running", size=len(CONTENT), bytes_uploaded=3)
            assert asking.until("running")["bytes_uploaded"] == 3
            assert daemon.upload("lab", CONTENT).code == "ok"
            order.answer(state="completed")
            last = asking.until("completed")
            assert last["size"] == last["bytes_uploaded"] == len(CONTENT)
            assert asking.line() is None, "that was the end"
        with ask_data(laboratory.hub, laboratory.alice) as asking:
            assert asking.until("completed")["size"] == len(CONTENT), "the zone has it"
        assert len(daemon.orders) == 1


def test_sixteen_who_ask_share_one_upload_and_the_last_who_cancels_stops_it(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        askers = [register(laboratory.hub, "alice") for _ in range(16)]
        asked = [ask_data(laboratory.hub, node) for node in askers]
        order = daemon.order()
        order.progress(state="running", size=9, bytes_uploaded=1)
        for asking in asked:
            assert asking.until("running")["size"] == 9
        for node in askers[:8]:  # Half of them just go away.
            asked.pop(0).connection.close()
        cancel = {"zone": "lab", "digest": DIGEST, "resource": "data", "channel": None}
        for node in askers[:-1]:
            laboratory.ask(node, "/v1/files/ask/cancel", cancel)
        assert not order.cancelled.is_set()
        laboratory.ask(askers[-1], "/v1/files/ask/cancel", cancel)
        assert order.cancelled.wait(5)
        for asking in asked:
            assert asking.until("error")["code"] == "cancelled"
            asking.connection.close()
        assert len(daemon.orders) == 1


def test_a_liar_is_found_out(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        with ask_data(laboratory.hub, laboratory.alice) as asking:
            daemon.order().answer(state="completed", size=5, bytes_uploaded=5)
            last = asking.until("error")
            assert last["code"] == "corrupt" and "does not have it" in last["message"]
    wait_for_log(laboratory.hub, "provider_lied")


def test_what_a_provider_does_not_have_or_cannot_send_is_said(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        answers: list[tuple[Callable[[Order], None], str, str | None]] = [
            (lambda order: order.answer(state="not_found"), "not_found", None),
            (lambda order: order.answer(state="error", code="corrupt", message="it has changed\x1b[31m"), "error", "corrupt"),
            (lambda order: order.fail("denied", "not for you"), "error", "denied"),
            (lambda order: order.fail("unavailable", "the disk is away"), "error", "unavailable"),
            (lambda order: order.answer(state="running"), "error", "invalid"),
            (lambda order: daemon.socket.send(f"answer {order.number}\nnonsense"), "error", "invalid"),
        ]
        for number, (answer, state, code) in enumerate(answers):
            with ask_data(laboratory.hub, laboratory.alice) as asking:
                answer(daemon.order(number))
                last = asking.until(state)
                assert last["code"] == code and "\x1b" not in (last["message"] or ""), last


def test_asking_again_finds_it_going_on(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        with ask_data(laboratory.hub, laboratory.alice, timeout_ms=0) as asking:
            assert asking.line() is not None and asking.line() is None
        daemon.order().progress(state="running", size=9, bytes_uploaded=4)
        with ask_data(laboratory.hub, laboratory.alice, timeout_ms=300) as asking:
            lines = []
            while (line := asking.line()) is not None:
                lines.append(line)
            assert lines[-1]["state"] == "running" and lines[-1]["bytes_uploaded"] == 4, "the time was over"
        assert len(daemon.orders) == 1


# --- Who goes, and who comes back


def test_an_upload_survives_its_daemons_connection(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        asking = ask_data(laboratory.hub, laboratory.alice)
        daemon.order().progress(state="running", size=9, bytes_uploaded=4)
        asking.until("running")
        daemon.socket.cut()
    with LiveNode(laboratory.alice, laboratory.hub.url) as again:
        again.serve("lab", "data")
        again.upload("lab", CONTENT)
        again.order().answer(state="completed")
        assert asking.until("completed")
    asking.connection.close()


def test_a_daemon_that_stays_away_is_an_error_within_ten_seconds(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        asking = ask_data(laboratory.hub, laboratory.alice, timeout_ms=60_000)
        daemon.order().progress(state="running", size=9, bytes_uploaded=4)
        asking.until("running")
    begun = time.monotonic()
    last = asking.until("error")
    assert 8 < time.monotonic() - begun < 15
    assert last["code"] == "unavailable" and "the provider went away" in last["message"]
    assert (last["bytes_uploaded"], last["size"]) == (4, 9)
    asking.connection.close()
    with ask_data(laboratory.hub, laboratory.alice) as nobody:
        assert nobody.until("error")["code"] == "unavailable"


def test_a_hub_that_was_killed_finds_its_daemons_again(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        asking = ask_data(laboratory.hub, laboratory.alice)
        daemon.order()
        laboratory.hub.restart(signal.SIGKILL)
        daemon.wait(lambda: daemon.closed is not None)
        with pytest.raises((http.client.HTTPException, AssertionError, ConnectionError)):
            asking.until("completed")
    asking = ask_data(laboratory.hub, laboratory.alice)  # Before the daemon is back.
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        daemon.upload("lab", CONTENT)
        daemon.order().answer(state="completed")
        assert asking.until("completed")
    asking.connection.close()


def test_two_daemons_of_one_name(laboratory: Laboratory) -> None:
    """T7.2: the second changes nothing for the first, and both logs say so."""
    with LiveNode(laboratory.alice, laboratory.hub.url) as first:
        first.serve("lab", "data")
        with LiveNode(laboratory.alice, laboratory.hub.url) as second:
            with pytest.raises(Failed) as failed:
                second.serve("lab", "data")
            assert failed.value.code == "exists"
        first.wait(lambda: len(first.notices) == 1)
        assert "data" in first.notices[0]
        wait_for_log(laboratory.hub, "provider_refused")
        with ask_data(laboratory.hub, laboratory.alice):
            first.order()
        assert first.closed is None


def test_a_daemon_that_hangs_loses_its_name_to_the_next_one_of_its_key(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url, answers_pings=False) as hanging:
        hanging.serve("lab", "data")
        with LiveNode(laboratory.alice, laboratory.hub.url) as second:
            begun = time.monotonic()
            second.serve("lab", "data")
            assert 4 < time.monotonic() - begun < 10, "a ping of 5 s"
            with ask_data(laboratory.hub, laboratory.alice):
                second.order()
        hanging.wait(lambda: hanging.closed is not None)
        assert hanging.orders == []


def test_nobody_serves_a_name_that_is_not_theirs(laboratory: Laboratory) -> None:
    other = register(laboratory.hub, "alice")
    with LiveNode(laboratory.alice, laboratory.hub.url) as first:
        first.serve("lab", "data")
        for node, zone, name, code in ((laboratory.bob, "lab", "data", "denied"), (laboratory.bob, "fog", "data", "denied"),
                                       (other, "lab", "data", "denied"), (other, "lab", "nothing", "not_found")):
            with LiveNode(node, laboratory.hub.url) as thief:
                with pytest.raises(Failed) as failed:
                    thief.serve(zone, name)
                assert failed.value.code == code, failed.value
        assert first.closed is None
        with LiveNode(other, laboratory.hub.url) as twice:
            laboratory.ask(other, "/v1/resources/register", registration("more"))
            twice.serve("lab", "more")
            with pytest.raises(Failed):
                twice.serve("lab", "more")
            with pytest.raises(Failed):
                twice.call("frobnicate", {})
    with LiveNode(laboratory.alice, laboratory.hub.url) as live, pytest.raises(Failed) as malformed:
        live.call("serve", {"zone": "lab", "resource": "__proto__"})
    assert malformed.value.code == "invalid"


@pytest.mark.parametrize("how", ["revoked", "disabled", "no right", "removed"])
def test_who_may_not_provide_any_more_is_cut_within_five_seconds(laboratory: Laboratory, tmp_path: Path, how: str) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        begun = time.monotonic()
        if how == "revoked":
            laboratory.hub.admin("node", "revoke", laboratory.alice.id)
        elif how == "disabled":
            laboratory.hub.admin("user", "disable", "alice")
        elif how == "removed":
            laboratory.ask(laboratory.alice, "/v1/resources/remove", {"zone": "lab", "name": "data"})
        else:
            settings = tmp_path / "none.yaml"
            settings.write_text("allowPublicUpload: false\nallowPublicDownload: false\nauthorizedUsers: []\n")
            laboratory.hub.admin("zone", "settings", "lab", "--import", settings)
        daemon.wait(lambda: daemon.closed is not None)
        assert time.monotonic() - begun < 5 and daemon.closed is not None and daemon.closed.code == 1008


# --- Connections that are none


def test_the_upgrade_must_be_signed_by_a_node(laboratory: Laboratory) -> None:
    url = laboratory.hub.url
    with pytest.raises(Refused) as refused:
        WebSocket(url, "/v1/live", {"Sec-WebSocket-Protocol": "kachery.1"})
    assert refused.value.status == 403
    for node in (laboratory.stranger, laboratory.revoked):
        with pytest.raises(Refused) as refused:
            connect(node, url)
        assert refused.value.status == 403
    with pytest.raises(Refused) as refused:
        connect(laboratory.alice, url, {"Origin": "https://evil.example"})
    assert refused.value.status == 403
    upgrade = {"sec-websocket-key": "AAAAAAAAAAAAAAAAAAAAAA==", "sec-websocket-protocol": "kachery.1"}
    signed = laboratory.alice.fields(url, "GET", "/v1/live", None, upgrade=upgrade)
    with pytest.raises(Refused) as refused:
        WebSocket(url, "/v1/live", upgrade | signed | {"sec-websocket-key": "BBBBBBBBBBBBBBBBBBBBBA=="})
    assert refused.value.status == 403, "another key than the one that was signed"
    WebSocket(url, "/v1/live", upgrade | signed).close()
    with pytest.raises(Refused) as refused:
        WebSocket(url, "/v1/live", upgrade | signed)
    assert refused.value.status == 403, "a replay"
    plain = laboratory.alice.fields(url, "GET", "/v1/live", None)
    with pytest.raises(Refused) as refused:
        WebSocket(url, "/v1/live", plain)
    assert refused.value.status in (400, 403)


def test_a_channel_that_is_misused_is_closed(laboratory: Laboratory) -> None:
    for text in ("nonsense", "call x serve\n{}", "answer 7\n{}", "progress 1\n{}", "call 1 " + "x" * 100 + "\n"):
        live = connect(laboratory.alice, laboratory.hub.url)
        live.send(text)
        with pytest.raises(Closed):
            live.receive()
        live.close()
    live = connect(laboratory.alice, laboratory.hub.url)
    with pytest.raises((Closed, OSError)):  # It may close before all was sent.
        live.send("call 1 serve\n" + "x" * (2 << 20))
        live.receive()
    live.close()
    assert laboratory.hub.process.poll() is None


def test_the_audit_log_and_the_metrics_know(laboratory: Laboratory) -> None:
    with LiveNode(laboratory.alice, laboratory.hub.url) as daemon:
        daemon.serve("lab", "data")
        with ask_data(laboratory.hub, laboratory.alice) as asking:
            daemon.order()
            base = urlsplit(laboratory.hub.url)
            connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=30)
            connection.request("GET", "/metrics", None, {"Authorization": "Bearer " + laboratory.token("metrics-token")})
            text = connection.getresponse().read().decode()
            connection.close()
            for name in ("providers", "orders", "asks_waiting"):
                assert f"kachery_hub_{name} 1" in text
            asking.line()
    audited(laboratory.hub)
    lines = [json.loads(line) for day in (laboratory.hub.directory / "audit").glob("*.jsonl") for line in day.read_text().splitlines()]
    actions = {(line["action"], line["object"]) for line in lines if line["allowed"] and line["actor"] == laboratory.alice.id}
    assert {("connect", ""), ("provide", "data"), ("ask", f"data {DIGEST}"), ("register_resource", "data")} <= actions


# --- Programs of gen2


def secret_of(laboratory: Laboratory) -> str:
    return str(laboratory.hub.admin("proxy")["proxy_secret"])


@pytest.fixture
def older(laboratory: Laboratory, tmp_path: Path) -> Laboratory:
    """The same where everybody may download, with the name `old` for an older daemon."""
    allow_download(laboratory, tmp_path, True)
    laboratory.ask(laboratory.alice, "/v1/resources/register", registration("old", older=True))
    return laboratory


def status_of(answer: tuple[int, Any]) -> dict[str, Any]:
    status, body = answer
    assert status == 200 and set(body) == {"type", "requestId", "response"} and body["type"] == "responseToClient", answer
    assert body["response"]["type"] == "fileUpload"
    found: dict[str, Any] = body["response"]["status"]
    return found


def test_what_an_administrator_tells_who_keeps_an_older_daemon(laboratory: Laboratory) -> None:
    told = laboratory.hub.admin("proxy")
    assert told["proxy_url"] == laboratory.hub.url
    assert len(told["proxy_secret"].removeprefix("kachery-proxy-")) == 64, "256 bit"
    path = laboratory.hub.directory / "proxy-secret"
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert told["proxy_secret"] not in laboratory.hub.log_path.read_text()


def test_an_older_client_asks_our_daemon(older: Laboratory) -> None:
    url = older.hub.url
    with LiveNode(older.alice, url) as daemon:
        daemon.serve("lab", "data")
        assert status_of(older_ask(url, "data", URI, 100, zone="lab"))["status"] == "queued"
        order = daemon.order()
        assert order.message["asker"] is None
        order.progress(state="running", size=28, bytes_uploaded=7)
        wait_until(lambda: status_of(older_ask(url, "data", URI, 50, zone="lab")) ==
                   {"status": "running", "size": 28, "bytesUploaded": 7}, "it runs")
        daemon.upload("lab", CONTENT)
        order.answer(state="completed")
        assert status_of(older_ask(url, "data", URI, zone="lab")) == {"status": "completed", "size": 28, "bytesUploaded": 28}
        assert len(daemon.orders) == 1, "asked again and again, it is one upload (R1)"

        nowhere = "sha1://" + "0" * 40
        daemon.on_order = lambda found: found.answer(state="not_found")
        assert status_of(older_ask(url, "data", nowhere, zone="lab"))["status"] == "not-found"
        daemon.on_order = lambda found: found.answer(state="error", code="corrupt", message="it has changed")
        assert status_of(older_ask(url, "data", nowhere, zone="lab")) == {"status": "error", "error": "it has changed"}


def test_an_older_client_is_answered_as_by_its_proxy(older: Laboratory, tmp_path: Path) -> None:
    url = older.hub.url
    base = urlsplit(url)
    connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=30)
    connection.request("GET", "/probe")
    assert connection.getresponse().read() == b"running."
    connection.close()
    assert older_ask(url, "nothing", URI, zone="lab") == (404, {"message": "resource not found: nothing"})
    assert older_ask(url, "data", URI, zone="lab", requestId="abcdefghij") == (400, {"message": "requestId field not allowed"})
    assert older_ask(url, "data", URI, zone="lab", extra=1) == (400, {"message": "invalid request"})
    assert older_post(url, "/r/data", b"{") == (400, {"message": "invalid request"})
    assert older_ask(url, "data", URI, zone="lab", target="/r/old") == (500, {"message": "Resource name mismatch: old <> data"})
    assert older_post(url, "/r/data", b"{" + b" " * 100_001)[0] == 413
    with LiveNode(older.alice, url) as daemon:
        daemon.serve("lab", "data")
        status, body = older_ask(url, "data", URI + "?x", zone="lab")
        assert (status, body["response"], body["error"]) == (200, {}, "Error handling request: Invalid URI")
        assert older_ask(url, "data", URI, zone="lab", inner={"type": "x"})[1]["error"] == "Invalid kachery resource request"
        begun = time.monotonic()
        assert older_ask(url, "data", URI, 60_000, zone="lab", timeoutMsec=300) == (504, {"message": "timeout waiting for response"})
        assert time.monotonic() - begun < 5
        assert older_ask(url, "data", URI, 100, zone="fog")[0] == 403
        allow_download(older, tmp_path, False)
        assert older_ask(url, "data", URI, 100, zone="lab")[0] == 403, "unsigned, where not everybody may"


def test_an_older_daemon_serves_older_and_new_clients(older: Laboratory) -> None:
    url, secret = older.hub.url, secret_of(older)
    go_on = threading.Event()

    def answer(message: dict[str, Any]) -> Any:
        go_on.wait(20)
        if message["request"]["uri"] != URI:
            return upload_status("not-found")
        line = json.dumps({"zone": "lab", "files": [{"digest": DIGEST, "size": len(CONTENT)}], "channel": None}).encode()
        older.ask(older.alice, "/v1/files/put", line + b"\n" + CONTENT)
        return upload_status("completed", size=len(CONTENT), bytesUploaded=len(CONTENT))

    with OlderDaemon(url, "old", secret, "lab", answer) as daemon:
        daemon.begun().say({"type": "ping"})
        with ask_data(older.hub, older.alice, resource="old") as asking:
            daemon.wait(lambda: len(daemon.requests) == 1)
            forwarded = daemon.requests[0]
            assert set(forwarded) == {"type", "requestId", "resourceName", "zone", "request", "timeoutMsec"}
            assert set(forwarded["request"]) == {"type", "uri", "timeoutMsec"}
            assert status_of(older_ask(url, "old", URI, 50, zone="lab"))["status"] == "queued"
            go_on.set()
            assert asking.until("completed")["size"] == len(CONTENT)
        assert status_of(older_ask(url, "old", "sha1://" + "0" * 40, zone="lab"))["status"] == "not-found"
        assert len(daemon.requests) == 2


def test_a_second_older_daemon_does_not_unregister_the_first(older: Laboratory) -> None:
    """R9."""
    url, secret = older.hub.url, secret_of(older)
    with OlderDaemon(url, "old", secret, "lab", lambda _: upload_status("not-found")) as first:
        first.begun()
        with OlderDaemon(url, "old", secret, "lab") as second:
            second.refused()
        assert status_of(older_ask(url, "old", URI, zone="lab"))["status"] == "not-found"
        assert first.closed is None


def test_an_older_daemon_serves_only_names_that_are_for_it(older: Laboratory, tmp_path: Path) -> None:
    url, secret = older.hub.url, secret_of(older)
    for name, zone in (("data", "lab"), ("nothing", "lab"), ("old", "fog"), ("old", "default"), ("__proto__", "lab")):
        with OlderDaemon(url, name, secret, zone) as daemon:
            daemon.refused()
    first = {"type": "initialize", "resourceName": "old", "zone": "lab", "proxySecret": secret}
    for wrong in (first | {"proxySecret": secret[:-1]}, first | {"extra": 1}, {"type": "ping"},
                  {"type": "responseToClient", "requestId": "x", "response": {}}):
        with OlderDaemon(url, "old", secret, first=wrong) as daemon:
            daemon.refused()
    with OlderDaemon(url, "old", secret, "lab") as daemon:
        daemon.begun().say(first)
        daemon.wait(lambda: daemon.closed is not None)
    with OlderDaemon(url, "old", secret, "lab") as daemon:
        daemon.begun()
        allow_download(older, tmp_path, False)
        daemon.wait(lambda: daemon.closed is not None, 5)
    with OlderDaemon(url, "old", secret, "lab") as daemon:
        daemon.refused()


def test_the_secret_is_not_found_by_trying(older: Laboratory) -> None:
    """T7.3: five wrong ones a minute and address; then nothing is looked at, not even the right one."""
    url, secret = older.hub.url, secret_of(older)
    reasons = []
    for name in ("old", "nothing", "old", "nothing", "old"):
        with OlderDaemon(url, name, "wrong", "lab") as daemon:
            daemon.refused()
            assert daemon.closed is not None
            reasons.append((daemon.closed.code, daemon.closed.reason))
    assert len(set(reasons)) == 1, "an unknown name and a wrong secret look the same"
    begun = time.monotonic()
    with OlderDaemon(url, "old", secret, "lab") as daemon:
        daemon.refused()
    assert time.monotonic() - begun > 5
    assert secret not in older.hub.log_path.read_text()


def test_a_liar_of_gen2_is_found_out_too(older: Laboratory) -> None:
    """R4, R5: completed, and the file is not there."""
    with OlderDaemon(older.hub.url, "old", secret_of(older), "lab", lambda _: upload_status("completed", size=3)) as daemon:
        daemon.begun()
        found = status_of(older_ask(older.hub.url, "old", URI, zone="lab"))
        assert found["status"] == "error" and "does not have it" in found["error"]
