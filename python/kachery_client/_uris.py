"""The parts of a URI, under gen1's names."""

from __future__ import annotations

import os

from kachery import _content, _native


class KacheryUri:
    """What a URI says: the hash, and a name for people.

    Parameters
    ----------
    algorithm : str
        ``sha1``, or ``sha256``.
    hash : str
        Hexadecimal.
    filename : str
        The label; may be empty.
    """

    def __init__(self, *, algorithm: str, hash: str, filename: str) -> None:  # noqa: A002 (the older name)
        self.algorithm = algorithm
        self.hash = hash
        self.filename = filename
        self._manifest: str | None = None  # So that a URI comes back whole.

    def __repr__(self) -> str:
        return f"KacheryUri(algorithm={self.algorithm!r}, hash={self.hash!r}, filename={self.filename!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, KacheryUri) and vars(self) == vars(other)

    def __hash__(self) -> int:
        return hash(self.hash)


def parse_uri(uri: str) -> KacheryUri:
    """Take a URI apart. What is none raises ``kachery.Invalid``."""
    algorithm, digest, label, manifest, _ = _native.parse_uri(os.fsencode(uri))
    parsed = KacheryUri(algorithm=algorithm, hash=digest, filename=os.fsdecode(label))
    parsed._manifest = manifest
    return parsed


def build_uri(uri_object: KacheryUri) -> str:
    """Put a URI together. A hash that is none raises ``kachery.Invalid``."""
    return _content.uri_of(
        uri_object.algorithm, uri_object.hash, uri_object.filename, "path", uri_object._manifest
    )
