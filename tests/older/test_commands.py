"""The commands of both older programs, and ours under the same names: the same results on standard output."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

import pytest

from compare import REPOSITORY, Scripts
from harness import clean_environment, sha1

SMALL = b"small"
URI = "sha1://" + sha1(SMALL)
MISSING = "sha1://" + "0" * 40

CLOUD = [
    ["kachery-cloud-store-local", "small.txt"], ["kachery-cloud-store-local", "small.txt", "--label", "a b/c"],
    ["kachery-cloud-store-local", "two words.bin"], ["kachery-cloud-store-local", "small.txt", "--reference"],
    ["kachery-cloud-store-local", "--reference", "--label", "x", "two words.bin"], ["kachery-cloud-link", "empty"],
    ["kachery-cloud-link", "100%", "--label", "50%"], ["kachery-cloud-store-local", "more than 1 MB.dat"],
    ["kachery-cloud", "store-file-local", "ünï©ødé"], ["kachery-cloud", "link-file", "ünï©ødé"],
    ["kachery-cloud-load", URI], ["kachery-cloud-load", URI + "?label=x"], ["kachery-cloud-load", URI, "--dest", "copy"],
    ["kachery-cloud", "load-file", URI], ["kachery-cloud-cat", URI], ["kachery-cloud", "cat-file", URI],
]
CLIENT = [
    ["kachery-load", URI], ["kachery-load", URI + "/small.txt"], ["kachery-load", URI, "--dest", "copy"], ["kachery-cat", URI],
    ["kachery-cat", URI, "--start", "1", "--end", "3"], ["kachery-client", "load-file", URI], ["kachery-client", "cat-file", URI],
    ["kachery-load", "small.txt"], ["kachery-cat", "small.txt"], ["kachery-store", "small.txt", "-e"],
    ["kachery-store", "two words.bin", "--enable-ephemeral"], ["kachery-client", "store-file", "small.txt", "-e"],
]
# Those that end otherwise in ours: a miss is an error, with a sentence that says where was looked.
MISSES = [["kachery-cloud-cat", MISSING], ["kachery-cat", MISSING]]


def run(words: list[str], place: Path, files: Path, home: Path) -> tuple[int, bytes]:
    """What ended on standard output; the older programs print more before it."""
    (files / "copy").unlink(missing_ok=True)
    done = subprocess.run(words, cwd=files, capture_output=True, timeout=60, env=clean_environment() | {
        "HOME": str(home), "LC_ALL": "C.UTF-8", "PATH": f"{Path(words[0]).parent}:{os.environ['PATH']}",
        "KACHERY_CLOUD_DIR": str(place), "KACHERY_STORAGE_DIR": str(place), "KACHERY_OFFLINE_STORAGE_DIR": str(place),
        "KACHERY_DAEMON_HOST": "127.0.0.1", "KACHERY_DAEMON_PORT": "9", "KACHERY_GATEWAY_URL": "http://127.0.0.1:9"})
    assert done.returncode >= 0
    return done.returncode, done.stdout[-2000:] if "cat" in " ".join(words) else done.stdout.splitlines()[-1:][0] if done.stdout else b""


@pytest.fixture
def stores(tmp_path: Path, ours: Scripts) -> tuple[Path, Path]:
    """One for each, with the small file in it."""
    places = tmp_path / "theirs", tmp_path / "ours"
    for place in places:
        path = place / "sha1" / URI[7:9] / URI[9:11] / URI[11:13] / URI[7:]
        path.parent.mkdir(parents=True)
        path.write_bytes(SMALL)
    ours.home.mkdir()
    return places


@pytest.mark.parametrize(("generation", "words"), [("cloud", words) for words in CLOUD] + [("client", words) for words in CLIENT],
                         ids=lambda value: " ".join(value) if isinstance(value, list) else value)
def test_a_command_prints_what_it_printed(request, program, stores, files, ours, generation, words):
    request.getfixturevalue(generation)
    name, *arguments = words
    theirs = run([str(REPOSITORY / "build/older" / generation / "bin" / name), *arguments], stores[0], files, ours.home)
    mine = run([str(program.path), "--as", name, *arguments], stores[1], files, ours.home)
    assert theirs[0] == 0, theirs
    assert mine == (0, theirs[1].replace(os.fsencode(stores[0]), os.fsencode(stores[1])))


@pytest.mark.parametrize("words", MISSES, ids=" ".join)
def test_a_miss_is_an_error(program, stores, files, ours, words):
    code, printed = run([str(program.path), "--as", *words], stores[1], files, ours.home)
    assert code == 4 and printed == b""
