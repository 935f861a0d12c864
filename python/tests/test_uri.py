"""`kachery.URI` is a str wherever a str is expected, and harmless in a notebook."""

from __future__ import annotations

import copy
import json
import pickle
import sqlite3
from html.parser import HTMLParser

import kachery
import pytest
import simplejson

TEXT = "sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt"


def test_what_is_stored_is_named_by_one(tmp_path):
    path = tmp_path / "a b?.txt"
    path.write_text("some-random-text")
    uris = [kachery.store_file(path), kachery.link_file(path), *kachery.store_many([path]), *kachery.link_many([path])]
    for uri in uris:
        assert type(uri) is kachery.URI
        assert (uri.algorithm, uri.digest, uri.label) == ("sha1", TEXT[7:47], "a b?.txt")
        assert kachery.load_text(uri) == "some-random-text"
    assert kachery.store_bytes(b"", algorithm="sha256").algorithm == "sha256"
    assert kachery.store_bytes(b"").label == ""


def test_it_is_equal_to_the_plain_string_everywhere():
    uri = kachery.URI(TEXT)
    assert uri == TEXT and hash(uri) == hash(TEXT) and {TEXT: 1}[uri] == 1
    assert repr(uri) == repr(TEXT) and f"{uri}" == TEXT and uri + "" == TEXT
    assert type(str(uri)) is str


@pytest.mark.parametrize("wrong", ["", "x", "/a/path", "sha1://", "sha1://" + "0" * 39, "md5://" + "0" * 32])
def test_what_is_no_uri_is_none(wrong):
    with pytest.raises(kachery.Invalid):
        kachery.URI(wrong)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_of_it_load_without_kachery(protocol):
    pickled = pickle.dumps({"uri": kachery.URI(TEXT)}, protocol)
    assert b"kachery" not in pickled
    assert type(pickle.loads(pickled)["uri"]) is str
    assert copy.deepcopy(kachery.URI(TEXT)) == TEXT


@pytest.mark.parametrize("wrap", [
    lambda uri: uri,
    lambda uri: {"uri": uri, "again": [uri, (uri, {uri}, frozenset({uri}))]},
    lambda uri: {uri: {uri: 1}},
])
def test_store_pkl_writes_it_as_a_plain_string(wrap):
    stored = kachery.store_pkl(wrap(kachery.URI(TEXT)))
    assert stored == kachery.store_pkl(wrap(TEXT))
    assert kachery.load_pkl(stored) == wrap(TEXT)


def test_store_pkl_still_refuses_what_else_is_not_plain():
    itself: list = [kachery.URI(TEXT)]
    itself.append(itself)
    deep: list = [kachery.URI(TEXT)]
    for _ in range(5000):
        deep = [deep]

    class Name(str):
        pass

    for value, why in ((itself, "contains itself"), (deep, "nested"), ([kachery.URI(TEXT), Name("x")], "Name")):
        with pytest.raises(kachery.Invalid, match=why):
            kachery.store_pkl(value)


def test_json_and_sql_take_it_as_a_string():
    uri = kachery.URI(TEXT)
    for dumps in (json.dumps, simplejson.dumps):
        assert dumps({uri: uri}) == dumps({TEXT: TEXT})
    assert kachery.load_json(kachery.store_json({uri: [uri]})) == {TEXT: [TEXT]}
    database = sqlite3.connect(":memory:")
    assert database.execute("select ?, typeof(?)", (uri, uri)).fetchone() == (TEXT, "text")


def test_tables_and_arrays_take_it_as_a_string():
    np = pytest.importorskip("numpy")
    assert np.array([kachery.URI(TEXT)]).tolist() == [TEXT]
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"uri": [kachery.URI(TEXT)]})
    assert frame[frame.uri == TEXT].to_csv(index=False) == f"uri\n{TEXT}\n"


def test_yaml_takes_its_plain_string():
    yaml = pytest.importorskip("yaml")
    assert yaml.safe_load(yaml.safe_dump({"uri": str(kachery.URI(TEXT))})) == {"uri": TEXT}


class Page(HTMLParser):
    """The elements and attributes of some HTML, and its text."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.elements: set[str] = set()
        self.attributes: set[str] = set()
        self.words = ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.elements.add(tag)
        self.attributes |= {name for name, _ in attrs}

    def handle_data(self, data):
        self.words += data


@pytest.mark.parametrize("label", [
    "file.txt", "<script>alert(1)</script>", '"><img src=x onerror=alert(1)>', "&amp;", "\x1b[31m",
])
def test_a_notebook_shows_its_parts_and_runs_nothing(label):
    uri = kachery.store_text("some-random-text", label=label)
    page = Page(uri._repr_html_())
    assert page.elements == {"div", "b", "br", "code"} and page.attributes == {"style"}
    assert page.words == f"{uri.label} · sha1 6af826b3d6… · 16 B{uri}"


def test_a_notebook_shows_no_size_of_what_is_not_here(tmp_path, monkeypatch):
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "none"))
    assert Page(kachery.URI(TEXT)._repr_html_()).words == f"file.txt · sha1 6af826b3d6…{TEXT}"
