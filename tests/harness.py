"""What every whole-system test needs: the program, what came of a call, and a look at a store of our own."""

from __future__ import annotations

import hashlib
import json
import os
import re
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Iterator, Sequence

REPOSITORY = Path(__file__).resolve().parent.parent
Argument = str | bytes | os.PathLike
DEADLINE_S = 60

OK, FAILED, USAGE, PARTLY, MISSING, UNREACHABLE, DENIED, CORRUPT, FULL, INTERRUPTED = 0, 1, 2, 3, 4, 5, 6, 7, 8, 130

URI = re.compile(rb"(sha1|sha256)://([0-9a-f]{64}|[0-9a-f]{40})(?:[/?][^\n]*)?\n")


@dataclass(frozen=True)
class Outcome:
    """A call of the program that ended. `code` is negative where a signal ended it."""

    code: int
    stdout: bytes
    stderr: str

    @property
    def uris(self) -> list[str]:
        return [line.decode() for line in self.stdout.splitlines()]

    @property
    def uri(self) -> str:
        assert self.stdout.count(b"\n") == 1, f"one line was expected: {self}"
        return self.stdout[:-1].decode()

    @property
    def digests(self) -> list[str]:
        """Of every complete line with a URI: what the program has acknowledged, whatever became of it then."""
        return [found[2].decode() for found in URI.finditer(self.stdout)]

    def digests_of_lines(self) -> list[str]:
        """Of lines that begin with a URI, as `ls` prints them."""
        return [line.split("\t")[0].partition("://")[2] for line in self.uris]

    def expect(self, code: int = OK) -> Outcome:
        assert self.code == code, f"exit {code} was expected: {self}"
        return self


@dataclass(frozen=True)
class Program:
    path: Path
    prefix: tuple[str, ...] = ()

    def under(self, *prefix: Argument) -> Program:
        """The program as the last argument of another one, such as strace."""
        return Program(self.path, (*self.prefix, *(os.fspath(word) for word in prefix)))

    def start(self, *arguments: Argument, **options) -> subprocess.Popen:
        command = [*self.prefix, os.fspath(self.path), *(os.fspath(argument) for argument in arguments)]
        options.setdefault("stdin", subprocess.DEVNULL)
        return subprocess.Popen(
            command, stdout=options.pop("stdout", subprocess.PIPE), stderr=subprocess.PIPE,
            env=options.pop("env", clean_environment()), **options)

    def run(self, *arguments: Argument, input: bytes | None = None, deadline_s: float = DEADLINE_S,
            **options) -> Outcome:
        if input is not None:
            options["stdin"] = subprocess.PIPE
        with self.start(*arguments, **options) as process:
            try:
                stdout, stderr = process.communicate(input, deadline_s)
            except subprocess.TimeoutExpired:
                process.kill()
                raise AssertionError(f"no end within {deadline_s} s: {arguments}") from None
            return Outcome(process.returncode, stdout or b"", stderr.decode("utf-8", "replace"))


def find_program() -> Path:
    """KACHERY_PROGRAM, else the one beside this Python, else the development build."""
    named = os.environ.get("KACHERY_PROGRAM")
    if named:
        return Path(named).absolute()
    beside = Path(sys.executable).parent / "kachery"
    return beside if beside.exists() else REPOSITORY / "build/dev/apps/cli/kachery"


def clean_environment() -> dict[str, str]:
    """Ours, without what would point the program elsewhere."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("KACHERY_")}
    return kept | {"HOME": "/nonexistent"}


@dataclass(frozen=True)
class Store:
    """A store directory, the program at work in it, and our own checks of what lies there."""

    program: Program
    path: Path

    def run(self, command: str, *arguments: Argument, **options) -> Outcome:
        return self.program.run(*command.split(), "--dir", self.path, "-q", *arguments, **options)

    def put(self, data: bytes) -> str:
        """Stores bytes that must be taken, and gives their digest."""
        digest = self.run("store", "-", input=data).expect().digests[0]
        assert digest == sha1(data)
        return digest

    def put_file(self, path: Argument) -> str:
        return self.run("store", path).expect().uri

    def cat(self, digest: str, **options) -> Outcome:
        return self.run("cat", f"sha1://{digest}", **options)

    def verify(self) -> dict:
        """The report of `verify`, with the exit code as "exit"."""
        outcome = self.run("verify", "--json")
        assert outcome.code in (OK, PARTLY, MISSING, CORRUPT), outcome
        return json.loads(outcome.stdout) | {"exit": outcome.code}

    def object(self, digest: str) -> Path:
        return self.path / "sha1" / digest[:2] / digest[2:4] / digest[4:6] / digest

    def link(self, digest: str) -> Path:
        return self.path / "linked_files" / self.object(digest).relative_to(self.path)

    def gen1_link(self, digest: str) -> Path:
        return self.object(digest).with_name(digest + ".link")

    def objects(self) -> Iterator[Path]:
        """Everything at the place of an object."""
        for algorithm in ("sha1", "sha256"):
            for path in (self.path / algorithm).glob("??/??/??/*"):
                if path.suffix != ".link":
                    yield path

    def digests(self) -> set[str]:
        return {path.name for path in self.objects()}

    def wrong(self) -> list[str]:
        """What lies at the place of an object or a link record and is not what its name says."""
        return [str(path) for path in self.objects() if not holds(path)] + \
               [str(path) for path in self.records() if not is_record(path)]

    def records(self) -> Iterator[Path]:
        yield from (self.path / "linked_files").glob("*/??/??/??/*")
        yield from (self.path / "sha1").glob("??/??/??/*.link")

    def temporaries(self) -> list[str]:
        """But for the gate, which stays."""
        names = sorted(str(path.relative_to(self.path)) for path in (self.path / "tmp").rglob("*"))
        return [name for name in names if name != "tmp/gate.lock"]

    def sessions(self) -> set[str]:
        return {path.name.removesuffix(".lock") for path in (self.path / "tmp").glob("session-*")}

    def strangers(self) -> list[str]:
        """What has no business in a store: unfinished things outside tmp/."""
        known = re.compile(
            r"(index\.db(-wal|-shm|-journal)?|\.making-\d+-[0-9a-f]{16}|quarantine(/[0-9a-f]+\.[0-9a-f]+)?|tmp(/.*)?"
            r"|(linked_files/?)?((sha1|sha256)(/[0-9a-f]{2}){0,3}(/[0-9a-f]{40,64}(\.link)?)?)?)")
        names = (str(path.relative_to(self.path)) for path in self.path.rglob("*"))
        return sorted(name for name in names if not known.fullmatch(name))

    def assert_sound(self) -> None:
        assert not self.wrong(), f"wrong bytes at a final place: {self.wrong()}"
        assert not self.strangers(), f"left over: {self.strangers()}"

    def assert_holds(self, contents: Iterable[bytes]) -> None:
        """That these bytes are there, by reading them here, without the program."""
        for data in contents:
            path = self.object(sha1(data))
            assert path.exists(), f"lost: {path}, {len(data)} bytes"
            assert path.read_bytes() == data, f"wrong bytes: {path}"

    def assert_verified(self, code: int = OK) -> None:
        report = self.verify()
        assert report["exit"] == code and not report["damaged"], report


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def holds(path: Path) -> bool:
    """Whether an object is what its name says, by our own hashing."""
    if path.is_symlink() or not path.is_file():
        return False
    algorithm = "sha1" if len(path.name) == 40 else "sha256"
    with path.open("rb") as file:
        return hashlib.file_digest(file, algorithm).hexdigest() == path.name


def is_record(path: Path) -> bool:
    """Whether a link record is whole."""
    try:
        record = json.loads(path.read_bytes())
    except ValueError:
        return False
    return record["path"].startswith("/")


def write(path: Path, data: bytes) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def overwrite(path: Path, data: bytes, offset: int = 0) -> None:
    """Damages a file in place, also one that is read-only."""
    path.chmod(0o644)
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(data)


def flip_bit(path: Path, bit: int) -> None:
    with path.open("rb") as file:
        file.seek(bit // 8)
        byte = file.read(1)[0]
    overwrite(path, bytes([byte ^ 1 << bit % 8]), bit // 8)


def is_alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    return True


def wait_until(condition: Callable[[], bool], what: str, deadline_s: float = 10) -> None:
    end = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < end, f"not within {deadline_s} s: {what}"
        time.sleep(0.002)


STOP_S = 20


def end(process: subprocess.Popen[bytes], number: int, which: Callable[[], str]) -> int:
    """Its exit status after this signal; negative where the signal ended it. `which` tells of one that goes on."""
    if process.poll() is None:
        process.send_signal(number)
    try:
        return process.wait(STOP_S)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
        raise AssertionError(f"not stopped within {STOP_S} s: {which()}") from None


def wait_until_settled(paths: Iterable[Path]) -> None:
    """Until the program may remember the hashes of these files: more than 2 s after their last change."""
    changed = max(path.stat().st_ctime for path in paths)
    wait_until(lambda: time.time() > changed + 2.05, "the files are 2 s old")


def in_parallel(work: Callable[[object], None], items: Sequence, workers: int = os.cpu_count() or 2) -> None:
    """Does `work` for each item in threads; the first failure ends it and is raised here."""
    left = iter(items)
    lock = threading.Lock()
    failures: list[BaseException] = []

    def loop() -> None:
        while not failures:
            with lock:
                item = next(left, left)
            if item is left:
                return
            try:
                work(item)
            except BaseException as failure:  # noqa: BLE001: raised again below
                failures.append(failure)

    threads = [threading.Thread(target=loop) for _ in range(workers)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if failures:
        raise failures[0]


def evenly(items: Sequence, count: int) -> list:
    """`count` of the items, spread over all of them; all, and again from the first, where that is more."""
    if not items:
        return []
    rounds, rest = divmod(count, len(items))
    return list(items) * rounds + [items[i * len(items) // rest] for i in range(rest)]
