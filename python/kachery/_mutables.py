"""Small values that change, by a key, as `kachery` offers them."""

from __future__ import annotations

from typing import Any

from . import _json, _session
from ._errors import NotFound

_RAISE: Any = object()


def get_mutable(key: Any, default: Any = _RAISE) -> Any:
    """The value that was last set under a key, on this machine.

    Parameters
    ----------
    key : object
        What JSON has a form for: a str, a number, a list or dict of such. Dicts are one key whatever their order.
    default : object, optional
        What to return where nothing is set, instead of an error.

    Returns
    -------
    object
        Made of dicts, lists, str, numbers and bool.

    Raises
    ------
    NotFound
        Nothing is set under this key, and there is no default.
    Invalid
        The key is None, or has an integer beyond 2**53 - 1.
    Denied
        Older programs kept secrets under this key.
    TypeError
        JSON has no form for the key.
    """
    text = _json.dumps(key)
    value = _session.current().mutable_get(text)
    if value is not None:
        return _json.loads(value, f"the mutable {text.decode()}")
    if default is _RAISE:
        raise NotFound(f"there is no mutable {text.decode()}; set_mutable sets one")
    return default


def set_mutable(key: Any, value: Any, *, update: bool = True) -> bool:
    """Set a value that can change, under a key, on this machine.

    Parameters
    ----------
    key : object
        As for `get_mutable`.
    value : object
        What JSON has a form for, but not None. Large content is better stored, and its URI set here.
    update : bool
        Replace what is set already. If not, it stays; the first of many processes to set a key wins.

    Returns
    -------
    bool
        Whether it was set. When it is returned, the value is on the disk.

    Raises
    ------
    Invalid
        The key or the value is None, or the key has an integer beyond 2**53 - 1.
    ValueError
        There is a NaN or an infinity in it.
    TypeError
        JSON has no form for something in it.
    Denied
        Older programs kept secrets under this key.
    """
    return _session.current().mutable_set(_json.dumps(key), _json.dumps(value), update)


def delete_mutable(key: Any) -> bool:
    """Forget the value under a key.

    Parameters
    ----------
    key : object
        As for `get_mutable`.

    Returns
    -------
    bool
        Whether there was one.

    Raises
    ------
    Invalid, Denied, TypeError
        As for `get_mutable`.
    """
    return _session.current().mutable_delete(_json.dumps(key))
