"""How the scripts here show values: so that those of two programs can be compared as text."""

from __future__ import annotations

import json
import os
import sys
from typing import Any, Callable


def shown(value: Any) -> Any:
    """A value with its types, all the way down."""
    kind = type(value)
    if kind in (list, tuple):
        return [kind.__name__, *map(shown, value)]
    if kind is dict:
        return [kind.__name__, *([shown(key), shown(part)] for key, part in value.items())]
    if hasattr(value, "dtype"):
        parts = shown(value.tolist()) if value.dtype.hasobject else value.tobytes().hex()
        return ["array" if kind.__name__ == "ndarray" else "scalar", str(value.dtype), list(value.shape), parts]
    return [kind.__name__, repr(value)]


def tried(call: Callable[..., Any], *arguments: Any, **options: Any) -> Any:
    """What a call gave, or only that it failed: the two programs word their errors differently."""
    try:
        return shown(call(*arguments, **options))
    except Exception:  # noqa: BLE001: whatever the older program raises
        return "failed"


def give(results: dict[str, Any]) -> None:
    """To the file that the caller named, because the older programs print on standard output."""
    with open(os.environ["RESULTS"], "w", encoding="utf-8") as file:
        json.dump(results, file)


def given() -> Any:
    return json.load(sys.stdin)
