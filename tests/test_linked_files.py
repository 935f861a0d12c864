"""A linked file belongs to the user, who may do anything with it. It is served as long as it holds the bytes that its
link names, and never otherwise."""

from __future__ import annotations

import json
import mmap
import os
from pathlib import Path
from typing import Callable, Iterator

import pytest

from harness import MISSING, OK, PARTLY, USAGE, Store, sha1, wait_until_settled, write

ORIGINAL = b"the original " * 10_000  # Large enough to be remembered.
OTHER = b"another one! " * 10_000
assert len(ORIGINAL) == len(OTHER)


SETTLED_FILES = 24  # At least as many as there are tests that ask for one.


@pytest.fixture(scope="module")
def settled_files(tmp_path_factory) -> Iterator[Path]:
    """Files old enough to be remembered; so all of them wait together."""
    place = tmp_path_factory.mktemp("settled")
    paths = [write(place / str(number) / "linked", ORIGINAL) for number in range(SETTLED_FILES)]
    wait_until_settled(paths)
    return iter(paths)


@pytest.fixture(params=["settled", "hot"])
def linked(store, tmp_path, request) -> Path:
    """A linked file: one that index.db remembers, or one that was linked as soon as it was written."""
    if request.param == "settled":
        path = next(request.getfixturevalue("settled_files"))
    else:
        path = write(tmp_path / "linked", ORIGINAL)
    assert store.run("link", path).expect().digests == [sha1(ORIGINAL)]
    assert store.cat(sha1(ORIGINAL)).expect().stdout == ORIGINAL
    return path


def assert_not_served(store: Store) -> None:
    outcome = store.cat(sha1(ORIGINAL)).expect(MISSING)
    assert outcome.stdout == b""
    loaded = store.run("load", f"sha1://{sha1(ORIGINAL)}").expect(MISSING)
    assert loaded.stdout == b""
    assert store.verify()["exit"] == PARTLY


def assert_served(store: Store) -> None:
    assert store.cat(sha1(ORIGINAL)).expect().stdout == ORIGINAL
    store.assert_verified()


def grows(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


def shrinks(path: Path) -> None:
    os.truncate(path, 5)


def is_rewritten(path: Path) -> None:
    path.write_bytes(OTHER)


def is_rewritten_with_its_old_time(path: Path) -> None:
    before = path.stat()
    path.write_bytes(OTHER)
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def changes_in_one_byte_with_its_old_time(path: Path) -> None:
    before = path.stat()
    with path.open("r+b") as file:
        file.seek(77)
        file.write(b"#")
    os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))


def is_replaced(path: Path) -> None:
    write(path.with_name("part"), OTHER).rename(path)


def is_replaced_with_its_old_time(path: Path) -> None:
    before = path.stat()
    part = write(path.with_name("part"), OTHER)
    os.utime(part, ns=(before.st_atime_ns, before.st_mtime_ns))
    part.rename(path)


def is_deleted(path: Path) -> None:
    path.unlink()


def becomes_a_directory(path: Path) -> None:
    path.unlink()
    path.mkdir()


def becomes_a_pipe(path: Path) -> None:
    path.unlink()
    os.mkfifo(path)


def becomes_a_link_to_another(path: Path) -> None:
    path.unlink()
    path.symlink_to(write(path.with_name("another"), OTHER))


CHANGES = (grows, shrinks, is_rewritten, is_rewritten_with_its_old_time, changes_in_one_byte_with_its_old_time,
           is_replaced, is_replaced_with_its_old_time, is_deleted, becomes_a_directory, becomes_a_pipe,
           becomes_a_link_to_another)


def restore(path: Path) -> None:
    if path.is_dir():
        path.rmdir()
    else:
        path.unlink(missing_ok=True)
    path.write_bytes(ORIGINAL)


@pytest.mark.parametrize("change", CHANGES, ids=lambda change: change.__name__)
def test_a_linked_file_that_changed_is_not_served_until_its_bytes_are_back(store, linked, change: Callable):
    change(linked)
    assert_not_served(store)
    assert_not_served(store)
    restore(linked)
    assert_served(store)


def test_a_file_that_changes_within_a_tick_of_the_clock_is_not_served(store, tmp_path, outcome):
    """Written, linked, and written again with the same size, as fast as can be, so that its times may be the same."""
    same_times = 0
    for number in range(30):
        path = tmp_path / f"hot {number}"
        one, other = (f"{word} {number:05} ".encode() * 6000 for word in ("one", "two"))
        path.write_bytes(one)
        before = path.stat()
        digest = store.run("link", path).expect().digests[0]
        with path.open("r+b") as file:
            file.write(other)
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))
        same_times += path.stat().st_mtime_ns == before.st_mtime_ns
        assert store.cat(digest).expect(MISSING).stdout == b""
        assert digest == sha1(one)
    outcome(f"linked files that changed at once: 30 tried, {same_times} with the same mtime, 0 served")


def test_a_file_that_is_written_all_the_time_is_linked_to_nothing_wrong(store, tmp_path):
    path = write(tmp_path / "busy", bytes(300_000))
    for number in range(40):
        with store.program.start("link", "--dir", store.path, path) as linking:
            while linking.poll() is None:
                with path.open("r+b") as file:
                    file.write(number.to_bytes(8, "big"))
                    file.seek(299_000)
                    file.write(number.to_bytes(8, "big"))
            lines = linking.stdout.read().split()
        for line in lines:
            shown = store.cat(line[7:47].decode())
            assert shown.code in (OK, MISSING), shown
            assert shown.code == MISSING or sha1(shown.stdout) == line[7:47].decode(), "wrong bytes were served"


@pytest.fixture
def mapped(tmp_path) -> Iterator[tuple[Path, mmap.mmap]]:
    """A file that a program has mapped, and has written to a while ago. What it writes next moves no time of the
    file, until the kernel has written the page to the disk."""
    path = write(tmp_path / "mapped", ORIGINAL)
    with path.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        os.fsync(file.fileno())
        mapping[0:4] = b"THE "
        wait_until_settled([path])
        yield path, mapping


def test_a_change_through_a_mapping_is_not_served(store, mapped):
    path, mapping = mapped
    digest = store.run("link", path).expect().digests[0]
    assert digest == sha1(mapping[:])
    mapping[0:4] = b"the "
    assert store.cat(digest).expect(MISSING).stdout == b"", "bytes were served under another name"


def test_a_change_through_a_mapping_gives_the_file_another_uri(store, mapped):
    path, mapping = mapped
    store.put_file(path)
    mapping[0:4] = b"the "
    assert store.put_file(path)[7:47] == sha1(mapping[:]), "a stored file got the URI of what it was before"


def test_linking_again_after_a_change_serves_the_new_bytes(store, linked):
    is_rewritten(linked)
    assert store.run("link", linked).expect().digests == [sha1(OTHER)]
    assert store.cat(sha1(OTHER)).expect().stdout == OTHER
    store.cat(sha1(ORIGINAL)).expect(MISSING)


def test_linking_again_unchanged_gives_the_same_uri(store, linked):
    record = store.link(sha1(ORIGINAL))
    assert store.run("link", linked).expect().digests == [sha1(ORIGINAL)]
    assert json.loads(record.read_bytes())["path"] == str(linked)
    assert_served(store)


def test_a_second_file_with_the_same_bytes_takes_over_when_it_is_linked(store, linked):
    second = write(linked.with_name("second"), ORIGINAL)
    store.run("link", second).expect()
    linked.unlink()
    assert_served(store)


def test_an_object_serves_when_the_linked_file_is_gone(store, linked):
    store.run("store", linked).expect()
    linked.unlink()
    assert store.cat(sha1(ORIGINAL)).expect().stdout == ORIGINAL


NAMES = [b"with spaces", b"what? a name", b"sharp#5", b"100%41", b"two\nlines", b"'quotes\"", b"\xff\xfe bytes \x80",
         "ünïcödé".encode(), b"back\\slash", b"\x01\x1b[31m", b"n" * 255]


@pytest.mark.parametrize("name", NAMES, ids=repr)
def test_a_link_to_any_name_serves_its_file(store, tmp_path, name):
    path = os.path.join(os.fsencode(tmp_path), name)
    data = b"content of " + name
    with open(path, "wb") as file:
        file.write(data)
    outcome = store.run("link", path).expect()
    assert outcome.stdout.count(b"\n") == 1 and outcome.digests == [sha1(data)]
    assert store.run("cat", outcome.stdout[:-1]).expect().stdout == data
    assert store.run("load", outcome.stdout[:-1]).expect().stdout == path + b"\n"
    store.gen1_link(sha1(data)).unlink()
    assert store.cat(sha1(data)).expect().stdout == data
    store.run("link", path).expect()
    store.link(sha1(data)).unlink()
    assert store.gen1_link(sha1(data)).exists(), "the link that stands must have both records"
    assert store.cat(sha1(data)).expect().stdout == data


def test_a_relative_path_is_linked_by_where_it_is(store, tmp_path):
    write(tmp_path / "there" / "file", ORIGINAL)
    store.run("link", "./there/../there/file", cwd=tmp_path).expect()
    assert json.loads(store.link(sha1(ORIGINAL)).read_bytes())["path"] == str(tmp_path / "there" / "file")
    assert_served(store)


def test_a_link_through_a_symbolic_link_follows_where_it_leads(store, tmp_path):
    symbolic = tmp_path / "symbolic"
    symbolic.symlink_to(write(tmp_path / "one", ORIGINAL))
    store.run("link", symbolic).expect()
    assert_served(store)
    symbolic.unlink()
    symbolic.symlink_to(write(tmp_path / "two", OTHER))
    assert_not_served(store)
    symbolic.unlink()
    symbolic.symlink_to(write(tmp_path / "three", ORIGINAL))
    assert_served(store)


@pytest.mark.parametrize(("make", "code"), [
    (lambda path: None, MISSING),
    (lambda path: path.mkdir(), USAGE),
    (lambda path: os.mkfifo(path), USAGE),
    (lambda path: path.symlink_to("nowhere"), MISSING),
    (lambda path: path.symlink_to(path), USAGE),
], ids=["missing", "directory", "pipe", "dangling", "loop"])
def test_what_is_no_file_cannot_be_linked(store, tmp_path, make, code):
    make(tmp_path / "it")
    outcome = store.run("link", tmp_path / "it").expect(code)
    assert outcome.stdout == b"" and str(tmp_path / "it") in outcome.stderr
    assert not list(store.records())


def test_a_batch_of_links_with_one_that_fails_acknowledges_none(store, tmp_path):
    paths = [write(tmp_path / str(number), b"%d" % number) for number in range(20)]
    paths[13].unlink()
    assert store.run("link", *paths).expect(MISSING).stdout == b""
    assert not store.sessions()


def test_a_linked_file_that_may_not_be_read_is_a_miss(public_program, as_root, public_path):
    store = Store(public_program, public_path / "store")
    path = write(public_path / "linked", ORIGINAL)
    store.run("link", path).expect()
    path.chmod(0)
    outcome = store.cat(sha1(ORIGINAL), user=45001, group=45001, extra_groups=[]).expect(MISSING)
    assert outcome.stdout == b"" and "Permission denied" in outcome.stderr
