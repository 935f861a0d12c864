"""What people write without kachery: one file after the other over a kept connection, by the package `requests`. Nothing
is checked. The server's address is in BENCH_SERVER."""

from __future__ import annotations

import os

import requests

_session = requests.Session()
_server = os.environ["BENCH_SERVER"]


def post(path: str) -> None:
    """Send a file."""
    with open(path, "rb") as file:
        _session.post(_server + "/sink", data=file.read(), timeout=30).raise_for_status()


def get(name: str) -> bytes:
    """Get a file, into memory only."""
    answer = _session.get(f"{_server}/files/{name}", timeout=30)
    answer.raise_for_status()
    return answer.content
