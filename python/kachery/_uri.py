"""`URI`: what the functions that store return. It is a str, and looks better in a notebook."""

from __future__ import annotations

import os
from typing import Any

from . import _hub, _native, _session
from ._errors import KacheryError

# Deeper, nothing is stored anyway.
_nesting_max = 100


class URI(str):
    """The name of some content: a string such as ``sha1://HASH/label``, with its parts at hand.

    It is equal to the plain string, hashes like it, and is pickled and written to JSON as one. ``str(uri)`` is the plain
    string, for libraries that take nothing else.

    Parameters
    ----------
    uri : str
        ``sha1://HASH`` or ``sha256://HASH``, with a label or not.

    Raises
    ------
    Invalid
        It is not such a URI.

    Examples
    --------
    >>> uri = kachery.URI("sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt")
    >>> uri.algorithm, uri.label
    ('sha1', 'file.txt')
    """

    __slots__ = ()

    def __new__(cls, uri: str) -> URI:
        _native.parse_uri(os.fsencode(uri))
        return str.__new__(cls, uri)

    def __reduce__(self) -> tuple[Any, ...]:
        return str, (str(self),)

    @property
    def algorithm(self) -> str:
        """The hash that names the content: sha1 or sha256."""
        return _native.parse_uri(os.fsencode(self))[0]

    @property
    def digest(self) -> str:
        """The hash, in hexadecimal digits."""
        return _native.parse_uri(os.fsencode(self))[1]

    @property
    def label(self) -> str:
        """What stands behind the hash for people, decoded; empty if there is nothing."""
        return os.fsdecode(_native.parse_uri(os.fsencode(self))[2])

    def _repr_html_(self) -> str:
        # Text only: what others named their files must not run in a notebook, nor call home.
        import html

        words = [f"{self.algorithm} {self.digest[:10]}…"]
        if (size := _size_at_hand(self)) is not None:
            from ._progress import human_size

            words.append(human_size(size))
        if self.label:
            words.insert(0, f"<b>{html.escape(self.label)}</b>")
        return f'<div>{" · ".join(words)}<br><code style="user-select: all">{html.escape(self)}</code></div>'


def plain(value: Any) -> Any:
    """The value with each URI in it as a plain str; the value itself if there is none. For formats of plain data only."""
    done: dict[int, Any] = {}  # By id: what is shared stays shared, and what contains itself comes to an end.
    found = False

    def copy(part: Any, depth: int) -> Any:
        nonlocal found
        kind = type(part)
        if kind not in (URI, dict, list, tuple, set, frozenset) or depth > _nesting_max:
            return part
        if id(part) in done:
            return done[id(part)]
        if kind is URI:
            found = True
            done[id(part)] = str(part)
        elif kind is dict:
            members = done[id(part)] = {}
            members.update((copy(key, depth + 1), copy(member, depth + 1)) for key, member in part.items())
        elif kind is list:
            items = done[id(part)] = []
            items.extend(copy(item, depth + 1) for item in part)
        else:
            done[id(part)] = kind([copy(item, depth + 1) for item in part])
        return done[id(part)]

    without_uris = copy(value, 0)
    return without_uris if found else value


class _TooLong(Exception):
    pass


def _size_at_hand(uri: str) -> int | None:
    """The size, if the content is on this machine and was checked already: a notebook does not wait for a large file."""

    def give_up(done: int, total: int) -> None:
        raise _TooLong

    try:
        return _session.current().locate(os.fsencode(uri), give_up, _hub.Sources(local_only=True))[1]
    except (KacheryError, _TooLong):
        return None
