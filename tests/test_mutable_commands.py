"""kachery mutable: both kinds of small values that change, as docs/formats/mutables.md keeps them."""

from __future__ import annotations

import json
import sqlite3

from harness import DENIED, FAILED, MISSING, OK, USAGE, Store


def test_a_value_is_set_read_listed_and_deleted(store: Store) -> None:
    assert store.run("mutable list").expect(OK).stdout == b""
    store.run("mutable get", "key").expect(MISSING)
    store.run("mutable set", "key", "a value").expect(OK)
    assert store.run("mutable get", "key").expect(OK).stdout == b"a value\n"
    store.run("mutable set", "key", "another").expect(OK)
    assert store.run("mutable set", "key", "third", "--new").expect(FAILED)
    assert store.run("mutable get", "key").expect(OK).stdout == b"another\n"
    assert store.run("mutable list").expect(OK).stdout == b"key\n"
    store.run("mutable delete", "key").expect(OK)
    store.run("mutable delete", "key").expect(MISSING)


def test_keys_and_values_may_be_json(store: Store) -> None:
    store.run("mutable set", "--parse", '{"b": 1, "a": [2]}', '{"x": null, "y": 1.5}').expect(OK)
    found = store.run("mutable get", "--parse", '{"a":[2],"b":1}', "--json").expect(OK)
    assert json.loads(found.stdout) == {"key": {"a": [2], "b": 1}, "value": {"x": None, "y": 1.5}}
    store.run("mutable get", '{"a":[2],"b":1}').expect(MISSING), "a text is another key"
    assert store.run("mutable set", "--parse", "no json", "1").expect(USAGE).stdout == b""
    store.run("mutable set", "--parse", "null", "1").expect(USAGE)


def test_a_key_with_an_at_sign_is_a_text_in_a_file(store: Store) -> None:
    store.run("mutable set", "@a/@b/name", "text").expect(OK)
    store.run("mutable set", "--file", "plain", "other").expect(OK)
    assert (store.path / "mutables/@a/@b/name").read_text() == "text"
    assert store.run("mutable get", "@a/@b/name").expect(OK).stdout == b"text\n"
    assert store.run("mutable get", "--file", "plain").expect(OK).stdout == b"other\n"
    store.run("mutable get", "plain").expect(MISSING)
    assert store.run("mutable list", "--file").expect(OK).stdout.splitlines() == [b"@a/@b/name", b"plain"]
    store.run("mutable set", "key", "value").expect(OK)
    assert store.run("mutable list").expect(OK).stdout.splitlines() == [b"key", b"@a/@b/name", b"plain"], "both kinds"
    store.run("mutable delete", "--folder", "@a").expect(OK)
    store.run("mutable get", "@a/@b/name").expect(MISSING)
    store.run("mutable set", "@a/../b", "x").expect(USAGE)


def test_what_an_older_daemon_kept_secret_stays_so(store: Store) -> None:
    key = '{"feedId":"f","type":"feedConfig"}'
    store.run("mutable set", "key", "value").expect(OK)
    with sqlite3.connect(store.path / "mutables.db") as database:
        database.execute("INSERT INTO mutables VALUES('s', ?, ?)", (key, '{"privateKey":"secret"}'))
    database.close()
    store.run("mutable get", "--parse", key).expect(DENIED)
    assert b"feedConfig" not in store.run("mutable list", "--json").expect(OK).stdout
