"""A node that signs requests to a hub by itself: a second implementation of docs/protocol/signatures.md, and the means to send
what no honest client would."""

from __future__ import annotations

import base64
import hashlib
import http.client
import json
import secrets
import time
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import urlsplit

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


@dataclass
class Answer:
    status: int
    fields: dict[str, str]
    body: bytes

    @property
    def message(self) -> Any:
        return json.loads(self.body)

    @property
    def code(self) -> str:
        """The code of a failure; "ok" for a success."""
        return "ok" if self.status == 200 else str(self.message["error"]["code"])


def encode(message: Any) -> bytes:
    """What a message is as a body: an object as JSON; bytes as they are."""
    return message if isinstance(message, bytes) else json.dumps(message, separators=(",", ":")).encode()


@dataclass
class Forgery:
    """What is to be wrong with a signature. Everything else is as it should be."""

    created: int | None = None  # Seconds since 1970.
    nonce: str | None = None
    key_id: str | None = None
    tag: str = "kachery"
    algorithm: str = "ed25519"
    authority: str | None = None
    path: str | None = None
    method: str | None = None
    query: str | None = None
    digest: str | None = None  # The value of Content-Digest.
    without: tuple[str, ...] = ()  # Components that are not covered.
    spoil: bool = False  # Flips a bit of the signature.
    extra: dict[str, str] = field(default_factory=dict)  # Fields that take the place of those that were signed.


class Node:
    """A key pair. `id` is the node ID."""

    def __init__(self, seed: bytes | None = None) -> None:
        self.key = Ed25519PrivateKey.from_private_bytes(seed or secrets.token_bytes(32))
        self.id = self.key.public_key().public_bytes_raw().hex()

    def fields(self, hub: str, method: str, target: str, body: bytes | None, forged: Forgery | None = None,
               upgrade: dict[str, str] | None = None) -> dict[str, str]:
        """The fields that sign a request to `hub`, the address as the hub knows it.

        `upgrade` are the fields of a WebSocket that are signed, too: sec-websocket-key and sec-websocket-protocol.
        """
        forged = forged or Forgery()
        base = urlsplit(hub)
        path, _, query = target.partition("?")
        values = {
            "@method": forged.method or method,
            "@authority": forged.authority or base.netloc.lower(),
            "@path": forged.path or base.path.rstrip("/") + path,
            "@query": forged.query or "?" + query,
        }
        fields: dict[str, str] = {}
        if body is not None:
            digest = base64.b64encode(hashlib.sha256(body).digest()).decode()
            fields["Content-Digest"] = forged.digest or f"sha-256=:{digest}:"
            values["content-digest"] = fields["Content-Digest"]
        values |= upgrade or {}
        covered = [name for name in values if name not in forged.without]
        created = int(time.time()) if forged.created is None else forged.created
        parameters = (
            "(" + " ".join(f'"{name}"' for name in covered) + ")"
            f";created={created}"
            f';keyid="{forged.key_id or self.id}"'
            f';nonce="{forged.nonce or secrets.token_hex(16)}"'
            f';alg="{forged.algorithm}"'
            f';tag="{forged.tag}"'
        )
        lines = [f'"{name}": {values[name]}' for name in covered] + [f'"@signature-params": {parameters}']
        signature = bytearray(self.sign("\n".join(lines).encode()))
        if forged.spoil:
            signature[7] ^= 0x10
        fields["Signature-Input"] = f"sig={parameters}"
        fields["Signature"] = f"sig=:{base64.b64encode(bytes(signature)).decode()}:"
        return fields | forged.extra

    def sign(self, text: bytes) -> bytes:
        return self.key.sign(text)

    def call(self, hub: str, path: str, message: Any, forged: Forgery | None = None) -> Answer:
        """A signed call. `message` is an object, or bytes that are sent as they are."""
        body = encode(message)
        return send(hub, "POST", path, self.fields(hub, "POST", path, body, forged), body)


def call_unsigned(hub: str, path: str, message: Any, fields: dict[str, str] | None = None) -> Answer:
    body = encode(message)
    return send(hub, "POST", path, fields or {}, body)


def send(hub: str, method: str, target: str, fields: dict[str, str], body: bytes | None) -> Answer:
    """One request on a connection of its own."""
    base = urlsplit(hub)
    connection = http.client.HTTPConnection(base.hostname or "", base.port, timeout=30)
    try:
        connection.request(method, base.path.rstrip("/") + target, body, {"Content-Type": "application/json"} | fields)
        answer = connection.getresponse()
        return Answer(answer.status, {name.lower(): value for name, value in answer.getheaders()}, answer.read())
    finally:
        connection.close()
