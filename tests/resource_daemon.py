"""`kachery-resource share` for tests: `with running_daemon(machine, url) as daemon: ...`."""

from __future__ import annotations

import http.client
import json
import signal
import subprocess
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterator
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key
from harness import end, wait_until
from hub_node import Node
from machine import Machine


@dataclass
class Daemon:
    machine: Machine
    process: subprocess.Popen[bytes]
    output: Path
    errors: Path

    def lines(self) -> list[str]:
        return self.output.read_text().splitlines()

    def warnings(self) -> str:
        return self.errors.read_text()

    def count(self, line: str) -> int:
        return self.lines().count(line)

    def wait_for(self, line: str, count: int = 1, deadline_s: float = 30) -> None:
        """Until it has printed that so often."""
        wait_until(lambda: self.count(line) >= count or self.process.poll() is not None, f"the daemon says {line}", deadline_s)
        assert self.count(line) >= count, (self.lines(), self.warnings())

    def wait_for_warning(self, text: str, deadline_s: float = 30) -> None:
        wait_until(lambda: text in self.warnings() or self.process.poll() is not None, f"the daemon warns {text}", deadline_s)
        assert text in self.warnings(), (self.lines(), self.warnings())

    def wait_until_it_serves(self, count: int = 1) -> None:
        self.wait_for("Connection acknowledged by proxy server", count)

    def stop(self, number: int = signal.SIGTERM) -> int:
        """Its exit status; negative where the signal ended it."""
        return end(self.process, number, lambda: f"the daemon: {self.lines()}, {self.warnings()}")


def write_settings(place: Path, url: str, name: str = "lab", zone: str = "default", uploads: int = 2, secret: str = "") -> None:
    (place / "kachery-resource.yaml").write_text(
        f'resourceName: {name}\nkacheryZone: {zone}\nmaxConcurrentUploads: {uploads}\nproxyUrl: "{url}"\n'
        f"proxySecret: {json.dumps(secret)}\n")


@contextmanager
def running_daemon(machine: Machine, url: str, log: str = "daemon", **settings: Any) -> Iterator[Daemon]:
    """A daemon of this machine; its files are called `log`. At the end it is stopped, and must then end well."""
    write_settings(machine.path, url, **settings)
    output, errors = machine.path / f"{log}.out", machine.path / f"{log}.err"
    with output.open("wb") as said, errors.open("wb") as warned:
        process = subprocess.Popen([str(machine.program.path), "--as", "kachery-resource", "share"], stdin=subprocess.DEVNULL,
                                   stdout=said, stderr=warned, env=machine.environment, cwd=machine.path)
    daemon = Daemon(machine, process, output, errors)
    try:
        yield daemon
    except BaseException:
        process.kill()
        process.wait()
        raise
    if process.poll() is None:
        status = daemon.stop()
        assert status == 0, f"the daemon ended with {status}: {daemon.lines()}, {daemon.warnings()}"


def node_of(machine: Machine) -> Node:
    """The node that this machine is."""
    machine.run("init").expect()
    key = load_pem_private_key((machine.store / "private.pem").read_bytes(), None)
    assert isinstance(key, Ed25519PrivateKey)
    return Node(key.private_bytes_raw())


def register(hub: str, node: Node, name: str = "lab", zone: str = "default") -> None:
    answer = node.call(hub, "/v1/resources/register", {"zone": zone, "name": name, "proxy_url": None, "older": False})
    assert answer.status == 200, answer.body


def ask(hub: str, uri: str, name: str = "lab", timeout_s: float = 30, node: Node | None = None) -> list[dict[str, Any]]:
    """What the hub says of a file until it is over, or the time is: one state after the other."""
    digest = uri.split("://")[1][:40]
    message = {"zone": "default", "digest": f"sha1:{digest}", "resource": name, "channel": None,
               "timeout_ms": int(timeout_s * 1000), "ignore_bucket": False}
    body = json.dumps(message, separators=(",", ":")).encode()
    base = urlsplit(hub)
    connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=timeout_s + 30)
    try:
        path = "/v1/files/ask"
        fields = (node or Node()).fields(hub, "POST", path, body)
        connection.request("POST", path, body, {"Content-Type": "application/json"} | fields)
        answer = connection.getresponse()
        text = answer.read()
        assert answer.status == 200, text
        return [json.loads(line) for line in text.splitlines()]
    finally:
        connection.close()
