"""Every test has a store of its own, and no network."""

from __future__ import annotations

import os

import pytest


@pytest.fixture(autouse=True)
def store_dir(tmp_path, monkeypatch):
    """An empty store; also what the environment of child processes names."""
    directory = tmp_path / "store"
    for name in [name for name in os.environ if name.startswith("KACHERY_")]:
        monkeypatch.delenv(name)
    monkeypatch.setenv("KACHERY_DIR", str(directory))
    monkeypatch.setenv("KACHERY_CONFIG_DIR", str(tmp_path / "configuration"))  # Not the settings of whoever runs this.
    return directory
