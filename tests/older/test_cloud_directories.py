"""Directories of kachery-cloud 0.4.10: opened by ours in place, and ours by it. The scripts are the same for both."""

from __future__ import annotations

import itertools

import pytest

from compare import differences, lost_or_changed, state, uris_of

OWN = ("index.db", "tmp", "quarantine")  # What only our program has.


def without_own(paths):
    return {path: what for path, what in paths.items() if not path.startswith(OWN)}


# --- The same calls give the same URIs

# Where ours differs, and why.
DIFFERENT = {
    "text labelled ": "an empty label is no label; theirs ends with ?label=",
    "pkl numpy bool": "theirs fails under numpy 1.24 and later",
}
# A location with a line break would make the URI two lines.
REFUSED = {"reference new\nline", "reference labelled new\nline"}


def test_the_same_calls_give_the_same_uris(cloud, ours, files, tmp_path):
    theirs = cloud.run("cloud_store", files, KACHERY_CLOUD_DIR=tmp_path / "theirs")
    mine = ours.run("cloud_store", files, KACHERY_CLOUD_DIR=tmp_path / "ours")
    assert differences(theirs, mine).keys() == DIFFERENT.keys()
    assert len(uris_of(mine)) > 60, "the table of calls must not be empty"


def test_links_and_references_have_the_same_uris(cloud, ours, files, tmp_path):
    theirs = cloud.run("cloud_link", files, KACHERY_CLOUD_DIR=tmp_path / "theirs")
    mine = ours.run("cloud_link", files, KACHERY_CLOUD_DIR=tmp_path / "ours")
    assert differences(theirs, mine).keys() == REFUSED
    assert {mine[name] for name in REFUSED} == {"failed"}


@pytest.mark.parametrize("prefix", [{}, {"KACHERY_STORE_FILE_PREFIX": "$dir"}], ids=["", "prefix"])
def test_stores_are_diverted_alike(cloud, ours, files, tmp_path, prefix):
    results = [who.run("cloud_divert", files, KACHERY_CLOUD_DIR=tmp_path / name / "store",
                       KACHERY_STORE_FILE_DIR=tmp_path / name / "diverted", **prefix)
               for who, name in ((cloud, "theirs"), (ours, "ours"))]
    assert differences(*results) == {}
    diverted = [{path: what[2] for path, what in state(tmp_path / name / "diverted").items()} for name in ("theirs", "ours")]
    assert diverted[0] == diverted[1]


# --- One writes, the other reads


def written_by(writer, files, place):
    stored = writer.run("cloud_store", files, KACHERY_CLOUD_DIR=place)
    linked = writer.run("cloud_link", files, KACHERY_CLOUD_DIR=place)
    return {**uris_of(stored), **uris_of(linked)}


@pytest.mark.parametrize("direction", ["theirs read by ours", "ours read by theirs"])
def test_everything_one_program_wrote_loads_in_the_other(cloud, ours, files, tmp_path, direction):
    writer, reader = (cloud, ours) if direction.startswith("theirs") else (ours, cloud)
    place = tmp_path / "store"
    uris = written_by(writer, files, place)
    by_writer = writer.run("cloud_load", input=uris, KACHERY_CLOUD_DIR=place)
    before, files_before = state(place), state(files)
    by_reader = reader.run("cloud_load", input=uris, KACHERY_CLOUD_DIR=place)
    assert differences(by_writer, by_reader) == {}
    after = state(place)
    assert lost_or_changed(without_own(before), after) == {}
    if reader is ours:
        assert without_own(after).keys() == without_own(before).keys(), "reading adds nothing but our own index"
    assert state(files) == files_before


def test_both_write_into_one_directory_again_and_again(cloud, ours, files, tmp_path):
    place = tmp_path / "store"
    uris = {}
    for round_, writer in zip(range(4), itertools.cycle((cloud, ours))):
        now = written_by(writer, files, place)
        again = uris.keys() & now.keys() - DIFFERENT.keys()
        assert round_ == 0 or len(again) > 80 and all(now[name] == uris[name] for name in again)
        uris = now
    by_theirs = cloud.run("cloud_load", input=uris, KACHERY_CLOUD_DIR=place)
    by_ours = ours.run("cloud_load", input=uris, KACHERY_CLOUD_DIR=place)
    assert differences(by_theirs, by_ours) == {}
    assert "failed" not in [by_ours[name] for name in by_ours if name.endswith(": file")]


# --- The program


@pytest.fixture
def their_store(cloud, files, tmp_path):
    place = tmp_path / "store"
    uris = written_by(cloud, files, place)
    return place, uris


def test_the_program_reads_and_verifies_their_directory(program, their_store, cloud):
    place, uris = their_store
    before = state(place)
    loaded = cloud.run("cloud_load", input=uris, KACHERY_CLOUD_DIR=place)
    for name, uri in uris.items():
        if "location=" in uri:
            continue  # A location is for the names of kachery_cloud only.
        outcome = program.run("cat", "--dir", place, uri).expect()
        assert repr(outcome.stdout) == loaded[f"{name}: file"][1], name
    report = program.run("verify", "--dir", place, "--json")
    assert report.code == 0, report
    assert lost_or_changed(without_own(before), state(place)) == {}


# --- Mutables and keys


def mutable_differences(theirs, mine):
    """But for folders named "@.." and "@.", which are harmless, and which ours refuses all the same."""
    return {name: both for name, both in differences(theirs, mine).items() if "@../" not in name and "@." not in name.split()}


@pytest.mark.parametrize("direction", ["theirs read by ours", "ours read by theirs"])
def test_mutables_of_one_program_are_those_of_the_other(cloud, ours, tmp_path, direction):
    writer, reader = (cloud, ours) if direction.startswith("theirs") else (ours, cloud)
    place = tmp_path / "store"
    writer.run("cloud_mutables", "write", KACHERY_CLOUD_DIR=place)
    by_writer = writer.run("cloud_mutables", KACHERY_CLOUD_DIR=place)
    before = state(place)
    by_reader = reader.run("cloud_mutables", KACHERY_CLOUD_DIR=place)
    assert mutable_differences(by_writer, by_reader) == {}
    assert lost_or_changed(before, state(place)) == {}


def test_the_same_calls_of_mutables_give_the_same_results(cloud, ours, tmp_path):
    theirs = cloud.run("cloud_mutables", "write", KACHERY_CLOUD_DIR=tmp_path / "theirs")
    mine = ours.run("cloud_mutables", "write", KACHERY_CLOUD_DIR=tmp_path / "ours")
    assert mutable_differences(theirs, mine) == {}
    mutables = [{path for path in state(tmp_path / name / "mutables") if not path.startswith("@.")} for name in ("theirs", "ours")]
    assert mutables[0] == mutables[1], "the same files hold them"


@pytest.mark.parametrize("direction", ["theirs read by ours", "ours read by theirs"])
def test_a_client_is_who_it_was(cloud, ours, tmp_path, direction):
    writer, reader = (cloud, ours) if direction.startswith("theirs") else (ours, cloud)
    place = tmp_path / "store"
    place.mkdir(mode=0o700)
    made = writer.run("cloud_keys", "generate", KACHERY_CLOUD_DIR=place)
    before = state(place)
    assert (place / "private.pem").stat().st_mode & 0o777 == 0o600
    for arguments in ([], ["generate"]):
        assert reader.run("cloud_keys", *arguments, KACHERY_CLOUD_DIR=place) == made
    assert lost_or_changed(before, state(place)) == {}
