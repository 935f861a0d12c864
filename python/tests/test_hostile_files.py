"""Every hostile pickle and npy file that the tests have, each in a process of its own, with limits, and watched.

The other tests look at the error; these at the process: it calls nothing, it does not crash, and its memory stays below
64 MiB + 8 times the file. Times are printed (pytest -s), not judged.
"""

from __future__ import annotations

import io
import json
import random
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

import test_npy
import test_pickle_hostile
from kachery import _pickle_machine
from kachery._errors import Invalid
from kachery._pickle import decode, dump

WATCHER = Path(__file__).with_name("decode_watched.py")
GENERATED = 120


def mutated(seed: int) -> dict[str, bytes]:
    """Ordinary files with some bytes changed, the same ones for the same seed."""
    source = random.Random(seed)
    pickles = test_pickle_hostile.seeds() + [data for data in test_pickle_hostile.DAMAGED.values() if len(data) < 5000]
    arrays = [bytes(test_npy.saved(array)) for array in test_npy.ARRAYS.values() if array.nbytes < 5000]
    made = {}
    for number in range(GENERATED):
        files, kind = (pickles, "pkl") if number % 2 else (arrays, "npy")
        data = bytearray(source.choice(files))
        for _ in range(source.choice([1, 2, 5])):
            test_pickle_hostile.mutate(data, source, files)
        made[f"generated {number}.{kind}"] = bytes(data)
    return made


def hostile_files() -> dict[str, bytes]:
    named = {f"{name}.pkl": data for name, data in test_pickle_hostile.ALL.items()}
    named |= {f"{name}.npy": bytes(data) for name, data in {**test_npy.HOSTILE, **test_npy.OBJECTS}.items()}
    return named | mutated(20)


@pytest.fixture(scope="module")
def reports(tmp_path_factory: pytest.TempPathFactory) -> dict[str, dict[str, Any]]:
    """What became of each file: outcome, seconds, and bytes of memory beyond those of the process before."""
    place = tmp_path_factory.mktemp("hostile")
    files = hostile_files()
    for number, (name, data) in enumerate(files.items()):
        (place / f"{number}{Path(name).suffix}").write_bytes(data)
    done = subprocess.run([sys.executable, WATCHER, place], capture_output=True, text=True, timeout=500)
    assert done.returncode == 0, done.stderr
    by_number = json.loads(done.stdout)
    assert len(by_number) == len(files) >= 300
    found = {name: by_number[str(number)] | {"size": len(data)} for number, (name, data) in enumerate(files.items())}
    slowest = max(found, key=lambda name: found[name]["seconds"])
    largest = max(found, key=lambda name: found[name]["memory"] - 8 * found[name]["size"])
    print(f"\n{len(found)} hostile files; slowest: {slowest}, {found[slowest]}; largest: {largest}, {found[largest]}")
    return found


def test_no_hostile_file_runs_code_or_crashes(reports: dict[str, dict[str, Any]]) -> None:
    wrong = {name: report for name, report in reports.items() if report["outcome"] not in ("value", "refused")}
    assert wrong == {}
    assert sum(report["outcome"] == "refused" for report in reports.values()) >= 300


def test_no_hostile_file_takes_more_than_its_share_of_memory(reports: dict[str, dict[str, Any]]) -> None:
    wrong = {name: report for name, report in reports.items() if report["memory"] > 64 * 2**20 + 8 * report["size"]}
    assert wrong == {}


def test_the_watcher_sees_code_that_runs_crashes_and_memory(tmp_path: Path) -> None:
    """Read by Python's own pickle, which is what ours replaces; else the tests above could not fail."""
    (tmp_path / "0.unsafe").write_bytes(b"cos\nsystem\n(S'true'\ntR.")
    (tmp_path / "1.unsafe").write_bytes(b"cos\nabort\n(tR.")
    (tmp_path / "2.unsafe").write_bytes(b"c__builtin__\nbytearray\n(I100000000\ntR.")
    done = subprocess.run([sys.executable, WATCHER, tmp_path], capture_output=True, text=True, check=True)
    reports = json.loads(done.stdout)
    assert reports["0"]["outcome"].startswith("ran code") and reports["1"]["outcome"].startswith("ended by signal")
    assert reports["2"]["outcome"] == "value" and reports["2"]["memory"] > 90_000_000


def test_what_is_written_can_be_read_however_many_small_parts_it_has(monkeypatch: pytest.MonkeyPatch) -> None:
    """The reader's limit of memory is in proportion to the file, and some parts take hardly any room in one.

    With a tenth of a megabyte to spare instead of 12, 10,000 parts show what a million would.
    """
    monkeypatch.setattr(_pickle_machine, "memory_bytes_base", 100_000)
    parts: list[Any] = [lambda i: [], lambda i: {}, lambda i: {None: None}, lambda i: {None}, lambda i: {(None,)},
                        lambda i: frozenset([i % 256]), lambda i: (i,), lambda i: bytearray(), lambda i: np.uint8(1),
                        lambda i: np.zeros(1, "u1"), lambda i: np.bytes_(b"x"), lambda i: {(None,): None}]
    for part in parts:
        assert len(decode(dumped([part(i) for i in range(10_000)]))) == 10_000  # type: ignore[arg-type]


def test_empty_sets_are_written_as_many_as_can_be_read() -> None:
    value: list[set[Any]] = [set() for _ in range(50_000)]
    assert decode(dumped(value)) == value
    assert decode(dumped([value[0]] * 100_000)) == [set()] * 100_000, "one set, often"
    with pytest.raises(Invalid, match="empty sets"):
        dumped([*value, set()])


def dumped(value: object) -> bytes:
    file = io.BytesIO()
    dump(value, file)
    return file.getvalue()
