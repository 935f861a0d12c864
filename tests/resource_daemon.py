"""A resource for a test: a machine whose daemon serves a name at a hub."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
from pathlib import Path
from typing import Iterator

from harness import OK, REPOSITORY, wait_until
from machine import Machine

START_S = 30
STOP_S = 20
# What `npm install -g` in kachery-resource/ puts on the path.
SCRIPT = REPOSITORY / "kachery-resource" / "kachery-resource"


class Daemon:
    """`kachery-resource share` on a machine, as the document has it: from the directory with its configuration."""

    def __init__(self, machine: Machine, name: str):
        self.machine = machine
        self.name = name
        self.directory = machine.path / name
        self.log = machine.path / f"{name}.log"
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def environment(self) -> dict[str, str]:
        return self.machine.environment | {"KACHERY_PROGRAM": os.fspath(self.machine.program.path)}

    def init(self, proxy_url: str, zone: str = ".", uploads_max: int = 2, secret: str = "") -> subprocess.CompletedProcess[str]:
        """Answers the prompts, in their order."""
        self.directory.mkdir(exist_ok=True)
        answers = "".join(f"{answer}\n" for answer in (self.name, zone, uploads_max, proxy_url, secret))
        done = subprocess.run([SCRIPT, "init"], input=answers, cwd=self.directory, env=self.environment, capture_output=True,
                              text=True, timeout=START_S)
        assert done.returncode == 0, done.stderr
        return done

    def start(self) -> None:
        with self.log.open("ab") as output:
            self.process = subprocess.Popen([SCRIPT, "share"], cwd=self.directory, env=self.environment,
                                            stdin=subprocess.DEVNULL, stdout=output, stderr=subprocess.STDOUT)
        wait_until(lambda: self.is_connected() or self.process.poll() is not None, "the daemon serves", START_S)
        assert self.process.poll() is None, f"the daemon ended: {self.log.read_text()}"

    def is_connected(self) -> bool:
        """As the hub sees it."""
        shown = self.machine.run("resource", "show", self.name, "--json").expect(OK)
        return json.loads(shown.stdout)["connected"]

    def stop(self, number: int = signal.SIGTERM) -> int:
        assert self.process is not None
        if self.process.poll() is None:
            self.process.send_signal(number)
        return self.process.wait(STOP_S)

    def peak_mib(self) -> float:
        """Of its resident set."""
        assert self.process is not None
        return peak_mib(self.process.pid)


def peak_mib(pid: int) -> float:
    """The peak of a process's resident set, since its start."""
    [line] = [line for line in Path(f"/proc/{pid}/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) / 1024


@contextlib.contextmanager
def running_daemon(machine: Machine, hub_url: str, name: str = "example_resource", uploads_max: int = 2) -> Iterator[Daemon]:
    """Registered, initialised and connected. It must end well at the end, unless the test has stopped it."""
    daemon = Daemon(machine, name)
    daemon.init(hub_url, uploads_max=uploads_max)
    machine.run("resource", "register", name).expect(OK)
    daemon.start()
    try:
        yield daemon
    except BaseException:
        daemon.stop(signal.SIGKILL)
        raise
    if daemon.process.poll() is None:
        status = daemon.stop()
        assert status == 0, f"the daemon ended with {status}: {daemon.log.read_text()}"
