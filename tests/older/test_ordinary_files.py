"""200 ordinary values as pickles, and arrays: written by numpy 1.24 and by the newest one, read by our decoder (A20)."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from compare import SCRIPTS, differences
from kachery import _npy, _pickle

sys.path.insert(0, str(SCRIPTS))

from ordinary import arrays, values  # noqa: E402
from shown import shown  # noqa: E402


@pytest.mark.parametrize("writer", ["cloud", "ours"])
def test_what_either_numpy_writes_is_read_exactly(request, tmp_path, writer):
    place = tmp_path / "written"
    version = request.getfixturevalue(writer).run("ordinary", place)["numpy"]
    assert version.startswith("1.24.") == (writer == "cloud")
    for number, value in enumerate(values()):
        for protocol in range(6):
            data = (place / f"{number}.{protocol}.pkl").read_bytes()
            assert shown(_pickle.decode(data)) == shown(value), (number, protocol)
    for number, array in enumerate(arrays()):
        assert shown(_npy.load(bytearray((place / f"{number}.npy").read_bytes()))) == shown(array), number


def test_pickles_and_arrays_have_the_uris_that_numpy_1_24_gave_them(cloud, ours, tmp_path):
    theirs = cloud.run("ordinary_store", KACHERY_CLOUD_DIR=tmp_path / "theirs")
    mine = ours.run("ordinary_store", KACHERY_CLOUD_DIR=tmp_path / "ours")
    assert differences(theirs, mine) == {}
    assert sum(uri != "failed" for uri, _ in mine.values()) == len(mine) == 260


def test_ordinary_values_come_back_from_our_own_pickles():
    import io

    for value in values():
        file = io.BytesIO()
        _pickle.dump(value, file)
        assert shown(_pickle.decode(file.getvalue())) == shown(value)
