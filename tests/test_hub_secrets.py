"""A22 with a hub: no token, no key and no signed URL is told to anyone, whatever goes wrong between a machine and its hub."""

from __future__ import annotations

import base64
import contextlib
import itertools
import os
import re
import signal
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any, Callable, Iterator

import pytest
from harness import OK, Program, overwrite, write
from hub import RunningHub, make_certificate, running_hub
from hub_node import Forgery, Node, call_unsigned, encode, send
from laboratory import MESSAGES, Laboratory, audited, running_laboratory
from machine import Machine
from test_secrets import KEYS, PREFIX, PUBLIC_KEY, PUBLIC_PREFIX, Watcher, canaries, pem

# The hub's own files in which a secret may be; everything else that it writes is searched.
HUB_KEEPS = ("admin-token", "metrics-token", "proxy-secret", "url-key", "private-key.pem", "catalog.db", "ids")
SIGNED_URL = re.compile(rb"[?&]signature=[0-9A-Za-z_-]{8}")
ABSENT = "sha1://" + "0" * 40


def secrets_of(hub: RunningHub, invitations: list[Path]) -> dict[str, bytes]:
    found = {name: secret for name, secret in canaries().items() if "key of the file" in name}
    for name in HUB_KEEPS[:4]:
        path = hub.directory / name
        assert path.stat().st_mode & 0o077 == 0, f"others may read {name}"
        found[name] = path.read_bytes().strip()
        found[f"{name}, hex"] = path.read_bytes().strip().hex().encode()
    for number, path in enumerate(invitations):
        found[f"invitation {number}"] = path.read_bytes().strip()
    return found


def lose_the_bucket(hub: RunningHub) -> None:
    for path in (hub.directory / "bucket").rglob("*"):
        if path.is_file():
            path.unlink()


def damage_the_bucket(hub: RunningHub) -> None:
    for path in (hub.directory / "bucket").rglob("*"):
        if path.is_file() and path.stat().st_size:
            overwrite(path, b"damaged")


def cut_the_bucket_short(hub: RunningHub) -> None:
    for path in (hub.directory / "bucket").rglob("*"):
        if path.is_file():
            path.chmod(0o600)
            os.truncate(path, path.stat().st_size // 2)


TROUBLE: dict[str, Callable[[RunningHub], object]] = {
    "nothing": lambda hub: None,
    "the bucket's bytes are damaged": damage_the_bucket,
    "the bucket's files are short": cut_the_bucket_short,
    "the bucket's files are gone": lose_the_bucket,
    "the hub is gone": lambda hub: hub.stop(),
}


def python(code: str) -> list[str]:
    return [sys.executable, "-c", "import kachery, kachery_client as kc, kachery_cloud as kcl\n" + code]


def attempts(machine: Machine, invitations: list[Path], uris: list[str]) -> dict[str, list[str]]:
    """All that is done with a hub; some of it always fails."""
    program = [str(machine.program.path)]
    here = str(write(machine.path / "fresh", os.urandom(2_000_000)))
    calls = [["whoami"], ["whoami", "--zone", "other"], ["init", "--invitation-file", str(invitations[0])],
             ["init", "http://127.0.0.1:9", "--invitation-file", str(invitations[1])], ["doctor"], ["doctor", ABSENT, *uris],
             ["store", here], ["store", here, "--zone", "other"], *(["load", uri] for uri in uris), ["cat", ABSENT],
             ["ls", "--mine"], ["ls", "--zone", "default"], ["rm", "--zone", "default", ABSENT], ["node", "list"],
             ["node", "revoke", "0" * 64], ["node", "approve", "ABCD2345"], ["config", "--show-origin"],
             ["--as", "kachery-cloud-init"], ["--as", "kachery-cloud-load-info", uris[0]]]
    scripts = [f"kachery.store_file({here!r}, zone='other')", f"kcl.store_file({here!r})", f"kachery.fetch_many({uris!r})",
               f"print(kcl.load_file({uris[1]!r}))", f"kcl.admin_delete_file({uris[0]!r})", "kcl.init()", "print(kcl.get_client_info())",
               f"kcl.request_file({ABSENT!r}, timeout_sec=1)", f"kachery.open({uris[1]!r}).read()", "print(kachery.whoami())"]
    return {" ".join(words[:3]): program + words for words in calls} | {script[:40]: python(script) for script in scripts}


@pytest.mark.parametrize("trouble", TROUBLE)
def test_no_flow_with_a_hub_tells_a_secret(program: Program, tmp_path: Path, trouble: str) -> None:
    with running_hub(tmp_path, program=program) as hub:
        invitations = []
        for number in range(2):
            token = hub.admin("invite", "alice")["token"]
            invitations.append(write(tmp_path / f"invitation {number}", token.encode() + b"\n"))
        machine = Machine(program, tmp_path / "machine", hub.url)
        write(machine.store / "private.pem", pem("PRIVATE", PREFIX + KEYS["file"])).chmod(0o600)
        write(machine.store / "public.pem", pem("PUBLIC", PUBLIC_PREFIX + PUBLIC_KEY))
        settings = write(tmp_path / "settings.yaml", b"allowPublicUpload: true\nauthorizedUsers: []\n")
        hub.admin("zone", "settings", "default", "--import", settings)
        machine.run("init", "--invitation-file", invitations[0]).expect(OK)
        sources = [write(tmp_path / f"{size}", os.urandom(size)) for size in (100_000, 20_000_000)]
        with machine.here():
            import kachery

            uris = [str(uri) for uri in kachery.upload_many(sources)]
        secrets = secrets_of(hub, invitations)
        TROUBLE[trouble](hub)
        outputs: dict[str, bytes] = {}
        with Watcher(secrets) as watcher:
            for name, words in attempts(machine, invitations, uris).items():
                done = subprocess.run(words, env=machine.environment | {"KACHERY_CLOUD_PRIVATE_KEY": ""}, cwd=machine.path,
                                      stdin=subprocess.DEVNULL, capture_output=True, timeout=120)
                assert done.returncode >= 0, (name, done)
                outputs[name] = done.stdout + done.stderr
        if trouble == "the hub is gone":
            hub.restart()
    assert watcher.told == {}
    for name, text in outputs.items():
        assert not SIGNED_URL.search(text), f"{name}: {text!r}"
    written = itertools.chain(hub.directory.rglob("*"), [hub.log_path], machine.path.rglob("*"))
    texts = outputs | {str(path): path.read_bytes() for path in written if path.is_file() and not path.name.startswith(HUB_KEEPS)
                       and path.name not in ("private.pem",)}
    told = [(name, secret) for name, text in texts.items() for secret, value in secrets.items() if value in text]
    assert told == []
    for name, text in texts.items():
        if not name.startswith(str(hub.directory / "bucket")):
            assert not SIGNED_URL.search(text), name


def test_the_help_says_that_an_argument_is_seen_by_others(program: Program) -> None:
    text = " ".join(program.run("init", "--help").expect(OK).stdout.decode().split())
    assert "--invitation-file" in text and "others on this machine may see it" in text


# --- Secrets in the wrong place


def secrets_in(lab: Laboratory) -> dict[str, str]:
    """All that a hub has made and only one is to know: tokens, invitations in each state, signatures of URLs."""
    hub = lab.hub
    found = {name: lab.token(name) for name in ("admin-token", "metrics-token", "proxy-secret", "url-key")}
    for state in ("open", "used", "revoked"):
        found[f"invitation, {state}"] = hub.admin("invite", "dora")["token"]
    lab.ask(Node(), "/v1/nodes/register", {"label": "x", "user": None, "invitation": found["invitation, used"]})
    newest = hub.admin("invitation", "list")["invitations"][-1]["id"]
    hub.admin("invitation", "revoke", newest)
    content = os.urandom(100)
    stored = Machine(hub.program, hub.directory.with_name("machine"), hub.url)
    hub.admin("zone", "settings", "default", "--import", write(stored.path / "yaml", b"allowPublicUpload: true\nauthorizedUsers: []\n"))
    stored.run("init", "--invitation-file", write(stored.path / "invitation", hub.admin("invite", "dora")["token"].encode())).expect(OK)
    uri = stored.run("store", write(stored.path / "content", content)).expect(OK).uri
    files = call_unsigned(hub.url, "/v1/files/find", {"zone": "default", "digests": ["sha1:" + uri[7:47]], "channel": None}).message["files"]
    found["signature of a URL"] = files[0]["url"].partition("&signature=")[2]
    return found


def misplaced(lab: Laboratory, secret: str) -> Iterator[tuple[str, str, dict[str, str], bytes | None]]:
    """Requests by somebody who put a secret where it does not belong: method, target, fields, body."""
    whoami = encode({"zone": "lab"})
    for name, value in (("Authorization", secret), ("Authorization", f"Basic {secret}"), ("Authorization", f"bearer {secret}"),
                        ("Authorization", f"Bearer {secret} "), ("Cookie", f"token={secret}"), ("X-Token", secret), (f"X-{secret}", "1")):
        for path in ("/v1/nodes/whoami", "/v1/admin/zones/list", "/v1/zones/usage", "/v1/files/put"):
            yield "POST", path, {name: value}, encode(MESSAGES[path])
        yield "GET", "/metrics", {name: value}, None
    for target in (f"/{secret}", f"/v1/{secret}", f"/v1/nodes/whoami/{secret}", f"/register/{secret}", f"/bucket/{secret}", f"/v1/hub?token={secret}",
                   f"/bucket/lab/chunks/{'0' * 64}?expires=1&actor=&signature={secret}", f"/metrics?token={secret}", f"/v1/nodes/whoami?{secret}"):
        for method in ("GET", "PUT", "POST", "PATCH"):
            yield method, target, {}, None if method == "GET" else whoami
    yield secret.upper(), "/v1/hub", {}, None
    for path, message in MESSAGES.items():
        if isinstance(message, bytes):
            continue
        for key in message:
            values: tuple[Any, ...] = (secret, [secret], [{"digest": f"sha1:{secret}", "size": 1}])
            if key in ("node", "description"):
                values = values[1:]  # Any 64 digits name a node, which is no secret; a description is kept for others to read.
            for value in values:
                yield "POST", path, {}, encode({**message, key: value})
        yield "POST", path, {}, encode({**message, secret: 1})
        yield "POST", path, {}, encode(message)[:-1] + b',"' + secret.encode()
        yield "POST", path, {}, secret.encode()


def test_a_secret_in_the_wrong_place_goes_no_further(tmp_path: Path, program: Program, outcome: Callable[[str], None]) -> None:
    """Into no log, no audit log, no metrics, no answer to anybody else, and nowhere else on the hub's disk."""
    with running_laboratory(tmp_path, program) as lab:
        secrets = secrets_in(lab)
        admin = {"Authorization": "Bearer " + secrets["admin-token"]}
        asked = 0
        with Watcher({name: secret.encode() for name, secret in secrets.items()}) as watcher:
            for name, secret in secrets.items():
                for method, target, fields, body in misplaced(lab, secret):
                    how = [fields] if fields or body is None else [
                        admin if target.startswith("/v1/admin/") else lab.alice.fields(lab.hub.url, method, target, body),
                        lab.bob.fields(lab.hub.url, method, target, body, Forgery(spoil=True))]
                    for one in how:
                        answer = send(lab.hub.url, method, target, one, body)
                        asked += 1
                        assert answer.status < 500 or answer.status == 501, (name, method, target, answer)
                        told = [other for other, text in secrets.items() if other != name and text.encode() in answer.body]
                        assert told == [], (name, method, target, answer)
        assert watcher.told == {} and watcher.looks > 3
        audited(lab.hub)
        texts: dict[str, bytes] = {"metrics": metrics_of(lab)}
        for words in (["user", "list"], ["node", "list"], ["invitation", "list"], ["zone", "list"], ["usage"], ["audit"]):
            texts[" ".join(words)] = lab.hub.run_admin(*words).expect(OK).stdout
        for path in itertools.chain(lab.hub.directory.rglob("*"), [lab.hub.log_path, lab.hub.directory.with_name("hub.said")]):
            if path.is_file() and path.name not in HUB_KEEPS[:4]:
                texts[str(path)] = path.read_bytes()
    assert [(where, name) for where, text in texts.items() for name, secret in secrets.items() if secret.encode() in text] == []
    assert asked >= 1000
    outcome(f"A22: {asked} requests with {len(secrets)} secrets in the wrong place, 0 of them kept or told to others; {watcher.looks} looks "
            "at all command lines")


def test_the_key_of_a_certificate_is_told_to_nobody(tmp_path: Path, program: Program) -> None:
    certificate, key = make_certificate(write(tmp_path / "own/x", b"").parent)
    _, other = make_certificate(write(tmp_path / "other/x", b"").parent)
    lines = key.read_text().splitlines()[1:-1] + other.read_text().splitlines()[1:-1]
    secrets = {f"line {number} of a key": line.encode() for number, line in enumerate(lines)}
    secrets |= {f"line {number} of a key, raw": base64.b64decode(line) for number, line in enumerate(lines)}
    texts: dict[str, bytes] = {}
    words = ("hub", "serve", "--json", "--dir", tmp_path / "hub", "--listen", "127.0.0.1:0", "--certificate")
    with Watcher(secrets) as watcher:
        with running_hub(tmp_path, "--certificate", certificate, "--private-key", key, program=program) as hub:
            for garbage in (b"GET / HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + bytes(40), bytes(5000), b""):
                with socket.create_connection(("127.0.0.1", hub.port), 20) as connection:
                    connection.sendall(garbage)
                    connection.shutdown(socket.SHUT_WR)
                    with contextlib.suppress(ConnectionError):
                        texts[f"answer to {garbage[:9]!r}"] = connection.recv(10_000)
            texts["list"] = hub.run_admin("zone", "list").expect(OK).stdout
            machine = Machine(program, tmp_path / "machine", hub.url)
            for command in (["whoami"], ["doctor"], ["init"]):
                done = machine.run(*command)
                texts[command[0]] = done.stdout + done.stderr.encode()
        key_as_certificate = program.run(*words, key, "--private-key", key)
        other_key = program.run(*words, certificate, "--private-key", other)
        half_a_key = program.run(*words, certificate, "--private-key", secret_file(tmp_path / "half", key.read_bytes()[:120]))
        for number, failed in enumerate((key_as_certificate, other_key, half_a_key)):
            assert failed.code not in (OK, -signal.SIGABRT), failed
            texts[f"start {number}"] = failed.stdout + failed.stderr.encode()
    assert watcher.told == {}
    for path in itertools.chain(hub.directory.rglob("*"), machine.path.rglob("*"), [hub.log_path, hub.directory.with_name("hub.said")]):
        if path.is_file():
            texts[str(path)] = path.read_bytes()
    assert [(where, name) for where, text in texts.items() for name, secret in secrets.items() if secret in text] == []


def secret_file(path: Path, data: bytes) -> Path:
    write(path, data).chmod(0o600)
    return path


def metrics_of(lab: Laboratory) -> bytes:
    answer = send(lab.hub.url, "GET", "/metrics", {"Authorization": "Bearer " + lab.token("metrics-token")}, None)
    assert answer.status == 200
    return answer.body
