"""nginx and Caddy in front of a hub, as docs/guide/nginx.conf and docs/guide/Caddyfile have it."""

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


@contextmanager
def caddy(place: Path, port: int, hub_port: int, prefix: str) -> Iterator[str]:
    """The Caddy of docs/guide/Caddyfile, without TLS, in front of a hub. KACHERY_CADDY may say where it is."""
    program = os.environ.get("KACHERY_CADDY") or shutil.which("caddy")
    if program is None:
        pytest.skip("caddy is not installed")
    text = (REPOSITORY / "docs/guide/Caddyfile").read_text()
    changes = [("\nhub.example {", f"\nhttp://127.0.0.1:{port} {{"), ("\treverse_proxy 127.0.0.1:8080 {", f"\treverse_proxy 127.0.0.1:{hub_port} {{")]
    for old, new in changes:
        assert text.count(old) == 1, old
        text = text.replace(old, new)
    if prefix:
        begin, end = text.index("\treverse_proxy"), text.rindex("}")
        text = f"{text[:begin]}\thandle_path {prefix}/* {{\n{text[begin:end]}\t}}\n}}\n"
    write(place / "Caddyfile", f"{{\n\tadmin off\n\tauto_https off\n}}\n{text}".encode())
    with (place / "log").open("wb") as log:
        server = subprocess.Popen([program, "run", "--config", place / "Caddyfile", "--adapter", "caddyfile"], stdout=log, stderr=log,
                                  env=os.environ | {"HOME": str(place), "XDG_DATA_HOME": str(place), "XDG_CONFIG_HOME": str(place)})
    try:
        wait_until(lambda: accepts(port) or server.poll() is not None, "caddy serves", 30)
        assert server.poll() is None, (place / "log").read_text()
        yield f"http://127.0.0.1:{port}{prefix}"
    finally:
        server.terminate()
        server.wait(20)


def accepts(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
