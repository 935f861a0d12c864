"""A command that is told to stop stops within a second and leaves nothing; what a killed one leaves goes later."""

from __future__ import annotations

import hashlib
import os
import shutil
import signal
import subprocess
import time
from pathlib import Path
from typing import Callable, Iterator

import pytest

from harness import INTERRUPTED, Store, sha1, wait_until, write

SIGNALS = pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM], ids=lambda number: number.name)
STOP_MAX_S = 1.0
LARGE = 3 << 30  # Takes seconds to hash. With a hole, so that it takes no time to make.
OBJECT = 512 << 20
DAY_S = 24 * 3600


@pytest.fixture(scope="module")
def zeros_digest() -> str:
    hasher = hashlib.sha1()
    for _ in range(OBJECT >> 20):
        hasher.update(bytes(1 << 20))
    return hasher.hexdigest()


@pytest.fixture
def large_object(store, zeros_digest) -> str:
    """An object that takes a while to read: zeros, and no space for them."""
    path = store.object(zeros_digest)
    path.parent.mkdir(parents=True)
    with path.open("wb") as file:
        file.truncate(OBJECT)
    return zeros_digest


@pytest.fixture
def large(tmp_path) -> Path:
    path = tmp_path / "large"
    with path.open("wb") as file:
        file.truncate(LARGE)
    return path


def stop(process: subprocess.Popen, number: signal.Signals) -> tuple[int, bytes, float]:
    """Sends the signal; gives the exit code, what is on stdout, and how long it took."""
    begun = time.monotonic()
    process.send_signal(number)
    try:
        code = process.wait(10)
    except subprocess.TimeoutExpired:
        process.kill()
        raise AssertionError(f"still running 10 s after {number.name}") from None
    took = time.monotonic() - begun
    return code, process.stdout.read() if process.stdout else b"", took


def assert_stops(store: Store, process: subprocess.Popen, number: signal.Signals) -> None:
    with process:
        code, printed, took = stop(process, number)
    assert code == INTERRUPTED
    assert printed == b"", "something was acknowledged"
    assert took <= STOP_MAX_S, f"it took {took:.1f} s"
    assert not store.sessions(), f"temporaries were left: {store.temporaries()}"
    store.assert_sound()


def has_session(store: Store) -> bool:
    return any((store.path / "tmp" / name / "0").exists() for name in store.sessions())


@pytest.fixture
def begin(store) -> Iterator[Callable[..., subprocess.Popen]]:
    """Starts a command, which does not outlive the test."""
    begun: list[subprocess.Popen] = []

    def start(command: str, *arguments, **options) -> subprocess.Popen:
        begun.append(store.program.start(command, "--dir", store.path, "-q", *arguments, **options))
        return begun[-1]

    yield start
    for process in begun:
        with process:
            process.kill()


@SIGNALS
def test_a_large_store_stops(store, begin, large, number):
    process = begin("store", large)
    wait_until(lambda: has_session(store), "it has begun to write")
    assert_stops(store, process, number)
    assert not store.digests()


@SIGNALS
def test_a_batch_stops(store, begin, large, tmp_path, number):
    process = begin("store", *(write(tmp_path / str(i), b"%d" % i) for i in range(30)), large)
    wait_until(lambda: has_session(store), "it has begun to write")
    assert_stops(store, process, number)
    assert not store.digests()


@SIGNALS
def test_a_large_link_stops(store, begin, large, number):
    process = begin("link", large)
    wait_until(lambda: reads_from(process, large), "it has begun to read")
    assert_stops(store, process, number)
    assert not list(store.records())


def reads_from(process: subprocess.Popen, path: Path) -> bool:
    try:
        return any(os.readlink(entry.path) == str(path) for entry in os.scandir(f"/proc/{process.pid}/fd"))
    except OSError:
        return False


def is_waiting(process: subprocess.Popen) -> bool:
    """Asleep in a system call."""
    return Path(f"/proc/{process.pid}/stat").read_text().rsplit(")", 1)[1].split()[0] == "S"


@SIGNALS
def test_a_store_that_waits_for_standard_input_stops(store, begin, number):
    read_end, write_end = os.pipe()
    process = begin("store", "-", stdin=read_end)
    os.write(write_end, b"the beginning")
    wait_until(lambda: (store.path / "index.db").exists() and is_waiting(process), "it waits")
    assert_stops(store, process, number)
    os.close(write_end)
    os.close(read_end)


@SIGNALS
def test_a_store_of_a_pipe_that_has_no_writer_stops(store, begin, tmp_path, number):
    os.mkfifo(tmp_path / "pipe")
    process = begin("store", tmp_path / "pipe")
    wait_until(lambda: (store.path / "index.db").exists() and is_waiting(process), "it waits")
    assert_stops(store, process, number)


@SIGNALS
def test_a_list_of_names_that_does_not_come_is_no_reason_to_stay(store, begin, number):
    process = begin("store", "--from", "-", stdin=subprocess.PIPE)
    wait_until(lambda: is_waiting(process), "it waits")
    assert_stops(store, process, number)


@SIGNALS
def test_a_cat_whose_reader_has_stopped_reading_stops(store, begin, number):
    digest = store.put(b"c" * (4 << 20))
    with begin("cat", f"sha1://{digest}") as process:
        process.stdout.read(1)
        wait_until(lambda: is_waiting(process), "the pipe is full")
        begun = time.monotonic()
        process.send_signal(number)
        wait_until(lambda: process.poll() is not None, f"it stops after {number.name}", STOP_MAX_S)
        assert process.returncode == INTERRUPTED, time.monotonic() - begun


@SIGNALS
def test_a_load_stops_and_leaves_no_destination(store, begin, large_object, tmp_path, number):
    (tmp_path / "there").mkdir()
    destination = write(tmp_path / "there" / "destination", b"as it was")
    process = begin("load", f"sha1://{large_object}", "--dest", destination)
    wait_until(lambda: len(os.listdir(tmp_path / "there")) == 2, "it has begun to write")
    assert_stops(store, process, number)
    assert os.listdir(tmp_path / "there") == ["destination"] and destination.read_bytes() == b"as it was"


@SIGNALS
def test_a_verify_stops_and_accuses_nothing(store, begin, large_object, number):
    process = begin("verify")
    wait_until(lambda: reads_from(process, store.object(large_object)), "it has begun to read")
    assert_stops(store, process, number)
    assert store.digests() == {large_object}


def test_stopped_at_any_moment_it_acknowledges_all_or_nothing(store, begin, tmp_path, rng, campaign, outcome, seed):
    ends = []
    for index in range(campaign("interrupts")):
        count, size = rng.choice(((4, 6 << 20), (20, 300_000)))
        files = [rng.randbytes(rng.randrange(size)) for _ in range(count)]
        paths = [write(tmp_path / f"{index} {i}", data) for i, data in enumerate(files)]
        with begin(rng.choice(("store", "link")), *paths) as process:
            time.sleep(rng.uniform(0.002, 0.04))
            number = rng.choice((signal.SIGINT, signal.SIGTERM))
            code, printed, took = stop(process, number)
        ends.append(code)
        assert took <= STOP_MAX_S
        # Before the program has said what it does with a signal, the signal ends it.
        assert code in (0, INTERRUPTED, -number), code
        assert printed.count(b"\n") == (len(files) if code == 0 else 0), (code, printed)
        assert not store.sessions()
        store.assert_sound()
        for data in files if code == 0 else []:
            assert store.cat(sha1(data)).expect().stdout == data
        for path in paths:
            path.unlink()
        shutil.rmtree(store.path, ignore_errors=True)
    outcome(f"interrupts: {len(ends)} tried, {ends.count(INTERRUPTED)} stopped, {ends.count(0)} ended first, "
            f"0 half done (seed {seed})")


# --- What a killed process leaves


@pytest.fixture
def start_storing(store, begin) -> Callable[[], subprocess.Popen]:
    """A store that has begun to write and waits for more."""

    def start() -> subprocess.Popen:
        process = begin("store", "-", stdin=subprocess.PIPE)
        process.stdin.write(bytes(3 << 20))
        process.stdin.flush()
        wait_until(lambda: has_session(store), "it has begun to write")
        return process

    return start


def make_old(store: Store, session: str, age_s: float = DAY_S + 60) -> None:
    then = time.time() - age_s
    os.utime(store.path / "tmp" / f"{session}.lock", (then, then))


def test_what_a_killed_process_left_is_removed_later(store, start_storing):
    process = start_storing()
    process.kill()
    process.wait()
    [left] = store.sessions()
    store.put(b"a store soon after")
    assert store.sessions() == {left}, "it may still be somebody's"
    make_old(store, left)
    store.put(b"a store on the next day")
    assert not store.sessions()


def test_the_temporaries_of_a_living_process_are_left_alone(store, start_storing):
    process = start_storing()
    [alive] = store.sessions()
    make_old(store, alive)
    store.put(b"another store")
    assert alive in store.sessions()
    printed, _ = process.communicate(b"the end")
    assert process.returncode == 0 and sha1(bytes(3 << 20) + b"the end").encode() in printed
    assert not store.sessions()


def test_a_stopped_process_keeps_its_temporaries(store, start_storing):
    process = start_storing()
    process.send_signal(signal.SIGSTOP)
    [alive] = store.sessions()
    make_old(store, alive)
    store.put(b"another store")
    assert alive in store.sessions()
    process.send_signal(signal.SIGCONT)
    process.communicate(b"")
    assert process.returncode == 0


def test_a_lock_file_without_a_session_is_removed_in_the_end(store):
    """Its process was killed between making the lock and the directory."""
    store.put(b"so that the directory is there")
    (store.path / "tmp" / "session-0123456789abcdef.lock").touch()
    store.put(b"one store")
    for session in store.sessions():
        make_old(store, session)
    store.put(b"a store on the next day")
    assert not store.sessions()
