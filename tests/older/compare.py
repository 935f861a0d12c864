"""Two programs that are compared: an older one as it was published, and ours; and a look at what they change."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
SCRIPTS = Path(__file__).parent / "scripts"


@dataclass(frozen=True)
class Scripts:
    """A Python in which scripts are run; `home` is all that a script knows of this machine."""

    python: Path
    home: Path

    def run(self, script: str, *arguments: str | Path, input: Any = None, **environment: str | Path) -> dict[str, Any]:
        """What a script gave. Environment variables are named as they are; all hosts are unreachable ones."""
        self.home.mkdir(exist_ok=True)
        results = self.home / "results.json"
        results.unlink(missing_ok=True)
        done = subprocess.run(
            [self.python, SCRIPTS / f"{script}.py", *arguments], input=json.dumps(input), text=True, cwd=self.home,
            capture_output=True, timeout=120, env={
                "HOME": str(self.home), "PATH": os.environ["PATH"], "RESULTS": str(results), "LC_ALL": "C.UTF-8",
                "PYTHONDONTWRITEBYTECODE": "1", "KACHERY_DAEMON_HOST": "127.0.0.1", "KACHERY_DAEMON_PORT": "9",
                "KACHERY_HUB_API_URI": "127.0.0.1", "KACHERY_TEMP_DIR": str(self.home), "no_proxy": "*",
                **{name: os.fspath(value) for name, value in environment.items()}})
        assert done.returncode == 0, f"{script} under {self.python}:\n{done.stdout}\n{done.stderr}"
        return json.loads(results.read_text(encoding="utf-8"))


def published(name: str, home: Path) -> Scripts:
    python = REPOSITORY / "build/older" / name / "bin/python"
    if not (python.parents[1] / "requirements").exists():
        pytest.skip(f"the published program is not in {python.parents[1]}; scripts/test installs it where it can")
    return Scripts(python, home)


def uris_of(stored: dict[str, Any]) -> dict[str, str]:
    """The URIs among what a storing script gave; without those of two lines, which ours refuses."""
    found = {name: eval(value[1]) for name, value in stored.items() if value != "failed" and value[0] == "str"}
    return {name: uri for name, uri in found.items() if uri.startswith("sha1://") and "\n" not in uri}


def state(place: Path) -> dict[str, tuple]:
    """Every path below `place` with all that a program could change of it but the time of the last reading."""
    found = {}
    for path in [place, *sorted(place.rglob("*"))]:
        stat = path.lstat()
        content: bytes | str = ""
        if path.is_symlink():
            content = os.readlink(path)
        elif path.is_file():
            content = hashlib.sha1(path.read_bytes()).hexdigest()
        times = () if path.is_dir() else (stat.st_mtime_ns, stat.st_ino)
        found[str(path.relative_to(place))] = (stat.st_mode, stat.st_uid, content, *times)
    return found


def differences(one: dict[str, Any], other: dict[str, Any]) -> dict[str, tuple]:
    return {name: (one.get(name), other.get(name)) for name in {*one, *other} if one.get(name) != other.get(name)}


def lost_or_changed(before: dict[str, tuple], after: dict[str, tuple]) -> dict[str, tuple]:
    """What was there and is not, or not as it was."""
    return {path: (was, after.get(path)) for path, was in before.items() if after.get(path) != was}
