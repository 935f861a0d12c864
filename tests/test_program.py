"""The program as docs/guide/program.md describes it: results, messages, JSON, exit status, the older names."""

from __future__ import annotations

import hashlib
import json
import re
import subprocess
import sys
from pathlib import Path

import pytest
from harness import CORRUPT, DENIED, MISSING, OK, PARTLY, USAGE, Store, clean_environment, sha1

NOWHERE = "sha1://" + "0" * 40


def test_store_prints_a_uri_for_each_file_in_order(store: Store, tmp_path: Path) -> None:
    for name in ("b", "a", "c"):
        (tmp_path / name).write_text(name)
    outcome = store.run("store", tmp_path / "b", tmp_path / "a", tmp_path / "c").expect(OK)
    assert outcome.uris == [f"sha1://{sha1(name.encode())}/{name}" for name in ("b", "a", "c")]
    assert outcome.stderr == ""


def test_every_json_result_is_one_object_with_the_documented_members(store: Store, tmp_path: Path) -> None:
    path = tmp_path / "a"
    path.write_text("content")

    def result(command: str, *arguments) -> dict:
        outcome = store.run(command, "--json", *arguments).expect(OK)
        assert outcome.stdout.count(b"\n") == 1
        return json.loads(outcome.stdout)

    uri = f"sha1://{sha1(b'content')}/a"
    for command in ("store", "link"):
        assert result(command, path) == {"files": [{"path": str(path), "uri": uri, "size": 7}]}
    found = {"name": uri, "path": str(store.object(sha1(b"content"))), "size": 7, "kind": "object"}
    assert result("load", uri) == found
    assert result("info", uri) == found | {"label": "a"}
    assert result("load", str(path)) == {"name": str(path), "path": str(path), "size": 7, "kind": "path"}
    assert result("verify") == {"objects": 1, "links": 1, "bytes": 7, "damaged": [], "repaired": [], "stale_links": [], "missing": []}
    about = result("info")
    assert about["directory"] == str(store.path)
    assert (about["directory_origin"], about["directory_exists"]) == ("--dir", True)
    assert re.fullmatch(r"\d+\.\d+\.\d+", about["version"])


def test_json_names_paths_of_any_bytes(store: Store, tmp_path: Path) -> None:
    path = bytes(tmp_path) + b"/\xff\n"
    Path(path.decode("utf-8", "surrogateescape")).write_bytes(b"x")
    outcome = store.run("store", "--json", path).expect(OK)
    assert json.loads(outcome.stdout)["files"][0]["path"] == path.decode("utf-8", "surrogateescape")


@pytest.mark.parametrize(
    ("arguments", "code", "says"),
    [
        ((), USAGE, "subcommand is required"),
        (("frobnicate",), USAGE, "frobnicate"),
        (("store",), USAGE, "no file was named"),
        (("store", "--bogus", "x"), USAGE, "--bogus"),
        (("store", "/nonexistent"), MISSING, "/nonexistent"),
        (("store", "/tmp"), USAGE, "is a directory"),
        (("store", "--label", "l", "/etc/hosts", "/etc/passwd"), USAGE, "--label is for one file"),
        (("store", "-", "/etc/hosts"), USAGE, "stored alone"),
        (("load",), USAGE, "uri"),
        (("load", NOWHERE), MISSING, NOWHERE),
        (("load", "sha1://xyz"), USAGE, "40 lower-case hexadecimal digits"),
        (("load", "ftp://x/y"), USAGE, "sha1, sha256"),
        (("cat", "--json", "/etc/hosts"), USAGE, "--json"),
        (("cat", "--start", "5", "--end", "4", "/etc/hosts"), USAGE, "not within"),
        (("cat", "--end", "99999999", "/etc/hosts"), USAGE, "not within"),
        (("cat", "--start", "-1", "/etc/hosts"), USAGE, "start"),
        (("info", NOWHERE), MISSING, NOWHERE),
        (("verify", NOWHERE), MISSING, NOWHERE),
    ],
)
def test_what_cannot_be_done_is_said_on_standard_error(store: Store, arguments, code: int, says: str) -> None:
    outcome = store.program.run(*arguments, env=clean_environment() | {"KACHERY_DIR": str(store.path)})
    outcome.expect(code)
    assert says in outcome.stderr
    if arguments[:1] != ("verify",) and "--json" not in arguments:
        assert outcome.stdout == b""


def test_with_json_a_failure_is_an_object_too(store: Store) -> None:
    outcome = store.run("load", "--json", NOWHERE).expect(MISSING)
    error = json.loads(outcome.stdout)["error"]
    assert error["code"] == "not_found"
    assert NOWHERE in error["message"]
    assert f"kachery: {error['message']}\n" == outcome.stderr


def test_the_store_in_use_is_where_the_environment_says(store: Store, tmp_path: Path) -> None:
    def directory(**variables: str) -> str:
        outcome = store.program.run("info", "--json", env=clean_environment() | {"HOME": "/home/x"} | variables)
        about = json.loads(outcome.expect(OK).stdout)
        return f"{about['directory']} {about['directory_origin']}"

    assert directory() == "/home/x/.kachery default"
    assert directory(KACHERY_STORAGE_DIR="/s") == "/s KACHERY_STORAGE_DIR"
    assert directory(KACHERY_STORAGE_DIR="/s", KACHERY_CLOUD_DIR="/c") == "/c KACHERY_CLOUD_DIR"
    assert directory(KACHERY_CLOUD_DIR="/c", KACHERY_DIR="/d") == "/d KACHERY_DIR"


def test_cat_gives_the_bytes_asked_for(store: Store) -> None:
    data = bytes(range(256)) * 9000
    digest = store.put(data)
    assert store.cat(digest).expect(OK).stdout == data
    for start, end in ((0, 0), (0, 1), (1 << 20, (1 << 20) + 1), (5, len(data)), (len(data), len(data))):
        part = store.run("cat", "--start", str(start), "--end", str(end), f"sha1://{digest}").expect(OK)
        assert part.stdout == data[start:end]


def test_cat_says_that_standard_output_is_full(store: Store) -> None:
    digest = store.put(b"x" * 100_000)
    with open("/dev/full", "wb") as full:
        outcome = store.cat(digest, stdout=full)
    assert outcome.code == 8
    assert "standard output" in outcome.stderr


def test_load_puts_a_copy_where_it_is_asked_to(store: Store, tmp_path: Path) -> None:
    digest = store.put(b"content")
    target = tmp_path / "copy"
    target.write_text("older content")
    assert store.run("load", f"sha1://{digest}", "--dest", target).expect(OK).stdout == bytes(target) + b"\n"
    assert target.read_bytes() == b"content"
    store.run("load", NOWHERE, "--dest", target).expect(MISSING)
    store.run("load", f"sha1://{digest}", "--dest", tmp_path).expect(USAGE)
    store.run("load", f"sha1://{digest}", "--dest", tmp_path / "no" / "such").expect(MISSING)
    assert target.read_bytes() == b"content"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["copy", "store"]


def test_verify_tells_damage_from_stale_links(store: Store, tmp_path: Path) -> None:
    linked = tmp_path / "linked"
    linked.write_text("linked")
    store.run("link", linked).expect(OK)
    assert store.verify()["exit"] == OK
    linked.write_text("changed")
    report = store.verify()
    assert report["exit"] == PARTLY
    assert str(linked) in report["stale_links"][0]["what"]
    digest = store.put(b"content")
    store.object(digest).chmod(0o644)
    store.object(digest).write_bytes(b"contemt")
    report = store.verify()
    assert report["exit"] == CORRUPT
    assert report["damaged"][0]["uri"] == f"sha1://{digest}"
    assert sha1(b"contemt") in report["damaged"][0]["what"]
    assert [path.read_bytes() for path in (store.path / "quarantine").iterdir()] == [b"contemt"]
    assert store.verify()["exit"] == PARTLY, "it is out of the way now"


def test_a_store_that_may_not_be_written_is_refused(program, public_path: Path, public_program, as_root) -> None:
    place = public_path / "theirs"
    place.mkdir(mode=0o755)
    nobody = public_program.under("setpriv", "--reuid", "65534", "--regid", "65534", "--clear-groups")
    outcome = nobody.run("store", "--dir", place, "-", input=b"x").expect(DENIED)
    assert str(place) in outcome.stderr
    Store(program, place).put(b"readable")
    assert nobody.run("cat", "--dir", place, f"sha1://{sha1(b'readable')}").expect(OK).stdout == b"readable"


@pytest.mark.parametrize("name", ["store", "load", "cat", "link"])
def test_the_older_names_do_the_same(name: str, store: Store, tmp_path: Path) -> None:
    old = Path(sys.executable).parent / f"kachery-{name}"
    if not old.exists():
        pytest.skip("the Python package is not installed beside this Python")
    path = tmp_path / "f"
    path.write_text("content")
    uri = store.put_file(path)
    argument = uri if name in ("load", "cat") else str(path)
    environment = clean_environment() | {"KACHERY_DIR": str(store.path)}
    ran = subprocess.run([old, argument], capture_output=True, env=environment, check=True)
    assert ran.stdout == store.run(name, argument).expect(OK).stdout
    assert subprocess.run([old, "--help"], capture_output=True, check=True).stdout
    if name in ("load", "cat"):
        missing = subprocess.run([old, NOWHERE], capture_output=True, env=environment)
        assert (missing.returncode, missing.stdout) == (MISSING, b"")


def test_files_larger_than_memory(store: Store, tmp_path: Path) -> None:
    """400 MiB with room for 120 MB of everything, programs and libraries included."""
    size = 400 << 20
    large = tmp_path / "large"
    with open(large, "wb") as file:
        file.truncate(size)
        file.seek(size // 2)
        file.write(b"middle")
    expected = hashlib.sha1()
    with open(large, "rb") as file:
        while piece := file.read(1 << 20):
            expected.update(piece)
    small = Store(store.program.under("prlimit", "--as=120000000"), store.path)
    uri = f"sha1://{expected.hexdigest()}"
    assert small.run("link", large).expect(OK).uri == f"{uri}/large"
    assert small.run("store", large).expect(OK).uri == f"{uri}/large"
    with open(large, "rb") as file:
        assert small.run("store", "-", stdin=file).expect(OK).uri == uri
    part = small.run("cat", "--start", str(size // 2), "--end", str(size // 2 + 6), uri).expect(OK)
    assert part.stdout == b"middle"
    small.run("load", uri, "--dest", tmp_path / "copy").expect(OK)
    assert (tmp_path / "copy").stat().st_size == size
    small.run("verify").expect(OK)
