"""A15: the bucket's signed URLs, in the hands of somebody who wants more than they are for. Nothing wrong is ever kept or served,
and each URL still does what it is for after everything else was tried."""

from __future__ import annotations

import hashlib
import http.client
import re
import socket
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple
from urllib.parse import urlsplit

import pytest

from harness import Program
from hub import RunningHub, running_hub
from hub_node import Answer, Node
from laboratory import CONTENT, SHA1, UPLOAD, Laboratory, audited, register, running_laboratory

OTHER = b"what is sent instead of it"[: len(CONTENT)]
OTHER_NAME = hashlib.sha256(OTHER).hexdigest()
NAME = hashlib.sha256(CONTENT).hexdigest()
TWO_HOURS_S = 7200

Fields = list[tuple[str, str]]


class Order(NamedTuple):
    """A request to the bucket, as it is meant to be."""

    method: str
    target: str
    fields: Fields
    body: bytes

    @property
    def path(self) -> str:
        return self.target.partition("?")[0]

    @property
    def query(self) -> str:
        return self.target.partition("?")[2]


def target_of(url: str) -> str:
    return url[len("http://") + len(urlsplit(url).netloc):]


def begin(lab: Laboratory, node: Node) -> tuple[str, Order]:
    """An upload of CONTENT, and how its only chunk is to be sent."""
    answer = lab.ask(node, "/v1/uploads/begin", {"zone": "lab", "files": [UPLOAD], "channel": None})
    [upload] = answer.message["uploads"]
    [put] = upload["puts"]
    return upload["id"], Order("PUT", target_of(put["url"]), [(one["name"], one["value"]) for one in put["headers"]], CONTENT)


def find(lab: Laboratory, node: Node) -> Order:
    answer = lab.ask(node, "/v1/files/find", {"zone": "lab", "digests": [SHA1], "channel": None})
    return Order("GET", target_of(answer.message["files"][0]["url"]), [], b"")


def exchange(hub: RunningHub, order: Order) -> Answer:
    """Sends exactly this, and no more of its own than the field Host. Where the hub just closes, the status is 0."""
    connection = http.client.HTTPConnection("127.0.0.1", hub.port, timeout=30)
    try:
        connection.putrequest(order.method, order.target, skip_host=has(order.fields, "host"), skip_accept_encoding=True)
        for name, value in order.fields:
            connection.putheader(name, value)
        connection.endheaders(order.body or None)
        # Whoever announced more than there is has gone away.
        connection.sock.shutdown(socket.SHUT_WR)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    except (ConnectionError, http.client.BadStatusLine):
        return Answer(0, {}, b"")
    finally:
        connection.close()


def has(fields: Fields, name: str) -> bool:
    return any(one.lower() == name for one, _ in fields)


def without(fields: Fields, name: str) -> Fields:
    return [(one, value) for one, value in fields if one != name]


def having(fields: Fields, name: str, value: str) -> Fields:
    return [*without(fields, name), (name, value)]


# --- What can be done to either kind


def other_targets(order: Order) -> dict[str, str]:
    path, query = order.path, order.query
    value = re.search(r"signature=([0-9a-f]{64})", query)
    assert value
    signature = value[1]
    parameters = query.split("&")
    expires = parameters[0].partition("=")[2]

    def changed(old: str, new: str) -> str:
        assert old in query, (old, query)
        return f"{path}?{query.replace(old, new, 1)}"

    return {
        "another object": order.target.replace(NAME, OTHER_NAME), "another zone": order.target.replace("/lab/", "/default/"),
        "a zone that is not there": order.target.replace("/lab/", "/fog/"), "the zone in upper case": order.target.replace("/lab/", "/LAB/"),
        "the object in upper case": f"{path[:-64]}{path[-64:].upper()}?{query}", "the path in upper case": order.target.replace("/bucket", "/BUCKET"),
        "another kind": order.target.replace("/chunks/", f"/manifests/{SHA1.replace(':', '-')}/"),
        "no kind": order.target.replace("/chunks/", "/"), "two slashes": "/" + order.target, "two slashes inside": order.target.replace("/lab/", "/lab//"),
        "a dot segment": order.target.replace("/lab/", "/lab/./"), "two dots": order.target.replace("/lab/", "/x/../lab/"),
        "encoded dots": order.target.replace("/lab/", "/x/%2e%2e/lab/"), "encoded twice": order.target.replace("/lab/", "/x/%252e%252e/lab/"),
        "dots that leave the bucket": order.target.replace("/lab/chunks/", "/lab/chunks/../../../../"),
        "an encoded slash": order.target.replace("/lab/", "%2flab%2f"), "an encoded letter": order.target.replace("/lab/", "/%6cab/"),
        "an encoded digit": f"{path[:-1]}%{ord(path[-1]):02x}?{query}", "a backslash": order.target.replace("/lab/", "\\lab\\"),
        "a slash behind it": f"{path}/?{query}", "a dot behind it": f"{path}.?{query}", "a NUL behind it": f"{path}%00?{query}",
        "a longer name": f"{path}0?{query}", "a shorter name": f"{path[:-1]}?{query}", "parameters in the path": f"{path};x=1?{query}",
        "no signature": f"{path}?{query.partition('&signature=')[0]}", "an empty signature": changed(signature, ""),
        "no parameters": path, "a flipped signature": changed(signature, signature[:-1] + format(int(signature[-1], 16) ^ 1, "x")),
        "a short signature": changed(signature, signature[:-2]), "a long signature": changed(signature, signature + "00"),
        "the signature in upper case": changed(signature, signature.upper()) if signature.upper() != signature else path,
        "two signatures": f"{order.target}&signature={signature}", "a later end": changed(expires, str(int(expires) + 1)),
        "an end with a zero before it": changed(expires, "0" + expires), "an end with a sign": changed(expires, "+" + expires),
        "no end": changed(f"expires={expires}", "expires="), "another's": changed("actor=", f"actor={'0' * 64}"),
        "nobody's": re.sub("actor=[0-9a-f]+", "actor=", order.target), "the administrator's": re.sub("actor=[0-9a-f]+", "actor=administrator", order.target),
        "in another order": f"{path}?{'&'.join([parameters[1], parameters[0], *parameters[2:]])}", "one more before": f"{path}?x=1&{query}",
        "one more behind": f"{order.target}&x=1", "an ampersand more": f"{path}?{query.replace('&', '&&', 1)}",
        "an encoded parameter": changed("actor", "%61ctor"), "a semicolon": changed("&", ";"), "a second question mark": f"{path}??{query}",
        "upper case parameters": changed("expires", "Expires"),
    }


def other_methods(order: Order) -> dict[str, Order]:
    methods = {"GET", "HEAD", "PUT", "POST", "DELETE", "PATCH"} - ({"GET", "HEAD"} if order.method == "GET" else {"PUT"})
    return {f"by {method}": order._replace(method=method) for method in sorted(methods)}


def assert_refused(order: Order, way: str, answer: Answer) -> None:
    assert answer.status == 0 or 400 <= answer.status < 500 or answer.status == 501, (way, order, answer)
    assert CONTENT not in answer.body and OTHER not in answer.body, (way, answer)


# --- To send


def misuses_of_put(order: Order) -> dict[str, Order]:
    fields, size = order.fields, len(CONTENT)
    found = {way: order._replace(target=target) for way, target in other_targets(order).items()}
    found |= other_methods(order)
    for name, _ in fields:
        found[f"without {name}"] = order._replace(fields=without(fields, name), body=b"" if name == "content-length" else CONTENT)
        found[f"{name} twice"] = order._replace(fields=[*fields, *((one, value) for one, value in fields if one == name)])
    for name, value in (
            ("content-type", "text/plain"), ("content-type", "application/octet-stream; charset=utf-8"), ("if-none-match", '"x"'),
            ("x-amz-content-sha256", OTHER_NAME), ("x-amz-content-sha256", NAME.upper()), ("x-amz-content-sha256", "UNSIGNED-PAYLOAD"),
            ("content-length", f"0{size}"), ("content-length", f"+{size}"), ("content-length", f"{size}, {size}"), ("content-length", "-1"),
            ("content-length", hex(size))):
        found[f"{name}: {value}"] = order._replace(fields=having(fields, name, value))
    for name, value in (
            ("content-encoding", "gzip"), ("content-md5", "AAAA"), ("content-range", f"bytes 0-{size - 1}/{size}"), ("content-disposition", "inline"),
            ("x-amz-acl", "public-read"), ("x-amz-meta-a", "b"), ("X-AMZ-Copy-Source", "/lab/chunks/x"), ("if-match", "*"),
            ("If-Modified-Since", "Sun, 22 Nov 2026 04:00:00 GMT"), ("transfer-encoding", "chunked"), ("Transfer-Encoding", "identity")):
        found[f"with {name}"] = order._replace(fields=[*fields, (name, value)])
    longer, shorter = CONTENT + b"!", CONTENT[:-1]
    found |= {
        "longer": order._replace(fields=having(fields, "content-length", str(size + 1)), body=longer),
        "shorter": order._replace(fields=having(fields, "content-length", str(size - 1)), body=shorter),
        "shorter than it says": order._replace(body=shorter), "nothing": order._replace(body=b""),
        "other bytes": order._replace(body=OTHER), "other bytes, and their own hash": order._replace(
            fields=having(fields, "x-amz-content-sha256", OTHER_NAME), body=OTHER),
        "other bytes under their own name": order._replace(
            target=order.target.replace(NAME, OTHER_NAME), fields=having(fields, "x-amz-content-sha256", OTHER_NAME), body=OTHER),
        "another size": order._replace(target=order.target.replace(f"&size={size}", f"&size={size + 1}"),
                                       fields=having(fields, "content-length", str(size + 1)), body=longer),
        "another upload": order._replace(target=order.target.replace("&upload=", "&upload=0")),
        "in chunks": order._replace(fields=[*without(fields, "content-length"), ("transfer-encoding", "chunked")],
                                    body=b"%x\r\n%s\r\n0\r\n\r\n" % (size, CONTENT)),
    }
    return found


@pytest.fixture
def laboratory(tmp_path: Path, program: Program) -> Iterator[Laboratory]:
    with running_laboratory(tmp_path, program) as running:
        yield running


def kept(hub: RunningHub) -> list[bytes]:
    """Everything that the bucket has, of which none is empty."""
    return [path.read_bytes() for path in (hub.directory / "bucket").rglob("*") if path.is_file() and path.stat().st_size]


def test_nothing_but_what_was_signed_can_be_sent(laboratory: Laboratory, outcome: Callable[[str], None]) -> None:
    hub = laboratory.hub
    upload, order = begin(laboratory, laboratory.alice)
    misuses = misuses_of_put(order)
    for way, misuse in misuses.items():
        assert misuse != order, way
        assert_refused(misuse, way, exchange(hub, misuse))
        assert kept(hub) == [], way
    commit = {"zone": "lab", "uploads": [{"id": upload, "manifest": None, "signature": None}], "channel": None}
    [early] = laboratory.ask(laboratory.alice, "/v1/uploads/commit", commit).message["files"]
    assert (early["state"], early["code"]) == ("refused", "not_found")
    # And yet it was good all the time.
    assert exchange(hub, order).status == 201
    assert exchange(hub, order).status == 412
    assert kept(hub) == [CONTENT]
    [late] = laboratory.ask(laboratory.alice, "/v1/uploads/commit", commit).message["files"]
    assert late["state"] == "stored"
    # Once more after the commit, honestly and not.
    assert exchange(hub, order).status == 412
    for way, misuse in misuses.items():
        assert_refused(misuse, way, exchange(hub, misuse))
    assert kept(hub) == [CONTENT]
    outcome(f"A15: {len(misuses)} misuses of a URL to send, before and after the commit: all refused, nothing kept")
    assert_told_nobody(hub, order)


def test_a_url_of_an_upload_that_was_given_up_makes_nothing_visible(laboratory: Laboratory) -> None:
    upload, order = begin(laboratory, laboratory.alice)
    laboratory.ask(laboratory.alice, "/v1/uploads/abandon", {"zone": "lab", "ids": [upload], "channel": None})
    assert exchange(laboratory.hub, order).status < 500
    found = laboratory.ask(laboratory.alice, "/v1/files/find", {"zone": "lab", "digests": [SHA1], "channel": None})
    assert found.message["files"] == [None]
    commit = {"zone": "lab", "uploads": [{"id": upload, "manifest": None, "signature": None}], "channel": None}
    [refused] = laboratory.ask(laboratory.alice, "/v1/uploads/commit", commit).message["files"]
    assert refused["state"] == "refused"


# --- To get


@pytest.fixture
def stored(laboratory: Laboratory) -> Laboratory:
    upload, order = begin(laboratory, laboratory.alice)
    assert exchange(laboratory.hub, order).status == 201
    commit = {"zone": "lab", "uploads": [{"id": upload, "manifest": None, "signature": None}], "channel": None}
    laboratory.ask(laboratory.alice, "/v1/uploads/commit", commit)
    return laboratory


def test_nothing_but_what_was_signed_can_be_got(stored: Laboratory, tmp_path: Path, outcome: Callable[[str], None]) -> None:
    order = find(stored, stored.alice)
    misuses = {way: order._replace(target=target) for way, target in other_targets(order).items()} | other_methods(order)
    misuses |= {"to send": misuses_of_put(order._replace(method="PUT", fields=begin_fields()))["other bytes"],
                "with a body": order._replace(method="POST", fields=[("content-length", "2")], body=b"{}")}
    for way, misuse in misuses.items():
        assert misuse != order, way
        assert_refused(misuse, way, exchange(stored.hub, misuse))
    with running_hub(tmp_path, name="another", program=stored.hub.program) as another:
        assert_refused(order, "at another hub", exchange(another, order))
    assert exchange(stored.hub, order).body == CONTENT
    assert kept(stored.hub) == [CONTENT]
    outcome(f"A15: {len(misuses) + 1} misuses of a URL to get: all refused")
    assert_told_nobody(stored.hub, order)


def begin_fields() -> Fields:
    return [("content-length", str(len(CONTENT))), ("content-type", "application/octet-stream"), ("if-none-match", "*"),
            ("x-amz-content-sha256", NAME)]


RANGES = ("bytes=0-3", "bytes=4-", "bytes=-5", "bytes=0-0", "bytes=0-99999", "bytes=99999-", "bytes=-0", "bytes=-99999", "bytes=5-2",
          "bytes=", "bytes=-", "bytes=abc", "bytes=1-x", "bytes=0x1-2", "bytes=+1-2", "bytes= 1-2", "bytes=1 -2", "bytes=1--2", "bytes=--1", "bytes=0-1,3-4",
          "bytes=0-0,0-0,0-0,0-0", "bytes=,", "bytes=0-18446744073709551615", "bytes=0-18446744073709551616", "bytes=18446744073709551616-",
          "bytes=-18446744073709551616", "bytes=9223372036854775807-9223372036854775808", "items=0-3", "BYTES=0-3", "0-3", "x", "", "bytes=1-2;x")


def test_a_range_never_gives_anything_else(stored: Laboratory) -> None:
    order = find(stored, stored.alice)
    seen: dict[int, int] = {}
    for text in RANGES:
        for fields in ([("Range", text)], [("Range", text), ("Range", "bytes=0-1")], [("Range", text), ("If-Range", '"x"')]):
            answer = exchange(stored.hub, order._replace(fields=fields))
            seen[answer.status] = seen.get(answer.status, 0) + 1
            if answer.status == 206:
                place = re.fullmatch(rf"bytes (\d+)-(\d+)/{len(CONTENT)}", answer.fields["content-range"])
                assert place, (fields, answer)
                assert answer.body == CONTENT[int(place[1]): int(place[2]) + 1] != b"", (fields, answer)
            elif answer.status == 416:
                assert answer.fields["content-range"] == f"bytes */{len(CONTENT)}"
                assert CONTENT not in answer.body
            else:
                assert answer.status == 200 and answer.body == CONTENT, (fields, answer)
    assert set(seen) == {200, 206, 416}, seen


def test_the_field_host_says_nothing(stored: Laboratory) -> None:
    """What counts is the key that signed; links that the hub makes name its own address."""
    order = find(stored, stored.alice)
    answer = exchange(stored.hub, order._replace(fields=[("Host", "evil.example")]))
    assert (answer.status, answer.body) == (200, CONTENT) and "evil" not in str(answer.fields)


# --- When it does not hold any more


def test_whoever_may_no_more_cannot_use_what_they_got_before(stored: Laboratory) -> None:
    hub = stored.hub
    leaver = register(hub, "leaver", "--upload", "--download")
    get = find(stored, leaver)
    _, put = begin_other(stored, leaver)
    assert exchange(hub, get).body == CONTENT
    hub.admin("node", "revoke", leaver.id)
    for order in (get, put):
        answer = exchange(hub, order)
        assert answer.status == 403 and CONTENT not in answer.body
    # Rights that were taken back, and a user who was disabled, likewise.
    alices = find(stored, stored.alice)
    hub.admin("user", "disable", "alice")
    assert exchange(hub, alices).status == 403
    hub.admin("user", "enable", "alice")
    assert exchange(hub, alices).status == 200
    settings = hub.directory.with_name("settings.yaml")
    hub.admin("zone", "settings", "lab", "--import", settings)
    assert exchange(hub, alices).status == 403
    hub.admin("zone", "delete", "lab")
    assert exchange(hub, alices).status == 403
    assert kept(hub) == []


def begin_other(lab: Laboratory, node: Node) -> tuple[str, Order]:
    """Of another content, which is not there yet."""
    size = len(OTHER)
    message: dict[str, Any] = {"zone": "lab", "files": [
        {"digest": "sha1:" + hashlib.sha1(OTHER).hexdigest(), "size": size, "manifest": None,
         "chunks": [{"sha256": "sha256:" + OTHER_NAME, "size": size}]}], "channel": None}
    [upload] = lab.ask(node, "/v1/uploads/begin", message).message["uploads"]
    [put] = upload["puts"]
    return upload["id"], Order("PUT", target_of(put["url"]), [(one["name"], one["value"]) for one in put["headers"]], OTHER)


def test_a_url_that_has_expired_is_refused(stored: Laboratory, later: Callable[[Program, int], Program]) -> None:
    hub = stored.hub
    get, (_, put) = find(stored, stored.alice), begin_other(stored, stored.alice)
    assert exchange(hub, get).body == CONTENT and exchange(hub, put).status == 201
    hub.program = later(hub.program, TWO_HOURS_S)
    hub.restart()
    for order in (get, put):
        answer = exchange(hub, order)
        assert answer.status == 403 and b"expired" in answer.body and CONTENT not in answer.body, answer


def assert_told_nobody(hub: RunningHub, order: Order) -> None:
    """Neither its signature nor the content is in what the hub writes for people."""
    requests = len(audited(hub))
    assert requests > 0
    signature = order.query.partition("signature=")[2].encode()
    written = [hub.log_path, *(hub.directory / "audit").iterdir()]
    for path in written:
        text = path.read_bytes()
        assert signature not in text and b"signature=" not in text and CONTENT not in text, path
