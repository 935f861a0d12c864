"""Storage directories of the first generation: opened by ours in place, and ours by kachery-client 1.2.0 offline."""

from __future__ import annotations

import hashlib
import json
import os
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

import gen1_directory
from compare import Scripts, differences, lost_or_changed, state, uris_of

OWN = ("index.db", "tmp", "quarantine", "linked_files", "mutables.db")  # What ours adds, or may write to.

# Labels that have another form in our URIs: theirs are not percent-encoded, and then cannot always be read again.
ENCODED = {"text labelled 50%", "text labelled q?a=1", "text labelled #5", "file 100%", "file sharp#5", "file what?",
           "file new\nline"}
# Where ours differs, and why.
DIFFERENT = {
    "text labelled ": "an empty label is no label; theirs ends with a slash",
    "pkl numpy bool": "theirs fails under numpy 1.24 and later",
}


def in_directory(place: Path) -> dict[str, Path]:
    """With a daemon this would be KACHERY_STORAGE_DIR alone."""
    return {"KACHERY_STORAGE_DIR": place, "KACHERY_OFFLINE_STORAGE_DIR": place}


@pytest.fixture
def large_files(tmp_path: Path) -> Path:
    """Of the sizes around the size of a chunk, from which on there is a manifest."""
    place = tmp_path / "large files"
    place.mkdir()
    for size in (1, 19_999_999, 20_000_000, 20_000_001, 45_000_000):
        for kind in ("stored", "linked"):
            block = hashlib.sha256(f"{kind} {size}".encode()).digest() * 1000
            (place / f"{kind} {size}").write_bytes((block * (size // len(block) + 1))[:size])
    return place


def test_the_same_calls_give_the_same_uris(client, ours, files, tmp_path):
    (tmp_path / "theirs").mkdir()
    theirs = client.run("client_store", files, KACHERY_STORAGE_DIR=tmp_path / "theirs")
    mine = ours.run("client_store", files, KACHERY_STORAGE_DIR=tmp_path / "ours")
    assert differences(theirs, mine).keys() == ENCODED | DIFFERENT.keys()
    digests = {name: uri[:47] for name, uri in uris_of(theirs).items()}
    assert differences(digests, {name: uri[:47] for name, uri in uris_of(mine).items() if name in digests}) == {}
    assert len(digests) > 60


def test_what_is_stored_by_either_loads_in_the_other(client, ours, files, tmp_path):
    for writer, reader in ((client, ours), (ours, client)):
        place = tmp_path / writer.home.name.replace(" ", "-")
        place.mkdir()
        uris = uris_of(writer.run("client_store", files, **in_directory(place)))
        by_writer = writer.run("client_load", input=uris, **in_directory(place))
        before = state(place)
        by_reader = reader.run("client_load", input=uris, **in_directory(place))
        assert not_as_it_was(uris, by_writer, by_reader) == {}
        assert lost_or_changed(without_own(before), state(place)) == {}


def not_as_it_was(uris, one, other):
    """Theirs splits every URI at its slashes and leaves the query at the label; ours takes it apart."""
    split_alike = {f"{name}: parsed" for name, uri in uris.items() if re.fullmatch(r"sha1://[0-9a-f]{40}/[^/?#%]+", uri)}
    return {name: both for name, both in differences(one, other).items()
            if not name.endswith(": parsed") or name in split_alike}


def without_own(paths):
    return {path: what for path, what in paths.items() if not path.startswith(OWN)}


@pytest.fixture
def theirs(client: Scripts, files: Path, large_files: Path, tmp_path: Path) -> tuple[Path, dict[str, str]]:
    """A directory with everything of the first generation in it, and the URIs."""
    place = tmp_path / "kachery-storage"
    gen1_directory.make(place)
    uris = {**uris_of(client.run("client_store", files, **in_directory(place))),
            **uris_of(client.run("client_inner_store", large_files, **in_directory(place)))}
    return place, uris


def test_a_directory_with_everything_is_read_and_left_as_it_was(client, ours, theirs, program):
    place, uris = theirs
    by_theirs = client.run("client_load", input=uris, **in_directory(place))
    before = state(place)
    by_ours = ours.run("client_load", input=uris, **in_directory(place))
    wrong_in_theirs = {f"file {name}: {what}" for name in os.listdir(place.parent / "large files") if "linked" in name
                       for what in ("bytes", "last bytes")}
    assert not_as_it_was(uris, by_theirs, by_ours).keys() <= wrong_in_theirs, "theirs cannot read a part of a linked file"
    assert by_ours["file linked 45000000: last bytes"] != "failed"
    assert lost_or_changed(without_own(before), state(place)) == {}
    program.run("verify", "--dir", place).expect()
    assert lost_or_changed(without_own(before), state(place)) == {}


def test_large_files_have_the_same_manifests(client, ours, large_files, tmp_path):
    (tmp_path / "theirs").mkdir()
    theirs = client.run("client_inner_store", large_files, **in_directory(tmp_path / "theirs"))
    mine = ours.run("client_store", large_files, **in_directory(tmp_path / "ours"))
    stored = [name for name in theirs if name.startswith("file stored")]
    assert {name: theirs[name] for name in stored} == {name: mine[name] for name in stored}
    for name in stored:
        uri = uris_of(mine)[name]
        if "manifest=" in uri:
            digest = uri.rpartition("=")[2]
            objects = [(tmp_path / side / "sha1" / digest[:2] / digest[2:4] / digest[4:6] / digest).read_bytes()
                       for side in ("theirs", "ours")]
            assert objects[0] == objects[1], "the manifest is the same file"


def test_after_ours_has_written_theirs_still_reads_everything(client, ours, theirs, tmp_path):
    place, uris = theirs
    new = tmp_path / "new"
    new.mkdir()
    (new / "small").write_bytes(b"new")
    (new / "large").write_bytes(b"new" * 10_000_000)
    before = client.run("client_load", input=uris, **in_directory(place))
    feeds = (place / "feeds.db").read_bytes()
    mine = uris_of(ours.run("client_store", new, **in_directory(place)))
    ours.run("client_mutables", "set", input=[["ours", {"b": 1, "a": [2]}]], **in_directory(place))
    assert client.run("client_load", input=uris, **in_directory(place)) == before
    assert "failed" not in [value for name, value in client.run("client_load", input=mine, **in_directory(place)).items()
                            if name.endswith(": file")]
    assert (place / "feeds.db").read_bytes() == feeds
    assert not [path for path in place.glob("feeds.db-*")], "nobody opened it"


# --- Mutables


def test_mutables_of_the_daemon_are_read(ours, tmp_path):
    gen1_directory.make(tmp_path / "store")
    pairs = [[key, value] for key, value in (*gen1_directory.MUTABLES, *gen1_directory.NAMED)]
    before = state(tmp_path / "store")
    got = ours.run("client_mutables", "get", input=pairs, **in_directory(tmp_path / "store"))
    assert got["values"] == [value for _, value in pairs]
    assert got["as text"] == [str(json.loads(gen1_directory.canonical(value))) for _, value in pairs]
    assert got["missing"] == [None, None]
    assert lost_or_changed({path: what for path, what in before.items() if path != "."}, state(tmp_path / "store")) == {}


def test_private_keys_of_feeds_are_not_given_out(ours, tmp_path):
    """They lie among the mutables, where theirs gives them to any client that asks."""
    gen1_directory.make(tmp_path / "store")
    pairs = [[key, value] for key, value in gen1_directory.RESERVED]
    try:
        got = json.dumps(ours.run("client_mutables", "get", input=pairs, **in_directory(tmp_path / "store")))
    except AssertionError as refused:
        got = str(refused)
    assert gen1_directory.FEED_PRIVATE_KEY not in got


def test_mutables_are_written_as_the_daemon_writes_them(ours, tmp_path):
    """It finds a record by the hash of the key's canonical form, and parses the value, whose form is no matter."""
    gen1_directory.make(tmp_path / "theirs")
    (tmp_path / "ours").mkdir()
    pairs = [[key, value] for key, value in gen1_directory.MUTABLES]
    got = ours.run("client_mutables", "set", input=pairs, **in_directory(tmp_path / "ours"))
    assert got == {"set": [["bool", "True"]] * len(pairs), "not updated": [["bool", "False"]] * len(pairs),
                   "deleted": [True, True, False]}
    rows = [set(), set()]
    for side, place in zip(rows, ("theirs", "ours")):
        with closing(sqlite3.connect(tmp_path / place / "mutables.db")) as database:
            side.update((digest, key, gen1_directory.canonical(json.loads(value)))
                        for digest, key, value in database.execute("SELECT sha1, key, value FROM mutables"))
    assert rows[1] == {row for row in rows[0] if "feed" not in row[1]}
    assert (tmp_path / "ours" / "mutables.db").stat().st_mode & 0o777 == 0o600
