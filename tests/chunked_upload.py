"""An upload of a large file, chunk by chunk, that goes on when a test says so."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from hub_node import Node, send
from live_node import Order

CHUNK = 1 << 20


def sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


class Upload:
    """One that goes on when the test says so. Chunk 0 is the page of the manifest, 1 the first of the content.

    Parameters
    ----------
    content : bytes
        Whose SHA-1 the upload is of.
    sent : bytes
        What is sent as that; by default the content.
    channel : str
        Where to; by default the zone.
    """

    def __init__(self, node: Node, hub: str, content: bytes, sent: bytes | None = None, zone: str = "default",
                 channel: str | None = None) -> None:
        self.node, self.hub, self.zone, self.channel = node, hub, zone, channel
        sent = content if sent is None else sent
        pieces = [sent[start:start + CHUNK] for start in range(0, len(sent), CHUNK)]
        page = "".join(f"{sha256(piece)} {len(piece)}\n" for piece in pieces).encode()
        self.chunks = [page, *pieces]
        self.digest, self.size = "sha1:" + hashlib.sha1(content).hexdigest(), len(sent)
        pages = [{"sha256": sha256(page), "chunks": len(pieces), "size": self.size}]
        self.root = json.dumps({"kachery": "manifest 1", "digest": self.digest, "size": self.size, "pages": pages},
                               separators=(",", ":"))
        self.begin()

    def call(self, path: str, **message: Any) -> Any:
        answer = self.node.call(self.hub, path, {"zone": self.zone, "channel": self.channel} | message)
        assert answer.code == "ok", answer
        return answer.message

    def begin(self) -> None:
        chunks = [{"sha256": f"sha256:{sha256(chunk)}", "size": len(chunk)} for chunk in self.chunks]
        file = {"digest": self.digest, "size": self.size, "manifest": sha256(self.root.encode()), "chunks": chunks}
        [self.begun] = self.call("/v1/uploads/begin", files=[file])["uploads"]
        assert self.begun["outcome"]["state"] == "open", self.begun

    def put(self, first: int, last: int) -> None:
        """Sends chunks [first, last), but for those that the hub does not want, or has by now."""
        puts = self.begun["puts"]
        for number in range(first, last):
            put, puts[number] = puts[number], None
            if put is not None:
                fields = {header["name"].title(): header["value"] for header in put["headers"]}
                answer = send(self.hub, "PUT", put["url"].removeprefix(self.hub), fields, self.chunks[number])
                assert answer.status == 201, answer

    def commit(self) -> None:
        claim = f"kachery claim 1\n{self.digest}\n{self.size}\n{sha256(self.root.encode())}\n"
        upload = {"id": self.begun["id"], "manifest": self.root, "signature": self.node.sign(claim.encode()).hex()}
        [outcome] = self.call("/v1/uploads/commit", uploads=[upload])["files"]
        assert outcome["state"] == "stored", outcome

    def finish(self, order: Order) -> None:
        self.put(0, len(self.chunks))
        self.commit()
        order.answer(state="completed", size=self.size, bytes_uploaded=self.size)
