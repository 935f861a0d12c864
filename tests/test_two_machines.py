"""Two machines and a hub: what is stored on one is loaded on the other, by every name, and is what it was.

A machine is a store of its own. The hub is a real one, on loopback; where it must not be asked, one that counts who comes.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path
from typing import Callable, Iterator

import pytest
from harness import INTERRUPTED, MISSING, OK, UNREACHABLE, USAGE, Program, sha1, wait_until, write
from hub import RunningHub, running_hub
from machine import Machine

import kachery
import kachery_client as kc
import kachery_cloud as kcl

NOWHERE = "sha1://" + "0" * 40
# Sizes at which a file begins to travel in another way, and some in between.
SIZES = [0, 1, 70_000, (1 << 20) - 1, 1 << 20, (1 << 20) + 1, 16 << 20, (16 << 20) + 1, 40_000_000]


@pytest.fixture(scope="module")
def hub(tmp_path_factory, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub"), open=True, program=program) as hub:
        yield hub


@pytest.fixture
def one(program: Program, hub: RunningHub, tmp_path: Path) -> Machine:
    return Machine(program, tmp_path / "one", hub.url)


@pytest.fixture
def other(program: Program, hub: RunningHub, tmp_path: Path) -> Machine:
    return Machine(program, tmp_path / "other", hub.url)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """Content that nobody else has stored."""
    return write(tmp_path / "a file.bin", b"content " + os.urandom(100))


# --- From one to the other


STORES: dict[str, Callable[[Path], str]] = {
    "kachery.store_file": lambda path: kachery.store_file(path),
    "kachery_client.store_file": lambda path: kc.store_file(path),
    "kachery_cloud.store_file": lambda path: kcl.store_file(path),
    "kachery_cloud.store_file, cached": lambda path: kcl.store_file(path, cache_locally=True),
    "kachery.upload_many": lambda path: kachery.upload_many([path])[0],
    "kachery.upload_many of a link": lambda path: kachery.upload_many([kachery.link_file(path)])[0],
}


@pytest.mark.parametrize("name", STORES)
def test_what_one_machine_stores_the_other_loads_by_every_name(one, other, file, name, tmp_path):
    with one.here():
        uri = STORES[name](file)
    content = file.read_bytes()
    assert kachery.URI(uri).digest == sha1(content)
    with other.here():
        assert Path(kachery.load_file(uri)).read_bytes() == content
        assert other.has(uri), "fetched once, it is here"
    for load in (kc.load_file, kcl.load_file):
        third = Machine(one.program, tmp_path / load.__module__, one.environment["KACHERY_GATEWAY_URL"])
        with third.here():
            assert Path(load(uri)).read_bytes() == content
            assert load(uri, dest=tmp_path / "copy") == str(tmp_path / "copy")
            assert (tmp_path / "copy").read_bytes() == content


def test_every_type_of_content_arrives_as_it_was(one, other):
    np = pytest.importorskip("numpy")
    array = np.random.default_rng(1).normal(size=(50, 40))
    values = {"text": f"text {os.urandom(8).hex()}\r\n", "json": {"a": [1, 2.5, None], "b": os.urandom(8).hex()},
              "npy": array, "pkl": {"x": array, "y": (1, "z")}}
    for module in (kachery, kc, kcl):
        for kind, value in values.items():
            with one.here():
                uri = getattr(module, f"store_{kind}")(value)
            with other.here():
                loaded = getattr(module, f"load_{kind}")(uri)
            assert repr(loaded) == repr(value), (module, kind)
    with one.here():
        uri = kachery.store_bytes(b"0123456789" + os.urandom(8))
    with other.here():
        assert kachery.load_bytes(uri, 2, 5) == b"234"


@pytest.mark.parametrize("size", SIZES)
def test_files_of_every_size_arrive_whole(one, other, tmp_path, size):
    content = random.Random(size).randbytes(size)
    path = write(tmp_path / "file", content)
    with one.here():
        uri = kcl.store_file(path)
    with other.here():
        with open(kachery.load_file(uri), "rb") as fetched:
            assert hashlib.file_digest(fetched, "sha1").hexdigest() == sha1(content)


def test_sha256_names_travel_too(one, other, file):
    with one.here():
        uri = kachery.store_file(file, algorithm="sha256")
    with other.here():
        assert kachery.load_bytes(uri) == file.read_bytes()


def test_file_objects_and_fsspec_fetch(one, other, tmp_path):
    fsspec = pytest.importorskip("fsspec")
    with one.here():
        opened, read = (kachery.store_text(f"a,b\n1,{os.urandom(4).hex()}\n", local=False) for _ in range(2))
    with other.here():
        with kachery.open(opened, "r") as text:
            assert text.readline() == "a,b\n"
        with fsspec.open(read, "r") as text:
            assert text.readline() == "a,b\n"
        assert kachery.info(opened).kind == "object"


def test_an_open_file_is_reopened_in_its_zone(one, other, file):
    import pickle

    with one.here():
        uri = kachery.store_file(file)
    with other.here():
        with kachery.open(uri) as opened:
            opened.read(3)
            pickled = pickle.dumps(opened)
    third = Machine(one.program, other.path.with_name("third"), one.environment["KACHERY_GATEWAY_URL"])
    with third.here(), pickle.loads(pickled) as again:
        assert again.read() == file.read_bytes()[3:]


def test_the_program_stores_and_loads(one, other, file, tmp_path):
    uri = one.run("store", file).expect(OK).uri
    assert other.run("info", uri, "--local").expect(MISSING)
    assert other.run("cat", uri).expect(OK).stdout == file.read_bytes()
    assert Path(other.run("load", uri, "--local").expect(OK).uri).read_bytes() == file.read_bytes()
    other.run("load", uri, "--dest", tmp_path / "copy").expect(OK)
    assert (tmp_path / "copy").read_bytes() == file.read_bytes()


@pytest.mark.parametrize(("store", "load"), [("kachery-store", "kachery-cat"), ("kachery-cloud-store", "kachery-cloud-cat")])
def test_the_older_commands_store_and_load(one, other, file, store, load):
    uri = one.run("--as", store, file).expect(OK).uri
    assert one.has(uri) == (store == "kachery-store"), "kachery-cloud keeps nothing here"
    assert other.run("--as", load, uri).expect(OK).stdout == file.read_bytes()


# --- Many at once


def test_what_a_zone_lacks_is_found_sent_and_fetched_in_batches(one, other, tmp_path):
    paths = [write(tmp_path / f"file {number}", os.urandom(100)) for number in range(150)]
    with one.here():
        uris = kachery.store_many(paths, local=True)
        assert kachery.find_missing(uris) == uris
        assert kachery.upload_many(uris[:50]) == uris[:50]
        assert kachery.find_missing(uris) == uris[50:]
        assert [uri.digest for uri in kachery.upload_many(paths[50:])] == [uri.digest for uri in uris[50:]]
        assert kachery.find_missing([*uris, NOWHERE]) == [NOWHERE]
    with other.here():
        found = kachery.fetch_many([str(uri) for uri in uris])
        assert [Path(path).read_bytes() for path in found] == [path.read_bytes() for path in paths]
        with pytest.raises(kachery.NotFound):
            kachery.fetch_many([*uris, NOWHERE])


# --- What stays here


def test_local_stays_local(one, other, file):
    calls = [lambda: kachery.store_file(file, local=True), lambda: kachery.link_file(file), lambda: kcl.store_file(file, local=True),
             lambda: kcl.store_file_local(file), lambda: kc.link_file(file)]
    for call in calls:
        with one.here():
            uri = call()
            assert kachery.find_missing([uri]) == [uri]
    one.run("store", file, "--local").expect(OK)
    one.run("link", file).expect(OK)
    with other.here():
        with pytest.raises(kachery.NotFound):
            kachery.load_file(uri)


@pytest.mark.parametrize("options", [{}, {"cache_locally": True}, {"local": True}])
def test_the_users_own_file_is_never_touched(one, file, options):
    """B1: cache_locally of the older program renamed a copy over it."""
    file.chmod(0o640)
    before = os.stat(file)
    with one.here():
        uri = kcl.store_file(file, **options)
        assert one.has(uri) == bool(options), "without an option it is in the zone only"
        assert kcl.load_file(uri, dest=one.path / "copy") is not None
    after = os.stat(file)
    assert (after.st_ino, after.st_mode, after.st_mtime_ns, after.st_ctime_ns) == \
           (before.st_ino, before.st_mode, before.st_mtime_ns, before.st_ctime_ns)


def test_nothing_is_left_of_what_was_only_made_to_be_sent(one):
    with one.here():
        uri = kcl.store_json({"a": os.urandom(8).hex()})
        assert not one.has(uri)
        left = [path for path in one.store.rglob("*") if path.is_file() and not path.name.endswith((".pem", ".lock"))]
        assert [path for path in left if not path.name.startswith("index.db")] == []


class Counter:
    """Listens like a hub, counts who comes, and says nothing."""

    def __init__(self) -> None:
        self.socket = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.socket.getsockname()[1]}"
        self.came: list[socket.socket] = []
        self.thread = threading.Thread(target=self._accept)

    def _accept(self) -> None:
        while True:
            connection, _ = self.socket.accept()
            self.came.append(connection)
            if self.stopping:
                return

    stopping = False

    def __enter__(self) -> Counter:
        self.thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stopping = True
        socket.create_connection(self.socket.getsockname()).close()
        self.thread.join()
        for connection in [*self.came, self.socket]:
            connection.close()


@pytest.fixture
def counter() -> Iterator[Counter]:
    with Counter() as counter:
        yield counter


def test_a_hit_in_the_local_store_asks_nobody(program, tmp_path, file, counter):
    machine = Machine(program, tmp_path / "machine", counter.url)
    linked = write(tmp_path / "linked", os.urandom(50))
    with machine.here():
        for uri in (kachery.store_file(file, local=True), kachery.link_file(linked)):
            for load in (kachery.load_file, kachery.load_bytes, kachery.info, kc.load_file, kcl.load_file):
                load(uri)
            kachery.open(uri).close()
            assert kcl.request_file(uri, timeout_sec=1).local
            kachery.URI(uri)._repr_html_()
            for words in (["load", uri], ["cat", uri], ["info", uri], ["--as", "kachery-cloud-load", uri], ["verify", uri]):
                machine.run(*words).expect(OK)
        kachery.URI(NOWHERE)._repr_html_()
        for load in (kc.load_file, kcl.load_file):
            assert load(NOWHERE, local_only=True) is None
        with pytest.raises(kachery.NotFound):
            kachery.load_text(NOWHERE, local_only=True)
        machine.run("load", NOWHERE, "--local").expect(MISSING)
    assert len(counter.came) == 0


# --- What is nowhere, and hubs that are not there


def test_a_miss_says_where_it_was_looked(one, hub, capfd):
    with one.here():
        for load in (kachery.load_file, kachery.open, kachery.info, kachery.load_json):
            with pytest.raises(kachery.NotFound, match=f"{hub.url}.*default|default.*{hub.url}"):
                load(NOWHERE)
        for load in (kc.load_text, kcl.load_text):
            assert load(NOWHERE) is None
            assert hub.url in capfd.readouterr().err
    outcome = one.run("load", NOWHERE).expect(MISSING)
    assert hub.url in outcome.stderr and str(one.store) in outcome.stderr


@pytest.fixture
def cut_off(program, tmp_path) -> Machine:
    with socket.create_server(("127.0.0.1", 0)) as free:
        url = f"http://127.0.0.1:{free.getsockname()[1]}"
    return Machine(program, tmp_path / "cut off", url)


def test_what_cannot_be_sent_is_stored_here_and_said_to_be(cut_off, file):
    with cut_off.here():
        with pytest.raises(kachery.Unavailable) as raised:
            kachery.store_file(file)
        uri = f"sha1://{sha1(file.read_bytes())}"
        assert f"{uri}/a file.bin: stored here" in str(raised.value)
        assert cut_off.environment["KACHERY_GATEWAY_URL"] in str(raised.value)
        assert kachery.load_bytes(uri, local_only=True) == file.read_bytes()
    outcome = cut_off.run("store", file).expect(UNREACHABLE)
    assert f"{uri}: stored here" in outcome.stderr and outcome.stdout == b""


def test_the_first_generations_names_note_once_that_there_is_no_hub(cut_off):
    done = cut_off.python("for number in range(30): print(kc.load_text(kc.store_text(str(number))))")
    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [str(number) for number in range(30)]
    assert done.stderr.count("stored here, and not in the zone") == 1 == done.stderr.count("\n")
    outcome = cut_off.run("--as", "kachery-store", "/etc/hosts").expect(OK)
    assert outcome.uri.startswith("sha1://") and "stored here" in outcome.stderr


def test_a_hub_that_is_not_there_is_no_miss(cut_off):
    """Whoever takes None for "compute it again" must not do so because the network is down."""
    with cut_off.here():
        for load in (kachery.load_file, kc.load_file, kcl.load_file, kcl.load_file_info):
            with pytest.raises(kachery.Unavailable):
                load(NOWHERE)
        with pytest.raises(kachery.Unavailable):
            kcl.store_text("not kept here")
    cut_off.run("load", NOWHERE).expect(UNREACHABLE)


@pytest.mark.parametrize("words", [["load", NOWHERE], ["store", "file"], ["whoami"], ["--as", "kachery-cloud-cat", NOWHERE]])
def test_a_hub_that_says_nothing_can_be_interrupted(program, tmp_path, counter, words):
    machine = Machine(program, tmp_path / "machine", counter.url)
    write(machine.path / "file", b"content")
    process = machine.start(*words)
    try:
        wait_until(lambda: counter.came != [] or process.poll() is not None, "it asks the hub")
        process.send_signal(signal.SIGINT)
        assert process.wait(3) == INTERRUPTED, process.stderr.read()
    finally:
        process.kill()
        process.communicate()


def test_python_that_waits_for_a_hub_can_be_interrupted(program, tmp_path, counter):
    machine = Machine(program, tmp_path / "machine", counter.url)
    code = f"import kachery\ntry: kachery.load_text({NOWHERE!r})\nexcept KeyboardInterrupt: print('stopped')"
    process = subprocess.Popen([sys.executable, "-c", code], env=machine.environment,
                               stdout=subprocess.PIPE, text=True)
    try:
        wait_until(lambda: counter.came != [] or process.poll() is not None, "it asks the hub", 20)
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=3)[0] == "stopped\n"
    finally:
        process.kill()
        process.wait()


@pytest.mark.parametrize("method", ["fork", "spawn"])
def test_child_processes_fetch_too(one, other, method, tmp_path):
    """A connection that the parent has open is not the child's."""
    with one.here():
        uris = [str(kachery.store_bytes(os.urandom(1000) + bytes([number]))) for number in range(6)]
    code = f"""
import multiprocessing
def last(uri): return kachery.load_bytes(uri)[-1]
if __name__ == "__main__":
    assert last({uris[0]!r}) == 0
    with multiprocessing.get_context({method!r}).Pool(3) as pool:
        print(pool.map(last, {uris[1:]!r}), last({uris[5]!r}))
"""
    path = write(tmp_path / "script.py", b"import kachery\n" + code.encode())
    done = subprocess.run([sys.executable, path], env=other.environment, capture_output=True, text=True, timeout=60)
    assert done.stdout == "[1, 2, 3, 4, 5] 5\n", done.stderr


def test_threads_fetch_at_once(one, other):
    from concurrent.futures import ThreadPoolExecutor

    with one.here():
        uris = [str(kachery.store_bytes(os.urandom(50_000) + bytes([number]))) for number in range(32)]
    with other.here(), ThreadPoolExecutor(8) as pool:
        contents = list(pool.map(kachery.load_bytes, [uri for uri in uris for _ in range(3)]))
    assert [content[-1] for content in contents] == [number for number in range(32) for _ in range(3)]


# --- Who is who; gen2's other functions


def test_a_machine_knows_who_it_is(one):
    with one.here():
        assert not kachery.whoami().registered
        assert kcl.get_client_info() is None
        kcl.init()
        who = kachery.whoami()
        info = kcl.get_client_info()
    assert who.registered and who.node == info["client"]["clientId"] and who.user == info["client"]["ownerId"]
    assert who.upload and who.download and not who.admin and who.zone == "default"
    lines = one.run("whoami").expect(OK).stdout.decode()
    assert who.node in lines and who.user in lines


def test_init_prints_what_the_older_program_printed(one, capsys):
    with one.here():
        for _ in range(2):
            kcl.init()
            lines = capsys.readouterr().out.splitlines()
            assert [line.partition(": ")[0] for line in lines] == ["Client ID", "Label", "Owner"]
            assert lines[0] == f"Client ID: {kcl.get_client_id()}"
    assert one.run("--as", "kachery-cloud-init").expect(OK).stdout.decode().splitlines() == lines


def test_info_is_of_the_zone(one, other, file):
    with one.here():
        here = kcl.store_file(file, local=True)
        assert kcl.load_file_info(here) is None, "what is here does not count"
        uri = kcl.store_file(file, label="l")
    with other.here():
        info = kcl.load_file_info(uri)
        assert info.pop("attestedBy")
        assert info == {"type": "findFile", "found": True, "size": file.stat().st_size, "zone": "default"}
        assert kcl.load_file(uri, _get_info=True)["found"]
        assert not other.has(uri)
    assert b'"size": %d' % file.stat().st_size in other.run("--as", "kachery-cloud-load-info", uri).expect(OK).stdout
    other.run("--as", "kachery-cloud-load-info", NOWHERE).expect(MISSING)


def test_a_request_for_what_the_zone_has_is_completed(one, other, file):
    with one.here():
        uri = kcl.store_file(file)
    with other.here():
        result = kcl.request_file(uri, timeout_sec=1, resource="lab")
        assert (result.found, result.completed, result.local, result.size) == (True, True, False, file.stat().st_size)
        with pytest.raises(kachery.NotFound, match="Resource not found in zone: lab"):
            kcl.request_file(NOWHERE, timeout_sec=1, resource="lab")
        with pytest.raises(kachery.Invalid, match="KACHERY_RESOURCE_URL"):
            kcl.request_file(uri, timeout_sec=1, ignore_bucket=True)


def test_only_an_admin_deletes_for_all(one, file):
    with one.here():
        uri = kcl.store_file(file)
        with pytest.raises(kachery.Denied):
            kcl.admin_delete_file(uri)
        assert kcl.load_file_info(uri) is not None


def test_what_one_has_stored_is_listed_and_taken_back(one, other, file):
    uri = one.run("store", file).expect(OK).uri
    bare = uri.partition("/a file")[0]
    listed = one.run("ls", "--mine").expect(OK).digests_of_lines()
    assert listed == [sha1(file.read_bytes())]
    other.run("init").expect(OK)
    assert sha1(file.read_bytes()) not in other.run("ls", "--mine").expect(OK).digests_of_lines()
    other.run("rm", "--zone", "default", uri).expect(MISSING)
    assert one.run("rm", "--zone", "default", uri).expect(OK).uri == bare
    assert one.run("ls", "--mine").expect(OK).stdout == b""
    other.run("load", uri).expect(MISSING)
    assert one.run("load", uri).expect(OK), "what is here stays"
    assert one.run("rm", uri, "--everybody").expect(USAGE)


def test_progress_tells_how_far_transfers_are(one, other, tmp_path):
    path = tmp_path / "large"
    with path.open("wb") as large:
        for _ in range(100):
            large.write(os.urandom(1 << 20))
    told: list[tuple[int, int]] = []
    with one.here():
        uri = kachery.upload_many([path], progress=lambda done, total: told.append((done, total)))[0]
    assert told, "it takes longer than a tenth of a second"
    told.clear()
    with other.here():
        kachery.load_file(uri, progress=lambda done, total: told.append((done, total)))
    assert told and all(0 <= done <= total for done, total in told if total)
