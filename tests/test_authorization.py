"""Who may do what, asked of a running hub: every route, every way of asking wrongly, and all of it in the audit log (A14); keys
that are none (A7)."""

from __future__ import annotations

import base64
import hashlib
import json
import signal
import socket
import time
from typing import Any, Callable, Iterator
from urllib.parse import urlsplit

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from harness import Program, wait_until
from hub import running_hub
from hub_node import Answer, Forgery, Node, call_unsigned, encode, send
from laboratory import CONTENT, MESSAGES, SHA1, SMALL, Laboratory, audited, routes_of, running_laboratory
from live_node import connect
from websocket import Refused


@pytest.fixture(scope="module")
def laboratory(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[Laboratory]:
    with running_laboratory(tmp_path_factory.mktemp("authorization"), program) as running:
        yield running


# What everybody may ask; the answer tells a stranger nothing.
OF_THEMSELVES = {"/v1/nodes/whoami"}
# What any key may ask, before it is registered.
BEFORE_REGISTRATION = {"/v1/nodes/register", "/v1/nodes/await"}
# What any registered node may ask, of its own user.
OF_THEIR_USER = {"/v1/nodes/list", "/v1/nodes/approve", "/v1/nodes/revoke"}
PUBLIC = {"/healthz", "/readyz", "/v1/hub", "/register/", "/probe", "/"}
# What becomes a WebSocket, and what programs of gen2 ask in their own words: tried in their words, in tests/test_rendezvous.py, too.
LIVE = {"/v1/live"}
OLDER = {"/r/", "/api"}
WITH_A_SECRET = {"/metrics": "/metrics", "/bucket/": f"/bucket/lab/chunks/{hashlib.sha256(CONTENT).hexdigest()}?expires=99999999999"
                 f"&actor=&signature={'0' * 64}"}


def of_admin(path: str) -> bool:
    return path.startswith("/v1/admin/")


def test_every_route_is_tried_here(laboratory: Laboratory) -> None:
    routes = routes_of(laboratory.hub)
    assert {route["path"] for route in routes if route["method"] == "POST"} == set(MESSAGES) | OLDER
    assert {route["path"] for route in routes if route["method"] != "POST"} == PUBLIC | LIVE | set(WITH_A_SECRET)
    for route in routes:
        assert (route["path"] in PUBLIC | OF_THEMSELVES) == (route["who"] == "everybody"), route
        assert of_admin(route["path"]) == (route["who"] == "the administrator's token"), route


# --- Ways of asking wrongly

Ask = Callable[[Laboratory, str, Any], Answer]


def forged(forgery: Callable[[], Forgery]) -> Ask:
    """Signed by Alice, who may do it, but with something wrong."""
    return lambda lab, path, message: lab.alice.call(lab.hub.url, path, message, forgery())


def signed_by_alice(lab: Laboratory, path: str, message: Any) -> tuple[dict[str, str], bytes]:
    body = encode(message)
    return lab.alice.fields(lab.hub.url, "POST", path, body), body


def _replayed(lab: Laboratory, path: str, message: Any) -> Answer:
    """Its nonce was used up by a request that was allowed."""
    fields, body = signed_by_alice(lab, path, message)
    nonce = fields["Signature-Input"].split('nonce="')[1][:32]
    first = lab.alice.call(lab.hub.url, "/v1/nodes/whoami", {"zone": "lab"}, Forgery(nonce=nonce))
    assert first.code == "ok", first
    return send(lab.hub.url, "POST", path, fields, body)


def _changed_body(lab: Laboratory, path: str, message: Any) -> Answer:
    fields, body = signed_by_alice(lab, path, message)
    return send(lab.hub.url, "POST", path, fields, body.replace(b"lab", b"default") + b" ")


def _short_body(lab: Laboratory, path: str, message: Any) -> Answer:
    fields, body = signed_by_alice(lab, path, message)
    return send(lab.hub.url, "POST", path, fields, body[:-1])


def _no_body(lab: Laboratory, path: str, message: Any) -> Answer:
    fields, _ = signed_by_alice(lab, path, message)
    return send(lab.hub.url, "POST", path, fields, b"")


def _other_query(lab: Laboratory, path: str, message: Any) -> Answer:
    fields, body = signed_by_alice(lab, path, message)
    return send(lab.hub.url, "POST", path + "?zone=lab", fields, body)


def _two_signatures(lab: Laboratory, path: str, message: Any) -> Answer:
    good, body = signed_by_alice(lab, path, message)
    bad = lab.stranger.fields(lab.hub.url, "POST", path, body)
    fields = {name: f"{bad[name]}, {value.replace('sig=', 'sig2=')}" if name.startswith("Signature") else value
              for name, value in good.items()}
    return send(lab.hub.url, "POST", path, fields, body)


def _envelope_of_gen2(lab: Laboratory, path: str, message: Any) -> Answer:
    """The older generation's way to sign, which is good for nothing here."""
    payload = {"type": "addClient", "timestamp": int(time.time() * 1000)}
    text = json.dumps(payload, sort_keys=True, separators=(",", ":")).encode()
    signature = lab.alice.key.sign(hashlib.sha1(text).digest()).hex()
    return call_unsigned(lab.hub.url, path, message, {"X-Kachery": json.dumps(
        {"payload": payload, "fromClientId": lab.alice.id, "signature": signature})})


def bearer(token: Callable[[Laboratory], str]) -> Ask:
    return lambda lab, path, message: call_unsigned(lab.hub.url, path, message, {"Authorization": "Bearer " + token(lab)})


def nearly_the_admin_token(lab: Laboratory) -> str:
    token = lab.token("admin-token")
    return token[:-1] + ("0" if token[-1] != "0" else "1")


WRONG: dict[str, Ask] = {
    "unsigned": lambda lab, path, message: call_unsigned(lab.hub.url, path, message),
    "a stranger": lambda lab, path, message: lab.stranger.call(lab.hub.url, path, message),
    "a revoked node": lambda lab, path, message: lab.revoked.call(lab.hub.url, path, message),
    "a node without rights": lambda lab, path, message: lab.bob.call(lab.hub.url, path, message),
    "a spoilt signature": forged(lambda: Forgery(spoil=True)),
    "expired": forged(lambda: Forgery(created=int(time.time()) - 130)),
    "an hour ago": forged(lambda: Forgery(created=int(time.time()) - 3600)),
    "from the future": forged(lambda: Forgery(created=int(time.time()) + 130)),
    "in another century": forged(lambda: Forgery(created=99999999999)),
    "before 1970": forged(lambda: Forgery(created=-1)),
    "replayed": _replayed,
    "another body": _changed_body,
    "a shorter body": _short_body,
    "no body": _no_body,
    "another query": _other_query,
    "for another hub": forged(lambda: Forgery(authority="hub.example")),
    "for another path": forged(lambda: Forgery(path="/v1/nodes/whoami/")),
    "for another method": forged(lambda: Forgery(method="PUT")),
    "a digest of something else": forged(lambda: Forgery(digest="sha-256=:" + "A" * 43 + "=:")),
    "a weaker digest": forged(lambda: Forgery(digest="md5=:1B2M2Y8AsgTpgAmY7PhCfg==:")),
    "no digest": forged(lambda: Forgery(without=("content-digest",))),
    "no method": forged(lambda: Forgery(without=("@method",))),
    "no path": forged(lambda: Forgery(without=("@path",))),
    "no authority": forged(lambda: Forgery(without=("@authority",))),
    "no query": forged(lambda: Forgery(without=("@query",))),
    "another purpose": forged(lambda: Forgery(tag="kachery-claim")),
    "another algorithm": forged(lambda: Forgery(algorithm="hmac-sha256")),
    "no algorithm": forged(lambda: Forgery(algorithm="none")),
    "a short nonce": forged(lambda: Forgery(nonce="00")),
    "a nonce that is none": forged(lambda: Forgery(nonce="g" * 32)),
    "a key in upper case": lambda lab, path, message: lab.alice.call(
        lab.hub.url, path, message, Forgery(key_id=lab.alice.id.upper())),
    "a key that is too short": lambda lab, path, message: lab.alice.call(
        lab.hub.url, path, message, Forgery(key_id=lab.alice.id[:-2])),
    "in another's name": lambda lab, path, message: lab.bob.call(
        lab.hub.url, path, message, Forgery(key_id=lab.alice.id)),
    "the signature alone": lambda lab, path, message: call_unsigned(
        lab.hub.url, path, message, {"Signature": "sig=:AAAA:"}),
    "two signatures": _two_signatures,
    "a token that is none": bearer(lambda lab: "kachery-admin-" + "0" * 64),
    "nearly the administrator's token": bearer(nearly_the_admin_token),
    "the metrics token": bearer(lambda lab: lab.token("metrics-token")),
    "the older generation's envelope": _envelope_of_gen2,
}
# Of these the asker is known, and asks for what they may not.
BY_THEMSELVES = {"unsigned", "a stranger", "a revoked node", "a node without rights", "the older generation's envelope"}


def is_allowed(path: str, way: str) -> bool:
    """The few cells in which asking like this is not wrong."""
    if path in OF_THEMSELVES:
        return way in BY_THEMSELVES
    if path in BEFORE_REGISTRATION:
        return way in ("a stranger", "a node without rights")
    return path in OF_THEIR_USER and way == "a node without rights"


# What is wrong with the words, not with who says them.
MALFORMED: dict[str, Callable[[bytes], bytes]] = {
    "a key twice": lambda body: b'{"zone":"lab",' + body[1:] if b'"zone"' in body else b'{"x":1,"x":1}',
    "an unknown key": lambda body: b'{"surprise":1}' if body == b"{}" else body[:1] + b'"surprise":1,' + body[1:],
    "no object": lambda body: b"[" + body + b"]",
    "something behind it": lambda body: body + b"{}",
    "not UTF-8": lambda body: b'{"\xff":1}',
    "too deep": lambda body: b"[" * 40 + b"]" * 40,
    "no end": lambda body: body[:-1],
}


def test_whoever_asks_wrongly_is_denied_and_noted(laboratory: Laboratory, outcome: Callable[[str], None]) -> None:
    denied: dict[str, tuple[str, str]] = {}
    for path, message in MESSAGES.items():
        for way, ask in WRONG.items():
            answer = ask(laboratory, path, message)
            assert CONTENT not in answer.body
            if is_allowed(path, way):
                assert answer.status < 500, (path, way, answer)
                continue
            assert answer.status == 403 and answer.code == "denied", (path, way, answer)
            denied[answer.message["error"]["request"]] = (path, way)
        for way, spoil in MALFORMED.items():
            answer = laboratory.alice.call(laboratory.hub.url, path, spoil(encode(message)))
            if path == "/v1/files/put" and answer.code == "ok":
                assert answer.message["files"][0]["state"] == "refused", (way, answer)
                continue
            assert answer.status == 400 and answer.code == "invalid", (path, way, answer)
            denied[answer.message["error"]["request"]] = (path, way)
    for path, target in WITH_A_SECRET.items():
        for way, answer in without_the_secret(laboratory, target).items():
            assert answer.status == 403 and answer.code == "denied", (path, way, answer)
            denied[answer.message["error"]["request"]] = (path, way)
    assert len(denied) >= 1000, len(denied)

    assert_nothing_has_changed(laboratory)
    noted = audited(laboratory.hub)
    missing = [cell for request, cell in denied.items() if noted.get(request) is not False]
    assert missing == [], f"{len(missing)} denials are not in the audit log: {missing[:5]}"
    outcome(f"A14: {len(denied)} ways to ask wrongly, over {len(MESSAGES) + len(WITH_A_SECRET)} routes: all denied, all in the audit log")


def without_the_secret(lab: Laboratory, target: str) -> dict[str, Answer]:
    def get(fields: dict[str, str]) -> Answer:
        return send(lab.hub.url, "GET", target, fields, None)

    fields = {
        "nothing": {}, "a token that is none": {"Authorization": "Bearer kachery-metrics-" + "0" * 64},
        "an empty token": {"Authorization": "Bearer "}, "another scheme": {"Authorization": "Basic YTpi"},
        "the token without its scheme": {"Authorization": lab.token("metrics-token")},
        "the token in upper case": {"Authorization": "Bearer " + lab.token("metrics-token").upper()},
        "signed": lab.alice.fields(lab.hub.url, "GET", target, None),
    }
    return {way: get(which) for way, which in fields.items()}


def assert_nothing_has_changed(lab: Laboratory) -> None:
    assert {zone["zone"] for zone in lab.hub.admin("zone", "list")["zones"]} == {"default", "lab"}
    users = {user["user"]: user["disabled"] for user in lab.hub.admin("user", "list")["users"]}
    assert users == {name: False for name in ("admin", "alice", "bob", "carol")}
    nodes = {node["node"] for node in lab.hub.admin("node", "list")["nodes"]}
    assert nodes == {lab.alice.id, lab.bob.id, lab.revoked.id}
    assert lab.hub.admin("invitation", "list")["invitations"] == []
    assert lab.ask(lab.alice, "/v1/files/list", {"zone": "lab", "mine": False, "after": None}).message["files"] == []
    assert not [path for path in (lab.hub.directory / "bucket").rglob("*") if path.is_file() and CONTENT in path.read_bytes()]
    yaml = lab.ask(lab.alice, "/v1/zones/settings", {"zone": "lab", "yaml": None}).message["yaml"]
    assert "allowPublicUpload: true" not in yaml


CONNECTING_WRONGLY: dict[str, Callable[[], Forgery]] = {
    "a spoilt signature": lambda: Forgery(spoil=True), "expired": lambda: Forgery(created=int(time.time()) - 130),
    "from the future": lambda: Forgery(created=int(time.time()) + 130), "for another hub": lambda: Forgery(authority="hub.example"),
    "for another path": lambda: Forgery(path="/v1/hub"), "for another method": lambda: Forgery(method="POST"),
    "another purpose": lambda: Forgery(tag="kachery-claim"), "another key": lambda: Forgery(extra={
        "sec-websocket-key": base64.b64encode(b"0123456789abcdef").decode()}),
    "the key is not covered": lambda: Forgery(without=("sec-websocket-key",)),
    "the protocol is not covered": lambda: Forgery(without=("sec-websocket-protocol",)),
}


def test_whoever_connects_wrongly_is_denied_and_noted(laboratory: Laboratory) -> None:
    def refused(node: Node, forgery: Forgery | None = None) -> str:
        with pytest.raises(Refused) as found:
            connect(node, laboratory.hub.url, forged=forgery)
        error = json.loads(found.value.body)["error"]
        assert found.value.status == 403 and error["code"] == "denied", error
        return str(error["request"])

    denied = [refused(laboratory.alice, forge()) for forge in CONNECTING_WRONGLY.values()]
    denied += [refused(laboratory.stranger), refused(laboratory.revoked)]
    noted = audited(laboratory.hub)
    assert all(noted.get(request) is False for request in denied)


def test_what_older_clients_ask_is_denied_in_their_words(laboratory: Laboratory) -> None:
    message = {"type": "requestFromClient", "resourceName": "data", "zone": "lab", "timeoutMsec": 1000,
               "request": {"type": "fileUpload", "uri": SHA1.replace("sha1:", "sha1://"), "timeoutMsec": 1000}}
    for path in ("/r/data", "/api"):
        for ask in (WRONG["unsigned"], WRONG["a stranger"], WRONG["a revoked node"], WRONG["a node without rights"]):
            answer = ask(laboratory, path, message)
            assert answer.status == 403 and set(answer.message) == {"message"}, answer
            assert audited(laboratory.hub)[answer.fields["kachery-request"]] is False


def test_a_zone_that_is_not_there_and_one_that_is_not_ours_look_the_same(laboratory: Laboratory) -> None:
    for path, message in MESSAGES.items():
        if not isinstance(message, dict) or "zone" not in message or of_admin(path):
            continue
        for node in (laboratory.bob, laboratory.stranger, laboratory.revoked):
            ours = node.call(laboratory.hub.url, path, message)
            none = node.call(laboratory.hub.url, path, {**message, "zone": "fog"})
            assert (ours.status, ours.code) == (none.status, none.code), path
            if ours.code != "ok":
                text = ours.message["error"]["message"].replace("zone lab", "zone fog")
                assert text == none.message["error"]["message"], path


def test_a_method_that_a_path_does_not_have_is_refused(laboratory: Laboratory) -> None:
    for path in MESSAGES:
        for method in ("GET", "PUT", "DELETE", "HEAD"):
            answer = send(laboratory.hub.url, method, path, {}, None)
            assert answer.status == 405 and "POST" in answer.fields["allow"], (method, path, answer)


# --- Sent again


def test_replays_are_refused_across_restarts(laboratory: Laboratory, campaign: Callable[[str], int],
                                             outcome: Callable[[str], None]) -> None:
    hub, path, count = laboratory.hub, "/v1/nodes/whoami", campaign("replays")
    restarts = {count // 3: signal.SIGTERM, 2 * count // 3: signal.SIGKILL}
    recorded: list[tuple[dict[str, str], bytes]] = []

    def record() -> None:
        for _ in range(20):
            fields, body = signed_by_alice(laboratory, path, {"zone": "lab"})
            assert send(hub.url, "POST", path, fields, body).code == "ok"
            recorded.append((fields, body))

    record()
    for number in range(count):
        if number in restarts:
            hub.restart(restarts[number])
            record()
        fields, body = recorded[number % len(recorded)]
        answer = send(hub.url, "POST", path, fields, body)
        assert answer.status == 403 and answer.code == "denied", (number, answer)
    outcome(f"A14: {count} replays over {len(restarts)} restarts, 0 accepted")


def test_a_connection_that_breaks_off_changes_nothing(laboratory: Laboratory) -> None:
    """A signed upload whose body ends early: Content-Length says more than comes."""
    base = urlsplit(laboratory.hub.url)
    fields, _ = signed_by_alice(laboratory, "/v1/files/put", SMALL)
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    with socket.create_connection((base.hostname or "", base.port or 0), 10) as connection:
        connection.sendall(f"POST /v1/files/put HTTP/1.1\r\nHost: {base.netloc}\r\nContent-Length: {len(SMALL)}\r\n{head}\r\n"
                           .encode() + SMALL[:-3])
    requests_before = len(audited(laboratory.hub))
    wait_until(lambda: len(audited(laboratory.hub)) > requests_before, "the hub has seen the end")
    found = laboratory.ask(laboratory.alice, "/v1/files/find", {"zone": "lab", "digests": [SHA1], "channel": None})
    assert found.message["files"] == [None]
    assert [line for line in laboratory.hub.log() if line["event"] == "request_failed"] == [], "which is no failure of the hub"


# --- Keys that are none (A7)

P = 2**255 - 19
D = -121665 * pow(121666, -1, P) % P
ORDER = 2**252 + 27742317777372353535851937790883648493
IDENTITY = (1).to_bytes(32, "little")


def is_on_the_curve(y: int) -> bool:
    square = (y * y - 1) * pow(D * y * y + 1, -1, P) % P
    return square == 0 or pow(square, (P - 1) // 2, P) == 1


def encoded(y: int, sign: int) -> str:
    return (y | sign << 255).to_bytes(32, "little").hex()


# The y of the points whose order divides 8: of order 1, 2, 4 and twice 8.
Y_OF_ORDER_8 = int.from_bytes(bytes.fromhex("26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05"), "little")
SMALL_ORDER = [encoded(y, sign) for y, sign in
               ((1, 0), (P - 1, 0), (0, 0), (0, 1), (Y_OF_ORDER_8, 0), (Y_OF_ORDER_8, 1), (P - Y_OF_ORDER_8, 0), (P - Y_OF_ORDER_8, 1))]
# Points that are written with a number that is too large, or with a sign that nothing has.
NOT_CANONICAL = [encoded(y, sign) for y in range(P, 2**255) if is_on_the_curve(y % P) for sign in (0, 1)] + [
    encoded(1, 1), encoded(P - 1, 1)]


class Keyless(Node):
    """Whoever has no private key, and claims a public one that lax verifiers let anybody sign for.

    With R the neutral element and S = 0 the equation of ed25519 holds for a key of small order whenever the hash of what is
    signed is a multiple of that order; so another nonce is taken until it is.
    """

    def __init__(self, key_id: str) -> None:
        super().__init__()
        self.id = key_id
        self.holds = False
        self.text = b""

    def sign(self, text: bytes) -> bytes:
        self.text = text
        challenge = hashlib.sha512(IDENTITY + bytes.fromhex(self.id) + text).digest()
        self.holds = int.from_bytes(challenge, "little") % ORDER % 8 == 0
        return IDENTITY + bytes(32)

    def fields(self, hub: str, method: str, target: str, body: bytes | None, forged: Forgery | None = None,
               upgrade: dict[str, str] | None = None) -> dict[str, str]:
        while True:
            fields = super().fields(hub, method, target, body, forged, upgrade)
            if self.holds:
                return fields


@pytest.mark.parametrize("key_id", SMALL_ORDER)
def test_a_lax_verifier_takes_the_forgeries_below(key_id: str) -> None:
    """So that the tests below can fail: OpenSSL takes them."""
    nobody = Keyless(key_id)
    fields = nobody.fields("http://127.0.0.1:1", "POST", "/x", b"{}")
    signature = base64.b64decode(fields["Signature"].removeprefix("sig=:").removesuffix(":"))
    Ed25519PublicKey.from_public_bytes(bytes.fromhex(key_id)).verify(signature, nobody.text)


def test_there_are_eight_points_of_small_order_and_more_ways_to_write_them() -> None:
    assert len(set(SMALL_ORDER)) == 8 and len(set(NOT_CANONICAL)) == len(NOT_CANONICAL) >= 14


@pytest.mark.parametrize("key_id", SMALL_ORDER + NOT_CANONICAL)
def test_a_key_that_anybody_can_sign_for_is_refused_everywhere(laboratory: Laboratory, key_id: str) -> None:
    token = laboratory.hub.admin("invite", "alice")["token"]
    nobody = Keyless(key_id)
    messages = {**MESSAGES, "/v1/nodes/register": {"label": "x", "user": None, "invitation": token}}
    for path, message in messages.items():
        answer = nobody.call(laboratory.hub.url, path, message)
        assert answer.status == 403 and answer.code == "denied", (path, answer)
    [invitation] = laboratory.hub.admin("invitation", "list")["invitations"]
    laboratory.hub.admin("invitation", "revoke", invitation["id"])
    assert_nothing_has_changed(laboratory)


def test_an_open_hub_registers_no_key_that_anybody_can_sign_for(tmp_path_factory: pytest.TempPathFactory, program: Program) -> None:
    with running_hub(tmp_path_factory.mktemp("open"), open=True, program=program) as hub:
        for key_id in SMALL_ORDER + NOT_CANONICAL:
            for path in ("/v1/nodes/register", "/v1/nodes/whoami", "/v1/files/list"):
                message = {**MESSAGES[path], **({"invitation": None} if path.endswith("register") else {})}
                assert Keyless(key_id).call(hub.url, path, message).code == "denied", key_id
        assert hub.admin("node", "list")["nodes"] == []
