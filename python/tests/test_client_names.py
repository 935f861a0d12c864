"""kachery_client: the first generation's names, each with what its users would lose without it."""

from __future__ import annotations

import hashlib
import os
import stat
from pathlib import Path

import kachery
import kachery_client as kc
import numpy as np
import pytest
from signatures import signature_of

NO_HUB = "no hub is configured: set KACHERY_GATEWAY_URL to the address of one"
MISSING = "sha1://" + "0" * 40

# Names, order, kinds and defaults of the parameters, as gen1's version 1.2.0 had them.
SIGNATURES = {
    "store_file": "(path, basename=None)",
    "link_file": "(path, basename=None)",
    "store_text": "(text, basename=None)",
    "store_json": "(object, basename=None)",
    "store_npy": "(array, basename=None)",
    "store_pkl": "(x, basename=None)",
    "load_file": "(uri, dest=None, local_only=False, channel=None)",
    "load_bytes": "(uri, start, end, *, write_to_stdout=False, channel=None)",
    "load_text": "(uri, *, channel=None)",
    "load_json": "(uri, *, channel=None)",
    "load_npy": "(uri, *, channel=None)",
    "load_pkl": "(uri, *, channel=None)",
    "upload_file": "(path_or_uri, *, channel, single_chunk=False)",
    "upload_text": "(x, *, channel, basename=None, single_chunk=False)",
    "upload_json": "(x, *, channel, basename=None, single_chunk=False)",
    "upload_npy": "(x, *, channel, basename=None, single_chunk=False)",
    "upload_pkl": "(x, *, channel, basename=None, single_chunk=False)",
    "set": "(key, value, update=True)",
    "get": "(key)",
    "get_string": "(key)",
    "delete": "(key)",
    "parse_uri": "(uri)",
    "build_uri": "(uri_object)",
    "KacheryUri": "(*, algorithm, hash, filename)",
    "DirectClient": "(*, channel=None)",
    "DirectClient.load_file": "(self, uri, dest=None)",
    "DirectClient.load_json": "(self, uri)",
    "DirectClient.load_text": "(self, uri)",
    "DirectClient.load_npy": "(self, uri)",
    "DirectClient.load_pkl": "(self, uri)",
    "DirectClient.store_file": "(self, path, basename=None)",
    "DirectClient.store_text": "(self, text, basename=None)",
    "DirectClient.store_json": "(self, object, basename=None, separators=(',', ':'), indent=None)",
    "DirectClient.store_npy": "(self, array, basename=None)",
    "DirectClient.store_pkl": "(self, x, basename=None)",
    "EphemeralClient": "(*, channel=None)",
    "enable_ephemeral": "(enabled=True)",
    "config_ephemeral_node": "()",
    "setup_colab_ephemeral": "(config_file_path)",
    "TemporaryDirectory": "(*, remove=True, prefix='tmp')",
    "TemporaryDirectory.path": "(self)",
    "ShellScript": "(script, script_path=None, keep_temp_files=False, verbose=False, label='', redirect_output_to_stdout=False)",
    "ShellScript.substitute": "(self, old, new)",
    "ShellScript.write": "(self, script_path=None)",
    "ShellScript.start": "(self)",
    "ShellScript.wait": "(self, timeout=None)",
    "ShellScript.stop": "(self)",
    "ShellScript.kill": "(self)",
    "ShellScript.stopWithSignal": "(self, sig, timeout)",
    "ShellScript.elapsedTimeSinceStart": "(self)",
    "ShellScript.isRunning": "(self)",
    "ShellScript.isFinished": "(self)",
    "ShellScript.returnCode": "(self)",
    "ShellScript.scriptPath": "(self)",
    "_kachery_storage_dir": "()",
    "_kachery_temp_dir": "()",
    "main.get_node_id": "(daemon_port=None)",
}


@pytest.mark.parametrize("name", SIGNATURES)
def test_a_call_that_worked_works(name):
    assert signature_of(kc, name) == SIGNATURES[name]


def test_star_import_gives_every_name_that_the_older_one_gave():
    names = {}
    exec("from kachery_client import *", names)
    assert {name.partition(".")[0] for name in SIGNATURES} - {"main"} <= names.keys()
    assert kc.main.load_text is kc.load_text, "scripts also import from kachery_client.main"


@pytest.mark.parametrize("name", ["request_task", "taskfunction", "run_task_backend"])
def test_tasks_say_that_they_are_not_there_yet(name):
    with pytest.raises(AttributeError, match=f"kachery_client.{name}: tasks are not there yet"):
        getattr(kc, name)
    with pytest.raises(AttributeError, match="has no attribute"):
        kc.no_such_name


# --- Files


def test_dest_gets_a_copy_for_content_links_and_paths(tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(b"content")
    for number, name in enumerate([kc.store_text("content"), kc.link_file(path), str(path)]):
        dest = tmp_path / f"dest{number}"
        assert kc.load_file(name, str(dest)) == str(dest)
        assert dest.read_bytes() == b"content"
    assert kc.load_file(MISSING, dest=str(tmp_path / "none")) is None
    assert not (tmp_path / "none").exists(), "a miss leaves no file"


def test_load_bytes_works_for_content_links_and_paths(tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(b"0123456789")
    linked = tmp_path / "linked.bin"
    linked.write_bytes(b"abcdefghij")
    assert kc.load_bytes(kc.store_file(str(path)), 2, 5) == b"234"
    assert kc.load_bytes(kc.link_file(str(linked)), 2, 5) == b"cde"
    assert kc.load_bytes(str(path), 0, 10) == b"0123456789"
    with pytest.raises(kachery.Invalid, match="Invalid start/end range"):
        kc.load_bytes(str(path), 1, 11)


def test_all_kinds_of_content_load_from_a_path(tmp_path):
    np.save(tmp_path / "a.npy", np.arange(3))
    (tmp_path / "a.json").write_text('{"a":1}')
    (tmp_path / "a.txt").write_text("text")
    assert kc.load_npy(str(tmp_path / "a.npy")).tolist() == [0, 1, 2]
    assert kc.load_json(str(tmp_path / "a.json")) == {"a": 1}
    assert kc.load_text(str(tmp_path / "a.txt")) == "text"
    assert kc.load_file(str(tmp_path / "a.txt")) == str(tmp_path / "a.txt")
    for load in (kc.load_file, kc.load_text, lambda name: kc.load_bytes(name, 0, 1)):
        with pytest.raises(kachery.NotFound, match="Local file not found: .*none.txt"):
            load(str(tmp_path / "none.txt"))


def test_an_empty_file_can_be_stored_and_linked(tmp_path):
    (tmp_path / "empty").touch()
    for store in (kc.store_file, kc.link_file):
        uri = store(str(tmp_path / "empty"))
        assert uri == "sha1://da39a3ee5e6b4b0d3255bfef95601890afd80709/empty"
        assert kc.load_text(uri) == ""


def test_a_channel_is_not_asked_for_what_is_here(capfd):
    uri = kc.store_text("here")
    assert kc.load_text(uri, channel="somewhere") == "here"
    assert kc.load_bytes(uri, 0, 2, channel="somewhere") == b"he"
    assert Path(kc.load_file(uri, channel="somewhere")).read_text() == "here"
    assert capfd.readouterr().err == ""


def test_a_miss_in_a_channel_says_that_there_is_no_hub(capfd):
    assert kc.load_text(MISSING, channel="somewhere") is None
    assert capfd.readouterr().err.endswith(f"; {NO_HUB}\n")
    for load in (lambda: kc.load_text(MISSING), lambda: kc.load_file(MISSING, local_only=True, channel="somewhere")):
        assert load() is None
        assert "hub" not in capfd.readouterr().err, "nothing but this machine was asked for"


def test_a_large_file_has_a_manifest_of_its_chunks_in_its_uri(tmp_path):
    """The boundary is gen1's; the manifest is an object of its own, and the URI loads as any other."""
    for size in (20_000_000, 20_000_001):
        path = tmp_path / f"f{size}.bin"
        path.write_bytes(b"x" * size)
        for store in (kc.store_file, kc.link_file):
            uri = store(str(path))
            assert ("?manifest=" in uri) == (size > 20_000_000)
            assert kc.load_bytes(uri, size - 2, size) == b"xx"
    manifest = kc.load_json("sha1://" + uri.partition("?manifest=")[2])
    chunks = [hashlib.sha1(b"x" * 20_000_000).hexdigest(), hashlib.sha1(b"x").hexdigest()]
    assert [chunk["sha1"] for chunk in manifest["chunks"]] == chunks
    assert "?manifest=" in kc.store_npy(np.zeros(2_500_001))


def test_a_large_file_can_be_put_together_from_its_chunks(tmp_path):
    """What gen1 leaves in a store after a download in chunks: the manifest and the chunks, not the whole."""
    path = tmp_path / "large.bin"
    path.write_bytes(os.urandom(1000) * 20_001)
    uri = kc.store_file(str(path))
    whole = Path(kc.load_file(uri))
    for start in (0, 20_000_000):
        kachery.store_bytes(path.read_bytes()[start : start + 20_000_000])
    whole.unlink()
    assert kc.load_bytes(uri, 19_999_999, 20_000_001) == path.read_bytes()[19_999_999:20_000_001]
    assert Path(kc.load_file(uri)).read_bytes() == path.read_bytes()


UPLOADS = {
    "upload_text": ("some-random-text", "sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/l"),
    "upload_json": ({"a": [1, 2, {"b": 3}]}, "sha1://b8168a5eeb57ccf366f07c5768bfb169f46cb6d4/l"),
    "upload_npy": (np.ones((10, 20)), "sha1://31c37639082af94ff5e6210b81983aed168411e2/l"),
    "upload_pkl": ({"x": np.zeros((30, 40))}, "sha1://f831b1e56c9d4c68c998ae3fc890962356abe374/l"),
}


@pytest.mark.parametrize("name", UPLOADS)
def test_what_cannot_be_uploaded_is_stored_here_all_the_same(name, capfd):
    value, uri = UPLOADS[name]
    with pytest.raises(kachery.Unavailable) as raised:
        getattr(kc, name)(value, channel="c", basename="l", single_chunk=True)
    assert str(raised.value) == NO_HUB
    assert uri in capfd.readouterr().err
    assert kc.load_file(uri) is not None


def test_upload_file_takes_a_path_or_a_uri_of_what_is_here(tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(b"content")
    with pytest.raises(kachery.Unavailable, match=NO_HUB):
        kc.upload_file(str(path), channel="c")
    uri = f"sha1://{hashlib.sha1(b'content').hexdigest()}"
    assert kc.load_text(uri) == "content"
    with pytest.raises(kachery.Unavailable, match=NO_HUB):
        kc.upload_file(uri, channel="c")
    with pytest.raises(kachery.NotFound, match="not in the store"):
        kc.upload_file(MISSING, channel="c")


def test_a_hub_that_is_configured_is_named_and_not_said_to_be_missing(monkeypatch, capfd):
    monkeypatch.setenv("KACHERY_GATEWAY_URL", "http://127.0.0.1:9")
    with pytest.raises(kachery.Unavailable, match="127.0.0.1"):
        kc.upload_text("x", channel="c")
    said = capfd.readouterr().err
    assert "stored here, not uploaded" in said and "in the zone" not in said, "it is for the channel only"
    with pytest.raises(kachery.Unavailable, match="http://127.0.0.1:9"):
        kc.load_text(MISSING, channel="c")
    for call in (lambda: kc.load_text(MISSING, channel="no/name"), lambda: kc.upload_text("x", channel="no/name")):
        with pytest.raises(kachery.Invalid, match="no/name"):
            call()


# --- URIs


def test_a_uri_comes_apart_and_together():
    text = "sha1://" + "a" * 40 + "/file.txt"
    uri = kc.parse_uri(text)
    assert (uri.algorithm, uri.hash, uri.filename) == ("sha1", "a" * 40, "file.txt")
    assert kc.build_uri(uri) == text
    assert kc.build_uri(kc.KacheryUri(algorithm="sha1", hash="a" * 40, filename="file.txt")) == text
    assert uri == kc.KacheryUri(algorithm="sha1", hash="a" * 40, filename="file.txt")
    assert kc.parse_uri("sha1://" + "a" * 40).filename == ""


def test_the_manifest_of_a_uri_is_no_part_of_its_file_name():
    text = "sha1://" + "a" * 40 + "/large.dat?manifest=" + "b" * 40
    uri = kc.parse_uri(text)
    assert uri.filename == "large.dat"
    assert kc.build_uri(uri) == text, "nothing is lost on the way"


@pytest.mark.parametrize("text", ["sha1:/abc", "", "/a/path", "feed://" + "a" * 64 + "/x", "sha1://xyz"])
def test_what_is_no_uri_of_a_file_is_refused(text):
    with pytest.raises(kachery.Invalid):
        kc.parse_uri(text)


# --- Directories


def test_the_storage_directory_is_the_one_that_is_used(store_dir, monkeypatch, tmp_path):
    assert kc._kachery_storage_dir() == str(store_dir)
    monkeypatch.delenv("KACHERY_DIR")
    monkeypatch.setenv("KACHERY_STORAGE_DIR", str(tmp_path / "gen1"))
    assert kc._kachery_storage_dir() == str(tmp_path / "gen1")
    kc.store_text("x")
    assert (tmp_path / "gen1" / "sha1").is_dir()


def test_offline_everything_is_kept_in_the_directory_that_is_named(monkeypatch, tmp_path, capfd):
    monkeypatch.delenv("KACHERY_DIR")
    monkeypatch.setenv("KACHERY_OFFLINE_STORAGE_DIR", str(tmp_path / "offline"))
    assert kc._kachery_storage_dir() == str(tmp_path / "offline")
    (tmp_path / "f").write_text("linked")
    assert kc.load_text(kc.link_file(tmp_path / "f")) == "linked"
    uri = kc.store_text("offline")
    assert kc.load_text(uri) == "offline"
    assert Path(kc.load_file(uri)).is_relative_to(tmp_path / "offline")
    assert kc.set("k", 1) and kc.get("k") == 1
    assert capfd.readouterr().err == ""
    assert kc.load_text(MISSING, channel="c") is None
    assert "KACHERY_OFFLINE_STORAGE_DIR is set" in capfd.readouterr().err


def test_a_temporary_directory_goes_with_its_block(tmp_path, monkeypatch):
    monkeypatch.setenv("KACHERY_TEMP_DIR", str(tmp_path / "temp"))
    with kc.TemporaryDirectory(prefix="mine") as path:
        Path(path, "f").write_text("x")
        Path(path, "d").mkdir()
        assert Path(path).parent == tmp_path / "temp"
        assert Path(path).name.startswith("mine_")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o700
    assert not Path(path).exists()


def test_a_temporary_directory_stays_if_it_is_asked_to(tmp_path, monkeypatch):
    monkeypatch.setenv("KACHERY_TEMP_DIR", str(tmp_path))
    temporary = kc.TemporaryDirectory(remove=False)
    with pytest.raises(kachery.Invalid):
        temporary.path()
    with temporary as path:
        assert temporary.path() == path
    assert Path(path).is_dir()
    monkeypatch.setenv("KACHERY_KEEP_TEMP_FILES", "1")
    with kc.TemporaryDirectory() as path:
        pass
    assert Path(path).is_dir()


def test_the_temporary_place_of_one_user_is_not_that_of_another(tmp_path, monkeypatch):
    """On a machine of several people, one fixed name would belong to whoever came first."""
    import tempfile

    monkeypatch.delenv("KACHERY_TEMP_DIR", raising=False)
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    path = Path(kc._kachery_temp_dir())
    assert path.parent == tmp_path
    assert path.name.endswith(str(os.getuid()))
    assert stat.S_IMODE(path.stat().st_mode) == 0o700
    path.rmdir()
    path.symlink_to("/")
    if os.getuid() != 0:
        pytest.skip("only root can make what belongs to somebody else")
    os.lchown(path, 12345, 12345)
    with pytest.raises(kachery.Denied, match="KACHERY_TEMP_DIR"):
        kc._kachery_temp_dir()


# --- Clients without a daemon


def test_a_direct_client_stores_and_loads(tmp_path, capfd):
    client = kc.DirectClient(channel="c")
    path = tmp_path / "f.bin"
    path.write_bytes(b"abc")
    uri = client.store_file(str(path))
    assert uri == "sha1://a9993e364706816aba3e25717850c26c9cd0d89d/file.dat"
    assert client.store_file(str(path), "b.x").endswith("/b.x")
    assert Path(client.load_file(uri)).read_bytes() == b"abc"
    assert client.load_file(uri, dest=str(tmp_path / "dest")) == str(tmp_path / "dest")
    assert client.load_text(client.store_text("t")) == "t"
    assert client.store_text("t").endswith("/file.txt")
    assert client.load_json(client.store_json({"b": 1, "a": 2})) == {"b": 1, "a": 2}
    assert client.load_text(client.store_json([1], "l", (", ", ": "), 1)) == "[\n 1\n]"
    assert client.load_npy(client.store_npy(np.arange(2))).tolist() == [0, 1]
    assert client.load_pkl(client.store_pkl({"a": (1,)})) == {"a": (1,)}
    assert capfd.readouterr().err == ""
    for load in (client.load_file, client.load_text, client.load_json, client.load_npy, client.load_pkl):
        assert load(MISSING) is None
        assert NO_HUB in capfd.readouterr().err


def test_the_ephemeral_client_is_a_direct_client():
    with pytest.warns(DeprecationWarning, match="use DirectClient"):
        client = kc.EphemeralClient()
    assert isinstance(client, kc.DirectClient)
    assert client.load_text(client.store_text("t")) == "t"


def test_enable_ephemeral_changes_nothing_that_worked():
    kc.enable_ephemeral()
    uri = kc.store_text("t")
    kc.enable_ephemeral(False)
    assert kc.load_text(uri) == "t"
