"""Malformed requests, to nginx and to the hub itself: two servers that read one request in two ways are how a stranger smuggles
a second one through (A9). What a request carries in its body is itself a request, which nobody must ever take for one.
"""

from __future__ import annotations

import random
import re
import socket
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest
from harness import Program
from hub import RunningHub, running_hub
from hub_node import send
from proxy import free_port, nginx

OUTER = "/v1/nodes/whoami"
INNER = "/v1/hub"
"""What is smuggled: it answers everybody, and nobody else asks for it here."""
JSON = b'{"zone":"default"}'
SMUGGLED = b"GET /v1/hub HTTP/1.1\r\nHost: x\r\n\r\n"
SILENCE_S = 1
"""After which a connection that is kept open is taken to have nothing more to say."""


class Mutation(NamedTuple):
    kind: str
    request: bytes


def request(fields: list[bytes], body: bytes, line: bytes = b"POST /v1/nodes/whoami HTTP/1.1", end: bytes = b"\r\n",
            host: bytes = b"Host: x") -> bytes:
    return end.join([line, *([host] if host else []), b"Content-Type: application/json", *fields, b"", b""]) + body


def chunked(body: bytes) -> bytes:
    return b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)


TRANSFER = b"Transfer-Encoding: chunked"


def length(value: bytes | int) -> bytes:
    return b"Content-Length: %s" % (value if isinstance(value, bytes) else str(value).encode())


def both_lengths(rng: random.Random) -> bytes:
    fields = [length(rng.choice([0, 5, len(SMUGGLED), 10_000])), TRANSFER]
    rng.shuffle(fields)
    return request(fields, b"0\r\n\r\n" + SMUGGLED)


def two_lengths(rng: random.Random) -> bytes:
    first, second = rng.sample([0, 1, len(JSON), len(JSON) + len(SMUGGLED)], 2)
    return request([length(first), length(second)] if rng.random() < 0.5 else [length(b"%d, %d" % (first, second))],
                   JSON + SMUGGLED)


def odd_length(rng: random.Random) -> bytes:
    size = len(JSON)
    value = rng.choice([b"+%d" % size, b"-%d" % size, b"0x%x" % size, b"%d.0" % size, b"1 8", b"18a", b"1_8", b"\"18\"",
                        b"18446744073709551634", b"9" * rng.randrange(30, 60), b"18;", b"18,", b",18", b"\x0b18", b"18\x00"])
    return request([length(value)], JSON + SMUGGLED)


def odd_transfer(rng: random.Random) -> bytes:
    value = rng.choice([b"xchunked", b"chunked, identity", b"identity", b"chunked, chunked", b"\x0bchunked", b"chunked\x00",
                        b"chunke", b"\"chunked\"", b"chunked;q=1", b"gzip, chunked, x", b"cow", b"chunked, gzip"])
    return request([b"Transfer-Encoding: " + value], chunked(JSON) + SMUGGLED)


def two_transfers(rng: random.Random) -> bytes:
    return request([TRANSFER, b"Transfer-Encoding: " + rng.choice([b"identity", b"x", b"gzip", b"cow"])],
                   chunked(JSON) + SMUGGLED)


def disguised_field(rng: random.Random) -> bytes:
    """A name that one reads as the field and another does not, beside a length that says something else."""
    field = rng.choice([b"Transfer-Encoding : chunked", b"Transfer-Encoding\t: chunked", b"Transfer-Encoding\x00: chunked",
                        b" Transfer-Encoding: chunked", b"X: y\r\n Transfer-Encoding: chunked", b"\x0bTransfer-Encoding: chunked",
                        b"X: y\rTransfer-Encoding: chunked", b"Transfer-Encoding chunked", b": chunked",
                        b"Transfer-Encoding\xa0: chunked", b"X: y\x00z"])
    body = b"0\r\n\r\n" + SMUGGLED
    return request([length(len(body)), field], body)


def odd_chunk(rng: random.Random) -> bytes:
    size = b"%x" % len(JSON)
    line = rng.choice([b"0x" + size, b"+" + size, b"-" + size, b" " + size, b"g", b"", b"f" * 17, b"1" + b"0" * 16 + size,
                       b"\x00" + size, size + b"\x0b"])
    return request([TRANSFER], line + b"\r\n" + JSON + b"\r\n0\r\n\r\n" + SMUGGLED)


def odd_chunk_end(rng: random.Random) -> bytes:
    end = rng.choice([b"", b"x\r\n", b"\r\r\n", b"0\r\n", b"\x00\r\n", b"\n\r\n"])
    return request([TRANSFER], b"%x\r\n%s%s0\r\n\r\n" % (len(JSON), JSON, end) + SMUGGLED)


def odd_trailer(rng: random.Random) -> bytes:
    trailer = rng.choice([b"no colon", b"X : y", b"\x00: y", b"X: y\r\n folded", b": y"])
    return request([TRANSFER], b"%x\r\n%s\r\n0\r\n%s\r\n\r\n" % (len(JSON), JSON, trailer))


def odd_line(rng: random.Random) -> bytes:
    line = rng.choice([b"POST /v1/nodes/whoami HTTP/1.2x", b"POST /v1/nodes/whoami HTTP/2.0",
                       b"POST /v1/nodes/whoami  http/1.1", b"POST /v1/nodes/whoami HTTP/1.1 x", b"POST\t/v1/nodes/whoami HTTP/1.1",
                       b"POST /v1/nodes/who ami HTTP/1.1", b"POST /v1/nodes/whoami HTTP/11", b"POST v1/nodes/whoami HTTP/1.1",
                       b"POST /v1/nodes/whoami\x00 HTTP/1.1", b"P\x0bOST /v1/nodes/whoami HTTP/1.1", b" POST /v1/nodes/whoami HTTP/1.1"])
    return request([length(len(JSON))], JSON, line)


def odd_extension(_rng: random.Random) -> bytes:
    return request([TRANSFER], b"%x x\r\n%s\r\n0\r\n\r\n" % (len(JSON), JSON))


def two_spaces(_rng: random.Random) -> bytes:
    return request([length(len(JSON))], JSON, b"POST  /v1/nodes/whoami HTTP/1.1")


def odd_host(rng: random.Random) -> bytes:
    host = rng.choice([b"", b"Host: x\r\nHost: y", b"Host: x\r\nhost: x", b"Host: x y", b"Host: x/y", b"Host: x\x00", b"Host: a@b"])
    return request([length(len(JSON))], JSON, host=host)


def length_in_old_version(_rng: random.Random) -> bytes:
    return request([TRANSFER], chunked(JSON) + SMUGGLED, b"POST /v1/nodes/whoami HTTP/1.0")


LENIENT = ("odd_trailer", "odd_extension", "two_spaces")
"""What nginx mends: what it passes on is well-formed. None of these has a request behind its end."""

MUTATORS: tuple[Callable[[random.Random], bytes], ...] = (
    both_lengths, two_lengths, odd_length, odd_transfer, two_transfers, disguised_field, odd_chunk, odd_chunk_end, odd_trailer,
    odd_line, odd_host, length_in_old_version, odd_extension, two_spaces)


def mutations(count: int, rng: random.Random) -> list[Mutation]:
    """All kinds alike; the letters of field names in any case."""
    made = []
    for number in range(count):
        mutator = MUTATORS[number % len(MUTATORS)]
        text = mutator(rng)
        if rng.random() < 0.3:
            name = rng.choice([b"Content-Length", b"Transfer-Encoding", b"Content-Type"])
            text = text.replace(name, bytes(rng.choice([letter, letter ^ 0x20]) if chr(letter).isalpha() else letter
                                            for letter in name))
        made.append(Mutation(mutator.__name__, text))
    return made


def answers_to(port: int, request: bytes) -> list[int]:
    """The statuses of all that is answered to it."""
    said = b""
    with socket.create_connection(("127.0.0.1", port), 20) as connection:
        try:
            connection.sendall(request)
            connection.settimeout(SILENCE_S)
            while piece := connection.recv(1 << 16):
                said += piece
        except (TimeoutError, ConnectionError):
            pass
    return [int(status) for status in re.findall(rb"HTTP/1\.[01] (\d{3}) ", said)]


def seen(hub: RunningHub) -> dict[str, int]:
    """How many requests of each route the hub has seen."""
    token = (hub.directory / "metrics-token").read_text().strip()
    text = send(f"http://127.0.0.1:{hub.port}", "GET", "/metrics", {"Authorization": f"Bearer {token}"}, None).body.decode()
    found: dict[str, int] = {}
    for route, count in re.findall(r'^kachery_hub_requests_total\{route="([^"]*)",.*\} (\d+)$', text, re.MULTILINE):
        found[route] = found.get(route, 0) + int(count)
    return found


class Doors(NamedTuple):
    hub: RunningHub
    ports: dict[str, int]


@pytest.fixture(scope="module")
def doors(tmp_path_factory: pytest.TempPathFactory, program: Program) -> Iterator[Doors]:
    place = tmp_path_factory.mktemp("proxied")
    port = free_port()
    with running_hub(place, "--public-url", f"http://127.0.0.1:{port}", "--trusted-proxy", "127.0.0.1", open=True,
                     program=program) as hub, nginx(place / "nginx", port, hub.port, ""):
        yield Doors(hub, {"nginx": port, "hub": hub.port})


@pytest.mark.parametrize("door", ["nginx", "hub"])
def test_what_is_well_formed_is_answered_once(doors: Doors, door: str) -> None:
    before = seen(doors.hub)
    for whole in (request([length(len(JSON))], JSON), request([TRANSFER], chunked(JSON))):
        assert answers_to(doors.ports[door], whole) == [200], whole
    # The body is a request by its looks only.
    assert answers_to(doors.ports[door], request([length(len(SMUGGLED))], SMUGGLED)) == [400]
    after = seen(doors.hub)
    assert after[OUTER] - before.get(OUTER, 0) == 3 and after.get(INNER, 0) == 0


# Our own questions, and what was refused before anything handled it, or after the handler had answered.
NOT_HANDLED = ("/metrics", "malformed")


@pytest.mark.parametrize("door", ["nginx", "hub"])
def test_what_is_malformed_is_refused_and_smuggles_nothing(
        doors: Doors, door: str, rng: random.Random, campaign: Callable[[str], int], outcome: Callable[[str], None]) -> None:
    sent = mutations(campaign("mutations") // 2, rng)
    before = seen(doors.hub)
    with ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda mutation: answers_to(doors.ports[door], mutation.request), sent))
    after = seen(doors.hub)
    taken = [(mutation, statuses) for mutation, statuses in zip(sent, answers, strict=True)
             if any(200 <= status < 300 for status in statuses)]
    reached = sum(count - before.get(route, 0) for route, count in after.items() if route not in NOT_HANDLED)
    outcome(f"through {door}: {len(sent)} malformed requests, {reached} reached a handler of the hub, {len(taken)} were taken")
    lenient = LENIENT if door == "nginx" else ()
    assert not [entry for entry in taken if entry[0].kind not in lenient], taken
    assert after.get(INNER, 0) == before.get(INNER, 0), "a request was smuggled"
    assert reached <= len(sent)
