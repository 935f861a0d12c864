"""nginx in front of a hub, as docs/guide/nginx.conf has it."""

from __future__ import annotations

import os
import re
import shutil
import socket
import subprocess
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest
from harness import REPOSITORY, wait_until, write


@contextmanager
def nginx(place: Path, port: int, hub_port: int, prefix: str) -> Iterator[str]:
    """The nginx of docs/guide/nginx.conf, without TLS, in front of a hub."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        pytest.skip("nginx is not installed")
    text = (REPOSITORY / "docs/guide/nginx.conf").read_text()
    changes = [("listen 443 ssl;", f"listen 127.0.0.1:{port};"), ("server 127.0.0.1:8080;", f"server 127.0.0.1:{hub_port};")]
    if prefix:
        changes += [("location / {", f"location {prefix}/ {{"), ("proxy_pass http://kachery;", "proxy_pass http://kachery/;")]
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    text = re.sub(r" *ssl_certificate.*\n", "", text)
    own = "".join(f"{kind}_temp_path {place}/{kind};\n" for kind in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    text = text.replace("http {", f"http {{\naccess_log off;\n{own}")
    write(place / "nginx.conf", f"daemon off;\nmaster_process off;\npid {place}/pid;\nerror_log {place}/log;\n{text}".encode())
    server = subprocess.Popen([program, "-p", place, "-e", place / "log", "-c", place / "nginx.conf"])
    try:
        wait_until(lambda: accepts(port) or server.poll() is not None, "nginx serves")
        assert server.poll() is None, (place / "log").read_text()
        yield f"http://127.0.0.1:{port}{prefix}"
    finally:
        server.terminate()
        server.wait(10)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
