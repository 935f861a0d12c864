"""Values under keys, of this machine only and never shared, under gen1's names.

Keys and values are whatever JSON can say, but for None alone; the order of the members of a key does not count.
"""

from __future__ import annotations

from typing import Any

from kachery import Invalid, _json, _session


def _text(value: Any, what: str) -> bytes:
    if value is None:
        raise Invalid(f"the {what} of a mutable cannot be None; use delete to take one away")
    return _json.dumps(value)


def set(key: Any, value: Any, update: bool = True) -> bool:  # noqa: A001 (the older name)
    """Keep a value. False, and nothing changed, if there is one already and not `update`."""
    return _session.current().mutable_set(_text(key, "key"), _text(value, "value"), update)


def get(key: Any) -> Any:
    """The value under a key, or None."""
    value = _session.current().mutable_get(_text(key, "key"))
    return None if value is None else _json.loads(value, f"the mutable {key!r}")


def get_string(key: Any) -> str | None:
    """The value under a key as text, ``str`` of whatever it is, or None."""
    value = get(key)
    return None if value is None else str(value)


def delete(key: Any) -> bool:
    """Take away a value. False if there was none."""
    return _session.current().mutable_delete(_text(key, "key"))
