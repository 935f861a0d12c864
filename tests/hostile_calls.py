"""Every Python name that takes a name of something, called with every hostile string; run in a process that is watched.

Prints, as JSON, how often each field was tried, and what went otherwise than allowed: a value or an error of kachery's.
"""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path
from typing import Any, Callable

import kachery
import kachery_client
import kachery_cloud
from kachery import _content

CONTENT = b"the only content there is"
# What these names may raise; anything else is a bug. (ValueError is Python's own for text that is no UTF-8.)
EXPECTED = (kachery.KacheryError, UnicodeEncodeError)


class Fields:
    """The fields by name; each is a function of a hostile string that must come to nothing, or to the right content."""

    def __init__(self, root: Path) -> None:
        self.digest = kachery.store_bytes(CONTENT).removeprefix("sha1://")[:40]
        self.missing = "0" * 40
        self.root = root
        self.dest = root.parent / "dest"

    def all(self) -> dict[str, Callable[[str], Any]]:
        fields = {name.removeprefix("try_"): getattr(self, name) for name in dir(self) if name.startswith("try_")}
        return {name: call for name, call in fields.items() if call is not None}

    def loaded(self, uri: str, load: Callable[..., Any] = kachery.load_bytes, *arguments: Any) -> None:
        content = load(uri, *arguments)
        assert content is None or bytes(content) == CONTENT, f"other content: {content!r:.100}"

    # Labels: whatever they are, the URI is one line of text that names the content.

    def try_label(self, text: str) -> None:
        for style in ("path", "query"):
            uri = _content.uri_of("sha1", self.digest, text, style)
            assert len(uri.splitlines()) == 1 and self.digest in uri, uri
            assert not any(ord(c) < 0x20 or 0x7F <= ord(c) < 0xA0 or 0xD800 <= ord(c) < 0xE000 for c in uri), uri
            self.loaded(uri)

    # URIs, with the string in every part.

    def try_uri_label(self, text: str) -> None:
        self.loaded(f"sha1://{self.digest}/{text}")
        self.loaded(f"sha1://{self.digest}?label={text}")

    def try_uri_query(self, text: str) -> None:
        for load in (kachery.load_bytes, kachery_cloud.load_bytes, kachery_client.load_bytes):
            older = (None, None) if load is not kachery.load_bytes else ()
            self.loaded(f"sha1://{self.digest}?{text}", load, *older)
            self.loaded(f"sha1://{self.digest}/x?manifest={text}", load, *older)

    def try_uri_hash(self, text: str) -> None:
        for uri in (f"sha1://{text}", f"sha1://{self.digest}{text}", f"sha1://{text}{self.digest}", f"sha256://{text}",
                    f"sha1://{self.digest[:38]}{text[:2]}", f"sha1://{text}/{self.digest}"):
            try:
                self.loaded(uri)
            except EXPECTED:
                pass

    def try_uri_of_manifest(self, text: str) -> None:
        self.loaded(f"sha1://{self.missing}/x?manifest={text}", kachery_client.load_bytes, None, None)
        self.loaded(f"sha1://{self.missing}?chunkOf={text}~0~1", kachery_client.load_bytes, None, None)

    def try_location(self, text: str) -> None:
        """A location is looked at, by the names of kachery_cloud; it is believed only if its content has the hash."""
        self.loaded(f"sha1://{self.missing}?location={text}", kachery_cloud.load_bytes, None, None)
        self.loaded(f"sha1://{self.missing}?label=x&location={text}", kachery_cloud.load_bytes, None, None)

    # Files.

    def try_dest(self, text: str) -> None:
        """A file name in a directory: that file, or an error."""
        if "/" in text or text in ("", ".", ".."):
            return
        self.dest.mkdir(exist_ok=True)
        try:
            for load in (kachery.load_file, kachery_cloud.load_file, kachery_client.load_file):
                load(f"sha1://{self.digest}", dest=os.path.join(self.dest, text))
                assert [path.read_bytes() for path in self.dest.iterdir()] == [CONTENT]
        finally:
            for path in self.dest.iterdir():
                path.unlink()

    def try_link_record(self, text: str) -> None:
        """A record that somebody else wrote, in both forms: its file is served only if the content has the hash."""
        place = self.root / "linked_files/sha1/00/00/00" / self.missing
        older = self.root / "sha1/00/00/00" / f"{self.missing}.link"
        for path, record in ((place, {"path": text, "size": 4, "mtime": 1.0, "sha1": self.missing}),
                             (older, {"path": text, "manifestSha1": text, "stat": {"size": 4, "mtime": 1.0}})):
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(json.dumps(record))
            try:
                kachery.load_bytes(f"sha1://{self.missing}")
                raise AssertionError("something was loaded under a hash of nothing")
            except EXPECTED:
                pass
            finally:
                path.unlink()

    # Mutables.

    def try_cloud_mutable(self, text: str) -> None:
        for key in (text, f"@a/{text}", f"{text}/a", f"@{text}/b"):
            try:
                kachery_cloud.set_mutable_local(key, "value")
                assert kachery_cloud.get_mutable_local(key) == "value"
                kachery_cloud.delete_mutable_local(key)
            except EXPECTED:
                pass
            try:
                kachery_cloud.delete_mutable_folder_local(key)
            except EXPECTED:
                pass

    def try_client_mutable(self, text: str) -> None:
        for key in (text, {text: text}, [text]):
            assert kachery_client.set(key, text)
            assert kachery_client.get(key) == text
            assert kachery_client.delete(key)

    # The environment.

    def try_environment(self, text: str) -> None:
        names = ("KACHERY_ZONE", "KACHERY_CLOUD_CLIENT_ID", "KACHERY_CLOUD_PRIVATE_KEY", "KACHERY_STORE_FILE_PREFIX")
        for name in names:
            os.environ[name] = text  # Python refuses NUL by ValueError.
        try:
            identity = kachery_cloud.get_client_id()
            assert identity is None or len(identity) == 64
        finally:
            for name in names:
                os.environ.pop(name, None)


def main(root: Path, strings: list[str], names: list[str]) -> None:
    fields = Fields(root).all()
    tried, wrong = {}, []
    for name in names or fields:
        for text in strings:
            try:
                fields[name](text)
            except EXPECTED:
                pass
            except BaseException as error:  # noqa: BLE001: reported
                if not (isinstance(error, ValueError) and "\x00" in text):
                    wrong.append(f"{name}({text!r:.200}): {type(error).__name__}: {error!s:.300}")
        tried[name] = len(strings)
    print(json.dumps({"tried": tried, "wrong": wrong}))


if __name__ == "__main__":
    main(Path(os.environ["KACHERY_DIR"]), json.loads(Path(sys.argv[1]).read_text()), sys.argv[2:])
