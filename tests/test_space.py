"""ls, du, rm and gc: what is listed is what is there, and what goes is what may go, whoever else is at work."""

from __future__ import annotations

import json
import shutil
import threading
from dataclasses import replace
from pathlib import Path

import pytest
from harness import CORRUPT, MISSING, OK, PARTLY, USAGE, Store, evenly, sha1, wait_until_settled, write
from syscalls import CHANGING, changes_something, distinct, killing_at, read_log, tracing

NOW = ("--min-age", "0")
NOWHERE = "sha1://" + "0" * 40


def result(store: Store, command: str, *arguments: str) -> dict:
    return json.loads(store.run(command, "--json", *arguments).expect().stdout)


def evictable(store: Store, *contents: bytes) -> list[str]:
    digests = []
    for data in contents:
        digests += store.run("store", "--evictable", "-", input=data).expect().digests
    return digests


def listed(store: Store, *arguments: str) -> dict[str, str]:
    """The kind of each, by digest."""
    return {entry["uri"][7:]: entry["kind"] for entry in result(store, "ls", *arguments)["files"]}


def test_ls_names_everything_once(store: Store, tmp_path: Path) -> None:
    own = store.put(b"own")
    fetched = evictable(store, b"fetched")[0]
    linked = write(tmp_path / "a b\n", b"linked")
    store.run("link", linked).expect()
    assert listed(store) == {own: "own", fetched: "fetched", sha1(b"linked"): "link"}
    assert listed(store, "--objects") == {own: "own", fetched: "fetched"}
    assert listed(store, "--links") == {sha1(b"linked"): "link"}
    lines = store.run("ls").expect().stdout.decode().splitlines()
    assert len(lines) == 3, "a name with a line break is still one line"
    assert all(line.startswith("sha1://") and line.count("\t") >= 3 for line in lines)


def test_ls_lists_thousands_in_order(store: Store, tmp_path: Path) -> None:
    paths = [write(tmp_path / "files" / str(i), b"%d" % i) for i in range(3000)]
    names = tmp_path / "names"
    names.write_text("\n".join(map(str, paths)))
    stored = store.run("store", "--from", names).expect().digests
    found = store.run("ls").expect().digests_of_lines()
    assert found == sorted(stored)


def test_ls_and_du_of_a_store_that_is_not_there_make_nothing(store: Store) -> None:
    assert listed(store) == {}
    assert result(store, "du")["own"] == {"count": 0, "bytes": 0}
    assert result(store, "gc", "--max-size", "0")["evicted"]["count"] == 0
    assert not store.path.exists()


def test_du_counts_each_thing_where_it_belongs(store: Store, tmp_path: Path) -> None:
    store.put(b"12345")
    evictable(store, b"123")
    store.run("link", write(tmp_path / "linked", b"1234567")).expect()
    store.object(store.put(b"bad")).chmod(0o644)
    store.object(sha1(b"bad")).write_bytes(b"worse!")
    store.run("verify").expect(CORRUPT)
    write(store.path / "sha1-trash/ab/cd/ef" / ("abcdef" + "0" * 34), b"trash")
    (store.path / "config.yaml").write_text("maxCacheSizeGiB: 2\n")
    counted = result(store, "du")
    assert counted["own"] == {"count": 1, "bytes": 5}
    assert counted["fetched"] == {"count": 1, "bytes": 3}
    assert counted["links"] == {"count": 1, "bytes": 7}
    assert counted["quarantine"] == {"count": 1, "bytes": 6}
    assert counted["gen1_trash"] == {"count": 1, "bytes": 5}
    assert counted["limit_bytes"] == 2_000_000_000
    assert b"limit: 2.0 GB" in store.run("du").expect().stdout


def test_rm_deletes_what_is_named_and_nothing_of_the_users(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "linked", b"content")
    store.run("link", path).expect()
    digest = store.put(b"content")
    other = store.put(b"other")
    outcome = store.run("rm", f"sha1://{digest}/label").expect()
    assert outcome.digests == [digest]
    assert path.read_bytes() == b"content"
    assert not list(store.path.glob("**/" + digest + "*"))
    store.cat(digest).expect(MISSING)
    assert store.cat(other).expect().stdout == b"other"
    store.run("rm", f"sha1://{digest}").expect(MISSING)
    assert store.run("rm", f"sha1://{other}", f"sha1://{digest}").expect(PARTLY).digests == [other]
    store.run("rm", "sha1://x").expect(USAGE)
    store.run("rm", str(path)).expect(USAGE)
    assert path.exists()


@pytest.mark.parametrize("settings", ["config.yaml", "kachery.yaml"])
def test_gc_goes_down_to_the_limit_of_the_settings(store: Store, settings: str) -> None:
    own = store.put(b"o" * 600_000)
    digests = evictable(store, b"1" * 500_000, b"2" * 500_000, b"3" * 500_000)
    (store.path / settings).write_text("maxCacheSizeGiB: 0.0015\n")  # Of 10^9 bytes each, as gen1 counted.
    collected = result(store, "gc", *NOW)
    assert collected["limit_bytes"] == 1_500_000
    assert collected["before"]["bytes"] == 2_100_000
    assert collected["uris"] == [f"sha1://{digest}" for digest in digests[:2]], "those used longest ago"
    assert store.digests() == {own, digests[2]}
    assert result(store, "gc", *NOW)["evicted"]["count"] == 0


def test_gc_spares_the_young_and_the_users_own_unless_it_is_told_not_to(store: Store) -> None:
    own = store.put(b"own")
    fetched = evictable(store, b"fetched")[0]
    outcome = store.run("gc", "--max-size", "0").expect()
    assert outcome.stdout == b""
    assert "too young" in outcome.stderr
    assert store.run("gc", "--max-size", "0", *NOW, "--dry-run").expect().digests == [fetched]
    assert store.digests() == {own, fetched}
    assert store.run("gc", "--max-size", "0", *NOW).expect().digests == [fetched]
    assert store.digests() == {own}
    assert store.run("gc", "--max-size", "0", *NOW, "--own").expect().digests == [own]
    assert store.digests() == set()
    assert not list((store.path / "sha1").iterdir()), "the empty folders went, too"
    assert store.put(b"own") == own


def test_gc_without_a_limit_evicts_nothing_and_says_so(store: Store) -> None:
    evictable(store, b"fetched")
    outcome = store.run("gc", *NOW).expect()
    assert "maxCacheSizeGiB" in outcome.stderr
    assert len(store.digests()) == 1


def test_what_was_loaded_last_stays_longest(store: Store) -> None:
    first, second = evictable(store, b"1" * 100, b"2" * 100)
    store.run("load", f"sha1://{first}").expect()
    assert store.run("gc", "--max-size", "150", *NOW).expect().digests == [second]


def test_what_was_evictable_and_is_stored_again_is_the_users_own(store: Store) -> None:
    digest = evictable(store, b"content")[0]
    store.put(b"content")
    evictable(store, b"content")
    store.run("gc", "--max-size", "0", *NOW).expect()
    assert store.digests() == {digest}


def test_without_its_index_everything_is_the_users_own(store: Store) -> None:
    digest = evictable(store, b"content")[0]
    for path in store.path.glob("index.db*"):
        path.unlink()
    store.run("gc", "--max-size", "0", *NOW).expect()
    assert store.digests() == {digest}
    (store.path / "index.db").write_bytes(b"no database" * 1000)
    store.run("gc", "--max-size", "0", *NOW).expect()
    assert store.digests() == {digest}


def test_a_copy_of_a_store_is_the_users_own(store: Store, tmp_path: Path) -> None:
    digest = evictable(store, b"content")[0]
    copy = replace(store, path=tmp_path / "copy")
    shutil.copytree(store.path, copy.path)
    copy.run("gc", "--max-size", "0", *NOW).expect()
    assert copy.digests() == {digest}


@pytest.mark.parametrize("size", ["-1", "x", "1X", "1e400", "nan", "1iB", "1 G"])
def test_a_size_that_is_none_is_refused(store: Store, size: str) -> None:
    assert "not a size" in store.run("gc", f"--max-size={size}").expect(USAGE).stderr


def test_a_damaged_object_is_made_again_from_a_linked_file(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "linked", b"content")
    store.run("link", path).expect()
    digest = store.put(b"content")
    store.object(digest).chmod(0o644)
    store.object(digest).write_bytes(b"damaged")
    report = store.verify()
    assert report["exit"] == OK
    assert [finding["uri"] for finding in report["repaired"]] == [f"sha1://{digest}"]
    assert str(path) in report["repaired"][0]["what"]
    assert store.object(digest).read_bytes() == b"content"
    assert store.verify()["repaired"] == []


def test_nothing_acknowledged_goes_while_everything_else_does(store: Store, rng, outcome) -> None:
    """Processes that store their own and evictable content, and one that evicts all it may, without a pause."""
    owned: set[str] = set()
    stop = threading.Event()
    failures: list[str] = []
    rounds = 0

    def keep_storing(number: int) -> None:
        for i in range(40):
            data = b"content %d" % rng.randrange(60)
            try:
                if i % 2:
                    evictable(store, data)
                else:
                    store.put(data)
                    owned.add(sha1(data))
                    if not store.object(sha1(data)).exists():
                        failures.append(f"{data!r} went after it was acknowledged")
            except AssertionError as failure:
                failures.append(str(failure))

    def keep_collecting() -> None:
        nonlocal rounds
        while not stop.is_set():
            ended = store.run("gc", "--max-size", "0", *NOW)
            rounds += 1
            if ended.code != OK:
                failures.append(str(ended))

    collector = threading.Thread(target=keep_collecting)
    collector.start()
    workers = [threading.Thread(target=keep_storing, args=(i,)) for i in range(8)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    stop.set()
    collector.join()
    assert failures == []
    assert owned <= store.digests()
    assert store.wrong() == []
    outcome(f"gc beside 8 storing processes: {len(owned)} acknowledged as the user's own, all there; {rounds} collections")


def test_a_kill_during_gc_or_rm_leaves_whole_objects_and_the_next_call_works(
    program, strace: str, tmp_path: Path, campaign, outcome
) -> None:
    contents = [b"%d" % i * 100 for i in range(6)]
    digests = [sha1(data) for data in contents]
    template = Store(program, tmp_path / "template")
    for data in contents:
        template.put(data)
    template.run("link", write(tmp_path / "linked", contents[0])).expect()
    wait_until_settled([template.object(digests[0])])
    calls = {
        "gc": ["gc", "--own", "--max-size", "250", *NOW],
        "rm": ["rm", f"sha1://{digests[0]}", f"sha1://{digests[1]}"],
    }
    killed = tried = 0
    for name, arguments in calls.items():
        log = tmp_path / "log"
        copy = replace(template, path=tmp_path / "copy")
        shutil.copytree(template.path, copy.path)
        replace(copy, program=tracing(program, strace, log, CHANGING)).run(*arguments).expect()
        left = copy.digests()
        shutil.rmtree(copy.path)
        points = distinct(filter(changes_something, read_log(log)))
        for call in evenly(points, min(len(points), campaign("points") // 10 + 1)):
            shutil.copytree(template.path, copy.path)
            ended = replace(copy, program=killing_at(program, strace, call)).run(*arguments)
            tried += 1
            killed += ended.code == -9
            assert ended.code in (-9, OK), f"{name} at {call}: {ended}"
            assert copy.wrong() == [], f"{name} killed at {call}"
            assert left <= copy.digests(), f"{name} killed at {call}: more went than was to go"
            again = copy.run(*arguments)
            assert again.code in (OK, PARTLY, MISSING), f"{name} after a kill at {call}: {again}"
            assert len(copy.digests()) == len(left)
            assert copy.put(b"new") == sha1(b"new")
            shutil.rmtree(copy.path)
    outcome(f"A1 kills in gc and rm: {tried} tried, {killed} killed, 0 with anything wrong")
    assert killed > tried // 2
