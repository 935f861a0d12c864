"""A machine for tests with a hub: a store of its own, the program and Python at work in it."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any, Iterator

import pytest
from harness import Argument, Outcome, Program, clean_environment, is_alive, wait_until

import kachery


class Machine:
    """A store of its own, and a hub."""

    def __init__(self, program: Program, path: Path, hub_url: str, **variables: str):
        self.program = program
        self.path = path
        self.store = path / "store"
        self.variables = {
            "KACHERY_DIR": str(self.store), "KACHERY_CONFIG_DIR": str(path / "configuration"),
            "KACHERY_GATEWAY_URL": hub_url, "HOME": str(path)} | variables
        path.mkdir(parents=True, exist_ok=True)

    @property
    def environment(self) -> dict[str, str]:
        return clean_environment() | self.variables

    @contextlib.contextmanager
    def here(self) -> Iterator[Machine]:
        """What this process imports works on this machine meanwhile."""
        with pytest.MonkeyPatch.context() as patch:
            for name in [name for name in os.environ if name.startswith("KACHERY_")]:
                patch.delenv(name)
            for name, value in self.variables.items():
                patch.setenv(name, value)
            yield self

    def run(self, *words: Argument, **options) -> Outcome:
        return self.program.run(*words, env=self.environment, cwd=self.path, **options)

    def start(self, *words: Argument, **options) -> subprocess.Popen:
        return self.program.start(*words, env=self.environment, cwd=self.path, **options)

    def daemon_status(self) -> dict[str, Any]:
        return json.loads(self.run("daemon", "status", "--json").expect().stdout)

    @contextlib.contextmanager
    def daemon(self, *words: Argument) -> Iterator[int]:
        """Its daemon, in the background; gives its process, once it is connected."""
        process = json.loads(self.run("daemon", "start", "--background", "--json", *words).expect().stdout)["process"]
        try:
            wait_until(lambda: self.daemon_status()["state"] == "connected", "the daemon is connected")
            yield process
        finally:
            self.run("daemon", "stop")
            wait_until(lambda: not is_alive(process), "the daemon ends", 20)

    def python(self, code: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run([sys.executable, "-c", "import kachery, kachery_client as kc, kachery_cloud as kcl\n" + code],
                              env=self.environment, cwd=self.path, capture_output=True, text=True, timeout=60)

    def has(self, uri: str) -> bool:
        digest = kachery.URI(uri).digest
        return (self.store / "sha1" / digest[:2] / digest[2:4] / digest[4:6] / digest).exists()
