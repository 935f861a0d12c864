"""Feeds on one machine: many processes, kills, damage, older copies; and what others make of the proofs."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from harness import CORRUPT, DEADLINE_S, DENIED, MISSING, OK, USAGE, Store, clean_environment
from transparency import check_consistency, check_inclusion, read_log

WRITER = """
import os, sys
import kachery
name, prefix = sys.argv[1:]
subfeed = kachery.load_feed("measured", create=True)[name]
for number in range(int(os.environ["COUNT"])):
    last = subfeed.extend([[prefix, number, part] for part in range(3)]) + 2
    print(last, flush=True)
"""


def start(store: Store, script: str, *arguments: str, **variables: str) -> subprocess.Popen:
    environment = clean_environment() | {"KACHERY_DIR": str(store.path)} | variables
    return subprocess.Popen([sys.executable, "-c", script, *arguments], env=environment, stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True)


def finish(process: subprocess.Popen) -> str:
    stdout, stderr = process.communicate(timeout=DEADLINE_S)
    assert process.returncode == 0, stderr
    return stdout


def read(store: Store, subfeed: str) -> list:
    return [json.loads(line) for line in store.run("feed read", subfeed).expect(OK).stdout.splitlines()]


def at_rest(store: Store) -> None:
    """Everything in logs.db itself, as a backup would have it: the last connection that closes sees to it."""
    store.run("feed ls").expect(OK)
    assert not (store.path / "logs.db-wal").exists()


# --- The program.


def test_what_is_appended_is_read_by_others(store: Store) -> None:
    uri = store.run("feed create", "measured").expect(OK).uri
    assert store.run("feed append", "measured/values", '{"b": 1.0, "a": [1e22, "é"]}', "null").expect(OK).stdout == b"2\n"
    assert store.run("feed append", f"{uri}/values", "--text", "3").expect(OK).stdout == b"3\n"
    assert store.run("feed read", "measured/values").stdout.decode() == '{"b":1.0,"a":[1e22,"é"]}\nnull\n"3"\n'
    assert store.run("feed read", "measured/values", "--start", "1", "--count", "1").stdout == b"null\n"
    assert store.run("feed tail", "measured/values", "-n", "1").stdout == b'"3"\n'
    assert store.run("feed ls").stdout.decode() == f"{uri}/values\t3\town\tmeasured\n"
    assert b'"message":{"b":1.0,"a":[1e22,' in store.run("feed read", "--json", "measured/values").stdout


def test_lines_of_standard_input_are_messages(store: Store) -> None:
    store.run("feed create", "measured").expect(OK)
    lines = "".join(f"{number}\n" for number in range(100_000))
    assert store.run("feed append", "measured/values", input=lines.encode()).expect(OK).stdout == b"100000\n"
    assert store.run("feed read", "measured/values").stdout.decode() == lines
    store.run("feed append", "measured/values", input=b"1\n{\n").expect(USAGE)
    assert store.run("feed append", "measured/values", input=b"").expect(OK).stdout == b"100000\n"


def test_a_tail_prints_what_others_append(store: Store) -> None:
    store.run("feed create", "measured").expect(OK)
    store.run("feed append", "measured/values", "0", "1").expect(OK)
    with store.program.start("feed", "tail", "-f", "-n", "1", "measured/values", "--dir", store.path) as tail:
        assert tail.stdout is not None
        assert tail.stdout.readline() == b"1\n"
        for number in (2, 3):
            store.run("feed append", "measured/values", str(number)).expect(OK)
            assert tail.stdout.readline() == f"{number}\n".encode()
        tail.send_signal(signal.SIGINT)
        assert tail.wait(DEADLINE_S) == 130


def test_errors_say_what_was_tried(store: Store) -> None:
    nowhere = f"feed://{'0' * 64}"
    for command, arguments, code, words in [
        ("feed read", [f"{nowhere}/x"], MISSING, nowhere), ("feed append", [f"{nowhere}/x", "1"], DENIED, "its key is not here"),
        ("feed append", ["gone/x", "1"], MISSING, '"gone"'), ("feed append", ["x", "1"], USAGE, "NAME/SUBFEED"),
        ("feed read", [nowhere], USAGE, "none of its subfeeds"), ("feed delete", ["gone"], MISSING, '"gone"'),
        ("feed prove", [f"{nowhere}/x"], USAGE, "--message NUMBER, or --since SIZE"), ("feed read", ["feed://1/x"], USAGE, "feed://1/x"),
    ]:
        outcome = store.run(command, *arguments).expect(code)
        assert words in outcome.stderr, outcome
    assert not store.path.exists() or not (store.path / "feeds").exists()


def test_deleted_is_gone(store: Store) -> None:
    uri = store.run("feed create", "measured").expect(OK).uri
    store.run("feed append", "measured/values", '"a secret value"').expect(OK)
    store.run("feed delete", "measured").expect(OK)
    store.run("feed read", f"{uri}/values").expect(MISSING)
    assert store.run("feed append", f"{uri}/values", "1").expect(MISSING).stderr.count("was deleted") == 1
    store.run("feed delete", uri).expect(MISSING)
    assert store.run("feed ls").stdout == b""
    assert not list((store.path / "feeds").glob("*.pem"))
    assert all(b"a secret value" not in path.read_bytes() for path in store.path.glob("logs.db*"))
    assert store.run("feed create", "measured").expect(OK).uri != uri


# --- Many processes.


def test_many_processes_append_to_one_subfeed(store: Store) -> None:
    writers = [start(store, WRITER, "values", str(i), COUNT="12") for i in range(5)]
    for writer in writers:
        finish(writer)
    messages = read(store, "measured/values")
    assert len(messages) == 5 * 12 * 3
    calls = [messages[i : i + 3] for i in range(0, len(messages), 3)]
    assert all([part for _, _, part in call] == [0, 1, 2] for call in calls), "each call's messages are together"
    for prefix in map(str, range(5)):
        assert [call[0][1] for call in calls if call[0][0] == prefix] == list(range(12)), "in the order of their writer"


def test_a_reader_in_another_process_is_told_at_once(store: Store) -> None:
    reader = start(store, """
import sys, time
import kachery
subfeed = kachery.load_feed("measured", create=True)["values"]
print("ready", flush=True)
for entry in subfeed.tail(0, timeout=60):
    print(time.time() - entry.message, flush=True)
    if entry.number == 9:
        break
""")
    assert reader.stdout is not None and reader.stdout.readline() == "ready\n"
    writer = start(store, """
import time
import kachery
subfeed = kachery.load_feed("measured", create=True)["values"]
for number in range(10):
    subfeed.append(time.time())
    assert subfeed.wait(number, 0)
""")
    finish(writer)
    delays = sorted(map(float, finish(reader).split()))
    # Without a signal, readers look once a second; the first message may come while the reader is starting.
    assert len(delays) == 10 and delays[5] < 0.9, delays


def test_a_killed_writer_loses_nothing_that_it_acknowledged(store: Store, rng: random.Random) -> None:
    acknowledged = -1
    for _ in range(12):
        writer = start(store, WRITER, "values", "x", COUNT="1000000")
        assert writer.stdout is not None
        # Killed while it appends, or signs, or writes: from its first acknowledgement on.
        last = int(writer.stdout.readline())
        time.sleep(rng.uniform(0, 0.05))  # Any moment will do.
        writer.kill()
        rest = writer.communicate(timeout=DEADLINE_S)[0].split("\n")[:-1]
        acknowledged = max(acknowledged, last, *map(int, rest))
        messages = read(store, "measured/values")
        assert len(messages) > acknowledged
        assert len(messages) % 3 == 0, "a call is there as a whole, or not at all"
        assert [part for _, _, part in messages] == [0, 1, 2] * (len(messages) // 3)
    assert store.run("feed append", "measured/values", "1").expect(OK).stdout == f"{len(messages) + 1}\n".encode()
    store.run("feed verify", "measured/values").expect(OK)


# --- Damage, and older copies.


def test_a_flipped_byte_is_refused(store: Store, rng: random.Random) -> None:
    """Whatever a flipped byte of logs.db changes, the messages are those that were appended, or there is an error."""
    uri = store.run("feed create", "measured").expect(OK).uri
    for first in (0, 300):
        lines = "".join(json.dumps({"number": number, "text": "x" * 20}) + "\n" for number in range(first, first + 300))
        store.run("feed append", "measured/values", input=lines.encode()).expect(OK)
    at_rest(store)
    right = store.run("feed read", f"{uri}/values").expect(OK).stdout
    whole = (store.path / "logs.db").read_bytes()
    refused = 0
    for _ in range(60):
        damaged = bytearray(whole)
        damaged[rng.randrange(100, len(whole))] ^= 1 << rng.randrange(8)
        for path in store.path.glob("logs.db*"):
            path.unlink()
        (store.path / "logs.db").write_bytes(damaged)
        outcome = store.run("feed read", f"{uri}/values")
        if outcome.code == OK:
            assert outcome.stdout == right
        else:
            assert outcome.code in (CORRUPT, MISSING, 1) and outcome.stderr, outcome
            assert right.startswith(outcome.stdout)
            refused += 1
    assert refused > 20, "most of the file counts"


def test_a_changed_message_is_named(store: Store) -> None:
    uri = store.run("feed create", "measured").expect(OK).uri
    store.run("feed append", f"{uri}/values", '"before"', '"after"').expect(OK)
    at_rest(store)
    path = store.path / "logs.db"
    path.write_bytes(path.read_bytes().replace(b'"before"', b'"behind"'))
    outcome = store.run("feed read", f"{uri}/values").expect(CORRUPT)
    assert outcome.stdout == b"" and uri in outcome.stderr and "logs.db is damaged" in outcome.stderr


def test_an_older_logs_db_is_not_signed_below(store: Store) -> None:
    uri = store.run("feed create", "measured").expect(OK).uri
    store.run("feed append", f"{uri}/values", "0", "1").expect(OK)
    at_rest(store)
    shutil.copy(store.path / "logs.db", store.path / "backup")
    store.run("feed append", f"{uri}/values", "2").expect(OK)
    at_rest(store)
    shutil.copy(store.path / "backup", store.path / "logs.db")
    outcome = store.run("feed append", f"{uri}/values", '"other"').expect(CORRUPT)
    assert "logs.db has 2 messages, but 3 were signed" in outcome.stderr
    assert read(store, f"{uri}/values") == [0, 1], "what is there can be read"
    store.run("feed append", f"{uri}/others", "1").expect(OK)


def test_keys_are_private(store: Store) -> None:
    uri = store.run("feed create").expect(OK).uri
    (key,) = (store.path / "feeds").glob("*.pem")
    assert key.stat().st_mode & 0o777 == 0o600 and key.parent.stat().st_mode & 0o777 == 0o700
    secret = key.read_text().splitlines()[1]
    seen = [store.run("feed ls", "--json"), store.run("feed append", f"{uri}/x", "1"), store.run("mutable list"),
            store.run("feed export", f"{uri}/x", store.path / "out"), store.run("feed prove", f"{uri}/x", "--message", "0")]
    assert all(secret not in outcome.stdout.decode() + outcome.stderr for outcome in seen)
    key.chmod(0o640)
    assert "chmod" in store.run("feed append", f"{uri}/x", "1").expect(DENIED).stderr


# --- What others make of it.


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 1000])
def test_an_independent_implementation_agrees(store: Store, tmp_path: Path, size: int) -> None:
    store.run("feed create", "measured").expect(OK)
    numbers = range(size)
    first = max(1, size * 2 // 3)
    store.run("feed append", "measured/values", input="".join(f"{n}.0\n" for n in numbers[:first]).encode()).expect(OK)
    old = store.run("feed checkpoint", "measured/values").expect(OK).stdout.decode()
    store.run("feed append", "measured/values", input="".join(f"{n}.0\n" for n in numbers[first:]).encode()).expect(OK)
    vkey = store.run("feed vkey", "measured/values").expect(OK).uri

    store.run("feed export", "measured/values", tmp_path / "log").expect(OK)
    entries = read_log(tmp_path / "log", vkey)
    assert [json.loads(entry)["n"] for entry in entries] == list(numbers)
    assert all(entry.endswith(f'"message":{number}.0}}'.encode()) for number, entry in enumerate(entries))

    for number in {0, first - 1, size // 2, size - 1}:
        proof = store.run("feed prove", "measured/values", "--message", str(number)).expect(OK).stdout
        assert check_inclusion(proof.decode(), vkey) == (number, entries[number])
    proof = store.run("feed prove", "measured/values", "--since", str(first)).expect(OK).stdout
    assert check_consistency(proof.decode(), old, vkey) == (first, size)


def test_proofs_are_checked_without_a_store(store: Store, tmp_path: Path) -> None:
    uri = store.run("feed create", "measured").expect(OK).uri
    store.run("feed append", "measured/values", *map(str, range(5))).expect(OK)
    (tmp_path / "old").write_bytes(store.run("feed checkpoint", "measured/values").stdout)
    store.run("feed append", "measured/values", *map(str, range(5, 9))).expect(OK)
    (tmp_path / "proof").write_bytes(store.run("feed prove", "measured/values", "--message", "3").stdout)
    (tmp_path / "since").write_bytes(store.run("feed prove", "measured/values", "--since", "5").stdout)
    elsewhere = Store(store.program, tmp_path / "elsewhere")
    outcome = elsewhere.run("feed verify", tmp_path / "proof", "--of", f"{uri}/values").expect(OK)
    assert "this is message 3 of 9" in outcome.stdout.decode()
    elsewhere.run("feed verify", tmp_path / "proof", "--of", f"{uri}/others").expect(CORRUPT)
    elsewhere.run("feed verify", tmp_path / "since", "--since", tmp_path / "old").expect(OK)
    elsewhere.run("feed verify", tmp_path / "proof", "--since", tmp_path / "old").expect(CORRUPT)
    text = (tmp_path / "proof").read_text()
    (tmp_path / "proof").write_text(text.replace("index 3", "index 4"))
    assert "does not hold" in elsewhere.run("feed verify", tmp_path / "proof").expect(CORRUPT).stderr
    assert not elsewhere.path.exists()
