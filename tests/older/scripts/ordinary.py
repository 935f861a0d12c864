"""200 ordinary values, the same in every Python and numpy; with a directory, each is written there in all formats."""

from __future__ import annotations

import pickle
import random
import sys
from pathlib import Path
from typing import Any

import numpy as np

DTYPES = ["?", "i1", "u1", "<i2", ">i2", "<u4", "<i8", ">i8", "<f2", "<f4", "<f8", ">f8", "<c8", "<c16", "S3", "<U4", ">U2",
          "<M8[ns]", "<m8[s]", "V3"]


def array(source: random.Random) -> Any:
    dtype = np.dtype(source.choice(DTYPES))
    shape = tuple(source.randrange(5) for _ in range(source.randrange(4)))
    count = int(np.prod(shape))
    if dtype.kind == "U":
        flat = np.array([source.choice(["", "a", "ü\U0001f40c"]) for _ in range(count)], dtype)
    elif dtype.kind == "b":
        flat = np.array([source.random() < 0.5 for _ in range(count)], dtype)
    else:
        flat = np.frombuffer(source.randbytes(count * dtype.itemsize), dtype).copy()
    made = flat.reshape(shape)
    return np.asfortranarray(made) if source.random() < 0.3 else made


def value(source: random.Random, depth: int = 0) -> Any:
    kind = source.randrange(14 if depth < 4 else 9)
    if kind < 3:
        return source.choice([None, True, 0, -1, 255, 2**31, -(2**63), 2**200, 0.1, -0.0, 1e300, float("inf"), 2j])
    if kind < 5:
        return source.choice(["", "text", "ünï\U0001f40c", "x" * 300, "two\nlines"])
    if kind < 7:
        return array(source)
    if kind < 9:
        return source.choice([np.float32(1.5), np.int64(-3), np.uint8(7), np.float64(0.1), range(2, 9, 3), slice(1, None)])
    parts = [value(source, depth + 1) for _ in range(source.randrange(5))]
    if kind < 11:
        return parts
    if kind < 12:
        return tuple(parts)
    return {source.choice(["a", "b", "key", 1, (1, "x"), 2.5, None]): part for part in parts}


def values() -> list[Any]:
    return [value(random.Random(f"ordinary {number}")) for number in range(200)]


def arrays() -> list[Any]:
    return [array(random.Random(f"array {number}")) for number in range(60)]


if __name__ == "__main__":
    from shown import give

    place = Path(sys.argv[1])
    place.mkdir()
    for number, item in enumerate(values()):
        for protocol in range(6):
            (place / f"{number}.{protocol}.pkl").write_bytes(pickle.dumps(item, protocol))
    for number, item in enumerate(arrays()):
        np.save(place / f"{number}.npy", item)
    give({"numpy": np.__version__})
