"""The programs that are compared, and the files that both are given."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from compare import Scripts, published


@pytest.fixture
def cloud(tmp_path: Path) -> Scripts:
    """kachery-cloud 0.4.10."""
    return published("cloud", tmp_path / "home of the older")


@pytest.fixture
def client(tmp_path: Path) -> Scripts:
    """kachery-client 1.2.0."""
    return published("client", tmp_path / "home of the older")


@pytest.fixture
def ours(tmp_path: Path) -> Scripts:
    return Scripts(Path(sys.executable), tmp_path / "home of ours")


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Files of odd names and of the sizes at which the older programs behave differently."""
    place = tmp_path / "files"
    place.mkdir()
    contents = {"small.txt": b"small", "empty": b"", "two words.bin": bytes(range(256)), "ünï©ødé": b"unicode",
                "100%": b"percent", "sharp#5": b"sharp", "what?": b"question", "a&b=c": b"and", "'\"": b"quotes",
                "new\nline": b"line", "1 MB": bytes(1000) * 1000, "more than 1 MB.dat": b"0123456789" * 123_457}
    for name, data in contents.items():
        (place / name).write_bytes(data)
    return place
