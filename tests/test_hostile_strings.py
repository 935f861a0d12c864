"""A19: hostile strings in every field that is a name. Nothing outside the store is made, changed, or read."""

from __future__ import annotations

import json
import os
import random
import re
import socket
import subprocess
import sys
import threading
import time
import unicodedata
from pathlib import Path

import pytest

from harness import FAILED, OK, USAGE, Store, clean_environment, evenly, sha1, write
from hostile_strings import naughty, traversals

CALLS = Path(__file__).with_name("hostile_calls.py")
# Those that do nothing to a path; the others make a system call or more for each string.
FIELDS = ["label", "uri_label", "uri_query", "uri_hash", "uri_of_manifest", "location", "dest", "link_record", "cloud_mutable",
          "client_mutable", "environment"]


def strings() -> list[str]:
    every = naughty(), traversals(2000)
    assert len(every[0]) >= 485 and len(every[1]) == 2000
    return list(dict.fromkeys(every[0] + every[1]))


@pytest.fixture
def outer(tmp_path: Path) -> Path:
    """A store in a tree with files around it that a path might reach, and a place to work in."""
    place = tmp_path / "outer"
    for name in ("canary", "cwd/canary", "outside/canary", "a/canary", "etc/passwd", "cwd/a/canary", "cwd/etc/passwd"):
        write(place / name, b"canary: " + name.encode())
    return place


def tree(outer: Path) -> dict[str, tuple]:
    """All of it but the store's own directory."""
    found = {}
    for path in outer.rglob("*"):
        name = str(path.relative_to(outer))
        if name == "store" or name.startswith("store/"):
            continue
        stat = path.lstat()
        found[name] = (stat.st_mode, stat.st_ino, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
    return found


def environment_of(outer: Path) -> dict[str, str]:
    return clean_environment() | {"KACHERY_DIR": str(outer / "store"), "HOME": str(outer / "home"),
                                  "PYTHONDONTWRITEBYTECODE": "1"}


@pytest.mark.parametrize("field", FIELDS)
def test_no_python_name_lets_a_string_out_of_the_store(outer, tmp_path, field, strace, outcome):
    listed = write(tmp_path / "strings.json", json.dumps(strings()).encode())
    before = tree(outer)
    log = tmp_path / "log"
    done = watched(strace, log, outer, [CALLS, listed, field])
    assert done.returncode == 0, done.stderr[-3000:]
    report = json.loads(done.stdout)
    assert report["tried"] == {field: len(strings())}
    assert report["wrong"] == []
    if field == "dest":
        (outer / "dest").rmdir()
    assert tree(outer) == before
    reached = reached_outside(log, outer, may_read=field in ("location", "link_record"))
    assert reached == []
    outcome(f"A19: {field}: {len(strings())} hostile strings, 0 outside the store")


def watched(strace: str, log: Path, outer: Path, arguments: list) -> subprocess.CompletedProcess:
    """Runs Python, and logs each of its calls that reached something by a name."""
    return subprocess.run(
        [strace, "-f", "--seccomp-bpf", "-y", "-o", log, "-e", "signal=none", "-e", "status=successful",
         "-e", "trace=openat,open,creat,mkdir,mkdirat,rename,renameat,renameat2,link,linkat,symlink,symlinkat,unlink,"
         "unlinkat,truncate,execve", sys.executable, *arguments],
        capture_output=True, text=True, cwd=outer / "cwd", env=environment_of(outer), timeout=300)


@pytest.mark.parametrize("code", ["open('../canary').read()", "open('made', 'w')", "import os; os.mkdir('../made')",
                                  "import os; os.rename('canary', 'moved')", "import os; os.system('true')"])
def test_the_watch_sees_what_is_done_outside(outer, tmp_path, strace, code):
    watched(strace, tmp_path / "log", outer, ["-c", code]).check_returncode()
    assert reached_outside(tmp_path / "log", outer, may_read=False)


def reached_outside(log: Path, outer: Path, may_read: bool) -> list[str]:
    """Successful calls on paths that are neither the store's nor those that a Python program opens anyway.

    The kernel's view: strace prints for each descriptor what it leads to.
    """
    own = [str(outer / "store"), str(outer / "dest"), sys.prefix, sys.base_prefix, "/usr", "/lib", "/etc/ld.so", "/proc", "/sys",
           "/dev/null", "/dev/urandom", str(CALLS.parent), str(log.parent / "strings.json"), "/etc/local", "/etc/ssl/"]
    found = []
    calls = [line for line in log.read_text(errors="replace").splitlines() if re.match(r"\d+ +[a-z0-9_]+\(", line)]
    for line in calls:
        opened = re.search(r" = \d+<([^>]*)>$", line)
        writes = not re.search(r"\b(openat|open)\(", line) or re.search(r"O_WRONLY|O_RDWR|O_CREAT|O_TRUNC", line)
        if opened:
            inside = any(opened[1].startswith(path) for path in own) or opened[1] in (str(outer), str(outer / "cwd"), "/")
            inside = inside or (may_read and not writes)
        else:
            inside = str(outer / "store") in line or str(outer / "dest") in line or "execve(" in line
        if not inside:
            found.append(line)
    return found + [line for line in calls if "execve(" in line][1:]  # The first one is Python itself.


# --- The program


def arguments_for(field: str, text: str, digest: str) -> list[str]:
    return {
        "uri": ["cat", f"sha1://{digest}?{text}"], "hash": ["load", f"sha1://{text}"],
        "label": ["cat", f"sha1://{digest}/{text}"], "stored label": ["store", "canary", f"--label={text}"],
        "command": [text], "as": ["--as", text], "as, with arguments": ["--as", text, "canary"],
        "dest": ["load", f"sha1://{digest}", f"--dest=../dest/{text}"], "verify": ["verify", f"sha1://{text}"],
        "mutable": ["mutable", "get", text], "mutable set": ["mutable", "set", text, "value"],
    }[field]


@pytest.mark.parametrize("field", ["uri", "hash", "label", "stored label", "command", "as", "as, with arguments", "dest", "verify",
                                   "mutable", "mutable set"])
def test_no_argument_lets_a_string_out_of_the_store(program, outer, field, campaign, outcome):
    store = Store(program, outer / "store")
    digest = store.put(b"content")
    before = tree(outer)
    every = [text for text in strings() if "\x00" not in text and len(text) < 50_000]
    if field == "dest":
        every = [text for text in every if "/" not in text and text not in ("", ".", "..")]
        (outer / "dest").mkdir()
    if field in ("command", "as", "as, with arguments"):
        every = [text for text in every if not re.match(r"-|sha1$|$", text)]
    some = evenly(every, min(campaign("strings"), len(every)))
    for text in some:
        words = [os.fsencode(word) if encodable(word) else word.encode("utf-8", "surrogatepass")
                 for word in arguments_for(field, text, digest)]
        done = program.run(*words, cwd=outer / "cwd", env=environment_of(outer), input=b"")
        assert 0 <= done.code < 128, (text, done)
        assert done.stdout.count(b"\n") <= 1 or field == "command", (text, done)
        assert b"canary: " not in done.stdout and "canary: " not in done.stderr, (text, done)
        if field == "dest":
            for path in (outer / "dest").iterdir():
                assert path.read_bytes() == b"content"
                path.unlink()
        if field in ("command", "as", "as, with arguments"):
            assert done.code in (USAGE, OK), (text, done)
    if field == "dest":
        (outer / "dest").rmdir()
    assert tree(outer) == before
    store.assert_verified()
    outcome(f"A19: the program's {field}: {len(some)} of {len(every)} hostile strings, 0 outside the store")


# What no code, node, zone, user, address or token can be.
SENT_NOWHERE = ["a\x01b", "\x1b[31mred\x1b[0m", "\x1b]0;title\x07", "a\nb", "a\rb", "\x7f", "../../etc/passwd", "..", "/", "a b", "%00",
                "a;b", "x" * 120_000, "\u202egpj", "a\u200bb", "\u00e9", "\U0001f600", "\udcff\udcfe"]
SENDERS = [["init"], ["node", "approve"], ["node", "revoke"], ["init", "HUB", "--user"], ["init", "HUB", "--invitation"],
           ["init", "HUB", "--label"], ["whoami", "--zone"], ["ls", "--mine", "--zone"], ["store", "canary", "--zone"],
           ["load", "sha1://" + "0" * 40, "--zone"]]


@pytest.mark.parametrize("words", SENDERS, ids=" ".join)
def test_a_hostile_argument_is_neither_sent_to_a_hub_nor_shown_as_it_is(program, outer, words):
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        nobody.setblocking(False)
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
        environment = environment_of(outer) | {"KACHERY_GATEWAY_URL": url}
        for text in SENT_NOWHERE:
            # A label is a text for people: only what a terminal would obey is wrong with it.
            if "--label" in words and len(text) < 100 and not any(unicodedata.category(c) in ("Cc", "Cs") for c in text):
                continue
            given = [os.fsencode(url if word == "HUB" else word) for word in [*words, text]]
            done = program.run(*given, cwd=outer / "cwd", env=environment, input=b"", deadline_s=10)
            assert done.code in (USAGE, FAILED), (words, text[:50], done)
            assert done.stderr.startswith("kachery: ") and len(done.stderr) < 2_000, (words, text[:50], done.stderr[:500])
            assert not any(ord(c) < 0x20 and c != "\n" or 0x7F <= ord(c) < 0xA0 for c in done.stderr), (words, done.stderr)
            assert done.stdout == b"" or "store" in words
            with pytest.raises(BlockingIOError):
                nobody.accept()


def encodable(text: str) -> bool:
    try:
        os.fsencode(text)
    except UnicodeEncodeError:
        return False
    return True


# --- Races for the components of a path


COMMANDS = {
    "store": lambda store, source: store.run("store", source),
    "link": lambda store, source: store.run("link", source),
    "cat": lambda store, source: store.run("cat", f"sha1://{sha1(CONTENT)}"),
    "verify": lambda store, source: store.run("verify"),
}
CONTENT = b"content that is raced for"
FOLDERS = [sha1(CONTENT)[0:2], sha1(CONTENT)[2:4], sha1(CONTENT)[4:6]]
COMPONENTS = ["sha1", *("/".join(["sha1", *FOLDERS[:depth]]) for depth in (1, 2, 3)), "linked_files", "linked_files/sha1", "tmp"]


@pytest.mark.parametrize("command", COMMANDS)
@pytest.mark.parametrize("component", COMPONENTS)
def test_a_racer_at_a_component_gets_nothing_out_of_the_store(program, outer, component, command, campaign):
    """Another member of the group swaps a directory of the store for a symbolic link to the outside, and back."""
    store = Store(program, outer / "store")
    decoy = outer / "outside"
    place = store.path / component
    source = write(outer / "source", CONTENT)
    store.put_file(source)
    store.run("link", source).expect()
    # Whoever follows the link finds other bytes under the right name.
    if component.startswith("sha1"):
        write(decoy / os.path.relpath(store.object(sha1(CONTENT)), place), b"canary: wrong")
    before = tree(outer)
    stop = threading.Event()
    racer = threading.Thread(target=swap_again_and_again, args=(place, decoy, stop))
    racer.start()
    try:
        end = time.monotonic() + campaign("race") / len(COMMANDS)
        while time.monotonic() < end:
            done = COMMANDS[command](store, source)
            assert done.code >= 0 and b"canary" not in done.stdout, done
            if command == "cat" and done.code == OK:
                assert done.stdout == CONTENT
    finally:
        stop.set()
        racer.join()
    assert tree(outer) == before


def test_the_racer_catches_a_program_that_trusts_paths(outer):
    """Else the races could not be lost."""
    place = outer / "store/sha1/aa"
    place.mkdir(parents=True)
    stop = threading.Event()
    racer = threading.Thread(target=swap_again_and_again, args=(place, outer / "outside", stop))
    racer.start()
    try:
        end = time.monotonic() + 10
        while not (outer / "outside/let out").exists():
            assert time.monotonic() < end
            try:
                (place / "let out").write_bytes(b"x")
            except OSError:
                pass
    finally:
        stop.set()
        racer.join()


@pytest.mark.parametrize("component", ["mutables", "mutables/@a", "mutables/@a/@b"])
def test_a_racer_at_a_folder_of_mutables_gets_nothing_out_of_the_store(outer, component, campaign):
    place = outer / "store" / component
    place.mkdir(parents=True)
    key = "@a/@b/key"
    decoy = outer / "outside"
    write(decoy / os.path.relpath(outer / "store/mutables" / key, place), b"canary: wrong")
    before = tree(outer)
    stop = threading.Event()
    racer = threading.Thread(target=swap_again_and_again, args=(place, decoy, stop))
    racer.start()
    code = f"""
import kachery, kachery_cloud, time
end = time.monotonic() + {campaign("race")} / 3
while time.monotonic() < end:
    for call in (lambda: kachery_cloud.set_mutable_local({key!r}, 'right'), lambda: kachery_cloud.get_mutable_local({key!r}),
                 lambda: kachery_cloud.delete_mutable_local({key!r}), lambda: kachery_cloud.delete_mutable_folder_local('@a')):
        try:
            assert call() in (None, 'right')
        except kachery.KacheryError:
            pass
"""
    try:
        subprocess.run([sys.executable, "-c", code], cwd=outer / "cwd", env=environment_of(outer), check=True, timeout=600)
    finally:
        stop.set()
        racer.join()
    assert tree(outer) == before


def swap_again_and_again(place: Path, decoy: Path, stop: threading.Event) -> None:
    aside = place.with_name(place.name + ".aside")
    while not stop.is_set():
        try:
            os.rename(place, aside)
            os.symlink(decoy, place)
            time.sleep(random.random() / 2000)  # Now and then it is there for a whole command, now and then for a moment.
            os.unlink(place)
        except OSError:
            pass  # The program made the directory again in the meantime; the racer takes it aside the next time.
        try:
            os.rename(aside, place)
        except OSError:
            subprocess.run(["rm", "-rf", aside], check=True)
