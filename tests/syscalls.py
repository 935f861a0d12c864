"""System calls seen, killed at, and made to fail, by strace."""

from __future__ import annotations

import os
import re
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable

from harness import Program

# Those that change something outside the process, or make a change durable.
CHANGING = ("openat", "write", "pwrite64", "pwritev", "fsync", "fdatasync", "syncfs", "sync_file_range", "mkdir",
            "mkdirat", "rename", "renameat", "renameat2", "link", "linkat", "unlink", "unlinkat", "rmdir", "symlinkat",
            "ftruncate", "fallocate", "fchmod", "fchmodat", "fchown", "utimensat", "ioctl", "flock", "copy_file_range")


@dataclass(frozen=True)
class Call:
    """The `nth` call of one name in its thread, which is how strace counts. `text` is strace's line."""

    name: str
    nth: int
    text: str

    def __str__(self) -> str:
        return f"{self.name} #{self.nth}"


LINE = re.compile(r"(\d+) +([a-z0-9_]+)\((.*)")


def read_log(log: Path) -> list[Call]:
    counts: Counter[tuple[str, str]] = Counter()
    calls = []
    for line in log.read_text(errors="replace").splitlines():
        if found := LINE.match(line):
            thread, name, text = found.groups()
            counts[thread, name] += 1
            calls.append(Call(name, counts[thread, name], text))
    return calls


def tracing(program: Program, strace: str, log: Path, names: Iterable[str], *more: str) -> Program:
    return program.under(strace, "-f", "-y", "-o", os.fspath(log), "-e", "signal=none",
                         "-e", "trace=" + ",".join(names), *more)


def changes_something(call: Call) -> bool:
    return call.name != "openat" or "O_CREAT" in call.text


def distinct(calls: Iterable[Call]) -> list[Call]:
    """One for each name and number: where two threads have the same, strace stops at the earlier."""
    seen: dict[tuple[str, int], Call] = {}
    for call in calls:
        seen.setdefault((call.name, call.nth), call)
    return list(seen.values())


def killing_at(program: Program, strace: str, call: Call) -> Program:
    """The program, killed as it enters this call."""
    return program.under(strace, "-f", "-o", "/dev/null", "-e", "signal=none", "-e", f"trace={call.name}",
                         f"--inject={call.name}:signal=KILL:when={call.nth}")


def failing_at(program: Program, strace: str, call: Call, error: str, log: Path) -> Program:
    """The program, to which this call says that it failed."""
    return tracing(program, strace, log, [call.name], f"--inject={call.name}:error={error}:when={call.nth}")
