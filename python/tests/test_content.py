"""Storing and loading through `kachery`: files, paths, damage, refusals, signals, forks."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import kachery
import pytest


def damage(uri: str) -> None:
    path = Path(kachery.load_file(uri))
    path.chmod(0o644)
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


@pytest.mark.parametrize("size", [0, 1, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 5 << 20])
@pytest.mark.parametrize("algorithm", ["sha1", "sha256"])
def test_files_of_all_sizes_come_back(tmp_path, size, algorithm):
    content = os.urandom(size)
    (tmp_path / "f").write_bytes(content)
    uri = kachery.store_file(tmp_path / "f", algorithm=algorithm)
    assert uri == f"{algorithm}://{hashlib.new(algorithm, content).hexdigest()}/f"
    assert kachery.load_bytes(uri) == content
    assert Path(kachery.load_file(uri)).read_bytes() == content
    destination = tmp_path / "copy"
    assert kachery.load_file(uri, dest=destination) == str(destination)
    assert destination.read_bytes() == content
    assert os.access(destination, os.W_OK)


def test_batches_keep_their_order(tmp_path):
    paths = []
    for i in range(40):
        paths.append(tmp_path / f"f{i}")
        paths[-1].write_text(f"content {i % 30}")
    uris = kachery.store_many(paths)
    assert [kachery.load_text(uri) for uri in uris] == [f"content {i % 30}" for i in range(40)]
    assert kachery.link_many(paths) == uris


def test_names_of_any_bytes(tmp_path):
    for name in (b"a b", b"q?#%", b"new\nline", b"\xff\x80"):
        path = os.path.join(os.fsencode(tmp_path), name)
        with open(path, "wb") as file:
            file.write(name)
        for uri in (kachery.store_file(path), kachery.link_file(path)):
            assert "\n" not in uri
            uri.encode("ascii" if name != b"\xc3" else "utf-8")
            assert kachery.load_bytes(uri) == name


def test_paths_are_names_too(tmp_path):
    (tmp_path / "t.txt").write_text("text")
    assert kachery.load_text(str(tmp_path / "t.txt")) == "text"
    with pytest.raises(kachery.NotFound, match="none.txt"):
        kachery.load_file(str(tmp_path / "none.txt"))
    with pytest.raises(kachery.Invalid, match="is a directory"):
        kachery.load_file(str(tmp_path))
    with pytest.raises(kachery.Invalid, match="is a directory"):
        kachery.store_file(tmp_path)


@pytest.mark.parametrize("uri", ["sha1://", "sha1://zz", "md5://" + "0" * 32, "sha1://" + "0" * 41, "sha256://" + "0" * 40])
def test_what_is_no_uri_is_refused(uri):
    with pytest.raises(kachery.Invalid, match="not a kachery URI"):
        kachery.load_text(uri)


def test_damaged_content_is_never_given_out(capfd):
    uri = kachery.store_text("text " * 1000)
    damage(uri)
    import kachery_client
    import kachery_cloud

    for load in (kachery.load_text, kachery.load_bytes, kachery.load_file, kachery_client.load_text, kachery_cloud.load_file):
        with pytest.raises(kachery.Corrupt, match="damaged"):
            load(uri)
    with pytest.raises(kachery.Corrupt):
        kachery.load_bytes(uri, 0, 3)
    assert capfd.readouterr().out == ""
    assert kachery.load_text(kachery.store_text("text " * 1000)) == "text " * 1000, "storing it again mends it"


def test_content_of_another_kind_is_said_to_be_so():
    uri = kachery.store_bytes(b"\xff\xfe")
    with pytest.raises(kachery.Corrupt, match="not text"):
        kachery.load_text(uri)
    with pytest.raises(kachery.Corrupt, match="not JSON"):
        kachery.load_json(kachery.store_text("{"))
    with pytest.raises(kachery.Corrupt):
        kachery.load_json(kachery.store_text("[" * 100_000))
    with pytest.raises(kachery.KacheryError):
        kachery.load_npy(uri)
    with pytest.raises(kachery.KacheryError):
        kachery.load_pkl(uri)


def test_a_pickle_that_runs_code_is_refused(tmp_path):
    evil = b"cos\nsystem\n(S'touch " + os.fsencode(tmp_path / "ran") + b"'\ntR."
    with pytest.raises(kachery.Denied, match="system"):
        kachery.load_pkl(kachery.store_bytes(evil))
    assert not (tmp_path / "ran").exists()


def test_arrays_can_be_changed():
    import numpy as np

    loaded = kachery.load_npy(kachery.store_npy(np.arange(5)))
    loaded[0] = 7
    assert loaded.tolist() == [7, 1, 2, 3, 4]
    large = np.arange(3_000_000, dtype=np.float32)
    np.testing.assert_array_equal(kachery.load_npy(kachery.store_npy(large)), large)


def test_progress_is_told(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 30)
    seen: list[tuple[int, int]] = []
    kachery.link_file(tmp_path / "large", progress=lambda done, total: seen.append((done, total)))
    assert seen
    assert all(0 <= done <= total == 1 << 30 for done, total in seen)


def test_an_exception_in_progress_stops_the_work(tmp_path, store_dir):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(4 << 30)

    def stop(done: int, total: int) -> None:
        raise RuntimeError("enough")

    with pytest.raises(RuntimeError, match="enough"):
        kachery.link_file(tmp_path / "large", progress=stop)
    assert not (store_dir / "linked_files").exists()


def test_other_threads_run_meanwhile(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 30)
    worker = threading.Thread(target=kachery.link_file, args=(tmp_path / "large",))
    worker.start()
    turns = 0
    while worker.is_alive():
        turns += 1
        time.sleep(0.001)
    assert turns > 20, "the interpreter's lock was held"


def test_control_c_stops_at_once_and_leaves_nothing(tmp_path, store_dir):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(64 << 30)
    code = f"import kachery; print('go', flush=True); kachery.link_file({str(tmp_path / 'large')!r})"
    child = subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    assert child.stdout.readline() == "go\n"
    time.sleep(0.3)
    begun = time.monotonic()
    child.send_signal(signal.SIGINT)
    _, errors = child.communicate(timeout=30)
    assert "KeyboardInterrupt" in errors
    assert time.monotonic() - begun < 5
    assert not (store_dir / "linked_files").exists()


def store_and_load(text: str) -> str:
    return kachery.load_text(kachery.store_text(text))


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_child_processes_work_while_the_parent_does(method, tmp_path):
    large = tmp_path / "large"
    large.write_bytes(os.urandom(20 << 20))
    kachery.store_file(large)  # The parent's session, database and all, is open.
    with multiprocessing.get_context(method).Pool(4) as pool:
        texts = [f"text {i}" for i in range(50)]
        assert pool.map(store_and_load, texts) == texts
    assert store_and_load("and the parent goes on") == "and the parent goes on"
    assert kachery.load_bytes(kachery.store_file(large)) == large.read_bytes()


def test_a_fork_in_the_middle_of_writing_harms_nobody(store_dir):
    """The child has a copy of the parent's unfinished writer; its end must not take the parent's file away."""
    code = (
        "import os, kachery, kachery._session as s\n"
        "w = s.current().writer('sha1')\n"
        "w.write(b'x' * (3 << 20))\n"
        "pid = os.fork()\n"
        "if pid == 0:\n"
        "    raise SystemExit(0)\n"
        "os.waitpid(pid, 0)\n"
        "w.write(b'y')\n"
        "print(w.commit()[0])\n"
    )
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert out == hashlib.sha1(b"x" * (3 << 20) + b"y").hexdigest()
    assert hashlib.sha1(kachery.load_bytes("sha1://" + out)).hexdigest() == out


def test_the_environment_counts_at_each_call(tmp_path, monkeypatch):
    uri = kachery.store_text("here")
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "other"))
    with pytest.raises(kachery.NotFound):
        kachery.load_text(uri)
    monkeypatch.delenv("KACHERY_DIR")
    monkeypatch.setenv("KACHERY_STORAGE_DIR", str(tmp_path / "store"))
    assert kachery.load_text(uri) == "here"


def test_import_is_quick_and_without_numpy():
    code = "import sys, kachery, kachery_client, kachery_cloud; print(sorted({'numpy', 'json', 'simplejson', 'pickle'} & set(sys.modules)))"
    out = subprocess.run([sys.executable, "-I", "-c", code], capture_output=True, text=True, check=True).stdout
    assert out.strip() == "[]"


def test_an_unwritable_store_is_a_clear_refusal(tmp_path, monkeypatch):
    monkeypatch.setenv("KACHERY_DIR", "/proc/nowhere/store")
    with pytest.raises(kachery.KacheryError, match="/proc/nowhere"):
        kachery.store_text("x")
