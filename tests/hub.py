"""A hub of our own for a test: `with running_hub(tmp_path, open=True) as hub: ...`."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import urllib.request
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator

from harness import Argument, Outcome, Program, clean_environment, end, find_program, wait_until

START_S = 20


@dataclass
class RunningHub:
    """A `kachery hub serve` on a free port of 127.0.0.1."""

    program: Program
    directory: Path
    arguments: tuple[Argument, ...]
    process: subprocess.Popen[bytes]
    url: str
    """What clients are to be told: "http://127.0.0.1:4711"; through TLS with "#FINGERPRINT"."""
    port: int

    @property
    def log_path(self) -> Path:
        return self.directory.with_name(self.directory.name + ".log")

    def log(self) -> list[dict[str, Any]]:
        """What it said on standard error, since it was first started."""
        return [json.loads(line) for line in self.log_path.read_text().splitlines()]

    def run_admin(self, *words: Argument, **options: Any) -> Outcome:
        """`kachery hub admin WORDS`, with the token of the hub's directory."""
        return self.program.run("hub", "admin", *words, "--dir", self.directory, **options)

    def admin(self, *words: Argument) -> dict[str, Any]:
        """The object that it prints with --json; it must succeed."""
        found: dict[str, Any] = json.loads(self.run_admin(*words, "--json").expect(0).stdout)
        return found

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit status; negative where the signal ended it."""
        return end(self.process, number, lambda: f"the hub; its log: {self.log_path.read_text()}")

    def fingerprint(self) -> str:
        """Of the key by which it serves TLS, as the hub noted it for its own commands."""
        return (self.directory / "address").read_text().strip().partition("#")[2]

    def metric(self, name: str) -> float:
        """What /metrics says of it, over all its labels."""
        token = (self.directory / "metrics-token").read_text().strip()
        request = urllib.request.Request(f"{self.url}/metrics", headers={"Authorization": f"Bearer {token}"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            lines = answer.read().decode().splitlines()
        return sum(float(line.rpartition(" ")[2]) for line in lines if re.match(name + r"[ {]", line))

    def restart(self, number: int = signal.SIGTERM) -> None:
        """Stops it, and starts it again on the same port."""
        self.stop(number)
        self.process, found = start(self.program, self.directory, f"127.0.0.1:{self.port}", self.arguments)
        assert found["port"] == self.port


def start(program: Program, directory: Path, listen: str,
          arguments: tuple[Argument, ...]) -> tuple[subprocess.Popen[bytes], dict[str, Any]]:
    """The process, and what it printed once it accepted connections."""
    log = directory.with_name(directory.name + ".log")
    command = [*program.prefix, os.fspath(program.path), "hub", "serve", "--json", "--dir", os.fspath(directory), "--listen", listen,
               *(os.fspath(argument) for argument in arguments)]
    said = directory.with_name(directory.name + ".said")
    with log.open("ab") as errors, said.open("wb") as output:
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=output, stderr=errors,
                                   env=clean_environment())
    try:
        wait_until(lambda: said.read_bytes().endswith(b"\n") or process.poll() is not None, "the hub serves", START_S)
        assert process.poll() is None, f"the hub ended with {process.returncode}; its log: {log.read_text()}"
        found = json.loads(said.read_bytes())
        assert "port" in found, f"the hub does not start: {found}"
        return process, found
    except BaseException:
        process.kill()
        process.wait()
        raise


def make_certificate(place: Path) -> tuple[Path, Path]:
    """A certificate that nobody trusts, and its key."""
    certificate, key = place / "certificate.pem", place / "key.pem"
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
                    "-subj", "/CN=hub.example", "-addext", "subjectAltName=DNS:hub.example", "-out", certificate,
                    "-keyout", key], check=True, capture_output=True)
    key.chmod(0o600)
    return certificate, key


def tls_words(place: Path) -> tuple[Argument, ...]:
    """What a hub is started with to serve TLS, also on loopback."""
    certificate, key = make_certificate(place)
    return ("--certificate", certificate, "--private-key", key)


@contextmanager
def running_hub(tmp_path: Path, *arguments: Argument, open: bool = False, name: str = "hub",  # noqa: A002
                listen: str = "127.0.0.1:0", program: Program | None = None) -> Iterator[RunningHub]:
    """A hub whose directory is `tmp_path / name`, with more `arguments` for `kachery hub serve`.

    With `open` it registers every key, and uploads and downloads are public. It is stopped at the end, by its process ID,
    and must then end well, but where the test has stopped it itself.
    """
    program = program or Program(find_program())
    directory = tmp_path / name
    words = (*arguments, *(("--open",) if open else ()))
    process, found = start(program, directory, listen, words)
    hub = RunningHub(program, directory, words, process, found["address"], found["port"])
    try:
        yield hub
    except BaseException:
        hub.process.kill()
        hub.process.wait()
        raise
    if hub.process.poll() is None:
        status = hub.stop()
        assert status == 0, f"the hub ended with {status}; its log: {hub.log_path.read_text()}"
