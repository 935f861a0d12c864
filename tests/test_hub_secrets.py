"""A22 with a hub: no token, no key and no signed URL is told to anyone, whatever goes wrong between a machine and its hub."""

from __future__ import annotations

import itertools
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Callable

import pytest
from harness import OK, Program, overwrite, write
from hub import RunningHub, running_hub
from machine import Machine
from test_secrets import KEYS, PREFIX, PUBLIC_KEY, PUBLIC_PREFIX, Watcher, canaries, pem

# The hub's own files in which a secret may be; everything else that it writes is searched.
HUB_KEEPS = ("admin-token", "metrics-token", "url-key", "private-key.pem", "catalog.db", "ids")
SIGNED_URL = re.compile(rb"[?&]signature=[0-9A-Za-z_-]{8}")
ABSENT = "sha1://" + "0" * 40


def secrets_of(hub: RunningHub, invitations: list[Path]) -> dict[str, bytes]:
    found = {name: secret for name, secret in canaries().items() if "key of the file" in name}
    for name in HUB_KEEPS[:3]:
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
