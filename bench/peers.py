"""The programs that do the same work for other people, as far as this machine has them.

kachery-cloud is installed by pip into a throw-away virtual environment; the others are Debian packages (git-annex,
restic, borgbackup, git), used if they are there. Whether one syncs what it stored before it answers was read from
`strace -f -y -e trace=fsync,fdatasync,syncfs,sync`.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from harness import Program, Run, Runner, WarmCall, say

KACHERY_CLOUD = "kachery-cloud==0.4.10"
# What it imports. Its declared dependencies include pubnub and dask, which the local functions never touch.
KACHERY_CLOUD_IMPORTS = ["cryptography", "simplejson", "click", "requests", "pyyaml", "numpy"]

NOT_SYNCED = "no: nothing is synced"


@dataclass(frozen=True)
class Work:
    """What is to be stored: files, their common folder, and a list of them (each name ended by a NUL byte)."""

    files: list[Path]
    folder: Path
    names: Path

    @property
    def size(self) -> int:
        return sum(path.stat().st_size for path in self.files)


def one_by_one(argv: list[str | Path], work: Work) -> list[str | Path]:
    """A command that runs another one for each file."""
    if len(work.files) == 1:
        return [*argv, *work.files]
    return ["xargs", "-0", "-n", "1", "-a", work.names, *argv]


def install_kachery_cloud(folder: Path) -> Path:
    """A virtual environment with kachery-cloud in it. Returns its Python."""
    say(f"installing {KACHERY_CLOUD} into a throw-away virtual environment")
    subprocess.run([sys.executable, "-m", "venv", folder], check=True)
    python = folder / "bin" / "python"
    pip: list[str | Path] = [python, "-m", "pip", "install", "--quiet", "--no-warn-conflicts"]
    subprocess.run([*pip, "--no-deps", KACHERY_CLOUD], check=True)
    subprocess.run([*pip, *KACHERY_CLOUD_IMPORTS], check=True)
    return python


class KacheryCloud:
    """Its functions, in a process of their own and in one that is warm."""

    def __init__(self, run: Runner, python: Path, warm_up: Path) -> None:
        self._run = run
        self._python = python
        self._warm_up = warm_up

    def whole(self, function: str, work: Work, *, again: bool = False) -> Program:
        code = f"import sys, kachery_cloud; kachery_cloud.{function}(sys.argv[1])"

        def prepare(folder: Path) -> Callable[[], Run]:
            def start() -> Run:
                return self._run(one_by_one([self._python, "-c", code], work), environment=self._environment(folder))

            if again:
                start()
            return start

        name = self._name(function, "a process for each file" if len(work.files) > 1 else "whole process", again)
        return Program(name, prepare, NOT_SYNCED, units=len(work.files), bytes_written=work.size)

    def warm(self, function: str, work: Work, *, again: bool = False) -> Program:
        def prepare(folder: Path) -> Callable[[], Run]:
            def start() -> WarmCall:
                where = self._environment(folder)
                return WarmCall(self._python, ("kachery_cloud", function), work.names, self._warm_up, where)

            if again:
                start()()
            return start()

        name = self._name(function, "warm process", again)
        return Program(name, prepare, NOT_SYNCED, units=len(work.files), bytes_written=work.size)

    @staticmethod
    def _environment(folder: Path) -> Mapping[str, str]:
        return {"KACHERY_CLOUD_DIR": str(folder)}

    @staticmethod
    def _name(function: str, how: str, again: bool) -> str:
        return f"kachery-cloud 0.4.10, {function}{', again' if again else ''}, {how}"


def _git_environment(folder: Path) -> Mapping[str, str]:
    who = {"NAME": "bench", "EMAIL": "bench@example.org"}
    people = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in who.items()}
    return {"HOME": str(folder), "GIT_CONFIG_GLOBAL": "/dev/null", "GIT_CONFIG_SYSTEM": "/dev/null", **people}


def openssl_and_cp(run: Runner, file: Path) -> Program:
    """What a person would type: the hash, and a copy."""

    def prepare(folder: Path) -> Callable[[], Run]:
        command: list[str | Path] = ["sh", "-c", 'openssl dgst -sha1 "$1" && cp "$1" "$2"', "sh", file, folder / "copy"]
        return lambda: run(command)

    return Program("`openssl dgst -sha1 F && cp F G`", prepare, NOT_SYNCED, bytes_written=file.stat().st_size)


def git_annex(run: Runner, work: Work) -> Program:
    """A copy into the work tree, and `git annex add` of it, with its SHA-1 backend."""

    def prepare(folder: Path) -> Callable[[], Run]:
        environment = _git_environment(folder)
        tree = folder / "tree"
        run(["git", "init", "--quiet", tree], environment=environment)
        run(["git", "-C", tree, "annex", "init", "--quiet", "bench"], environment=environment)
        script = 'xargs -0 cp -t . < "$1" && git -c annex.backend=SHA1 annex add --quiet .'
        return lambda: run(["sh", "-c", script, "sh", work.names], environment=environment, folder=tree)

    durable = "no: syncs its database, not the content"
    return Program(
        f"cp and `git annex add`, {_files(work)}", prepare, durable, units=len(work.files), bytes_written=work.size
    )


def restic(run: Runner, work: Work) -> Program:
    def prepare(folder: Path) -> Callable[[], Run]:
        environment = {"RESTIC_PASSWORD": "bench", "RESTIC_CACHE_DIR": str(folder / "cache")}
        command: list[str | Path] = ["restic", "--quiet", "-r", folder / "repository"]
        run([*command, "init"], environment=environment)
        return lambda: run([*command, "backup", work.folder], environment=environment)

    return Program(f"restic backup, {_files(work)}", prepare, "yes", units=len(work.files), bytes_written=work.size)


def borg(run: Runner, work: Work) -> Program:
    def prepare(folder: Path) -> Callable[[], Run]:
        environment = {"BORG_BASE_DIR": str(folder / "base"), "BORG_UNKNOWN_UNENCRYPTED_REPO_ACCESS_IS_OK": "yes"}
        repository = folder / "repository"
        run(["borg", "init", "--encryption=none", repository], environment=environment)
        return lambda: run(["borg", "create", f"{repository}::bench", work.folder], environment=environment)

    return Program(f"borg create, {_files(work)}", prepare, "yes", units=len(work.files), bytes_written=work.size)


def git_add(run: Runner, work: Work) -> Program:
    def prepare(folder: Path) -> Callable[[], Run]:
        environment = _git_environment(folder)
        run(["git", "init", "--quiet", "--bare", folder / "git"], environment=environment)
        command: list[str | Path] = ["git", f"--git-dir={folder / 'git'}", f"--work-tree={work.folder}", "add", "."]
        return lambda: run(command, environment=environment, folder=work.folder)

    return Program(
        f"git add, {_files(work)}",
        prepare,
        "no: loose objects are not synced",
        units=len(work.files),
        bytes_written=work.size,
    )


def _files(work: Work) -> str:
    return "one file" if len(work.files) == 1 else f"{len(work.files):,} files"


def lacking(*programs: str) -> str | None:
    """The first of the programs that this machine has not."""
    return next((program for program in programs if shutil.which(program) is None), None)
