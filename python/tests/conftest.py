"""Every test has a store of its own, and no network."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def store_dir(tmp_path, monkeypatch):
    """An empty store; also what the environment of child processes names."""
    directory = tmp_path / "store"
    for name in ("KACHERY_CLOUD_DIR", "KACHERY_STORAGE_DIR"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("KACHERY_DIR", str(directory))
    return directory
