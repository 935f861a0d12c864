"""The servers that bench/hub.py asks: a hub, and nginx. Each on a free port of loopback, with a folder of its own."""

from __future__ import annotations

import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

START_WAIT_S = 20
STOP_WAIT_S = 30


class Server:
    """A process that serves until it is stopped, and the address that it has."""

    def __init__(self, process: subprocess.Popen[str], address: str) -> None:
        self._process = process
        self.address = address

    def peak_mib(self) -> float:
        """The peak of the resident set, since the start."""
        status = Path(f"/proc/{self._process.pid}/status").read_text()
        found = re.search(r"^VmHWM:\s*(\d+) kB", status, re.MULTILINE)
        assert found is not None
        return int(found.group(1)) / 1024

    def stop(self) -> None:
        """Also if it was stopped before."""
        if self._process.poll() is not None:
            return
        self._process.send_signal(signal.SIGTERM)
        try:
            self._process.wait(STOP_WAIT_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            sys.exit(f"{self._process.args!r} did not stop within {STOP_WAIT_S} s")


def start_hub(kachery: Path, folder: Path) -> Server:
    """A hub that takes everybody. It believes 127.0.0.1 whom it speaks for, so that one load generator can be many
    addresses: what one of them may ask is limited."""
    words: list[str | Path] = [kachery, "hub", "serve", "--open", "--dir", folder / "hub"]
    words += ["--listen", "127.0.0.1:0", "--trusted-proxy", "127.0.0.1"]
    errors = folder / "hub.log"
    with open(errors, "w") as log:
        process = subprocess.Popen(
            words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=log, text=True
        )
    assert process.stdout is not None
    address = process.stdout.readline().strip()
    if not address:
        sys.exit(f"the hub did not start: {errors.read_text()}")
    return Server(process, address)


NGINX = """
daemon off;
master_process off;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 512; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  sendfile on;
  tcp_nopush on;
  client_max_body_size 0;
  client_body_temp_path {folder}/bodies;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=512;
    location /sink {{ return 204; }}
    location /v1/files/find {{ return 200 "here\\n"; }}
    location /nothing {{ return 200 "here\\n"; }}
    location /files/ {{ alias {files}/; }}
    location /put/ {{ alias {folder}/put/; dav_methods PUT; }}
{more}
  }}
}}
"""


# In front of bench/gateway.py: what is uploaded lies in a file when the gateway hears of it, and has only to be renamed.
GATEWAY = """
    location /upload/ {{
      client_body_in_file_only on;
      proxy_pass_request_body off;
      proxy_set_header Content-Length "";
      proxy_set_header X-File $request_body_file;
      proxy_method POST;
      proxy_pass {address};
    }}
    location /api/ {{ proxy_pass {address}; proxy_set_header Host $http_host; }}
"""


def start_gateway(folder: Path) -> Server:
    """kachery-cloud's gateway, which needs an nginx in front of it, with the same folder."""
    command: list[str | Path] = [sys.executable, Path(__file__).with_name("gateway.py"), folder / "put"]
    process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    return Server(process, process.stdout.readline().strip())


def start_nginx(folder: Path, files: Path, gateway: Server | None = None) -> Server:
    """One process of nginx, as fast as it gets: /files/ is `files`, /put/ takes files (unsynced), /sink takes bodies
    and forgets them, /nothing answers at once."""
    program = shutil.which("nginx", path=os.environ.get("PATH", "") + ":/usr/sbin")
    if program is None:
        sys.exit("nginx is not there: apt-get install nginx-light")
    (folder / "put").mkdir()
    port = free_port()
    configuration = folder / "nginx.conf"
    more = GATEWAY.format(address=gateway.address) if gateway else ""
    configuration.write_text(NGINX.format(folder=folder, files=files, port=port, more=more))
    process = subprocess.Popen(
        [program, "-p", folder, "-e", folder / "error.log", "-c", configuration], stdin=subprocess.DEVNULL, text=True
    )
    deadline = time.monotonic() + START_WAIT_S
    while not accepts(port):
        if process.poll() is not None or time.monotonic() > deadline:
            process.kill()
            sys.exit(f"nginx did not start: {(folder / 'error.log').read_text()}")
        time.sleep(0.02)
    return Server(process, f"http://127.0.0.1:{port}")


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


def accepts(port: int) -> bool:
    try:
        with socket.create_connection(("127.0.0.1", port), timeout=1):
            return True
    except OSError:
        return False
