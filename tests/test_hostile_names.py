"""Names that a shell, a URI, a terminal or a path could trip over; places where a symbolic link was put; and two
files with one SHA-1."""

from __future__ import annotations

import os
import socket
import sqlite3
import subprocess
import threading
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import unquote_to_bytes

import pytest

from harness import CORRUPT, DENIED, FAILED, MISSING, OK, USAGE, Outcome, Store, sha1, wait_until_settled, write

NAMES = [b" ", b"two words", b" in front", b"behind ", b"what?", b"what?label=x", b"sharp#5", b"100%", b"%41%00",
         b"a&b=c", b"new\nline", b"\n", b"tab\t", b"return\r", b"bell\x07", b"\x1b[2J", b"'", b'"', b"`id`", b"$(id)",
         b"${HOME}", b"back\\slash", b"\\", b"*", b"~", b"...", b".hidden", b"-q", b"--dir", b"--", b"-", b"sha1:",
         b"a.link", b"\xff", b"\xc3\x28", b"\xed\xa0\x80", b"\xf4\x90\x80\x80", "ünï©ødé".encode(),
         "\u202eesrever".encode(), "nul\u2400".encode(), b"n" * 255, b"\xff" * 255, "ü".encode() * 127, b"con", b"0",
         b"null"]


def make(place: Path, name: bytes) -> tuple[bytes, bytes]:
    """A file of that name; its path, and its content."""
    path = os.path.join(os.fsencode(place), name)
    data = b"content of " + name
    with open(path, "wb") as file:
        file.write(data)
    return path, data


def assert_one_line_that_loads(store: Store, outcome: Outcome, data: bytes) -> None:
    outcome.expect()
    assert outcome.stdout.count(b"\n") == 1 and outcome.stdout.endswith(b"\n"), outcome
    assert outcome.digests == [sha1(data)]
    assert not any(byte < 0x20 or byte == 0x7F for byte in outcome.stdout[:-1]), outcome
    outcome.stdout.decode("utf-8")
    uri = outcome.stdout[:-1]
    assert store.run("cat", uri).expect().stdout == data
    assert store.run("load", uri).expect().stdout == os.fsencode(store.object(sha1(data))) + b"\n"


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_file_of_any_name_is_stored(store, tmp_path, name):
    path, data = make(tmp_path, name)
    assert_one_line_that_loads(store, store.run("store", path), data)


@pytest.mark.parametrize("name", [name for name in NAMES if name != b"-"], ids=repr)
def test_a_file_of_any_name_is_stored_behind_two_dashes_and_by_its_relative_name(store, tmp_path, name):
    _, data = make(tmp_path, name)
    assert_one_line_that_loads(store, store.run("store", "--", name, cwd=tmp_path), data)
    assert_one_line_that_loads(store, store.run("store", b"./" + name, cwd=tmp_path), data)


def test_all_names_are_stored_from_a_list(store, tmp_path):
    files = [make(tmp_path, name) for name in NAMES]
    listed = write(tmp_path / "the list", b"".join(path + b"\0" for path, _ in files))
    for arguments, options in ((["--from", listed, "-0"], {}), (["--from", "-", "-0"], {"input": listed.read_bytes()})):
        outcome = store.run("store", *arguments, **options).expect()
        lines = outcome.stdout.splitlines(keepends=True)
        assert len(lines) == len(files)
        for line, (_, data) in zip(lines, files):
            assert line.startswith(b"sha1://" + sha1(data).encode())
    store.assert_sound()


def test_the_label_in_the_uri_is_the_name(store, tmp_path):
    """However it is encoded: what is decoded again is what was there."""
    for name in NAMES:
        path, data = make(tmp_path, name)
        uri = store.run("store", path).expect().uri
        outcome = store.run("info", "--json", uri).expect()
        encoded = uri.removeprefix(f"sha1://{sha1(data)}/")
        assert unquote_to_bytes(encoded) == name, (encoded, name)
        assert outcome.stdout.count(b"\n") == 1


# --- What is not a file


def test_a_pipe_is_stored_as_what_comes_out_of_it(store, tmp_path):
    os.mkfifo(tmp_path / "pipe")
    data = os.urandom(3 << 20)
    writer = threading.Thread(target=lambda: (tmp_path / "pipe").write_bytes(data))
    writer.start()
    assert_one_line_that_loads(store, store.run("store", tmp_path / "pipe"), data)
    writer.join()


def test_the_null_device_is_the_empty_object(store):
    assert_one_line_that_loads(store, store.run("store", "/dev/null"), b"")


def test_a_symbolic_link_is_stored_as_the_file_it_leads_to(store, tmp_path):
    (tmp_path / "symbolic").symlink_to(write(tmp_path / "file", b"content"))
    assert_one_line_that_loads(store, store.run("store", tmp_path / "symbolic"), b"content")


def is_socket(path: Path) -> None:
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(path))


@pytest.mark.parametrize(("make_it", "codes"), [
    (lambda path: None, {MISSING}),
    (lambda path: path.mkdir(), {USAGE}),
    (is_socket, {FAILED, USAGE}),
    (lambda path: path.symlink_to("nowhere"), {MISSING}),
    (lambda path: path.symlink_to(path), {USAGE}),
], ids=["missing", "directory", "socket", "dangling", "loop"])
def test_what_cannot_be_stored_is_refused_by_name(store, tmp_path, make_it, codes):
    make_it(tmp_path / "it")
    outcome = store.run("store", tmp_path / "it")
    assert outcome.code in codes and outcome.stdout == b"", outcome
    assert str(tmp_path / "it") in outcome.stderr
    files = [write(tmp_path / str(number), b"%d" % number) for number in range(20)]
    batch = store.run("store", *files, tmp_path / "it")
    assert batch.code in codes and batch.stdout == b"", batch
    assert str(tmp_path / "it") in batch.stderr
    assert not store.sessions()


def test_a_file_that_may_not_be_read_is_refused(public_program, as_root, public_path):
    store = Store(public_program, public_path / "store")
    secret = write(public_path / "secret", b"secret")
    secret.chmod(0o600)
    store.path.mkdir(mode=0o777)
    store.path.chmod(0o777)
    outcome = store.run("store", secret, user=45001, group=45001, extra_groups=[]).expect(DENIED)
    assert outcome.stdout == b"" and str(secret) in outcome.stderr


def test_a_directory_that_may_not_be_written_to_is_refused(public_program, as_root, public_path):
    store = Store(public_program, public_path / "store")
    digest = store.put(b"readable")
    outcome = store.run("store", "-", input=b"new", user=45001, group=45001, extra_groups=[]).expect(DENIED)
    assert outcome.stdout == b"" and str(store.path) in outcome.stderr
    assert store.cat(digest, user=45001, group=45001, extra_groups=[]).expect().stdout == b"readable"


# --- Symbolic links inside the store


@pytest.fixture
def outside(tmp_path) -> Path:
    """Where nothing may be written."""
    path = tmp_path / "outside"
    path.mkdir()
    return path


DATA = b"some content"
FOLDERS = ["sha1", "sha1/" + sha1(DATA)[:2], "sha1/" + sha1(DATA)[:2] + "/" + sha1(DATA)[2:4],
           "sha1/" + "/".join((sha1(DATA)[:2], sha1(DATA)[2:4], sha1(DATA)[4:6])), "tmp"]


def lead_outside(store: Store, folder: str, outside: Path) -> None:
    path = store.path / folder
    path.parent.mkdir(parents=True, exist_ok=True)
    path.symlink_to(outside)


def contents_of(place: Path) -> list[str]:
    return sorted(str(path) for path in place.rglob("*"))


@pytest.mark.parametrize("target", ["outside", "relative", "inside", "missing"])
@pytest.mark.parametrize("folder", FOLDERS)
def test_a_folder_that_is_a_symbolic_link_is_not_followed(store, outside, tmp_path, folder, target):
    inside = store.path / "elsewhere"
    inside.mkdir(parents=True)
    lead_outside(store, folder, {"outside": outside, "relative": Path("../" * (folder.count("/") + 1)) / "outside",
                                 "inside": inside, "missing": tmp_path / "missing"}[target])
    source = write(tmp_path / "source", DATA)
    for arguments, options in ((["store", source], {}), (["store", "-"], {"input": DATA})):
        outcome = store.run(*arguments, **options)
        assert outcome.code not in (OK,) and outcome.code > 0 and outcome.stdout == b"", outcome
        assert "symbolic link" in outcome.stderr and str(store.path) in outcome.stderr, outcome.stderr
    assert not contents_of(outside) and not contents_of(inside) and not (tmp_path / "missing").exists()


@pytest.mark.parametrize("folder", FOLDERS[:4])
def test_nothing_is_read_through_a_symbolic_link(store, outside, folder):
    """Even the right bytes: who can put a link there can change them at will."""
    lead_outside(store, folder, outside)
    place = outside / os.path.relpath(store.object(sha1(DATA)), store.path / folder)
    write(place, DATA)
    outcome = store.cat(sha1(DATA))
    assert outcome.code != OK and outcome.stdout == b"", outcome
    assert "symbolic link" in outcome.stderr


@pytest.mark.parametrize("folder", ["linked_files", "linked_files/sha1", "sha1"])
def test_a_link_record_is_not_written_through_a_symbolic_link(store, outside, tmp_path, folder):
    lead_outside(store, folder, outside)
    outcome = store.run("link", write(tmp_path / "source", DATA))
    assert outcome.code > 0 and outcome.stdout == b"" and "symbolic link" in outcome.stderr, outcome
    assert not contents_of(outside)


def test_an_object_that_is_a_symbolic_link_is_neither_read_nor_written_through(store, outside):
    target = write(outside / "target", DATA)
    store.object(sha1(DATA)).parent.mkdir(parents=True)
    store.object(sha1(DATA)).symlink_to(target)
    assert store.cat(sha1(DATA)).code != OK
    outcome = store.run("store", "-", input=DATA)
    if outcome.code == OK:
        assert not store.object(sha1(DATA)).is_symlink(), "acknowledged, and not in the store"
        store.assert_holds([DATA])
    else:
        assert str(store.object(sha1(DATA))) in outcome.stderr and outcome.stdout == b""
    assert target.read_bytes() == DATA and len(contents_of(outside)) == 1


def test_a_directory_at_the_place_of_an_object_is_damage(store):
    """Nothing is served from it, and storing the content puts it aside."""
    store.object(sha1(DATA)).mkdir(parents=True)
    refused = store.cat(sha1(DATA))
    assert refused.code == CORRUPT and refused.stdout == b""
    assert str(store.object(sha1(DATA))) in refused.stderr
    store.put(DATA)
    assert store.cat(sha1(DATA)).stdout == DATA
    assert [path.is_dir() for path in (store.path / "quarantine").iterdir()] == [True]


@pytest.mark.parametrize("make_it", [lambda path, _: path.mkdir(), lambda path, outside: path.symlink_to(outside / "x"),
                                     lambda path, _: os.mkfifo(path)], ids=["directory", "symbolic link", "pipe"])
def test_verify_does_not_pass_over_what_is_no_file(store, outside, make_it):
    """Something at the place of an object that cannot be read as one, beside a damaged object."""
    damaged = store.put(b"damaged")
    store.object(damaged).chmod(0o644)
    store.object(damaged).write_bytes(b"Damaged")
    store.object(sha1(DATA)).parent.mkdir(parents=True)
    make_it(store.object(sha1(DATA)), outside)
    outcome = store.run("verify")
    assert outcome.code == CORRUPT, f"the damaged object must be found all the same: {outcome}"
    assert sha1(DATA) in outcome.stderr, f"what is no object must be named: {outcome}"


@pytest.mark.parametrize("leads", ["nowhere", "to a file", "to a database"])
def test_an_index_that_is_a_symbolic_link_is_not_written_through(store, outside, leads):
    store.path.mkdir()
    (store.path / "index.db").symlink_to(outside / "victim")
    before = {}
    if leads == "to a file":
        before["victim"] = write(outside / "victim", b"something of the user's").read_bytes()
    if leads == "to a database":
        with sqlite3.connect(outside / "victim") as database:
            database.execute("CREATE TABLE of_the_user(x)")
        database.close()
        before["victim"] = (outside / "victim").read_bytes()
    assert store.put(DATA) == sha1(DATA)
    assert {path.name: path.read_bytes() for path in outside.iterdir()} == before


def test_the_store_itself_may_lie_behind_a_symbolic_link(store, outside):
    store.path.symlink_to(outside)
    assert store.put(DATA) == sha1(DATA)
    assert (outside / os.path.relpath(store.object(sha1(DATA)), store.path)).read_bytes() == DATA


def test_a_directory_that_is_swapped_for_a_symbolic_link_lets_nothing_out(store, outside, tmp_path):
    """While files are stored, another member of the group replaces folders by links to the outside."""
    files = [write(tmp_path / "sources" / str(number), b"%d" % number) for number in range(300)]
    store.put(b"so that the directory is there")
    with ExitStack() as stack:
        process = stack.enter_context(store.program.start("store", "--dir", store.path, "-q", *files))
        while process.poll() is None:
            for folder in ("sha1", "tmp"):
                try:
                    os.rename(store.path / folder, store.path / "aside")
                    os.symlink(outside, store.path / folder)
                    os.unlink(store.path / folder)
                    os.rename(store.path / "aside", store.path / folder)
                except OSError:
                    subprocess.run(["rm", "-rf", store.path / "aside"], check=True)
        process.stdout.read()
    assert not contents_of(outside)


# --- Malformed names of content


@pytest.mark.parametrize("uri", [
    "sha1://", "sha1://../../../../etc/passwd", "sha1://" + "g" * 40, "sha1://" + "A" * 40, "sha1://" + "a" * 39,
    "sha1://" + "a" * 41, "sha1:///" + "a" * 40, "sha256://" + "a" * 40, "sha2://" + "a" * 40, "://", "sha1://%2e%2e/",
    "sha1://" + "a" * 39 + "\n", "file:///etc/passwd", "SHA1://" + "a" * 40])
def test_a_malformed_uri_is_refused_before_any_path_is_made_of_it(store, uri):
    store.put(DATA)
    for command in ("cat", "load", "info", "verify"):
        outcome = store.run(command, uri)
        assert outcome.code in (USAGE, MISSING) and outcome.stdout == b"", (command, outcome)


# --- Two files with one SHA-1


SUFFIXES = {"320 bytes": 0, "100 kB": 100_000, "2 MB": 2_000_000}


@pytest.fixture(scope="module")
def collisions(tmp_path_factory) -> dict[str, tuple[Path, Path]]:
    """The two public files, with the same bytes behind them, which keep them colliding; old enough to be remembered."""
    vectors = [Path(__file__).parent / "vectors" / f"shattered-prefix-{number}.hex" for number in (1, 2)]
    prefixes = [bytes.fromhex(path.read_text()) for path in vectors]
    place = tmp_path_factory.mktemp("collisions")
    pairs = {}
    for name, size in SUFFIXES.items():
        one, two = (write(place / f"{name} {i}", prefix + b"s" * size) for i, prefix in enumerate(prefixes))
        assert sha1(one.read_bytes()) == sha1(two.read_bytes()) and one.read_bytes() != two.read_bytes()
        pairs[name] = one, two
    wait_until_settled([path for pair in pairs.values() for path in pair])
    return pairs


@pytest.fixture(params=SUFFIXES)
def colliding(collisions, request) -> tuple[Path, Path]:
    return collisions[request.param]


def assert_first_stays(store: Store, first: Path) -> None:
    assert store.cat(sha1(first.read_bytes())).expect().stdout == first.read_bytes()
    store.assert_verified()


def assert_refused(outcome: Outcome) -> None:
    outcome.expect(CORRUPT)
    assert outcome.stdout == b"" and "collision" in outcome.stderr and "--sha256" in outcome.stderr


@pytest.mark.parametrize("second_way", ["store", "stdin", "link", "batch", "link batch"])
@pytest.mark.parametrize("first_way", ["store", "link"])
def test_a_colliding_file_is_refused_however_often_it_comes(store, colliding, tmp_path, first_way, second_way):
    first, second = colliding
    store.run(first_way, first).expect()
    others = [write(tmp_path / f"other {number}", b"%d" % number) for number in range(20)]
    for _ in range(3):  # What is remembered of it must not let it in the next time.
        if second_way == "stdin":
            assert_refused(store.run("store", "-", input=second.read_bytes()))
        elif second_way.endswith("batch"):
            assert_refused(store.run("link" if "link" in second_way else "store", *others, second))
        else:
            assert_refused(store.run(second_way, second))
        assert_first_stays(store, first)
    for way in ("store", "link"):
        assert_refused(store.run(way, second))
    assert_first_stays(store, first)
    store.run(first_way, first).expect()
    store.run("store", first).expect()
    assert_first_stays(store, first)


@pytest.mark.parametrize("way", ["store", "link"])
def test_a_batch_of_both_is_refused(store, colliding, way):
    first, second = colliding
    for _ in range(2):
        assert_refused(store.run(way, first, second))
    found = store.cat(sha1(first.read_bytes()))
    assert found.code in (OK, MISSING)
    assert found.code == MISSING or found.stdout in (first.read_bytes(), second.read_bytes())


def test_sha256_stores_both(store, colliding):
    uris = [store.run("store", "--sha256", path).expect().uri for path in colliding]
    assert uris[0] != uris[1]
    for uri, path in zip(uris, colliding):
        assert store.run("cat", uri).expect().stdout == path.read_bytes()
    linked = [store.run("link", "--sha256", path).expect().uri for path in colliding]
    assert linked == uris
    store.assert_verified()


def test_a_collision_waits_for_the_first_to_be_whole_again(store, colliding):
    """A damaged object is no reason to refuse: what is stored then is the only good content there is."""
    first, second = colliding
    store.run("store", first).expect()
    digest = sha1(first.read_bytes())
    store.object(digest).chmod(0o644)
    store.object(digest).write_bytes(b"damaged")
    store.run("store", second).expect()
    assert store.cat(digest).expect().stdout == second.read_bytes()
    assert_refused(store.run("store", first))
