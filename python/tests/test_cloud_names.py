"""kachery_cloud: the second generation's names, each with what its users would lose without it."""

from __future__ import annotations

import dataclasses
import hashlib
import os
import stat
from decimal import Decimal
from pathlib import Path

import kachery
import kachery_cloud as kcl
import numpy as np
import pytest
from signatures import signature_of

NO_HUB = "no hub is configured: set KACHERY_GATEWAY_URL to the address of one"
MISSING = "sha1://" + "0" * 40

# Names, order, kinds and defaults of the parameters, as version 0.4.10 had them; `resource` is 0.3's.
SIGNATURES = {
    "store_file": "(filename, *, label=None, cache_locally=False, local=False)",
    "store_text": "(text, *, label=None, cache_locally=False, local=False)",
    "store_json": "(x, *, separators=(',', ':'), indent=None, label=None, cache_locally=False, local=False)",
    "store_npy": "(array, *, label=None, cache_locally=False, local=False)",
    "store_pkl": "(x, *, label=None, cache_locally=False, local=False)",
    "store_file_local": "(filename, *, label=None, reference=None, store_file_dir=None, store_file_prefix=None)",
    "store_text_local": "(text, label=None)",
    "store_json_local": "(x, *, separators=(',', ':'), indent=None, label=None)",
    "store_npy_local": "(array, label=None)",
    "store_pkl_local": "(x, label=None)",
    "link_file": "(filename, *, label=None)",
    "load_file": "(uri, *, verbose=False, local_only=False, dest=None, _get_info=False, do_request=None)",
    "load_text": "(uri, *, local_only=False)",
    "load_json": "(uri, *, local_only=False)",
    "load_npy": "(uri, *, local_only=False)",
    "load_pkl": "(uri, *, local_only=False)",
    "load_bytes": "(uri, start, end, *, write_to_stdout=False)",
    "load_file_info": "(uri)",
    "cat_file": "(uri)",
    "request_file": "(uri, *, timeout_sec, ignore_local=False, ignore_bucket=False, resource_url=None, resource=None, verbose=False, progress=None)",
    "get_client_id": "(generate_if_missing=False)",
    "get_client_info": "()",
    "init": "()",
    "set_mutable_local": "(key, value)",
    "get_mutable_local": "(key, default_value=None)",
    "delete_mutable_local": "(key)",
    "delete_mutable_folder_local": "(key)",
    "get_kachery_cloud_dir": "(*, respect_sandbox=True)",
    "use_sandbox": "(use=True)",
    "TemporaryDirectory": "(*, remove=True, prefix='tmp')",
    "TemporaryDirectory.path": "(self)",
    "sha1_of_dict": "(x)",
    "admin_delete_file": "(uri)",
    "set_custom_storage_backend": "(backend)",
}


@pytest.fixture
def file(tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(b"content")
    return path


DIGEST = hashlib.sha1(b"content").hexdigest()


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_call_that_worked_works(name):
    assert signature_of(kcl, name) == SIGNATURES[name]


def test_uploading_to_zenodo_says_that_it_is_not_there_yet():
    with pytest.raises(AttributeError, match="initiate_zenodo_upload: uploading to zenodo is not there yet"):
        _ = kcl.initiate_zenodo_upload
    with pytest.raises(AttributeError, match="has no attribute"):
        _ = kcl.no_such_name


# --- Storing


def state_of(path):
    stat_of = os.stat(path)
    return stat_of.st_ino, stat_of.st_mode, stat_of.st_size, stat_of.st_mtime_ns, stat_of.st_ctime_ns


@pytest.mark.parametrize("options", [{}, {"local": True}, {"cache_locally": True}])
def test_without_a_hub_everything_is_kept_here_and_the_source_is_not_touched(file, options):
    """cache_locally of the older program renamed a copy over the user's own file."""
    file.chmod(0o640)
    before = state_of(file)
    uri = kcl.store_file(str(file), **options)
    assert uri == f"sha1://{DIGEST}"
    assert state_of(file) == before
    assert kcl.load_text(uri, local_only=True) == "content"
    assert kcl.load_text(kcl.store_text("t", **options)) == "t"
    assert kcl.load_json(kcl.store_json([1], **options), local_only=True) == [1]
    assert kcl.load_npy(kcl.store_npy(np.arange(2), **options), local_only=True).tolist() == [0, 1]
    assert kcl.load_pkl(kcl.store_pkl((1,), **options), local_only=True) == (1,)


def test_each_local_function_keeps_here_what_its_name_says(tmp_path):
    assert kcl.load_text(kcl.store_text_local("t", "l")) == "t"
    assert kcl.load_json(kcl.store_json_local({"b": 1, "a": 2}, label="l")) == {"a": 2, "b": 1}
    assert kcl.load_npy(kcl.store_npy_local(np.arange(2), "l")).tolist() == [0, 1]
    assert kcl.load_pkl(kcl.store_pkl_local({"a": None}, "l")) == {"a": None}
    assert kcl.store_text_local("t", "a b/c").endswith("?label=a%20b/c")


def test_an_empty_file_can_be_stored(tmp_path):
    (tmp_path / "empty").touch()
    assert kcl.load_bytes(kcl.store_file(str(tmp_path / "empty")), None, None) == b""


def test_storing_a_uri_labels_what_is_here_anew():
    uri = kcl.store_text_local("hello", label="x")
    assert kcl.store_file_local(uri, label="y") == "sha1://aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d?label=y"
    with pytest.raises(kachery.NotFound):
        kcl.store_file_local(MISSING)
    with pytest.raises(kachery.NotFound):
        kcl.store_file_local("/no/such/file")


def test_a_reference_says_where_the_file_is_and_copies_nothing(file, store_dir, monkeypatch):
    uri = kcl.store_file_local(str(file), reference=True)
    assert uri == f"sha1://{DIGEST}?location={file}"
    assert kcl.store_file_local(file, reference=True, label="a b") == f"sha1://{DIGEST}?label=a%20b&location={file}"
    monkeypatch.chdir(file.parent)
    assert kcl.store_file_local(file.name, reference=True) == uri, "an absolute path, wherever one is"
    assert not (store_dir / "sha1" / DIGEST[:2] / DIGEST[2:4] / DIGEST[4:6] / DIGEST).exists()


def test_a_reference_is_found_by_its_location_wherever_it_was_made(file, tmp_path, monkeypatch):
    uri = kcl.store_file_local(str(file), reference=True)
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "another"))
    assert kcl.load_file(uri) == str(file)
    assert kcl.load_text(uri) == "content"
    assert kcl.load_bytes(uri, 0, 3) == b"con"
    assert kcl.load_file(uri, dest=str(tmp_path / "dest")) == str(tmp_path / "dest")
    assert (tmp_path / "dest").read_bytes() == b"content"


def test_a_location_that_has_other_content_is_not_used(file, tmp_path, monkeypatch, capfd):
    """Of the same size, with its time put back: only its hash tells."""
    uri = kcl.store_file_local(str(file), reference=True)
    times = os.stat(file)
    file.write_bytes(b"CONTENT")
    os.utime(file, ns=(times.st_atime_ns, times.st_mtime_ns))
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "another"))
    assert kcl.load_file(uri) is None
    assert kcl.load_text(uri) is None
    assert kcl.load_bytes(uri, 0, 3) is None
    assert str(file) in capfd.readouterr().err


def test_a_directory_of_ones_own_gets_the_file_under_its_hash(file, tmp_path, store_dir):
    own = tmp_path / "a" / "b"
    assert kcl.store_file_local(file, store_file_dir=str(own), label="l") == f"sha1://{DIGEST}?label=l"
    assert (own / "sha1" / DIGEST).read_bytes() == b"content"
    assert [path.name for path in (own / "sha1").iterdir()] == [DIGEST], "no temporaries"
    assert stat.S_IMODE((own / "sha1" / DIGEST).stat().st_mode) & 0o444 == 0o444
    uri = kcl.store_file_local(file, store_file_dir=str(own), store_file_prefix="$dir", label="l")
    assert uri == f"$dir/sha1/{DIGEST}?label=l"
    assert kcl.store_file_local(file, store_file_prefix="$dir") == f"$dir/sha1/{DIGEST}"


def test_a_copy_that_fails_leaves_nothing_in_the_directory(tmp_path):
    with pytest.raises(IsADirectoryError):
        kcl.store_file_local(tmp_path, store_file_dir=str(tmp_path / "own"))
    assert not any(path.is_file() for path in tmp_path.rglob("*"))


def test_the_environment_sends_what_is_stored_to_a_directory(file, tmp_path, monkeypatch, store_dir):
    own = tmp_path / "own"
    monkeypatch.setenv("KACHERY_STORE_FILE_DIR", str(own))
    assert kcl.store_file(str(file), label="l") == f"sha1://{DIGEST}?label=l"
    uris = [kcl.store_text("env"), kcl.store_json([1]), kcl.store_npy(np.arange(2)), kcl.store_pkl((1,))]
    assert uris[0] == "sha1://920f8f5815b381ea692e9e7c2f7119f2b1aa620a"
    stored = {path.name: path.read_bytes() for path in (own / "sha1").iterdir()}
    assert all(hashlib.sha1(content).hexdigest() == name for name, content in stored.items())
    assert stored.keys() == {uri.removeprefix("sha1://") for uri in [f"sha1://{DIGEST}", *uris]}
    assert not (store_dir / "sha1").exists(), "there and nowhere else"
    assert list(store_dir.glob("tmp_*")) == []

    monkeypatch.setenv("KACHERY_STORE_FILE_PREFIX", "$dir")
    assert kcl.store_text("env", label="q") == "$dir/sha1/920f8f5815b381ea692e9e7c2f7119f2b1aa620a?label=q"
    assert kcl.store_text("here", local=True).startswith("sha1://")
    assert kcl.load_text(kcl.store_text_local("here")) == "here"
    cached = kcl.store_text("both", cache_locally=True)
    assert kcl.load_text("sha1://" + cached.rpartition("/")[2], local_only=True) == "both"


class Shelf:
    """A storage of the user's own."""

    def __init__(self, directory):
        self.directory = directory
        self.labels = []

    def store_file(self, filename, *, label):
        content = Path(filename).read_bytes()
        (self.directory / hashlib.sha1(content).hexdigest()).write_bytes(content)
        self.labels.append(label)
        return f"shelf://{len(self.labels)}"


@pytest.fixture
def shelf(tmp_path):
    (tmp_path / "shelf").mkdir()
    shelf = Shelf(tmp_path / "shelf")
    kcl.set_custom_storage_backend(shelf)
    yield shelf
    kcl.set_custom_storage_backend(None)


def test_a_storage_of_ones_own_gets_what_is_stored(file, shelf, store_dir):
    assert kcl.store_file(str(file), label="z") == "shelf://1"
    assert kcl.store_text("hi") == "shelf://2"
    assert kcl.store_json([1], label="q") == "shelf://3"
    assert kcl.store_npy(np.arange(2)) == "shelf://4"
    assert kcl.store_pkl((1,)) == "shelf://5"
    assert shelf.labels == ["z", None, "q", None, None]
    assert kcl.get_client_info() == {"type": "getClientInfo", "found": True, "client": "custom_storage_backend"}
    contents = {path.read_bytes() for path in shelf.directory.iterdir()}
    assert len(contents) == 5 and {b"content", b"hi", b"[1]"} <= contents
    assert not (store_dir / "sha1").exists()
    assert kcl.store_file(str(file), local=True) == f"sha1://{DIGEST}"
    assert kcl.link_file(str(file)) == f"sha1://{DIGEST}"
    assert kcl.store_text("cached", cache_locally=True) == "shelf://6"
    assert kcl.load_text("sha1://" + hashlib.sha1(b"cached").hexdigest(), local_only=True) == "cached"
    kcl.set_custom_storage_backend(None)
    assert kcl.store_text("hi").startswith("sha1://")


def test_link_file_copies_nothing_and_notices_changes(file, capfd):
    uri = kcl.link_file(str(file), label="l")
    assert uri == f"sha1://{DIGEST}?label=l"
    assert kcl.load_file(uri) == str(file)
    file.write_bytes(b"CONTENT")
    assert kcl.load_file(uri) is None
    assert str(file) in capfd.readouterr().err


# --- Loading


def test_dest_is_written_whole_or_not_at_all(file, tmp_path, capfd):
    dest = tmp_path / "dest"
    dest.write_text("older")
    assert kcl.load_file(MISSING, dest=str(dest)) is None
    assert dest.read_text() == "older"
    uri = kcl.store_file(str(file))
    assert kcl.load_file(uri, dest=str(dest)) == str(dest)
    assert dest.read_bytes() == b"content"
    stored = Path(kcl.load_file(uri))
    stored.chmod(0o644)
    stored.write_bytes(b"CONTENT")
    with pytest.raises(kachery.Corrupt):
        kcl.load_file(uri, dest=str(dest))
    assert dest.read_bytes() == b"content", "what is damaged does not get out"


def test_a_path_is_loaded_as_it_is(file, tmp_path, capfd):
    assert kcl.load_file(str(file)) == str(file)
    assert kcl.load_file(str(file), local_only=True) == str(file)
    assert kcl.load_file(str(file), dest=str(tmp_path / "dest")) == str(tmp_path / "dest")
    assert kcl.load_file("/no/such/file") is None
    assert "/no/such/file" in capfd.readouterr().err


def test_verbose_says_where_it_was_found(file, capfd):
    uri = kcl.store_file(str(file))
    path = kcl.load_file(uri, verbose=True, do_request=False)
    captured = capfd.readouterr()
    assert captured.out == "" and f"{uri} is {path}" in captured.err


def test_a_miss_says_that_there_is_no_hub_unless_only_this_machine_was_asked(capfd):
    for load in (kcl.load_file, kcl.load_text, kcl.load_json, kcl.load_npy, kcl.load_pkl):
        assert load(MISSING) is None
        assert capfd.readouterr().err.endswith(f"; {NO_HUB}\n")
        assert load(MISSING, local_only=True) is None
        assert "hub" not in capfd.readouterr().err


def test_info_is_the_hubs_even_for_what_is_here():
    uri = kcl.store_text("t")
    for ask in (lambda: kcl.load_file_info(uri), lambda: kcl.load_file(uri, _get_info=True)):
        with pytest.raises(kachery.Unavailable) as raised:
            ask()
        assert str(raised.value) == NO_HUB
    assert kcl.load_file(uri, _get_info=True, local_only=True) == kcl.load_file(uri)
    with pytest.raises(kachery.Invalid, match="Cannot use _get_info for this uri"):
        kcl.load_file_info("feed://x")


@pytest.mark.parametrize("uri", ["http://example.org/f", "https://example.org/f", "gh://user/repo/main/f", "zenodo://1/f"])
def test_what_must_come_from_the_web_is_refused_with_its_name(uri, capfd):
    with pytest.raises(kachery.Unavailable, match="fetches nothing from the web") as raised:
        kcl.load_file(uri)
    assert uri in str(raised.value)
    assert kcl.load_text(uri, local_only=True) is None
    assert uri in capfd.readouterr().err


@pytest.mark.parametrize("uri", ["shelf://1", "feed://" + "a" * 64, "jot://x"])
def test_a_uri_of_another_kind_is_a_miss(uri, capfd):
    """A backend may have URIs of its own, and scripts that try them here first."""
    assert kcl.load_file(uri) is None
    assert kcl.load_text(uri) is None
    assert capfd.readouterr().err.count(uri) == 2


def test_a_malformed_uri_is_an_error():
    with pytest.raises(kachery.Invalid, match="not a sha1 hash"):
        kcl.load_file("sha1://00")


@pytest.mark.parametrize("scheme", ["zenodo", "zenodo-sandbox"])
def test_what_the_older_program_has_fetched_from_zenodo_is_found(scheme, store_dir, tmp_path):
    path = store_dir / scheme / "12345" / "sub" / "data.json"
    path.parent.mkdir(parents=True)
    path.write_text('{"a":1}')
    uri = f"{scheme}://12345/sub/data.json"
    assert kcl.load_file(uri) == str(path)
    assert kcl.load_json(uri, local_only=True) == {"a": 1}
    assert kcl.load_bytes(uri, 1, 4) == b'"a"'
    assert kcl.load_file(uri, dest=str(tmp_path / "dest")) == str(tmp_path / "dest")


def test_a_zenodo_name_cannot_lead_out_of_its_place(store_dir):
    (store_dir / "zenodo").mkdir(parents=True)
    (store_dir / "private.pem").write_text("secret")
    for name in ("../private.pem", "1/../../private.pem", "1//f", "1", "/etc/passwd"):
        with pytest.raises(kachery.Invalid, match="not a file of a zenodo record"):
            kcl.load_text(f"zenodo://{name}")


def test_what_the_older_program_has_cached_is_found_where_it_left_it(tmp_path, monkeypatch):
    monkeypatch.delenv("KACHERY_DIR")
    monkeypatch.setenv("HOME", str(tmp_path))
    older = tmp_path / ".kachery-cloud" / "zenodo" / "1"
    older.mkdir(parents=True)
    (older / "f.txt").write_text("from zenodo")
    assert kcl.load_text("zenodo://1/f.txt") == "from zenodo"


# --- Requests


def test_the_result_of_a_request_has_the_fields_of_the_document():
    fields = [field.name for field in dataclasses.fields(kcl.RequestFileResult)]
    assert fields == ["found", "queued", "completed", "running", "local", "errored", "error_message", "size", "bytes_uploaded"]


def test_a_request_for_what_is_here_is_completed():
    """The document's reader goes on only if R.completed; the older program left it None."""
    uri = kcl.store_text("0123456789")
    result = kcl.request_file(uri, resource="example_resource", timeout_sec=10)
    assert (result.found, result.completed, result.local, result.size) == (True, True, True, 10)
    assert not result.queued and not result.running and not result.errored and result.error_message == ""
    assert kcl.load_text(uri) == "0123456789"


def test_a_request_for_a_linked_or_located_file_is_completed(file, tmp_path, monkeypatch):
    assert kcl.request_file(kcl.link_file(file), timeout_sec=1).completed
    uri = kcl.store_file_local(file, reference=True)
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "another"))
    assert kcl.request_file(uri, timeout_sec=1).size == 7


def test_a_request_that_would_have_to_be_sent_says_that_there_is_no_hub():
    uri = kcl.store_text("here")
    requests = [
        lambda: kcl.request_file(MISSING, timeout_sec=1),
        lambda: kcl.request_file(uri, timeout_sec=1, ignore_local=True),
        lambda: kcl.request_file(MISSING, timeout_sec=1, resource_url="http://127.0.0.1:9/r/x"),
    ]
    for request in requests:
        with pytest.raises(kachery.Unavailable) as raised:
            request()
        assert str(raised.value) == NO_HUB


# --- Directories and hashes


def test_a_temporary_directory_is_inside_the_store_and_goes_with_its_block(store_dir, monkeypatch):
    with kcl.TemporaryDirectory(prefix="mine") as path:
        assert Path(path).parent == store_dir and Path(path).name.startswith("mine_")
        Path(path, "f").write_text("x")
    assert not Path(path).exists()
    monkeypatch.setenv("KACHERY_CLOUD_KEEP_TEMP_FILES", "1")
    with kcl.TemporaryDirectory() as path:
        pass
    assert Path(path).is_dir()


def test_the_directory_is_the_one_that_is_used_and_is_made(store_dir, monkeypatch, tmp_path):
    assert kcl.get_kachery_cloud_dir() == str(store_dir)
    assert store_dir.is_dir()
    monkeypatch.delenv("KACHERY_DIR")
    monkeypatch.setenv("KACHERY_CLOUD_DIR", str(tmp_path / "gen2"))
    assert kcl.get_kachery_cloud_dir() == str(tmp_path / "gen2")
    kcl.store_text("t")
    assert (tmp_path / "gen2" / "sha1").is_dir()


# What version 0.4.10 gives.
SHA1_OF_DICT = [
    ({"a": 1.0, "b": [1.5, {"z": 2.0, "y": None}], "é": "ü"}, "c1e2cf6d694efd2d18dad3dcb62659e32cf78d1c"),
    ({"a": 1}, "9f89c740ceb46d7418c924a78ac57941d5e96520"),
    ({"a": 1.0}, "9f89c740ceb46d7418c924a78ac57941d5e96520"),
    ({"a": np.float64(1.0)}, "9f89c740ceb46d7418c924a78ac57941d5e96520"),
    ({"a": True}, "c60916fc0818fbda22bc6ce349b0360f18f62217"),
    ({"a": (1.0, 2)}, "db3ee9625e17513ddbd5ed0051b46c6bd85abc0f"),
    ({"a": 1e22}, "423e9ca68fe39231d2d33a3a5edeb715b6355df7"),
    ({"a": -0.0}, "9538984bf72dafdf35fa15b4f2e08e3e498febfb"),
    ({"a": b"x"}, "225e09b4b4ef4af417e2c97d8cad534feb68b90e"),
    ({"a": Decimal("1.0")}, "5fa46a3fc145802032414a85eee29088bf50717a"),
    ({1: 1, "a": 2}, "827da8659500f38e5386f99f8e5ad99e5d9f4266"),
    ({1.0: 2}, "a1a40a2bdbc5e512c6405d034b206c4cc74c5773"),
    ({None: 1}, "43d98470bd204f5a4bd2406ca661e8ed360998f1"),
    ([1.0], "f629ae44b7b3dcfed444d363e626edf411ec69a8"),
    (1.0, "356a192b7913b04c54574d18c28d46e6395428ab"),
]


@pytest.mark.parametrize(("value", "sha1"), SHA1_OF_DICT)
def test_the_hash_of_a_dict_is_that_of_the_older_program(value, sha1):
    assert kcl.sha1_of_dict(value) == sha1


def test_a_dict_without_a_json_form_has_no_hash():
    for number in (float("nan"), float("inf")):
        with pytest.raises(ValueError):
            kcl.sha1_of_dict({"a": [number]})
