"""A storage directory as the daemon of the first generation leaves it, beyond files and links: keys, mutables, a feed.

The daemon was published as source only, so this is written by its formats. Its databases keep JSON in one canonical
form: keys sorted at all levels, no white space, text as it is, numbers as JavaScript prints them.
"""

from __future__ import annotations

import hashlib
import json
import os
import sqlite3
from pathlib import Path
from typing import Any

FEED = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
FEED_PRIVATE_KEY = bytes(range(32)).hex()
SUBFEED = "80d9cc061689dbc521aba6b35235f29de63d8349"  # "primes"
SIGNATURES = (
    "2f2ae73578f25181f171aac12692c27b0ce217f95aa4b8ccf9f310df4be0fd6fa18307ef773a748019987eb5551ea6840f01d5fe763f7d182eda"
    "fcc494f3c00b",
    "ab5b751044572e824acbe833c0f0f39768ecd75772d5801b510f52c457389b802d78b34cfc3a75cb8f7580cc3c145805d6df35d820e16e7b48eb"
    "a47df876ef07",
)

MUTABLES: list[tuple[Any, Any]] = [
    ("key", "value"), ("ünï\U0001f40c", "grün"), (1, 2), (1.5, [1, 2.5, "x", None, True]), (True, False),
    ({"b": 1, "a": {"d": [2], "c": None}}, {"z": 1, "y": {"x": []}}), (["a", {"b": 1}], {}), ("", ""),
    ("1", "text that looks like a number"), ("large", "x" * 90_000), ({"10": 1, "9": 2, "ü": 3}, "integer-like keys"),
]
RESERVED: list[tuple[Any, Any]] = [
    ({"feedId": FEED, "type": "feedConfig"}, {"feedId": FEED, "privateKey": FEED_PRIVATE_KEY}),
]
NAMED: list[tuple[Any, Any]] = [({"feed_name": "primes", "type": "feed_id_for_name"}, FEED)]


def canonical(value: Any) -> str:
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def make(place: Path) -> None:
    place.mkdir(parents=True, exist_ok=True)
    _write(place / "kachery-node-id", FEED, 0o644)
    _write(place / "owner", "someone@example.org", 0o644)
    _write(place / "client-auth", "abcdefghijkl", 0o640)
    _write(place / "kachery.yaml", "maxCacheSizeGiB: 20\n", 0o644)
    _write(place / "error.log", "", 0o644)
    _write(place / "private.pem", _pem("PRIVATE", "302e020100300506032b657004220420" + FEED_PRIVATE_KEY), 0o600)
    _write(place / "public.pem", _pem("PUBLIC", "302a300506032b6570032100" + FEED), 0o600)
    _mutables(place / "mutables.db")
    _feeds(place / "feeds.db")


def _write(path: Path, text: str, mode: int) -> None:
    path.write_text(text)
    path.chmod(mode)


def _pem(kind: str, hexadecimal: str) -> str:
    import base64

    body = base64.b64encode(bytes.fromhex(hexadecimal)).decode()
    return f"-----BEGIN {kind} KEY-----\n{body}\n-----END {kind} KEY-----\n"


def _mutables(path: Path) -> None:
    with _database(path) as database:
        database.execute("CREATE TABLE IF NOT EXISTS mutables (sha1 TEXT PRIMARY KEY NOT NULL, key TEXT NOT NULL, "
                         "value TEXT NOT NULL) WITHOUT ROWID")
        for key, value in (*MUTABLES, *RESERVED, *NAMED):
            digest = hashlib.sha1(canonical(key).encode()).hexdigest()
            database.execute("INSERT INTO mutables VALUES (?, ?, ?)", (digest, canonical(key), canonical(value)))
    database.close()
    os.chmod(path, 0o600)


def _feeds(path: Path) -> None:
    first = {"message": {"n": 1, "p": 2}, "messageNumber": 0, "timestamp": 1600000000000}
    second = {"message": {"n": 2, "p": 3}, "messageNumber": 1, "previousSignature": SIGNATURES[0],
              "timestamp": 1600000000001}
    with _database(path) as database:
        database.execute("CREATE TABLE feeds (feedId TEXT PRIMARY KEY NOT NULL) WITHOUT ROWID")
        database.execute("CREATE TABLE subfeeds (feedId TEXT NOT NULL, subfeedHash TEXT NOT NULL, "
                         "PRIMARY KEY(feedId, subfeedHash), FOREIGN KEY (feedId) REFERENCES feeds (feedId) "
                         "ON UPDATE CASCADE ON DELETE CASCADE) WITHOUT ROWID")
        database.execute("CREATE TABLE subfeedMessages (feedId TEXT NOT NULL, subfeedHash TEXT NOT NULL, "
                         "position INTEGER NOT NULL, message TEXT, PRIMARY KEY(feedId, subfeedHash, position), "
                         "FOREIGN KEY (feedId, subfeedHash) REFERENCES subfeeds (feedId, subfeedHash) "
                         "ON UPDATE CASCADE ON DELETE CASCADE) WITHOUT ROWID")
        database.execute("INSERT INTO feeds VALUES (?)", (FEED,))
        database.execute("INSERT INTO subfeeds VALUES (?, ?)", (FEED, SUBFEED))
        for number, (body, signature) in enumerate(zip((first, second), SIGNATURES)):
            database.execute("INSERT INTO subfeedMessages VALUES (?, ?, ?, ?)",
                             (FEED, SUBFEED, number, canonical({"body": body, "signature": signature})))
    database.close()
    os.chmod(path, 0o600)


def _database(path: Path) -> sqlite3.Connection:
    return sqlite3.connect(path)
