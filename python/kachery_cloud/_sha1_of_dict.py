"""The SHA-1 of an object, by its JSON."""

from __future__ import annotations

from typing import Any

from kachery import _json


def sha1_of_dict(x: Any) -> str:
    """The SHA-1 of the JSON of an object, with sorted keys, where a float without a fraction is an integer.

    So ``{'a': 1.0}`` has the same SHA-1 as ``{'a': 1}``. NaN and infinities raise ``ValueError``.
    """
    import hashlib

    return hashlib.sha1(_json.dumps(_integral(x), sort_keys=True)).hexdigest()


def _integral(x: Any) -> Any:
    if isinstance(x, dict):
        return {key: _integral(value) for key, value in x.items()}
    if isinstance(x, (list, tuple)):
        return [_integral(value) for value in x]
    if isinstance(x, float) and x.is_integer():
        return int(x)
    return x
