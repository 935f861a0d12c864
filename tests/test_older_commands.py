"""The commands of both earlier generations, with their own options, labels and output. A miss ends with 4."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from harness import MISSING, OK, UNREACHABLE, USAGE, Outcome, Program, Store, clean_environment, sha1

NOWHERE = "sha1://" + "0" * 40
DATA = b"content\r\n"
HASH = sha1(DATA)


class Older:
    """The older commands, at work in one store."""

    def __init__(self, program: Program, store: Store):
        self.program = program
        self.store = store

    def run(self, name: str, *arguments, **variables: str) -> Outcome:
        environment = clean_environment() | {"KACHERY_DIR": str(self.store.path)} | variables
        return self.program.run("--as", name, *arguments, env=environment)


@pytest.fixture
def older(program: Program, store: Store) -> Older:
    return Older(program, store)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "a b.txt"
    path.write_bytes(DATA)
    return path


@pytest.mark.parametrize(("words"), [("kachery-store",), ("kachery-client", "store-file")])
def test_gen1_stores_and_loads(older: Older, file: Path, words, tmp_path: Path) -> None:
    uri = older.run(*words, file).expect(OK).uri
    assert uri == f"sha1://{HASH}/a b.txt"
    assert older.run("kachery-load", uri).expect(OK).stdout == bytes(older.store.object(HASH)) + b"\n"
    assert older.run("kachery-cat", uri, "-e").expect(OK).stdout == DATA
    assert older.run("kachery-client", "cat-file", uri, "--start", "2", "--end", "4").expect(OK).stdout == DATA[2:4]
    copy = tmp_path / "copy"
    assert older.run("kachery-load", uri, "--dest", copy).expect(OK).stdout == bytes(copy) + b"\n"
    assert copy.read_bytes() == DATA
    assert older.run("kachery-load", uri, "--channel", "ours").expect(OK), "what is here needs no hub"


def test_gen1_links_without_a_copy(older: Older, file: Path) -> None:
    uri = older.run("kachery-link", file).expect(OK).uri
    assert uri == f"sha1://{HASH}/a b.txt"
    assert older.run("kachery-load", uri).expect(OK).stdout == bytes(file) + b"\n"
    assert not older.store.digests()


def test_gen1_names_the_manifest_of_a_large_file(older: Older, tmp_path: Path) -> None:
    large = tmp_path / "large"
    with large.open("wb") as out:
        out.truncate(20_000_001)
    assert "?manifest=" in older.run("kachery-store", large).expect(OK).uri
    large.unlink()
    with large.open("wb") as out:
        out.truncate(20_000_000)
    assert "?manifest=" not in older.run("kachery-store", large).expect(OK).uri


def test_gen2_stores_and_loads(older: Older, file: Path, tmp_path: Path) -> None:
    uri = f"sha1://{HASH}?label=a%20b.txt"
    for command in ("kachery-cloud-store", "kachery-cloud-store-local", "kachery-cloud-link"):
        assert older.run(command, file).expect(OK).uri == uri
        assert older.run(command, file, "--label", "x/y").expect(OK).uri == f"sha1://{HASH}?label=x/y"
    assert older.run("kachery-cloud-store", file, "--cache-locally").expect(OK).uri == uri
    assert older.run("kachery-cloud", "store-file-local", uri, "--label", "z").expect(OK).uri.endswith("?label=z")
    assert older.run("kachery-cloud-load", uri).expect(OK).stdout == bytes(older.store.object(HASH)) + b"\n"
    assert older.run("kachery-cloud-cat", uri).expect(OK).stdout == DATA
    older.run("kachery-cloud-load", uri, "--dest", tmp_path / "copy").expect(OK)
    assert (tmp_path / "copy").read_bytes() == DATA
    info = older.run("kachery-cloud-load-info", uri).expect(OK).stdout
    assert json.loads(info) == {"type": "findFile", "found": True, "size": len(DATA), "local": True}
    assert info.startswith(b'{\n    "type"')


def test_gen2_refers_to_a_file_without_a_copy(older: Older, file: Path, tmp_path: Path) -> None:
    uri = older.run("kachery-cloud-store-local", file, "--reference").expect(OK).uri
    assert uri == f"sha1://{HASH}?label=a%20b.txt&location={file}"
    assert not older.store.path.exists(), "nothing was copied"
    assert older.run("kachery-cloud-load", uri).expect(OK).stdout == bytes(file) + b"\n"
    assert older.run("kachery-cloud-cat", uri).expect(OK).stdout == DATA
    plain = older.run("kachery-cloud-store-local", file, "--reference", "--label", "").expect(OK).uri
    assert plain == f"sha1://{HASH}?location={file}"
    file.write_bytes(b"changed")
    assert str(file) in older.run("kachery-cloud-load", uri).expect(MISSING).stderr
    odd = tmp_path / "a\nb"
    odd.write_bytes(DATA)
    assert older.run("kachery-cloud-store-local", odd, "--reference").expect(USAGE).stdout == b""


@pytest.mark.parametrize("name", ["kachery-load", "kachery-cat", "kachery-cloud-load", "kachery-cloud-cat"])
def test_a_miss_is_no_success(older: Older, name: str) -> None:
    """The older programs ended with 0, one of them printing None."""
    outcome = older.run(name, NOWHERE).expect(MISSING)
    assert outcome.stdout == b""
    assert NOWHERE in outcome.stderr


@pytest.mark.parametrize(
    "words",
    [
        ("kachery-store", "/etc/hosts", "--upload-to-channel", "ours", "--single-chunk"),
        ("kachery-load", NOWHERE, "--channel", "ours"),
        ("kachery-cat", NOWHERE, "--direct-channel", "ours"),
        ("kachery-cloud-init",),
        ("kachery-cloud-load-info", NOWHERE),
        ("kachery-cloud-admin-delete-file", NOWHERE),
    ],
)
def test_what_needs_a_hub_says_how_to_name_one(older: Older, words) -> None:
    outcome = older.run(*words).expect(UNREACHABLE)
    assert "no hub is configured: set KACHERY_GATEWAY_URL" in outcome.stderr
    assert outcome.stdout == b""
    assert not older.store.path.exists()


def test_a_node_has_an_id_only_after_it_was_made(older: Older) -> None:
    assert "generate-node-id" in older.run("kachery-info").expect(MISSING).stderr
    made = older.run("kachery-client", "generate-node-id").expect(OK).stdout
    assert len(made) == 65, "the ID, and nothing of the private key"
    assert older.run("kachery-client", "generate-node-id").expect(OK).stdout == made
    assert older.run("kachery-generate-node-id").expect(OK).stdout == made
    key = older.store.path / "private.pem"
    assert key.stat().st_mode & 0o777 == 0o600
    (older.store.path / "owner").write_text("somebody@example.org\n")
    lines = older.run("kachery-info", "-e").expect(OK).stdout.decode().splitlines()
    assert lines == [f"Node ID: {made.decode().strip()}", "Owner: somebody@example.org"]


def test_names_that_never_were_are_refused(older: Older) -> None:
    assert "kachery-frobnicate" in older.run("kachery-frobnicate").expect(USAGE).stderr
    assert "frobnicate" in older.run("kachery-cloud", "frobnicate").expect(USAGE).stderr
    assert "--json" in older.run("kachery-store", "--json", "/etc/hosts").expect(USAGE).stderr


def test_every_older_name_is_a_script_beside_the_program() -> None:
    beside = Path(sys.executable).parent
    if not (beside / "kachery").exists():
        pytest.skip("the Python package is not installed beside this Python")
    names = [f"kachery-{name}" for name in ("client", "store", "link", "load", "cat", "info", "cloud", "resource")]
    names += [f"kachery-cloud-{name}" for name in
              ("init", "store", "link", "store-local", "load", "load-info", "cat", "admin-delete-file")]
    for name in names:
        assert subprocess.run([beside / name, "--help"], capture_output=True, check=True).stdout, name
