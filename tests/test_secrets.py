"""A22: whatever goes wrong, no private key and no content is told to anyone; and who may read what was made."""

from __future__ import annotations

import base64
import json
import os
import shutil
import sqlite3
import subprocess
import sys
import threading
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import Callable, Iterator

import pytest

from harness import Store, clean_environment, evenly, sha1, write

# A seed for each way in which a key is kept, so that a hit says which one was told; and the public key of the first.
KEYS = {"file": bytes(range(1, 33)), **{name: os.urandom(32) for name in ("environment", "feed", "other")}}
PUBLIC_KEY = bytes.fromhex("79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664")
CONTENT = {name: b"secret content " + os.urandom(16).hex().encode() for name in ("object", "linked", "input", "damaged")}


def canaries() -> dict[str, bytes]:
    """Each secret in each form in which it could be told."""
    found = {}
    for name, seed in KEYS.items():
        found[f"key of the {name}, raw"] = seed
        found[f"key of the {name}, hex"] = seed.hex().encode()[:40]
        found[f"key of the {name}, base64"] = base64.b64encode(seed)[4:36]
        found[f"key of the {name}, in PEM"] = base64.b64encode(PREFIX + seed)[24:56]
    return found | {f"content, {name}": data for name, data in CONTENT.items()}


PREFIX = bytes.fromhex("302e020100300506032b657004220420")
PUBLIC_PREFIX = bytes.fromhex("302a300506032b6570032100")


def pem(kind: str, data: bytes) -> bytes:
    return f"-----BEGIN {kind} KEY-----\n{base64.b64encode(data).decode()}\n-----END {kind} KEY-----".encode()


@dataclass
class Place:
    """A store with secrets in it, and everything that a flow may spoil."""

    root: Path
    environment: dict[str, str]
    allowed: set[Path] = field(default_factory=set)  # Files in which a secret may be.

    def keep(self, path: Path, data: bytes) -> Path:
        self.allowed.add(path)
        return write(path, data)


def make_place(place: Path, program) -> Place:
    made = Place(place / "store", clean_environment() | {
        "KACHERY_DIR": str(place / "store"), "HOME": str(place / "home"), "TMPDIR": str(place / "tmp"),
        "KACHERY_STATE_DIR": str(place / "state"), "PYTHONDONTWRITEBYTECODE": "1"})
    for name in ("home", "tmp", "cwd"):
        (place / name).mkdir(parents=True)
    store = Store(program, made.root)
    store.put(CONTENT["object"])
    linked = made.keep(place / "linked", CONTENT["linked"])
    store.run("link", linked).expect()
    made.keep(place / "input", CONTENT["input"])
    made.keep(place / "not json", b'{"x": ' + CONTENT["damaged"])
    for bad in (b'{"x": ' + CONTENT["damaged"], b"\x93NUMPY" + CONTENT["damaged"], b"\x80\x04X\x40\0\0\0" + CONTENT["damaged"],
                CONTENT["damaged"] + b"\xff"):
        store.put(bad)
    made.keep(made.root / "private.pem", pem("PRIVATE", PREFIX + KEYS["file"])).chmod(0o600)
    write(made.root / "public.pem", pem("PUBLIC", PUBLIC_PREFIX + PUBLIC_KEY))
    made.allowed.add(made.root / "mutables.db")
    with closing(sqlite3.connect(made.root / "mutables.db")) as database, database:
        database.execute("CREATE TABLE mutables (sha1 TEXT PRIMARY KEY NOT NULL, key TEXT NOT NULL, value TEXT NOT NULL) WITHOUT ROWID")
        key = '{"feedId":"%s","type":"feedConfig"}' % ("0" * 64)
        database.execute("INSERT INTO mutables VALUES (?, ?, ?)",
                         (sha1(key.encode()), key, json.dumps({"feedId": "0" * 64, "privateKey": KEYS["feed"].hex()})))
    (made.root / "mutables.db").chmod(0o600)
    made.allowed |= {path for path in made.root.rglob("sha1/*/*/*/*")}
    return made


# --- What goes wrong


def damage_objects(place: Place) -> None:
    for path in place.root.rglob("sha1/*/*/*/*"):
        path.chmod(0o644)
        path.write_bytes(path.read_bytes()[:-1] + b"!")


def replace_file(name: str, data: bytes) -> Callable[[Place], None]:
    def change(place: Place) -> None:
        path = place.root / name
        if path.exists():
            path.chmod(0o600)
        write(path, data)
        path.chmod(0o600)
    return change


def environment(**variables: str) -> Callable[[Place], None]:
    return lambda place: place.environment.update(variables)


def is_a_file(place: Place) -> None:
    shutil.rmtree(place.root)
    place.root.write_bytes(b"")


TROUBLE: dict[str, Callable[[Place], None]] = {
    "nothing": lambda place: None,
    "objects are damaged": damage_objects,
    "the store is a file": is_a_file,
    "the public key is another's": replace_file("public.pem", pem("PUBLIC", PUBLIC_PREFIX + bytes(32))),
    "the private key is cut off": replace_file("private.pem", pem("PRIVATE", PREFIX + KEYS["file"])[:90]),
    "the private key has no header": replace_file("private.pem", base64.b64encode(PREFIX + KEYS["file"])),
    "the private key is in hex": replace_file("private.pem", KEYS["file"].hex().encode()),
    "the private key has a byte too many": replace_file("private.pem", pem("PRIVATE", PREFIX + KEYS["file"] + b"x")),
    "the private key may be read by others": lambda place: (place.root / "private.pem").chmod(0o644),
    "the public key is missing": lambda place: (place.root / "public.pem").unlink(),
    "there is a private key as public one": lambda place: shutil.copy(place.root / "private.pem", place.root / "public.pem"),
    "the environment has a key without a client": environment(KACHERY_CLOUD_PRIVATE_KEY=KEYS["environment"].hex()),
    "the environment has another client's key": environment(
        KACHERY_CLOUD_CLIENT_ID="0" * 64, KACHERY_CLOUD_PRIVATE_KEY=KEYS["environment"].hex()),
    "the environment's key is too long": environment(
        KACHERY_CLOUD_CLIENT_ID="0" * 64, KACHERY_CLOUD_PRIVATE_KEY=KEYS["environment"].hex() + "00"),
    "the environment's key is in base64": environment(
        KACHERY_CLOUD_CLIENT_ID="0" * 64, KACHERY_CLOUD_PRIVATE_KEY=base64.b64encode(KEYS["environment"]).decode()),
    "the environment's client is a key": environment(
        KACHERY_CLOUD_CLIENT_ID=KEYS["environment"].hex(), KACHERY_CLOUD_PRIVATE_KEY=KEYS["other"].hex()),
    "the mutables are no database": replace_file("mutables.db", b"x" * 4096),
    "the index is no database": replace_file("index.db", b"x" * 4096),
    "the settings are wrong": replace_file("config.yaml", b"privateKey: [" + KEYS["other"].hex().encode()),
    "the index is a directory": lambda place: ((place.root / "index.db").unlink(missing_ok=True), (place.root / "index.db").mkdir()),
}
KEEPS_SECRETS = ("private.pem", "public.pem", "mutables.db", "config.yaml", "quarantine")


def python(code: str) -> list[str]:
    return [sys.executable, "-c", "import kachery, kachery_client, kachery_cloud\n" + code]


def attempts(place: Place) -> dict[str, list[str]]:
    """Commands that fail by themselves, or in the trouble they meet."""
    object_uri, linked_uri = (f"sha1://{sha1(CONTENT[name])}" for name in ("object", "linked"))
    bad = {name: "sha1://" + sha1(data) for name, data in (
        ("json", b'{"x": ' + CONTENT["damaged"]), ("npy", b"\x93NUMPY" + CONTENT["damaged"]),
        ("pkl", b"\x80\x04X\x40\0\0\0" + CONTENT["damaged"]), ("text", CONTENT["damaged"] + b"\xff"))}
    missing = "sha1://" + "0" * 40
    source = str(place.root.parent / "input")
    program = {
        "store": ["store", source, "/nowhere"], "link": ["link", source, "/nowhere"], "load": ["load", missing],
        "load to a directory": ["load", object_uri, "--dest", str(place.root.parent)], "cat": ["cat", object_uri, "--start", "5000"],
        "info": ["info", missing], "verify": ["verify"], "verify one": ["verify", object_uri, linked_uri, missing],
        "mutable": ["mutable", "get", json.dumps({"type": "feedConfig", "feedId": "0" * 64})],
        "config": ["config", "--show-origin"], "whoami": ["whoami"], "doctor": ["doctor"],
    }
    names = {
        "client ID": "print(kachery_cloud.get_client_id(generate_if_missing=True)); raise SystemExit(1)",
        "feed's key": f"print(kachery_client.get({{'feedId': '{'0' * 64}', 'type': 'feedConfig'}})); raise SystemExit(1)",
        "set feed's key": f"kachery_client.set({{'feedId': '{'0' * 64}', 'type': 'feedConfig'}}, 1); raise SystemExit(1)",
        "mutable": "kachery_cloud.set_mutable_local('a/b', 'x')", "dest": f"kachery.load_file({object_uri!r}, dest='/proc/x')",
        "range": f"kachery.load_bytes({object_uri!r}, 10**6, 10**7)", "store": f"kachery.store_many([{source!r}, '/nowhere'])",
        "unsupported": f"kachery.store_pkl([open({source!r}).read(), object()])",
        "no JSON": f"kachery.store_json([open({source!r}).read(), object()])",
        **{f"load_{kind}": f"kachery.load_{kind}({uri!r})" for kind, uri in bad.items()},
        **{f"older load_{kind}": f"kachery_cloud.load_{kind}({uri!r})" for kind, uri in bad.items()},
    }
    return {**{name: [str(place.root), *words] for name, words in program.items()},
            **{f"Python: {name}": python(code) for name, code in names.items()}}


def flows() -> list[tuple[str, str]]:
    nobody = Place(Path("/nowhere/store"), {})
    return [(trouble, attempt) for attempt in attempts(nobody) for trouble in TROUBLE]


def command(program, place: Place, attempt: str) -> list[str]:
    words = attempts(place)[attempt]
    return words if attempt.startswith("Python: ") else [str(program.path), *words[1:]]


# --- Who could have been told


class Watcher:
    """Reads the command lines of all processes of this machine, again and again."""

    def __init__(self, secrets: dict[str, bytes] | None = None) -> None:
        self.secrets = secrets or canaries()
        self.told: dict[str, str] = {}
        self.looks = 0
        self.stop = threading.Event()
        self.thread = threading.Thread(target=self._watch)

    def __enter__(self) -> Watcher:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop.set()
        self.thread.join()

    def _watch(self) -> None:
        while not self.stop.wait(0.005):
            self.looks += 1
            for process in os.listdir("/proc"):
                if process.isdigit():
                    try:
                        line = Path("/proc", process, "cmdline").read_bytes()
                    except OSError:
                        continue
                    self.told.update({name: repr(line) for name, secret in self.secrets.items() if secret in line})


def told_in(text: bytes) -> list[str]:
    return [name for name, secret in canaries().items() if secret in text]


def told_in_files(place: Place) -> Iterator[tuple[str, str]]:
    for path in place.root.parent.rglob("*"):
        if path.is_file() and path not in place.allowed and not path.name.startswith(KEEPS_SECRETS) \
                and "quarantine" not in path.parts:
            for name in told_in(path.read_bytes()):
                yield str(path), name


def test_the_harness_finds_what_is_told():
    for name, secret in canaries().items():
        assert told_in(b"..." + secret + b"...") == [name]
    with Watcher() as watcher:
        subprocess.run(["sleep", "0.2"], env={"A": "b"}, check=True)
        subprocess.run([sys.executable, "-c", "import time; time.sleep(0.3)", KEYS["other"].hex()], check=True)
    assert "key of the other, hex" in watcher.told and watcher.looks > 3


def test_no_failing_flow_tells_a_secret(program, tmp_path, campaign, outcome):
    failed, chosen = 0, evenly(flows(), max(campaign("flows"), 200) * 5 // 4)
    pattern = make_place(tmp_path / "pattern", program)
    with Watcher() as watcher:
        for number, (trouble, attempt) in enumerate(chosen):
            place = copied(pattern, tmp_path / str(number))
            TROUBLE[trouble](place)
            done = subprocess.run(command(program, place, attempt), env=place.environment, cwd=place.root.parent / "cwd",
                                  stdin=subprocess.DEVNULL, capture_output=True, timeout=60)
            assert done.returncode >= 0, (trouble, attempt, done)
            failed += done.returncode != 0
            assert told_in(done.stdout + done.stderr) == [], f"{trouble}; {attempt}: {done}"
            assert list(told_in_files(place)) == [], f"{trouble}; {attempt}"
            shutil.rmtree(place.root.parent)
    assert watcher.told == {}
    assert failed >= 200
    outcome(f"A22: {len(chosen)} flows, {failed} of them failed, {len(canaries())} canaries, 0 told; "
            f"{watcher.looks} looks at all command lines")


def copied(pattern: Place, to: Path) -> Place:
    """The same in another directory; link records then lead to the first one, whose file stays."""
    source = pattern.root.parent
    shutil.copytree(source, to, symlinks=True)
    moved = {name: value.replace(str(source), str(to)) for name, value in pattern.environment.items()}
    return Place(to / "store", moved, {to / path.relative_to(source) for path in pattern.allowed})


# --- Who may read and write what was made


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o077])
def test_modes_of_everything_that_is_made(program, tmp_path, umask):
    place = tmp_path / "store"
    sources = [write(tmp_path / f"source {number}", b"%d" % number * 70_000) for number in range(20)]
    environment = clean_environment() | {"KACHERY_DIR": str(place), "HOME": str(tmp_path)}
    code = """
kachery.store_text('text')
kachery_cloud.store_text_local('other')
kachery_cloud.set_mutable_local('@folder/key', 'value')
kachery_cloud.get_client_id(generate_if_missing=True)
kachery_client.set('key', {'a': 1})
kachery.load_file(kachery.store_bytes(b'x' * 100), dest='dest')
"""
    for words in ([str(program.path), "store", *map(str, sources)], [str(program.path), "link", str(sources[0])], python(code),
                  [str(program.path), "verify"]):
        subprocess.run(words, env=environment, cwd=tmp_path, umask=umask, check=True, capture_output=True)
    root = place.stat().st_mode & 0o777
    assert root & umask == 0
    found = {str(path.relative_to(place)): path.lstat().st_mode & 0o7777 for path in place.rglob("*")}
    assert {"mutables.db", "index.db", "sha1", "linked_files", "mutables/@folder/key"} <= found.keys()
    [key] = tmp_path.rglob("private.pem")  # Elsewhere, where anyone may write to the store.
    assert (key.parent == place) == (root & 0o022 == 0)
    assert key.stat().st_mode & 0o777 == 0o600 and key.parent.stat().st_mode & 0o022 == 0
    for name, mode in found.items():
        # Members of the group may share mutables; the keys that gen1 keeps there lie in files of its own mode, 0600.
        allowed = {"private.pem": 0o600, "mutables.db": 0o660 & root}.get(name, root)
        assert mode & ~allowed & 0o777 == 0, f"{name} has the mode {mode:o}, in a store of mode {root:o}"
        if (place / name).is_file() and name.startswith(("sha1/", "sha256/")) and not name.endswith(".link"):
            assert mode == 0o444 & root, f"{name}: objects are read-only, and readable to whom the store is: {mode:o}"
    assert (tmp_path / "dest").stat().st_mode & umask == 0
