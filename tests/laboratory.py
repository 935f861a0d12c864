"""A hub that is not open, with a private zone, nodes of all kinds, and a message for every route: for tests that ask what they
should not."""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Iterator, NamedTuple

from harness import Program
from hub import RunningHub, running_hub
from hub_node import Answer, Node

CONTENT = b"what only alice may read"
SHA1 = "sha1:" + hashlib.sha1(CONTENT).hexdigest()
SHA256 = "sha256:" + hashlib.sha256(CONTENT).hexdigest()


ROLES = ["requestFiles", "provideFiles", "requestFeeds", "provideFeeds", "requestTasks", "provideTasks"]


class Laboratory(NamedTuple):
    hub: RunningHub
    alice: Node  # Has all rights in the zone `lab`.
    bob: Node  # Is registered, and has no right there.
    revoked: Node  # Was one of Alice's.
    stranger: Node  # Is not registered.

    def ask(self, node: Node, path: str, message: Any) -> Answer:
        """Which must succeed."""
        answer = node.call(self.hub.url, path, message)
        assert answer.code == "ok", (path, answer)
        return answer

    def channel(self, name: str) -> str:
        """A new one, of Alice's."""
        self.ask(self.alice, "/v1/channels/create", {"zone": "lab", "name": name, "description": ""})
        return name

    def admit(self, node: Node, channel: str, granted: list[str], wanted: list[str] | None = None) -> None:
        """To a channel of Alice's: exactly these roles are granted, and these wanted; None: those that are granted."""
        message = {"zone": "lab", "name": channel, "node": node.id}
        self.ask(self.alice, "/v1/channels/grant", message | {"roles": ROLES})  # So that it is a member, and can say what it wants.
        self.ask(node, "/v1/channels/set-roles", {"zone": "lab", "name": channel, "wanted": granted if wanted is None else wanted})
        if refused := [role for role in ROLES if role not in granted]:
            self.ask(self.alice, "/v1/channels/revoke", message | {"roles": refused})

    def token(self, name: str) -> str:
        """The text of admin-token or metrics-token."""
        return (self.hub.directory / name).read_text().strip()


@contextmanager
def running_laboratory(place: Path, program: Program) -> Iterator[Laboratory]:
    with running_hub(place, program=program) as hub:
        hub.admin("zone", "create", "lab", "--owner", "carol")
        settings = place / "settings.yaml"
        settings.write_text("allowPublicUpload: false\nallowPublicDownload: false\nauthorizedUsers: []\n")
        hub.admin("zone", "settings", "lab", "--import", settings)
        alice = register(hub, "alice", "--upload", "--download", "--admin")
        bob = register(hub, "bob")
        revoked = register(hub, "alice")
        hub.admin("node", "revoke", revoked.id)
        yield Laboratory(hub, alice, bob, revoked, Node())


def register(hub: RunningHub, user: str, *rights: str) -> Node:
    """A node of this user, by an invitation, with these rights in the zone `lab`."""
    node = Node()
    token = hub.admin("invite", user, *(["--zone", "lab", *rights] if rights else []))["token"]
    answer = node.call(hub.url, "/v1/nodes/register", {"label": user, "user": None, "invitation": token})
    assert answer.code == "ok", answer
    return node


# --- A message for every route, such as one might send who may do it

NODE = "79b5562e8fe654f94078b112e8a98ba7901f853ae695bed7e0e3910bad049664"
UPLOAD = {"digest": SHA1, "size": len(CONTENT), "manifest": None, "chunks": [{"sha256": SHA256, "size": len(CONTENT)}]}
SMALL = b'{"zone":"lab","files":[{"digest":"%s","size":%d}],"channel":null}\n' % (SHA1.encode(), len(CONTENT)) + CONTENT
NOBODY = {"user": "nobody"}

MESSAGES: dict[str, Any] = {
    "/v1/nodes/register": {"label": "x", "user": None, "invitation": "guessed"},
    "/v1/nodes/await": {"code": "AAAA-AAAA"},
    "/v1/nodes/approve": {"code": "AAAA-AAAA", "user": None},
    "/v1/nodes/whoami": {"zone": "lab"},
    "/v1/nodes/list": {},
    "/v1/nodes/revoke": {"node": NODE},
    "/v1/files/find": {"zone": "lab", "digests": [SHA1], "channel": None},
    "/v1/files/chunks": {"zone": "lab", "file": SHA1, "chunks": [SHA256], "channel": None},
    "/v1/files/get": {"zone": "lab", "digests": [SHA1], "channel": None},
    "/v1/files/put": SMALL,
    "/v1/files/list": {"zone": "lab", "mine": False, "after": None},
    "/v1/files/remove": {"zone": "lab", "digests": [SHA1], "everybody": True},
    "/v1/uploads/present": {"zone": "lab", "files": [{"digest": SHA1, "size": len(CONTENT)}], "channel": None},
    "/v1/files/ask": {"zone": "lab", "digest": SHA1, "resource": "data", "channel": None, "timeout_ms": 0,
                      "ignore_bucket": False},
    "/v1/files/ask/cancel": {"zone": "lab", "digest": SHA1, "resource": "data", "channel": None},
    "/v1/files/holders": {"zone": "lab", "digest": SHA1, "channel": None},
    "/v1/resources/register": {"zone": "lab", "name": "data", "proxy_url": None, "older": False},
    "/v1/resources/list": {"zone": "lab", "name": None},
    "/v1/resources/remove": {"zone": "lab", "name": "data"},
    "/v1/channels/create": {"zone": "lab", "name": "rats", "description": ""},
    "/v1/channels/describe": {"zone": "lab", "name": "rats", "description": ""},
    "/v1/channels/delete": {"zone": "lab", "name": "rats"},
    "/v1/channels/list": {"zone": "lab", "name": None, "all": True},
    "/v1/channels/members": {"zone": "lab", "name": "rats"},
    "/v1/channels/grant": {"zone": "lab", "name": "rats", "node": NODE, "roles": ["requestFiles"]},
    "/v1/channels/revoke": {"zone": "lab", "name": "rats", "node": NODE, "roles": ["requestFiles"]},
    "/v1/channels/invite": {"zone": "lab", "name": "rats", "roles": ["requestFiles"], "passcode": "guess me", "uses": None,
                            "expires_ms": None},
    "/v1/channels/invitations": {"zone": "lab", "name": "rats"},
    "/v1/channels/uninvite": {"zone": "lab", "name": "rats", "id": "000000000000"},
    "/v1/channels/join": {"zone": "lab", "name": "rats", "code": "guessed", "wanted": None},
    "/v1/channels/set-roles": {"zone": "lab", "name": "rats", "wanted": ["requestFiles"]},
    "/v1/channels/leave": {"zone": "lab", "name": "rats"},
    "/v1/uploads/begin": {"zone": "lab", "files": [UPLOAD], "channel": None},
    "/v1/uploads/chunks": {"zone": "lab", "id": "0" * 32, "chunks": [], "channel": None},
    "/v1/uploads/commit": {"zone": "lab", "uploads": [{"id": "0" * 32, "manifest": None, "signature": None}], "channel": None},
    "/v1/uploads/abandon": {"zone": "lab", "ids": ["0" * 32], "channel": None},
    "/v1/zones/settings": {"zone": "lab", "yaml": "allowPublicUpload: true\nauthorizedUsers: []\n"},
    "/v1/zones/usage": {"zone": "lab", "first_day": "2026-01-01", "last_day": "2026-01-02"},
    "/v1/admin/users/create": NOBODY,
    "/v1/admin/users/disable": {"user": "alice"},
    "/v1/admin/users/enable": NOBODY,
    "/v1/admin/users/list": {},
    "/v1/admin/nodes/list": {"user": None},
    "/v1/admin/nodes/revoke": {"node": NODE},
    "/v1/admin/nodes/approve": {"code": "AAAA-AAAA", "user": "nobody"},
    "/v1/admin/invitations/create": {"user": "nobody", "uses": 1, "hours": 1, "zone": None, "rights": None},
    "/v1/admin/invitations/list": {},
    "/v1/admin/invitations/revoke": {"id": "000000000000"},
    "/v1/admin/zones/create": {"zone": "more", "owner": "nobody"},
    "/v1/admin/zones/delete": {"zone": "lab"},
    "/v1/admin/zones/list": {},
    "/v1/admin/quotas/set": {"zone": "lab", "user": None, "bytes": 0, "objects": 0},
    "/v1/admin/audit": {"day": "2026-01-01"},
}


# --- What the hub says of itself


def routes_of(hub: RunningHub) -> list[dict[str, str]]:
    """What `kachery hub routes` says: method, path, action, who."""
    routes: list[dict[str, str]] = json.loads(hub.program.run("hub", "routes", "--json").expect(0).stdout)["routes"]
    return routes


def audited(hub: RunningHub) -> dict[str, bool]:
    """Of everything that the hub has decided so far: the request, and whether it was allowed."""
    hub.admin("audit")  # Before it answers it writes what waits.
    lines = [line for day in sorted((hub.directory / "audit").glob("*.jsonl")) for line in day.read_text().splitlines()]
    return {entry["request"]: entry["allowed"] for entry in map(json.loads, lines)}
