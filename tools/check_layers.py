#!/usr/bin/env python3
"""Holds the table of layers against the code: which room may include which, and where the heavy headers may appear.

A room is a folder of libs/ or apps/ (or python/). The table is ARCHITECTURE.md's; a line that does not fit means that the
design is changed first, here and there, or that the line moves to another room.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

# Room: the rooms it may include, besides core and itself.
MAY_INCLUDE: dict[str, set[str]] = {
    "core": set(),
    "os": set(),
    "crypto": set(),
    "json": set(),
    "db": {"os"},
    "chunk": {"crypto", "json"},
    "wire": {"crypto", "json"},
    "net": {"os", "crypto"},
    "store": {"os", "crypto", "json", "db", "chunk"},
    "feed": {"os", "crypto", "json", "db"},
    "bucket": {"os", "crypto", "json", "chunk", "net"},
    "remote": {"os", "crypto", "json", "chunk", "wire", "net"},
    "client": {"os", "crypto", "json", "db", "chunk", "store", "feed", "wire", "net", "remote"},
    "hub": {"os", "crypto", "json", "db", "chunk", "wire", "net", "store", "feed", "bucket"},
}
MAY_INCLUDE["provide"] = MAY_INCLUDE["client"] | {"client"}
# What people start: these may use everything that the client's users see.
MAY_INCLUDE["daemon"] = MAY_INCLUDE["provide"] | {"provide"}
MAY_INCLUDE["cli"] = MAY_INCLUDE["daemon"] | {"daemon", "hub"}
MAY_INCLUDE["python"] = MAY_INCLUDE["client"] | {"client"}

# Beginnings of outside headers, and the only rooms that may include them.
HEAVY = {
    "boost/json": {"json"},
    "boost/asio": {"net"},
    "boost/beast": {"net"},
    "boost/url": {"net"},
    "curl/": {"net"},
    "openssl/": {"crypto"},
    "sodium": {"crypto"},
    "sqlite3.h": {"db"},
    "yaml-cpp/": {"client", "daemon", "hub"},
    "CLI/": {"cli"},
    "nanobind/": {"python"},
    "sys/": {"os"},
    "fcntl.h": {"os"},
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.MULTILINE)


def room_of(path: Path) -> str:
    """libs/store/x.cpp is in the room store, python/src/x.cpp in python."""
    return path.parts[0] if path.parts[0] not in ("libs", "apps") else path.parts[1]


def faults_of(root: Path, path: Path) -> list[str]:
    room = room_of(path)
    if room not in MAY_INCLUDE:
        return [f"{path}: the room '{room}' is not in the table of tools/check_layers.py"]
    allowed = MAY_INCLUDE[room] | {"core", room}
    faults = []
    for match in INCLUDE.finditer((root / path).read_text()):
        quote, header = match.groups()
        line = (root / path).read_text()[: match.start()].count("\n") + 1
        other = header.split("/")[0]
        if quote == '"' and "/" in header and other in MAY_INCLUDE and other not in allowed:
            faults.append(f"{path}:{line}: {room} may not include {header}")
        for beginning, rooms in HEAVY.items():
            in_test = path.name.endswith("_test.cpp") and beginning in ("sys/", "fcntl.h")  # They fork, and set umasks.
            if quote == "<" and header.startswith(beginning) and room not in rooms and not in_test:
                faults.append(f"{path}:{line}: <{header}> belongs to {', '.join(sorted(rooms))} only")
    return faults


def main() -> int:
    root = Path(__file__).resolve().parent.parent
    sources = [
        path.relative_to(root)
        for folder in ("libs", "apps", "python/src")
        for path in sorted((root / folder).rglob("*"))
        if path.suffix in (".h", ".cpp")
    ]
    faults = [fault for path in sources for fault in faults_of(root, path)]
    print("\n".join(faults) if faults else f"{len(sources)} files keep the layers")
    return 1 if faults or not sources else 0


if __name__ == "__main__":
    sys.exit(main())
