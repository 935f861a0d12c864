"""A gateway of gen2 with just what storing and loading a file needs, for kachery-cloud: it looks at no signature. Its bucket is
a folder in which each zone has one; the bytes go through the nginx in front of it (servers.py).

    python gateway.py FOLDER

Prints its address, and serves until it is ended.
"""

from __future__ import annotations

import http.server
import json
import sys
from pathlib import Path
from typing import Any


def answer(folder: Path, url: str, payload: dict[str, Any]) -> dict[str, Any]:
    kind = payload["type"]
    if kind == "getClientInfo":
        return {"type": kind, "found": True, "client": {"clientId": payload["clientId"], "ownerId": "bench", "label": "bench"}}
    key = f"{payload['zone']}/{payload['hash']}"
    path = folder / key
    place = {"objectKey": key, "bucketUri": "r2://bench"}
    if kind == "findFile" and path.exists():
        size = path.stat().st_size
        return {"type": kind, "found": True, "url": f"{url}/put/{key}", "size": size, "cacheHit": False, **place}
    if kind == "findFile":
        return {"type": kind, "found": False}
    if kind == "initiateFileUpload" and path.exists():
        return {"type": kind, "alreadyExists": True, "alreadyPending": False}
    if kind == "initiateFileUpload":
        return {"type": kind, "alreadyExists": False, "objectKey": key, "signedUploadUrl": f"{url}/upload/{key}"}
    return {"type": kind}


def keep(path: Path, body: Path) -> None:
    path.parent.mkdir(exist_ok=True)
    body.rename(path)


def main() -> None:
    folder = Path(sys.argv[1])

    class Gateway(http.server.BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            text = b""
            if self.path.startswith("/upload/"):
                keep(folder / self.path.removeprefix("/upload/"), Path(self.headers["X-File"]))
            else:
                body = self.rfile.read(int(self.headers["Content-Length"]))
                url = f"http://{self.headers['Host']}"
                text = json.dumps(answer(folder, url, json.loads(body)["payload"])).encode()
            self.send_response(200)
            self.send_header("Content-Type", "application/json")
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text)

        def log_message(self, format: str, *arguments: object) -> None:  # noqa: A002
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Gateway) as server:
        print(f"http://127.0.0.1:{server.server_port}", flush=True)
        server.serve_forever()


if __name__ == "__main__":
    main()
