"""JSON as both earlier generations wrote it, byte for byte: the URI of a JSON object is the hash of these bytes."""

from __future__ import annotations

from typing import Any

from ._errors import Corrupt, Invalid


def dumps(value: Any, *, sort_keys: bool = False, separators: tuple[str, str] = (",", ":"), indent: Any = None) -> bytes:
    """Serialise with simplejson's rules, which the older programs used.

    Non-ASCII characters are escaped, NaN and infinities are refused, ``Decimal`` becomes a number, tuples become
    arrays, and keys that are no strings become strings.

    Raises
    ------
    ValueError
        For NaN, an infinity, or a structure that contains itself.
    TypeError
        For an object that JSON has no form for, such as ``numpy.int64``.
    """
    import simplejson

    try:
        text: str = simplejson.dumps(
            value, sort_keys=sort_keys, separators=separators, indent=indent, allow_nan=False, use_decimal=True
        )
    except RecursionError:
        raise Invalid("the object is nested too deeply for JSON") from None
    return text.encode("ascii")


def loads(data: bytes | bytearray, name: str) -> Any:
    """Parse JSON text in UTF-8. `name` is for the message of `Corrupt`."""
    import json

    try:
        return json.loads(data)
    except RecursionError:
        raise Corrupt(f"{name}: the JSON in it is nested too deeply") from None
    except ValueError as error:
        raise Corrupt(f"{name}: its content is not JSON: {error}") from None
