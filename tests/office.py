"""An office for tests of who may what: a hub that is not open, and machines of people with different rights."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from pathlib import Path

from harness import OK, Program, write
from hub import RunningHub
from machine import Machine

SETTINGS = """allowPublicUpload: {upload}
allowPublicDownload: {download}
authorizedUsers:
"""


@dataclass
class Office:
    """A hub, its administrator, and the machines of its people."""

    program: Program
    hub: RunningHub
    path: Path
    machines: dict[str, Machine] = field(default_factory=dict)

    def machine(self, name: str, **variables: str) -> Machine:
        """One that the hub does not know."""
        return Machine(self.program, self.path / name, self.hub.url, **variables)

    def invitation(self, user: str, *options: str) -> Path:
        token = self.hub.admin("invite", user, *options)["token"]
        path = write(self.path / f"invitation of {user} {time.monotonic_ns()}", token.encode() + b"\n")
        path.chmod(0o600)
        return path

    def member(self, user: str) -> Machine:
        """A machine of a user; the same one for the same user."""
        if user not in self.machines:
            machine = self.machine(user)
            machine.run("init", "--invitation-file", self.invitation(user), "--label", f"{user}'s").expect(OK)
            self.machines[user] = machine
        return self.machines[user]

    def zone(self, name: str, *, upload: bool = False, download: bool = False, **rights: str) -> str:
        """A zone of the user `owner`; `rights` are words such as alice="upload download"."""
        self.hub.admin("zone", "create", name, "--owner", "owner")
        self.set(name, upload=upload, download=download, **rights)
        return name

    def set(self, zone: str, *, upload: bool = False, download: bool = False, **rights: str) -> None:
        lines = SETTINGS.format(upload=str(upload).lower(), download=str(download).lower())
        if not rights:
            lines = lines.replace("authorizedUsers:\n", "authorizedUsers: []\n")
        for user, words in rights.items():
            lines += f"  - userId: {user}\n" + "".join(f"    {word}: true\n" for word in words.split())
        self.hub.admin("zone", "settings", zone, "--import", write(self.path / f"{zone}.yaml", lines.encode()))
