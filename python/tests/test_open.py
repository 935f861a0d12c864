"""File objects of `kachery.open`: every byte at its place, for whatever reads files, in threads and after forks."""

from __future__ import annotations

import gzip
import io
import multiprocessing
import os
import pickle
import random
import sys
import tarfile
import threading
import time
import zipfile
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import kachery
import pytest


@pytest.fixture
def content() -> bytes:
    return os.urandom(300_000)


@pytest.mark.parametrize("size", [0, 1, 65535, 65536, 65537, (16 << 20) - 1, 16 << 20, (16 << 20) + 1])
def test_files_of_all_sizes_read_as_they_are(size):
    content = os.urandom(size)
    with kachery.open(kachery.store_bytes(content)) as file:
        assert (file.size, file.read(), file.read(), file.tell()) == (size, content, b"", size)
        assert file.seek(0) == 0
        assert b"".join(iter(lambda: file.read(100_003), b"")) == content


def test_every_place_can_be_read_in_any_order(content):
    rng = random.Random(1)
    reference = io.BytesIO(content)
    with kachery.open(kachery.store_bytes(content)) as file:
        for _ in range(3000):
            whence = rng.randrange(3)
            at = {0: rng.randrange(310_000), 1: rng.randrange(1000), 2: -rng.randrange(300_000)}[whence]
            assert file.seek(at, whence) == reference.seek(at, whence)
            count = rng.choice([0, 1, 7, 1000, 100_000])
            method = rng.choice(["read", "read1", "peek", "readinto", "readline"])
            if method == "readinto":
                ours, theirs = bytearray(count), bytearray(count)
                assert file.readinto(ours) == reference.readinto(theirs)
                assert ours == theirs
            elif method == "peek":
                ahead = file.peek(10)
                assert content[file.tell() :][: len(ahead)] == ahead
                assert ahead or file.tell() >= len(content)
            elif method == "read1":
                got = file.read1(count)
                assert got == reference.read(len(got))
                assert got or not count or file.tell() >= len(content)
            else:
                assert getattr(file, method)(count) == getattr(reference, method)(count)
            assert file.tell() == reference.tell()


def test_it_is_a_file_for_reading_only(content):
    uri = kachery.store_bytes(content, label="some.bin")
    file = kachery.open(uri)
    assert (file.readable(), file.seekable(), file.writable()) == (True, True, False)
    assert (file.name, file.uri, file.mode) == (uri, uri, "rb")
    assert isinstance(file, io.BufferedReader)
    for refused in (lambda: file.write(b"x"), lambda: file.truncate(0), file.fileno):
        with pytest.raises(io.UnsupportedOperation):
            refused()
    with pytest.raises(ValueError):
        file.seek(-1)
    with pytest.raises(ValueError):
        file.seek(0, 3)
    file.close()
    file.close()
    for ended in (file.read, file.tell, lambda: file.seek(0), lambda: file.raw.readinto(bytearray(1))):
        with pytest.raises(ValueError):
            ended()


@pytest.mark.parametrize("mode", ["w", "wb", "a", "r+", "x", "rw", ""])
def test_writing_is_refused(mode):
    uri = kachery.store_text("text")
    with pytest.raises(kachery.Invalid, match="never changes"):
        kachery.open(uri, mode)
    with pytest.raises(kachery.Invalid, match='"r"'):
        kachery.open(uri, "rb", encoding="utf-8")


def test_text_reads_as_with_the_built_in_open(tmp_path):
    text = "one\r\ntwo\rthree\n\N{SNOWMAN}"
    path = tmp_path / "text"
    for encoding in ("utf-8", "utf-16"):
        path.write_bytes(text.encode(encoding))
        uri = kachery.store_file(path)
        for newline in (None, "", "\n", "\r\n"):
            with open(path, encoding=encoding, newline=newline) as theirs:
                with kachery.open(uri, "r", encoding=encoding, newline=newline) as ours:
                    assert list(ours) == list(theirs)
    uri = kachery.store_bytes(b"\xff")
    with kachery.open(uri, "r") as file, pytest.raises(UnicodeDecodeError):
        file.read()
    with kachery.open(uri, "rt", errors="replace") as file:
        assert file.read() == "\N{REPLACEMENT CHARACTER}"


def test_paths_and_links_open_too(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    for name in (str(path), kachery.link_file(path)):
        with kachery.open(name) as file:
            assert file.read() == content
    with pytest.raises(kachery.Invalid, match="is a directory"):
        kachery.open(str(tmp_path))


@pytest.mark.parametrize("name", ["sha1://" + "0" * 40, "sha256://" + "0" * 64, "/nowhere/at/all"])
def test_what_is_not_there_is_a_file_not_found(name):
    with pytest.raises(FileNotFoundError) as caught:
        kachery.open(name)
    assert isinstance(caught.value, kachery.NotFound)
    assert name.removeprefix("sha1://") in str(caught.value)


def test_damaged_content_is_not_opened(content):
    uri = kachery.store_bytes(content)
    path = Path(kachery.load_file(uri))
    path.chmod(0o644)
    path.write_bytes(content[:-1] + bytes([content[-1] ^ 1]))
    with pytest.raises(kachery.Corrupt, match="damaged"):
        kachery.open(uri)


def test_content_that_is_here_in_chunks_only_is_read_by_them(tmp_path, monkeypatch):
    """The first kachery kept large files as chunks of 20,000,000 bytes, named by a manifest."""
    chunk_bytes = 20_000_000
    content = os.urandom(1 << 20) * 40
    uri = kachery.store_bytes(content)
    manifest = kachery.load_bytes("sha1://" + kachery._session.current().manifest(uri.digest))
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "other"))
    for start in range(0, len(content), chunk_bytes):
        kachery.store_bytes(content[start : start + chunk_bytes])
    with kachery.open(f"{uri}?manifest={kachery.store_bytes(manifest).digest}") as file:
        assert file.size == len(content)
        file.seek(chunk_bytes - 5)
        assert file.read(10) == content[chunk_bytes - 5 : chunk_bytes + 5]
        file.seek(0)
        assert file.read() == content


def test_what_was_opened_stays_what_it_was(tmp_path, content):
    """A stored file that goes away, or is replaced, does not change what is being read."""
    uri = kachery.store_bytes(content)
    with kachery.open(uri) as file:
        path = Path(kachery.load_file(uri))
        (tmp_path / "other").write_bytes(b"x" * len(content))
        os.replace(tmp_path / "other", path)
        assert file.read() == content


def test_a_linked_file_that_changes_is_not_read_on(tmp_path, content):
    path = tmp_path / "file"
    path.write_bytes(content)
    os.utime(path, ns=(10**18, 10**18))
    uri = kachery.link_file(path)
    for change in (lambda: path.write_bytes(content[::-1]), lambda: os.truncate(path, 200_000)):
        path.write_bytes(content)
        os.utime(path, ns=(10**18, 10**18))
        with kachery.open(uri) as file:
            assert file.read(10) == content[:10]
            change()
            file.seek(250_000)
            with pytest.raises(kachery.Corrupt, match="chang|end"):
                file.read(10)


def test_a_pickled_file_opens_anew_where_it_was(tmp_path, monkeypatch, content):
    (tmp_path / "file").write_bytes(content)
    monkeypatch.chdir(tmp_path)
    for name in (kachery.store_bytes(content), "file"):
        file = kachery.open(name)
        file.seek(100)
        for protocol in range(pickle.HIGHEST_PROTOCOL + 1):
            pickled = pickle.dumps(file, protocol)
            monkeypatch.chdir("/")
            with pickle.loads(pickled) as again:
                assert again.read() == content[100:]
            monkeypatch.chdir(tmp_path)
        assert file.read() == content[100:]
    text = kachery.open(kachery.store_text("one\r\ntwo\r\n".encode("utf-16").decode("latin-1")), "r", newline="")
    text.read(3)
    with pickle.loads(pickle.dumps(text)) as again:
        assert again.read() == text.read()


def test_archives_are_read_from_it(tmp_path):
    data = {f"part{i}": os.urandom(50_000) for i in range(5)}
    with zipfile.ZipFile(tmp_path / "a.zip", "w") as made, tarfile.open(tmp_path / "a.tgz", "w:gz") as packed:
        for name, part in data.items():
            made.writestr(name, part)
            entry = tarfile.TarInfo(name)
            entry.size = len(part)
            packed.addfile(entry, io.BytesIO(part))
    with kachery.open(kachery.store_file(tmp_path / "a.zip")) as file, zipfile.ZipFile(file) as read:
        assert {name: read.read(name) for name in reversed(read.namelist())} == data
    with kachery.open(kachery.store_file(tmp_path / "a.tgz")) as file, tarfile.open(fileobj=file) as read:
        assert {member.name: read.extractfile(member).read() for member in read} == data
    with kachery.open(kachery.store_bytes(gzip.compress(b"x" * 10**6))) as file, gzip.open(file) as read:
        assert read.read() == b"x" * 10**6


def test_arrays_are_read_from_it():
    np = pytest.importorskip("numpy")
    array = np.arange(3_000_000, dtype=np.int32).reshape(3, -1)
    with kachery.open(kachery.store_npy(array)) as file:
        np.testing.assert_array_equal(np.load(file), array)
        assert file.read() == b""
        file.seek(0)
        np.testing.assert_array_equal(np.load(file), array)


@pytest.fixture
def no_switching():
    """No thread is made to give the interpreter's lock away: others run only while it is released."""
    interval = sys.getswitchinterval()
    sys.setswitchinterval(100)
    yield
    sys.setswitchinterval(interval)


def test_other_threads_run_while_one_reads(tmp_path, no_switching):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(512 << 20)
    space = bytearray(1 << 20)
    with kachery.open(str(tmp_path / "large")) as file:

        def read() -> None:
            while file.readinto(space):
                pass

        worker = threading.Thread(target=read)
        worker.start()
        turns = 0
        while worker.is_alive():
            turns += 1
            time.sleep(0.0005)
    assert turns > 10, "the interpreter's lock was held"


def test_threads_read_at_once_through_objects_of_their_own(content):
    uri = kachery.store_bytes(content)

    def read(seed: int) -> bool:
        rng = random.Random(seed)
        with kachery.open(uri) as file:
            for _ in range(300):
                at, count = rng.randrange(len(content)), rng.randrange(70_000)
                file.seek(at)
                if file.read(count) != content[at : at + count]:
                    return False
        return True

    with ThreadPoolExecutor(8) as pool:
        assert all(pool.map(read, range(8)))


def test_closing_while_another_thread_reads_harms_nobody(tmp_path):
    with open(tmp_path / "large", "wb") as file:
        file.truncate(1 << 30)
    space = bytearray(16 << 20)

    def read_on(raw: io.RawIOBase) -> None:
        with pytest.raises(ValueError, match="closed"):
            for _ in range(10**6):
                raw.seek(0)
                raw.readinto(space)

    with ThreadPoolExecutor(1) as pool:
        for turn in range(20):
            raw = kachery.open(str(tmp_path / "large")).raw
            reading = pool.submit(read_on, raw)
            time.sleep(turn / 2000)
            raw.close()
            reading.result(30)


def rest_of(file: kachery.ContentFile) -> bytes:
    return file.read()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_processes_get_files_by_pickle(method, content):
    file = kachery.open(kachery.store_bytes(content))
    file.seek(1000)
    with multiprocessing.get_context(method).Pool(2) as pool:
        assert pool.map_async(rest_of, [file] * 3).get(60) == [content[1000:]] * 3
    assert file.read() == content[1000:]


def test_a_file_that_was_open_before_a_fork_is_read_by_both(content):
    file = kachery.open(kachery.store_bytes(content))
    assert file.read(10) == content[:10]
    child = os.fork()
    if child == 0:
        os._exit(0 if file.read() == content[10:] else 1)
    assert file.read() == content[10:], "the child's reading moved the parent's place"
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_forks_while_other_threads_transfer_end_well(tmp_path, content):
    """Locks that another thread held at the moment of the fork stay held in the child for ever: it must need none."""
    uri = kachery.store_bytes(content)
    stop = threading.Event()
    failures: list[BaseException] = []

    def keep_busy(number: int) -> None:
        try:
            for turn in range(10**9):
                if stop.is_set():
                    return
                kachery.store_bytes(b"%d %d" % (number, turn) + content)
                with kachery.open(uri) as file:
                    file.read()
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=keep_busy, args=(number,)) for number in range(2)]
    for thread in threads:
        thread.start()
    try:
        for turn in range(40):
            child = os.fork()
            if child == 0:
                try:
                    text = f"child {turn}"
                    good = kachery.load_text(kachery.store_text(text)) == text and kachery.open(uri).read() == content
                    os._exit(0 if good else 1)
                finally:
                    os._exit(2)
            deadline = time.monotonic() + 60
            while (ended := os.waitpid(child, os.WNOHANG))[0] == 0:
                if time.monotonic() > deadline:
                    os.kill(child, 9)
                    os.waitpid(child, 0)
                    pytest.fail(f"the child of fork {turn} waits for ever")
                time.sleep(0.002)
            assert os.waitstatus_to_exitcode(ended[1]) == 0
    finally:
        stop.set()
        for thread in threads:
            thread.join(60)
    assert failures == []
