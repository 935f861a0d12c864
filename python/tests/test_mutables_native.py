"""Mutables of both generations and the node's key, as the native session gives them: with real processes, real kills,
every umask, and a canary for a key."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import signal
import sqlite3
import stat
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from kachery import Corrupt, Denied, Invalid, KacheryError, NotFound, _native

SEED = bytes(range(32)).hex()
NODE_ID = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
FEED_KEY = b'{"type": "feedConfig", "feedId": "03a1"}'


@pytest.fixture(autouse=True)
def no_key_in_the_environment(monkeypatch):
    for name in ("KACHERY_CLOUD_CLIENT_ID", "KACHERY_CLOUD_PRIVATE_KEY"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def session():
    return _native.Session()


def run_many(code: str, count: int, umask: int = -1) -> list[str]:
    """The outputs of as many processes at once, each with its number as argument."""
    children = [
        subprocess.Popen(
            [sys.executable, "-c", code, str(i)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, umask=umask
        )
        for i in range(count)
    ]
    results = [(*child.communicate(timeout=120), child.returncode) for child in children]
    for _, errors, status in results:
        assert status == 0, errors
    return [output for output, _, _ in results]


def modes(directory: Path) -> dict[str, int]:
    return {path.name: stat.S_IMODE(path.stat().st_mode) for path in directory.iterdir() if path.is_file()}


def test_a_mutable_is_kept_until_it_is_deleted(session):
    assert session.mutable_get(b'"k"') is None
    assert session.mutable_set(b'"k"', b"[1, 2.50]", False) is True
    assert session.mutable_set(b'"k"', b"2", False) is False
    assert session.mutable_get(b'"k"') == b"[1, 2.50]"
    assert session.mutable_set(b'"k"', b"2", True) is True
    assert _native.Session().mutable_get(b'"k"') == b"2"
    assert session.mutable_delete(b'"k"') is True
    assert session.mutable_delete(b'"k"') is False


@pytest.mark.parametrize(
    "value", [2**64 + 1, -(2**53) - 1, 0.1, 1e22, 1.0, "\u00e9\U0001f600\u2028", {"b": [None], "a": True}]
)
def test_a_value_comes_back_as_the_same_python_value(session, value):
    session.mutable_set(b'"k"', json.dumps(value).encode(), True)
    again = json.loads(session.mutable_get(b'"k"'))
    assert again == value
    assert type(again) is type(value)


def test_none_and_what_is_no_json_are_refused(session, store_dir):
    for text in (b"null", b"", b"NaN", b"{", b'"\xff"'):
        with pytest.raises(Invalid):
            session.mutable_set(text, b"1", True)
        with pytest.raises(Invalid):
            session.mutable_set(b'"k"', text, True)
    assert not store_dir.exists()


def test_the_feed_keys_of_the_first_generation_stay_secret(session, store_dir):
    canonical = '{"feedId":"03a1","type":"feedConfig"}'
    store_dir.mkdir()
    with sqlite3.connect(store_dir / "mutables.db") as database:
        database.execute("CREATE TABLE mutables (sha1 TEXT PRIMARY KEY, key TEXT, value TEXT)")
        row = (hashlib.sha1(canonical.encode()).hexdigest(), canonical, '{"privateKey":"CANARY"}')
        database.execute("INSERT INTO mutables VALUES (?, ?, ?)", row)
    for key in (FEED_KEY, canonical.encode(), b'"_other_client_auth_codes"'):
        for call in (
            lambda key=key: session.mutable_get(key),
            lambda key=key: session.mutable_set(key, b"1", True),
            lambda key=key: session.mutable_delete(key),
        ):
            with pytest.raises(Denied) as refused:
                call()
            assert "CANARY" not in str(refused.value)
    assert session.mutable_set(b'"k"', b"1", True)
    with sqlite3.connect(store_dir / "mutables.db") as database:
        rows = dict(database.execute("SELECT key, value FROM mutables"))
    assert rows == {canonical: '{"privateKey":"CANARY"}', '"k"': "1"}, "the older daemon still finds its own"


def test_file_mutables_lie_where_the_second_generation_looks(session, store_dir):
    assert session.file_mutable_get(b"@a/k") is None
    assert not store_dir.exists(), "looking makes nothing"
    session.file_mutable_set(b"@a/k", b"one\r\ntwo")
    assert (store_dir / "mutables/@a/k").read_bytes() == b"one\r\ntwo"
    (store_dir / "mutables/@a/k").write_text("by kachery_cloud")
    assert session.file_mutable_get(b"@a/k") == b"by kachery_cloud"
    session.file_mutable_delete(b"@a/k")
    with pytest.raises(NotFound, match="^Mutable does not exist: @a/k$"):
        session.file_mutable_delete(b"@a/k")
    session.file_mutable_delete_folder(b"@a")
    with pytest.raises(NotFound, match="^Mutable folder does not exist: @a$"):
        session.file_mutable_delete_folder(b"@a")
    with pytest.raises(Invalid, match="^Mutable key is a folder: @a$"):
        session.file_mutable_delete(b"@a")
    for key in (b"", b"..", b"../x", b"a/b", b"@a/..", b"@a//b", b"a\0b", b"/etc/passwd", b"@a/@../x"):
        with pytest.raises(Invalid, match="^Invalid mutable key: "):
            session.file_mutable_set(key, b"x")


def test_older_directories_are_searched_and_left_alone(tmp_path, monkeypatch):
    older = tmp_path / ".kachery-cloud"
    (older / "mutables/@a").mkdir(parents=True)
    (older / "mutables/@a/k").write_text("old")
    for name in ("KACHERY_DIR", "KACHERY_CLOUD_DIR", "KACHERY_STORAGE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    session = _native.Session()
    assert session.file_mutable_get(b"@a/k") == b"old"
    with pytest.raises(Denied, match=".kachery-cloud/mutables"):
        session.file_mutable_delete(b"@a/k")
    session.file_mutable_set(b"@a/k", b"new")
    assert session.file_mutable_get(b"@a/k") == b"new"
    assert (older / "mutables/@a/k").read_text() == "old"
    assert sorted(path.name for path in older.iterdir()) == ["mutables"]


def test_what_many_processes_set_at_once_is_all_there(session):
    code = """
import sys
from kachery import _native
session = _native.Session()
for i in range(10):
    assert session.mutable_set(f'[{sys.argv[1]},{i}]'.encode(), b'1', False)
    session.file_mutable_set(f'@p{sys.argv[1]}/{i}'.encode(), b'1')
    session.file_mutable_set(b'@shared/k', sys.argv[1].encode() * 10000)
    value = session.file_mutable_get(b'@shared/k')
    assert len(set(value)) == 1 and len(value) == 10000, 'torn'
print(session.mutable_set(b'"first"', sys.argv[1].encode(), False))
"""
    outputs = run_many(code, 6)
    assert sorted(outputs) == ["False\n"] * 5 + ["True\n"]
    assert session.mutable_get(b'"first"').decode() == str(outputs.index("True\n"))
    for process in range(6):
        for i in range(10):
            assert session.mutable_get(f"[{process},{i}]".encode()) == b"1"
            assert session.file_mutable_get(f"@p{process}/{i}".encode()) == b"1"


def test_what_was_acknowledged_survives_a_kill(session):
    code = """
from kachery import _native
session = _native.Session()
for i in range(10**6):
    session.mutable_set(f'{i}'.encode(), b'1', True)
    session.file_mutable_set(f'@a/{i}'.encode(), b'1')
    print(i, flush=True)
"""
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE)
    for _ in range(20):
        child.stdout.readline()
    child.send_signal(signal.SIGKILL)
    rest = child.communicate()[0].splitlines()
    last = int(rest[-1]) if rest else 19
    assert last >= 19
    for i in range(last + 1):
        assert session.mutable_get(f"{i}".encode()) == b"1"
        assert session.file_mutable_get(f"@a/{i}".encode()) == b"1"
    assert session.mutable_set(b'"next"', b"1", True)


def test_other_threads_run_while_a_call_waits_for_another_process(session, store_dir):
    session.mutable_set(b'"k"', b"1", True)
    database = sqlite3.connect(store_dir / "mutables.db", isolation_level=None)
    database.execute("BEGIN EXCLUSIVE")
    waiting = threading.Thread(target=lambda: session.mutable_set(b'"k"', b"2", True))
    waiting.start()
    time.sleep(0.2)  # Were the lock of the interpreter held, this would not return.
    assert waiting.is_alive()
    database.execute("COMMIT")
    waiting.join(timeout=30)
    assert session.mutable_get(b'"k"') == b"2"
    database.close()


def test_one_node_is_made_however_many_processes_ask(session, store_dir):
    assert session.node_id(False) is None
    assert not store_dir.exists(), "looking makes nothing"
    ids = run_many("from kachery import _native; print(_native.Session().node_id(True))", 8)
    assert len(set(ids)) == 1
    assert session.node_id(False) == ids[0].strip()
    assert sorted(path.name for path in store_dir.iterdir()) == ["private.pem", "public.pem"]


@pytest.mark.parametrize("umask", [0, 0o022, 0o077])
def test_keys_and_the_database_are_nobody_elses(store_dir, umask):
    code = """
from kachery import _native
session = _native.Session()
session.node_id(True)
session.mutable_set(b'"k"', b'1', True)
"""
    store_dir.mkdir(mode=0o755)
    os.chmod(store_dir, 0o755)
    run_many(code, 1, umask)
    assert modes(store_dir) == {"private.pem": 0o600, "public.pem": 0o600, "mutables.db": 0o600}


def test_a_directory_that_is_made_for_keys_is_ours_alone_to_write(store_dir):
    run_many("from kachery import _native; _native.Session().node_id(True)", 1, umask=0)
    assert stat.S_IMODE(store_dir.stat().st_mode) & 0o022 == 0


def test_keys_that_others_may_read_are_refused_with_what_to_run(session, store_dir):
    session.node_id(True)
    os.chmod(store_dir / "private.pem", 0o644)
    with pytest.raises(Denied, match=f"chmod 600 {store_dir}/private.pem"):
        session.node_id(False)
    os.chmod(store_dir / "private.pem", 0o600)
    (store_dir / "private.pem").write_text("damaged")
    with pytest.raises(Corrupt, match="private.pem"):
        session.node_id(True)


def test_the_environment_gives_the_key(session, monkeypatch, store_dir):
    monkeypatch.setenv("KACHERY_CLOUD_CLIENT_ID", NODE_ID)
    with pytest.raises(Invalid, match="KACHERY_CLOUD_PRIVATE_KEY"):
        session.node_id(False)
    monkeypatch.setenv("KACHERY_CLOUD_PRIVATE_KEY", SEED)
    assert session.node_id(True) == NODE_ID
    assert not store_dir.exists()


# Failing calls of every kind around one private key, in the environment and in files. Nothing that anybody else may
# see or that ends in a log has a piece of it.
CANARY_FLOWS = """
import base64, os, pathlib, sys, traceback
from kachery import _native
seed = bytes.fromhex(sys.stdin.readline())
store = pathlib.Path(os.environ["KACHERY_DIR"])
store.mkdir()
prefix = bytes.fromhex("302e020100300506032b657004220420")
pem = "-----BEGIN PRIVATE KEY-----\\n" + base64.b64encode(prefix + seed).decode() + "\\n-----END PRIVATE KEY-----\\n"
other = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
failures = 0

def call(work):
    global failures
    try:
        work()
    except Exception:
        failures += 1
        traceback.print_exc()
    print("next", flush=True)

for id, key in [(other, seed.hex()), (seed.hex(), other), (seed.hex(), ""), ("", seed.hex()), (seed.hex(), seed.hex()),
                (seed.hex() + " ", other), (other, "0x" + seed.hex()), (other, seed.hex().upper())]:
    os.environ["KACHERY_CLOUD_CLIENT_ID"], os.environ["KACHERY_CLOUD_PRIVATE_KEY"] = id, key
    for generate in (False, True):
        call(lambda: _native.Session().node_id(generate))
os.environ["KACHERY_CLOUD_CLIENT_ID"] = os.environ["KACHERY_CLOUD_PRIVATE_KEY"] = ""
for text, mode in [(pem, 0o644), (pem[:-20], 0o600), (pem + "x", 0o600), (pem.replace("PRIVATE", "SECRET"), 0o600),
                   (pem.replace("\\n", "\\r\\n"), 0o600), (seed.hex(), 0o600)]:
    (store / "private.pem").write_text(text)
    os.chmod(store / "private.pem", mode)
    for generate in (False, True):
        call(lambda: _native.Session().node_id(generate))
(store / "private.pem").write_text(pem)
(store / "public.pem").write_text(pem)
call(lambda: _native.Session().node_id(True))
for key in (seed.hex(), '"' + seed.hex(), '"_other_client_auth_codes"'):
    call(lambda: _native.Session().mutable_set(key.encode(), ('{"privateKey":"' + seed.hex()).encode(), True))
call(lambda: _native.Session().mutable_set(b'"k"', ('{"privateKey":"' + seed.hex() + '"').encode(), True))
print("failures", failures, flush=True)
sys.stdin.readline()
"""


def test_a_key_never_shows_in_what_others_see(store_dir):
    seed = os.urandom(32)
    in_pem = base64.b64encode(b"\0" + seed).decode()  # Its characters are those of the file, but for the first two.
    canaries = [seed.hex()[8:20], seed.hex().upper()[8:20], in_pem[8:20], repr(seed[3:9])[2:-1]]
    child = subprocess.Popen(
        [sys.executable, "-c", CANARY_FLOWS],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    child.stdin.write(seed.hex() + "\n")
    child.stdin.flush()
    lines = []
    for line in child.stdout:
        lines.append(line)
        if line.startswith("failures"):
            break
    command_line = Path(f"/proc/{child.pid}/cmdline").read_text()
    seen = "".join(lines) + command_line + child.communicate("\n")[0]
    assert int(lines[-1].split()[1]) >= 30, seen
    for canary in canaries:
        assert canary not in seen
    kept = [path.name for path in store_dir.iterdir() if seed.hex()[8:20].encode() in path.read_bytes()]
    assert kept == [], "and no call that failed wrote it down"


def test_errors_are_our_own(session):
    with pytest.raises(KacheryError):
        session.mutable_get(b"null")
