"""Feeds: what `kachery` and `kachery_client` offer of them, in one process."""

from __future__ import annotations

import asyncio
import json
import sqlite3
import threading

import kachery_client as kc
import pytest
from kachery_client import main

import kachery

PRIMES = "80d9cc061689dbc521aba6b35235f29de63d8349"
STRUCTURED = "edab56f36d0109b511ead78582ba8db8209aa93f"
# Two messages that implementations of the first generation made.
GOLDEN = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"
FIRST = "2f2ae73578f25181f171aac12692c27b0ce217f95aa4b8ccf9f310df4be0fd6fa18307ef773a748019987eb5551ea6840f01d5fe763f7d182edafcc494f3c00b"
SECOND = "ab5b751044572e824acbe833c0f0f39768ecd75772d5801b510f52c457389b802d78b34cfc3a75cb8f7580cc3c145805d6df35d820e16e7b48eba47df876ef07"


# --- kachery


def test_messages_come_back_as_they_were():
    subfeed = kachery.create_feed().subfeed("values")
    messages = [{"b": 1.0, "a": [1e22, -0.0, None]}, "é\U0001f600", 3, True, None, [], {}, 12345678901234567890, "x" * 100_000]
    assert subfeed.append(messages[0]) == 0
    assert subfeed.extend(messages[1:]) == 1
    assert list(subfeed) == messages and len(subfeed) == 9
    assert [type(m) for m in subfeed] == [type(m) for m in messages]
    assert list(subfeed[0]) == ["b", "a"], "keys keep their order"
    assert subfeed[-1] == messages[-1] and subfeed[2:5] == [3, True, None] and subfeed[::-4] == [messages[8], messages[4], messages[0]]
    with pytest.raises(IndexError, match="9 messages"):
        subfeed[9]
    with pytest.raises(IndexError):
        subfeed[-10]


def test_a_batch_is_there_as_a_whole_or_not_at_all():
    subfeed = kachery.create_feed()["values"]
    with pytest.raises(TypeError):
        subfeed.extend([1, object()])
    with pytest.raises(ValueError):
        subfeed.extend([1, float("nan")])
    with pytest.raises(kachery.Invalid, match="message 2 of 2, of which none was appended.*too long"):
        subfeed.extend([1, "x" * (8 << 20)])
    assert len(subfeed) == 0 and list(subfeed) == []
    assert subfeed.extend(range(5000)) == 0
    assert list(subfeed) == list(range(5000))


def test_feeds_have_names():
    feed = kachery.create_feed("measured")
    assert kachery.load_feed("measured") == feed == kachery.load_feed(feed.uri)
    with pytest.raises(kachery.Exists):
        kachery.create_feed("measured")
    with pytest.raises(kachery.NotFound, match="other"):
        kachery.load_feed("other")
    other = kachery.load_feed("other", create=True)
    assert kachery.list_feeds() == [feed, other] and feed.writable
    feed["b"].append(1)
    feed[{"b": 1, "a": [1, 2]}].append(2)
    assert [subfeed.name for subfeed in feed.subfeeds()] == ["b", f"~{STRUCTURED}"]
    feed.delete()
    assert kachery.list_feeds() == [other]
    with pytest.raises(kachery.NotFound):
        kachery.load_feed(feed.uri)
    with pytest.raises(kachery.NotFound):
        kachery.delete_feed("measured")


def test_a_uri_is_enough_to_read():
    subfeed = kachery.create_feed()["a name/with änything"]
    subfeed.append(1)
    assert subfeed.uri.endswith("/a%20name/with%20%C3%A4nything")
    again = kachery.load_subfeed(subfeed.uri)
    assert again == subfeed and again.name == "a name/with änything" and list(again) == [1]
    assert kachery.load_subfeed(f"{subfeed.feed.uri}/~{subfeed.hash}") == subfeed
    with pytest.raises(kachery.NotFound):
        kachery.load_subfeed(f"feed://{GOLDEN}/x")
    with pytest.raises(kachery.Invalid):
        kachery.load_subfeed(subfeed.feed.uri)


def test_a_tail_goes_on_where_it_was():
    subfeed = kachery.create_feed()["values"]
    subfeed.extend("abc")
    assert [entry.message for entry in subfeed.tail(0, timeout=0)] == ["a", "b", "c"]
    assert [entry.message for entry in subfeed.tail(timeout=0)] == []
    tail = subfeed.tail(2, timeout=60)
    assert next(tail).message == "c"
    writer = threading.Thread(target=subfeed.append, args=("d",))
    writer.start()
    entry = next(tail)
    assert (entry.number, entry.message) == (3, "d") and entry.timestamp_ms > 1_600_000_000_000
    writer.join()
    assert subfeed.wait(3, timeout=0) and not subfeed.wait(4, timeout=0.01)


def test_asyncio_reads_while_others_run():
    subfeed = kachery.create_feed()["values"]

    async def read():
        found = []
        async for entry in subfeed.tail_async(0, timeout=60):
            found.append(entry.message)
            if len(found) == 3:
                return found

    async def write():
        for number in range(3):
            await asyncio.to_thread(subfeed.append, number)

    async def both():
        return (await asyncio.gather(read(), write()))[0]

    assert asyncio.run(both()) == [0, 1, 2]

    async def quiet():
        return [entry async for entry in subfeed.tail_async(timeout=0)]

    assert asyncio.run(quiet()) == []


def test_proofs_hold_and_nothing_else_does():
    subfeed = kachery.create_feed()["values"]
    subfeed.extend([1.0, 2.0])
    old = subfeed.checkpoint()
    subfeed.extend([3.0, "x" * 70_000])
    proof = subfeed.prove(2)
    proved = kachery.check_proof(proof, of=subfeed.uri)
    assert (proved.number, proved.size, proved.message) == (2, 4, 3.0)
    assert kachery.check_proof(subfeed.prove(3)).message is None, "it is too long to be in the proof"
    assert kachery.check_history(subfeed.prove_since(2), old, of=subfeed.uri) == 4
    other = kachery.create_feed()["values"]
    other.extend([1.0, 2.0])
    with pytest.raises(kachery.Corrupt, match="not of"):
        kachery.check_proof(proof, of=other.uri)
    with pytest.raises(kachery.Corrupt):
        kachery.check_proof(proof.replace("index 2", "index 1"))
    with pytest.raises(kachery.Corrupt):
        kachery.check_history(subfeed.prove_since(2), other.checkpoint())
    with pytest.raises(kachery.NotFound):
        subfeed.prove(4)
    with pytest.raises(kachery.NotFound):
        subfeed.feed["empty"].checkpoint()
    assert subfeed.verifier_key.startswith(f"kachery/feed/{subfeed.feed.id}/{subfeed.hash}+")


# --- kachery_client


def test_the_older_names_in_full():
    feed = kc.create_feed("measured")
    assert kc.load_feed("measured").uri == feed.uri == f"feed://{feed.feed_id}" == kc.load_feed(feed.uri).uri
    assert kc.get_feed_id("measured") == feed.feed_id == kc.Feed(feed.feed_id).feed_id
    assert feed.is_writeable and not feed.is_snapshot
    with pytest.raises(kachery.NotFound, match="Unable to load feed with name"):
        kc.load_feed("other")
    with pytest.raises(kachery.NotFound):
        kc.get_feed_id("other")
    assert kc.get_feed_id("other", create=True) == kc.load_feed("other", create=True).feed_id
    with pytest.raises(AssertionError):
        kc.load_feed(feed.uri + "/x")
    assert kc.create_feed("measured").uri == kc.load_feed("measured").uri != feed.uri, "the name is the newer one's"


def test_older_subfeeds_in_full(capsys):
    subfeed = kc.create_feed().load_subfeed("primes")
    assert subfeed.subfeed_hash == PRIMES and subfeed.subfeed_name == "primes" and subfeed.is_writeable and not subfeed.is_snapshot
    assert subfeed.get_next_messages(wait_msec=0) == [] and subfeed.get_next_message(wait_msec=1) is None
    subfeed.append_messages([])
    subfeed.append_message({"p": 2, "n": 1.0})
    subfeed.append_messages([{"p": 3}, [4], 5])
    assert subfeed.get_num_local_messages() == 4
    assert subfeed.get_next_messages(max_num_messages=2, advance_position=False) == [{"p": 2, "n": 1.0}, {"p": 3}]
    assert subfeed.position == 0
    assert subfeed.get_next_message(wait_msec=0) == {"p": 2, "n": 1.0} and subfeed.position == 1
    assert subfeed.get_next_messages() == [{"p": 3}, [4], 5] and subfeed.position == 4
    subfeed.set_position(3)
    stream = subfeed.message_stream()
    assert next(stream) == 5 and subfeed.position == 4
    again = kc.load_subfeed(subfeed.uri)
    assert again.get_next_messages() == [{"p": 2, "n": 1.0}, {"p": 3}, [4], 5]
    subfeed.print_messages()
    assert capsys.readouterr().out == "{'p': 2, 'n': 1.0}\n{'p': 3}\n[4]\n5\n"
    again.print_signed_messages()
    assert capsys.readouterr().out.count("c2sp.org/tlog-proof@v1") == 4


def test_signed_messages_have_proofs():
    subfeed = kc.create_feed().load_subfeed("primes")
    subfeed.append_messages([{"p": 2}, {"p": 3}])
    signed = subfeed.get_next_messages(signed=True)
    assert [one["body"]["message"] for one in signed] == [{"p": 2}, {"p": 3}]
    assert [one["body"]["n"] for one in signed] == [0, 1]
    for one in signed:
        assert kachery.check_proof(one["proof"], of=subfeed.uri).message == one["body"]["message"]


def test_names_may_be_any_json():
    feed = kc.create_feed()
    name = {"b": 1, "a": [1, 2]}
    subfeed = feed.load_subfeed(name)
    assert subfeed.subfeed_hash == STRUCTURED and subfeed.subfeed_name == name and subfeed.uri == f"{feed.uri}/~{STRUCTURED}"
    subfeed.append_message([1])
    assert feed.load_subfeed({"a": [1, 2], "b": 1}).get_next_messages() == [[1]]
    assert kc.load_subfeed(subfeed.uri).get_next_messages() == [[1]]


def test_many_subfeeds_are_watched_at_once():
    feed = kc.create_feed()
    a, b = feed.load_subfeed("a"), feed.load_subfeed("b")
    a.append_messages([1, 2])
    watches = {"one": {"feedId": feed.feed_id, "subfeedHash": a.subfeed_hash, "position": 1},
               "two": {"feedId": feed.feed_id, "subfeedName": "b", "position": 0}}
    assert kc.watch_for_new_messages(watches, wait_msec=0) == {"one": [2]}
    watches["one"]["position"] = 2
    assert kc.watch_for_new_messages(watches, wait_msec=0) == {}
    assert kc.watch_for_new_messages(watches, wait_msec=1) == {"one": [], "two": []}
    writer = threading.Thread(target=b.append_message, args=([3],))
    writer.start()
    assert kc.watch_for_new_messages(watches, wait_msec=60_000)["two"] == [[3]]
    writer.join()


def test_snapshots_load():
    feed = kc.create_feed()
    feed.load_subfeed("a b").append_messages([{"x": 1.0}, {"é": 2}])
    snapshot = feed.create_snapshot(["a b", "empty"])
    assert snapshot.is_snapshot and not snapshot.is_writeable and snapshot.uri.startswith("sha1://") and snapshot.uri.endswith("/feed.json")
    kept = kc.load_json(snapshot.uri)
    digest = feed.load_subfeed("a b").subfeed_hash
    assert kept["subfeeds"][digest] == {"subfeedHash": digest, "messages": [{"x": 1.0}, {"é": 2}]}
    assert list(kc.load_feed(snapshot.uri).load_subfeed("a b").message_stream()) == [{"x": 1.0}, {"é": 2}]
    subfeed = kc.load_subfeed(snapshot.load_subfeed("a b").uri)
    assert subfeed.is_snapshot and subfeed.get_next_messages() == [{"x": 1.0}, {"é": 2}] and subfeed.get_next_messages() == []
    assert snapshot.load_subfeed("empty").get_num_local_messages() == 0
    assert snapshot.create_snapshot(["a b"]).load_subfeed("a b").get_next_messages() == [{"x": 1.0}, {"é": 2}]
    with pytest.raises(kachery.Denied, match="Cannot append messages to a readonly feed"):
        subfeed.append_message(1)
    assert str(kachery.load_feed(feed.uri).snapshot(["a b", "empty"])) == snapshot.uri


def test_deleted_is_deleted():
    feed = kc.create_feed("measured")
    subfeed = feed.load_subfeed("a")
    subfeed.append_message(1)
    main.delete_feed("measured")
    assert not feed.is_writeable
    for call in (subfeed.get_next_messages, subfeed.get_num_local_messages, feed.delete):
        with pytest.raises(kachery.NotFound):
            call()
    with pytest.raises(kachery.Denied, match="readonly"):
        subfeed.append_message(2)
    assert kc.load_feed("measured", create=True).uri != feed.uri
    other = kc.create_feed()
    other.delete()
    assert not other.is_writeable


def test_what_is_not_here_says_so(capsys):
    subfeed = kc.load_subfeed(f"feed://{GOLDEN}/primes")
    assert subfeed.get_next_messages() == [] and not subfeed.is_writeable
    assert "is not in this store" in capsys.readouterr().err
    with pytest.raises(kachery.Unavailable, match="channel rats"):
        kc.load_subfeed(f"feed://{GOLDEN}/primes", channel="rats").get_next_messages()


def test_a_feed_of_the_first_generation_is_read(store_dir):
    store_dir.mkdir()
    database = sqlite3.connect(store_dir / "feeds.db")
    database.executescript(
        "CREATE TABLE feeds(feedId TEXT PRIMARY KEY) WITHOUT ROWID;"
        "CREATE TABLE subfeedMessages(feedId TEXT, subfeedHash TEXT, position INTEGER, message TEXT,"
        " PRIMARY KEY(feedId, subfeedHash, position)) WITHOUT ROWID;")
    bodies = [{"message": {"n": 1, "p": 2}, "messageNumber": 0, "timestamp": 1600000000000},
              {"message": {"n": 2, "p": 3}, "messageNumber": 1, "previousSignature": FIRST, "timestamp": 1600000000001}]
    database.execute("INSERT INTO feeds VALUES(?)", (GOLDEN,))
    for number, (body, signature) in enumerate(zip(bodies, (FIRST, SECOND))):
        text = json.dumps({"body": body, "signature": signature}, separators=(",", ":"))
        database.execute("INSERT INTO subfeedMessages VALUES(?,?,?,?)", (GOLDEN, PRIMES, number, text))
    database.commit()
    database.close()
    before = (store_dir / "feeds.db").read_bytes()
    kc.set({"type": "feed_id_for_name", "feed_name": "old"}, GOLDEN)
    subfeed = kc.load_feed("old").load_subfeed("primes")
    assert subfeed.get_next_messages() == [{"n": 1, "p": 2}, {"n": 2, "p": 3}] and not subfeed.is_writeable
    subfeed.set_position(1)
    assert subfeed.get_next_messages(signed=True) == [{"body": bodies[1], "signature": SECOND}]
    assert list(kachery.load_feed("old")["primes"]) == [{"n": 1, "p": 2}, {"n": 2, "p": 3}]
    with pytest.raises(kachery.Denied):
        kc.Feed(GOLDEN).delete()
    assert (store_dir / "feeds.db").read_bytes() == before
    database = sqlite3.connect(store_dir / "feeds.db")
    database.execute("UPDATE subfeedMessages SET message = replace(message, '\"p\":3', '\"p\":4')")
    database.commit()
    database.close()
    with pytest.raises(kachery.Corrupt, match="message 1 in feeds.db cannot be believed"):
        list(kachery.load_feed("old")["primes"])
