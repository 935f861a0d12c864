"""What a hub that runs makes of bytes that are no request (A10), and of strings that are no names in each place for a name (A19)."""

from __future__ import annotations

import base64
import copy
import itertools
import json
import random
import re
import socket
from pathlib import Path
from typing import Any, Callable, Iterator
from urllib.parse import quote

import pytest

from harness import Program, evenly, write
from hostile_strings import naughty, traversals
from hub import RunningHub
from hub_node import Node, call_unsigned, encode, send
from laboratory import CONTENT, MESSAGES, SHA1, Laboratory, audited, running_laboratory


@pytest.fixture
def laboratory(tmp_path: Path, program: Program) -> Iterator[Laboratory]:
    with running_laboratory(tmp_path, program) as running:
        yield running


def assert_is_well(hub: RunningHub) -> None:
    assert hub.process.poll() is None, hub.log_path.read_text()[-3000:]
    assert send(hub.url, "GET", "/readyz", {}, None).status == 200
    failed = [line for line in hub.log() if line["event"] == "request_failed"]
    assert failed == [], failed[:3]


# --- Bytes


def valid_requests(lab: Laboratory) -> list[bytes]:
    """One for each route, by whoever may do it or may not: the changes are what this is about."""
    found = []
    for path, message in MESSAGES.items():
        body = encode(message)
        signed = lab.bob.fields(lab.hub.url, "POST", path, body)
        token = {"Authorization": "Bearer " + lab.token("metrics-token")}
        found += [raw("POST", path, fields, body) for fields in (signed, token, {})]
    upgrade = {"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Version": "13",
               "Sec-WebSocket-Key": base64.b64encode(bytes(16)).decode(), "Sec-WebSocket-Protocol": "x"}
    chunked = b"POST /v1/nodes/whoami HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{\"zon\r\n9;a=b\r\ne\":\"lab\"}\r\n0\r\nX: y\r\n\r\n"
    return found + [chunked, raw("GET", "/v1/hub", upgrade, b""), raw("GET", "/metrics", {"Authorization": "Bearer x"}, b""),
                    raw("GET", "/register/AAAA-AAAA", {}, b""), raw("GET", "/bucket/lab/chunks/" + "0" * 64 + "?expires=1", {"Range": "bytes=0-1"}, b""),
                    raw("PUT", "/bucket/lab/chunks/" + "0" * 64 + "?expires=1&actor=&upload=x&size=1&signature=0", {}, b"x")]


def raw(method: str, target: str, fields: dict[str, str], body: bytes) -> bytes:
    head = "".join(f"{name}: {value}\r\n" for name, value in fields.items())
    return f"{method} {target} HTTP/1.1\r\nHost: 127.0.0.1\r\n{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


PIECES = [b"\r\n", b"\n", b"\r", b"\r\n\r\n", b"\0", b" ", b"\t", b":", b",", b";", b'"', b"%00", b"%2e%2e/", b"../", b"\xff", b"\xc3\x28", b"{", b"[" * 3000,
          b"A" * 20_000, b"HTTP/1.0", b"HTTP/2.0", b"Content-Length: 5\r\n", b"Content-Length: -1\r\n", b"Content-Length: 99999999999999999999\r\n",
          b"Transfer-Encoding: chunked\r\n", b"Transfer-Encoding: gzip, chunked\r\n", b"Expect: 100-continue\r\n", b"Expect: x\r\n", b"Connection: close\r\n",
          b"Upgrade: h2c\r\n", b"Host: y\r\n", b"Authorization: Bearer \r\n", b"Signature: x\r\n", b"Signature-Input: sig=()\r\n", b"X: " + b"y: \r\n" * 200,
          b"0\r\n\r\n", b"ffffffffffffffff\r\n", b"POST / HTTP/1.1\r\n\r\n", b"OPTIONS * HTTP/1.1\r\n\r\n", b"CONNECT x:1 HTTP/1.1\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
          b"\x16\x03\x01\x02\x00\x01", b"null", b"1e999", b'"\\ud800"', b"http://x/"]


def mutated(rng: random.Random, valid: list[bytes]) -> bytes:
    """A valid request, changed in one to five places."""
    data = bytearray(rng.choice(valid))
    for _ in range(rng.randint(1, 5)):
        start = rng.randrange(len(data) + 1)
        end = min(len(data), start + rng.choice((1, 1, 2, 8, 40, 400)))
        change = rng.randrange(7)
        if change == 0 and start < len(data):
            data[start] ^= 1 << rng.randrange(8)
        elif change == 1:
            del data[start:end]
        elif change == 2:
            data[start:start] = data[start:end] * rng.choice((1, 2, 50))
        elif change == 3:
            data[start:start] = rng.choice(PIECES)
        elif change == 4:
            data[start:end] = rng.randbytes(end - start)
        elif change == 5:
            del data[start:]
        else:
            data[start:] = rng.choice(valid)[start:]
    return bytes(data)


def answers_to(hub: RunningHub, request: bytes) -> bytes:
    """All that comes back until the hub closes, which it does since no more is coming."""
    with socket.create_connection(("127.0.0.1", hub.port), timeout=60) as connection:
        received = bytearray()
        try:
            connection.sendall(request)
            connection.shutdown(socket.SHUT_WR)
            while piece := connection.recv(1 << 16):
                received += piece
        except ConnectionError:
            pass  # It has closed without reading all, which it may.
        return bytes(received)


STATUS = re.compile(rb"HTTP/1\.1 ([1-5]\d\d) ")


def test_no_malformed_request_makes_a_hub_fail(laboratory: Laboratory, campaign: Callable[[str], int], rng: random.Random,
                                               outcome: Callable[[str], None]) -> None:
    hub, count = laboratory.hub, campaign("malformed")
    valid = valid_requests(laboratory)
    statuses: dict[int, int] = {}
    for number in range(count):
        if number % 5000 == 4999:
            valid = valid_requests(laboratory)  # Whose signatures are not too old.
        request = mutated(rng, valid)
        answer = answers_to(hub, request)
        assert not answer or STATUS.match(answer), (request, answer)
        heads = [head for head in re.split(rb"(?=HTTP/1\.1 \d\d\d )", answer) if head]
        for head in heads:
            found = STATUS.match(head)
            assert found, (request, head)
            status = int(found[1])
            statuses[status] = statuses.get(status, 0) + 1
            assert status == 100 or b"\r\nkachery-request: " in head.lower(), (request, head)
            assert status < 500 or status in (501, 505), (request, head)
        assert CONTENT not in answer, (request, answer)
    assert_is_well(hub)
    outcome(f"A10: {count} malformed requests to a live hub, 0 crashes, 0 failures: {dict(sorted(statuses.items()))}")


@pytest.mark.parametrize(("request_", "status"), [
    (b"nonsense\r\n\r\n", 400), (b"PATCH / HTTP/1.1\r\nHost: x\r\n\r\n", 501), (b"GET / HTTP/3.0\r\nHost: x\r\n\r\n", 505),
    (b"GET /" + b"a" * 20_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414), (b"GET / HTTP/1.1\r\nHost: x\r\n" + b"A: b\r\n" * 200 + b"\r\n", 431),
    (b"POST /v1/nodes/whoami HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n", 400),
])
def test_what_never_becomes_a_request_is_answered_in_the_same_form(laboratory: Laboratory, request_: bytes, status: int) -> None:
    head, _, body = answers_to(laboratory.hub, request_).partition(b"\r\n\r\n")
    assert head.startswith(b"HTTP/1.1 %d " % status), head
    error = json.loads(body)["error"]
    assert error["code"] == "invalid" and error["message"]
    assert f"kachery-request: {error['request']}".encode() in head.lower()


def test_no_malformed_message_makes_a_hub_fail(laboratory: Laboratory, campaign: Callable[[str], int], rng: random.Random,
                                               outcome: Callable[[str], None]) -> None:
    """Changed before it is signed, so that it comes to whoever reads messages."""
    hub, count = laboratory.hub, campaign("malformed")
    token = {"Authorization": "Bearer " + laboratory.token("admin-token")}
    spared = ("/v1/admin/zones/delete", "/v1/admin/users/disable")  # Which might succeed, and end the test's own rights.
    paths = [path for path in MESSAGES if path not in spared]
    codes: dict[str, int] = {}
    for _ in range(count):
        path = rng.choice(paths)
        message = mutated(rng, [encode(MESSAGES[path])])
        answer = (call_unsigned(hub.url, path, message, token) if path.startswith("/v1/admin/")
                  else laboratory.alice.call(hub.url, path, message))
        code = "ok" if answer.status == 200 else answer.code
        codes[code] = codes.get(code, 0) + 1
        assert answer.status < 500, (path, message, answer)
    assert {"ok", "invalid"} <= set(codes)
    assert_is_well(hub)
    outcome(f"A10: {count} malformed messages, signed, to a live hub, 0 failures: {dict(sorted(codes.items()))}")


# --- Names


def strings() -> list[str]:
    return list(dict.fromkeys(naughty() + traversals(2000)))


def places(message: Any, before: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The way to each string of a message, and to what might be one."""
    if isinstance(message, dict):
        for key, value in message.items():
            yield from places(value, (*before, key))
    elif isinstance(message, list):
        for number, value in enumerate(message):
            yield from places(value, (*before, number))
    elif message is None or isinstance(message, str):
        yield before


def replaced(message: Any, place: tuple[Any, ...], text: str) -> Any:
    changed = copy.deepcopy(message)
    inner = changed
    for step in place[:-1]:
        inner = inner[step]
    inner[place[-1]] = text
    return changed


def bodies(text: str, message: Any, place: tuple[Any, ...]) -> list[bytes]:
    """The message as JSON, escaped and as it is."""
    changed = replaced(message, place, text)
    return [json.dumps(changed).encode(), json.dumps(changed, ensure_ascii=False).encode("utf-8", "surrogatepass")]


def small(text: str) -> bytes:
    return json.dumps({"zone": text, "files": [{"digest": SHA1, "size": len(CONTENT)}], "channel": None}).encode() + b"\n" + CONTENT


def settings_of(text: str) -> dict[str, str]:
    return {"zone": "lab", "yaml": f"allowPublicUpload: false\nauthorizedUsers:\n- userId: {json.dumps(text)}\n  upload: true\n"}


# Makes the zone that all the others are about go, or its admin lose their rights.
SPARED = {("/v1/admin/zones/delete", "lab"), ("/v1/admin/users/disable", "alice")}


def outside(place: Path, hub: RunningHub) -> dict[str, bytes]:
    """Everything around a hub's directory, but what it says."""
    said = {hub.log_path, hub.directory.with_name(hub.directory.name + ".said"), place / "trace"}
    return {str(path): path.read_bytes() if path.is_file() else b""
            for path in place.rglob("*") if hub.directory not in (path, *path.parents) and path not in said}


KNOWN_IN_HUB = re.compile(
    r"(address|admin-token|metrics-token|proxy-secret|url-key|lock|catalog\.db(-wal|-shm)?|audit(/\d{4}-\d\d-\d\d\.jsonl)?"
    r"|bucket(/[A-Za-z0-9][A-Za-z0-9._-]{0,62}(/(chunks|manifests)(/[0-9a-z./-]*)?)?|/\.tmp(/.*)?)?)")


def test_no_name_in_a_message_leads_out_of_the_hub(tmp_path: Path, program: Program, strace: str, campaign: Callable[[str], int],
                                                   outcome: Callable[[str], None]) -> None:
    for name in ("canary", "outside/canary", "etc/passwd", "cwd/canary", "a/canary"):
        write(tmp_path / name, b"the canary of " + name.encode())
    watched = program.under(strace, "-D", "-f", "--seccomp-bpf", "-y", "-o", tmp_path / "trace", "-e", "signal=none", "-e", "status=successful",
                            "-e", "trace=openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,"
                            "unlinkat,truncate,execve")
    with running_laboratory(tmp_path, program) as lab:
        hub = lab.hub
        hub.program = watched
        hub.restart()
        hub.program = program
        before = outside(tmp_path, hub)
        some = evenly(strings(), min(campaign("names"), len(strings())))
        asked = 0
        for answer_status, answer_body, what in tried(lab, some):
            asked += 1
            assert answer_status < 500, (what, answer_status, answer_body)
            assert b"the canary of" not in answer_body and b"root:x:" not in answer_body, (what, answer_body)
        assert_is_well(hub)
        assert outside(tmp_path, hub) == before
        strangers = [name for path in hub.directory.rglob("*") if not KNOWN_IN_HUB.fullmatch(name := str(path.relative_to(hub.directory)))]
        assert strangers == []
        assert audited(hub)
    trace = (tmp_path / "trace").read_text(errors="replace").splitlines()
    assert any(str(hub.directory) in line and "O_CREAT" in line for line in trace), "the watch sees nothing"
    wrote = [line for line in trace if re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC|\b(creat|mkdir|rename|link|symlink|unlink|truncate)", line)]
    assert [line for line in wrote if str(hub.directory) not in line and not re.search(r'"/(dev/null|proc/[^"]*)"', line)] == []
    assert len([line for line in trace if "execve(" in line]) == 1
    outcome(f"A19: {asked} requests with {len(some)} hostile strings in every name of every message: 0 failures, 0 outside the hub's directory")


def tried(lab: Laboratory, some: list[str]) -> Iterator[tuple[int, bytes, Any]]:
    """Status, body, and what was asked."""
    token = {"Authorization": "Bearer " + lab.token("admin-token")}

    def ask(path: str, body: bytes) -> tuple[int, bytes, Any]:
        by_admin = path.startswith("/v1/admin/")
        answer = call_unsigned(lab.hub.url, path, body, token) if by_admin else lab.alice.call(lab.hub.url, path, body)
        return answer.status, answer.body, (path, body)

    for text in some:
        for path, message in MESSAGES.items():
            for place in () if isinstance(message, bytes) else places(message):
                if (path, text) not in SPARED:
                    yield from (ask(path, body) for body in dict.fromkeys(bodies(text, message, place)))
        yield ask("/v1/files/put", small(text))
        yield ask("/v1/zones/settings", encode(settings_of(text)))
        printable = quote(text, safe="/.%\\@:;,~!$&'()*+=", errors="surrogateescape" if not re.search("[\ud800-\udc7f\udd00-\udfff]", text) else "replace")
        for prefix, method in itertools.product(("/register/", "/bucket/", "/bucket/lab/chunks/", "/bucket/lab/manifests/", "/v1/", "/"), ("GET", "PUT")):
            answer = send(lab.hub.url, method, prefix + printable, {}, b"" if method == "PUT" else None)
            yield answer.status, answer.body, (method, prefix + printable)


def test_no_label_is_more_than_text_on_the_page_of_a_registration(laboratory: Laboratory) -> None:
    labels = [text for text in naughty() if set("<>&\"'") & set(text) and len(text) < 200]
    shown, key = 0, Node()
    for label in labels:
        answer = key.call(laboratory.hub.url, "/v1/nodes/register", {"label": label, "user": None, "invitation": None})
        if answer.code != "ok":
            assert answer.code == "invalid", answer
            continue
        page = send(laboratory.hub.url, "GET", "/register/" + answer.message["code"], {}, None)
        assert page.status == 200
        told = page.body.decode().partition("It calls itself: ")[2].partition("</p>\n<p>Node ID")[0]
        assert told and not set("<>\"'") & set(told) and not re.search("&(?!amp;|lt;|gt;|quot;|#39;)", told), (label, told)
        shown += 1
    assert shown >= 50
