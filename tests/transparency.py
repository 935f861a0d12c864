"""RFC 6962 and the C2SP formats once more, from their texts and in another way than the program's: to check it."""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey


def sha256(*parts: bytes) -> bytes:
    return hashlib.sha256(b"".join(parts)).digest()


def leaf_hash(entry: bytes) -> bytes:
    return sha256(b"\0", entry)


def split(count: int) -> int:
    """The largest power of two below a count of two or more."""
    return 1 << (count - 1).bit_length() - 1


def root_of(leaves: list[bytes]) -> bytes:
    """MTH of RFC 6962 section 2.1, of leaves that are hashed already."""
    if len(leaves) < 2:
        return leaves[0] if leaves else sha256()
    middle = split(len(leaves))
    return sha256(b"\1", root_of(leaves[:middle]), root_of(leaves[middle:]))


def root_by_path(index: int, size: int, path: list[bytes], leaf: bytes) -> bytes:
    """The root that PATH of RFC 6962 section 2.1.1 leads to, by the same recursion."""
    if size == 1:
        assert not path, "a path that is too long"
        return leaf
    middle = split(size)
    if index < middle:
        return sha256(b"\1", root_by_path(index, middle, path[:-1], leaf), path[-1])
    return sha256(b"\1", path[-1], root_by_path(index - middle, size - middle, path[:-1], leaf))


def roots_by_proof(old: int, size: int, proof: list[bytes], old_root: bytes, known: bool = True) -> tuple[bytes, bytes]:
    """The two roots that SUBPROOF of RFC 6962 section 2.1.2 leads to."""
    if old == size:
        assert len(proof) == (0 if known else 1), "a proof of another length"
        return (old_root, old_root) if known else (proof[0], proof[0])
    middle = split(size)
    if old <= middle:
        before, after = roots_by_proof(old, middle, proof[:-1], old_root, known)
        return before, sha256(b"\1", after, proof[-1])
    before, after = roots_by_proof(old - middle, size - middle, proof[:-1], old_root, False)
    return sha256(b"\1", proof[-1], before), sha256(b"\1", proof[-1], after)


def open_checkpoint(note: str, vkey: str) -> tuple[int, bytes]:
    """Size and root of a checkpoint that this key signed (c2sp.org/signed-note, tlog-checkpoint)."""
    name, key_id, encoded = vkey.split("+", 2)
    key = base64.b64decode(encoded, validate=True)
    assert key[0] == 1 and bytes.fromhex(key_id) == sha256(name.encode(), b"\n", key)[:4]
    text, signatures = note.rsplit("\n\n", 1)
    (line,) = [line for line in signatures.splitlines() if line.startswith(f"\u2014 {name} ")]
    signature = base64.b64decode(line.split(" ")[2], validate=True)
    assert signature[:4] == bytes.fromhex(key_id)
    Ed25519PublicKey.from_public_bytes(key[1:]).verify(signature[4:], text.encode() + b"\n")
    origin, size, root = text.split("\n")
    assert origin == name
    return int(size), base64.b64decode(root, validate=True)


def check_inclusion(proof: str, vkey: str) -> tuple[int, bytes]:
    """The number and the entry that a proof is about (c2sp.org/tlog-proof)."""
    head, note = proof.split("\n\n", 1)
    version, extra, index, *path = head.split("\n")
    assert version == "c2sp.org/tlog-proof@v1" and extra.startswith("extra ") and index.startswith("index ")
    entry = base64.b64decode(extra[6:], validate=True)
    size, root = open_checkpoint(note, vkey)
    hashes = [base64.b64decode(line, validate=True) for line in path]
    assert root_by_path(int(index[6:]), size, hashes, leaf_hash(entry)) == root
    return int(index[6:]), entry


def check_consistency(proof: str, old_note: str, vkey: str) -> tuple[int, int]:
    """The two sizes that a proof is about (c2sp.org/tlog-witness)."""
    head, note = proof.split("\n\n", 1)
    old, *path = head.split("\n")
    old_size, old_root = open_checkpoint(old_note, vkey)
    size, root = open_checkpoint(note, vkey)
    assert old == f"old {old_size}"
    hashes = [base64.b64decode(line, validate=True) for line in path]
    assert roots_by_proof(old_size, size, hashes, old_root) == (old_root, root)
    return old_size, size


def read_log(directory: Path, vkey: str) -> list[bytes]:
    """The entries of a tiled log, all of whose files are what its signed root says (c2sp.org/tlog-tiles)."""
    size, root = open_checkpoint((directory / "checkpoint").read_text(), vkey)
    entries: list[bytes] = []
    for data in read_level(directory / "tile/entries", size):
        while data:
            length = int.from_bytes(data[:2], "big")
            assert len(data) >= 2 + length
            entries.append(data[2 : 2 + length])
            data = data[2 + length :]
    hashes = [leaf_hash(entry) for entry in entries]
    assert len(entries) == size and root_of(hashes) == root
    level = 0
    while hashes:
        tiles = list(read_level(directory / f"tile/{level}", len(hashes)))
        assert tiles == [b"".join(hashes[i : i + 256]) for i in range(0, len(hashes), 256)], f"tiles of level {level}"
        full = len(hashes) // 256
        hashes = [root_of(hashes[i * 256 : (i + 1) * 256]) for i in range(full)]
        level += 1
    assert not (directory / f"tile/{level}").exists()
    return entries


def read_level(directory: Path, count: int) -> list[bytes]:
    """The files of so many hashes or entries, the last of which may be partial."""
    paths = []
    for number in range((count + 255) // 256):
        digits = f"{number:03}" if number < 1000 else f"x{number // 1000:03}/{number % 1000:03}"
        width = min(256, count - number * 256)
        paths.append(directory / (digits if width == 256 else f"{digits}.p/{width}"))
    assert len([path for path in directory.rglob("*") if path.is_file()]) == len(paths), "files that nobody asks for"
    return [path.read_bytes() for path in paths]
