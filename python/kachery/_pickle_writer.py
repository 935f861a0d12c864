"""Writes plain data as pickles of protocol 4, byte for byte as Python's own pickler does under numpy 1.24.

A file is named by the hash of its bytes, and the first kachery wrote these; so the same value has the same URI, and
readers from before numpy 2 can read what is written under numpy 2. (The order of a set of text differs from one Python
process to the next, and with it the bytes.)
"""

from __future__ import annotations

import functools
import itertools
import sys
from collections.abc import Callable, Collection, Iterable
from typing import TYPE_CHECKING, Any, Protocol

from kachery._errors import Invalid
from kachery._pickle_machine import empty_sets_max, integer_bytes_max, key_nodes_max, range_bits_max

if TYPE_CHECKING:
    import pickle

__all__ = ["dump"]

# The pickler recurses, up to seven calls per level; Python's limit is 1000 calls, and the caller has some of them.
nesting_max = 100
# Python's pickler writes containers in batches of so many.
_batch_items = 1000

_SCALARS = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, range})
_COLLECTIONS = frozenset({list, tuple, dict, set, frozenset})
_PLAIN = "None, bool, int, float, complex, str, bytes, range, slice, list, tuple, dict, set and numpy arrays"
# What to write instead of a value of a derived class; the first that fits is named.
_BASES = (int, float, complex, str, bytes, bytearray, dict, list, tuple, frozenset, set)


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


def dump(value: object, file: _Sink) -> None:
    """Write a value as a pickle.

    Parameters
    ----------
    value : object
        None, bool, int, float, complex, str, bytes, bytearray, range, slice, or list, tuple, dict, set, frozenset of
        such values, or numpy arrays and scalars; the elements of an object array must be such values too.
    file : object
        Something with a method ``write`` that takes all of the bytes it is given.

    Raises
    ------
    Invalid
        The value has a part that only a class could rebuild, contains itself, or is nested too deep. The message says
        which part. Nothing was written, unless there was too little room on the stack for a nested value.
    """
    survey = _Survey()
    try:
        survey.height(value, 0)
        _pickler(file, survey.numpy_major).dump(value)
    except _Refused as refused:
        where = _shortened("value" + "".join(reversed(refused.path)), 200)
        raise Invalid(f"cannot store {where}: {refused.reason}") from None
    except RecursionError as error:
        raise Invalid("cannot store value: it is nested too deep for the calls that are already under way") from error


class _Refused(Exception):
    """A part of a value that is not plain; `path` leads to it, from the inside out."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason
        self.path: list[str] = []


class _Survey:
    """One walk over a value before it is written, to see that all of it is plain and whether numpy is in it."""

    def __init__(self) -> None:
        self.numpy_major = 0  # Until something of numpy was met.
        self.heights: dict[int, int] = {}  # Of containers that were seen, by id; 0 while they are looked at.
        self.empty_sets: set[int] = set()  # Their ids.
        self.np = sys.modules.get("numpy")  # Not there: then the value has no part of it.

    def height(self, value: Any, depth: int) -> int:
        """Return the levels of containers in a value, or raise `_Refused`."""
        kind = type(value)
        if kind in _SCALARS:
            _check_numbers((value,))
            return 0
        known = self.heights.get(id(value))
        if known is not None:
            if known == 0:
                raise _Refused("it contains itself")
            return known
        if depth >= nesting_max:
            raise _Refused(f"it is nested more than {nesting_max} deep")
        if kind is slice:
            return self._slice(value)
        if kind in _COLLECTIONS:
            return self._container(value, value.values() if kind is dict else value, depth)
        if self.np is None or not isinstance(value, (self.np.ndarray, self.np.generic)):
            raise _Refused(_why_not(value))
        return self._numpy(value, depth)

    def _container(self, value: Any, items: Collection[Any], depth: int) -> int:
        """Look at everything in a container; `items` are gone through twice."""
        if type(value) in (dict, set, frozenset):
            self._keys(value)
        if type(value) is set and not value:
            self.empty_sets.add(id(value))
            if len(self.empty_sets) > empty_sets_max:
                raise _Refused(f"it is one of more than {empty_sets_max} empty sets, too many to read back")
        if _SCALARS.issuperset(map(type, items)):
            _check_numbers(items)
            return 1
        self.heights[id(value)] = tallest = 0
        for index, item in enumerate(items):
            try:
                tallest = max(tallest, self.height(item, depth + 1))
            except _Refused as refused:
                refused.path.append(_step(value, index))
                raise
        if tallest >= nesting_max:
            raise _Refused(f"it is nested more than {nesting_max} deep")
        self.heights[id(value)] = 1 + tallest
        return 1 + tallest

    def _keys(self, keys: Iterable[Any]) -> None:
        """Look at the keys of a dict, or the elements of a set, which are hashable."""
        if _SCALARS.issuperset(map(type, keys)):
            _check_numbers(keys)
            return
        for key in keys:
            nodes, todo = 0, [key]
            while todo:
                node = todo.pop()
                if type(node) in (tuple, frozenset):
                    nodes += len(node)
                    todo.extend(node)
                    if nodes > key_nodes_max:
                        raise _Refused(f"it has a key or element of more than {key_nodes_max} parts")
                elif type(node) in _SCALARS:
                    _check_numbers((node,))
                elif self.np is None or not isinstance(node, self.np.generic) or node.dtype.kind == "V":
                    raise _Refused(f"it has the key or element {_shown(key)}: {_why_not(node)}")
                else:
                    self._numpy(node, 0)

    def _slice(self, value: slice) -> int:
        for part in (value.start, value.stop, value.step):
            if type(part) in _SCALARS:
                _check_numbers((part,))
            elif self.np is not None and isinstance(part, self.np.generic):
                self._numpy(part, 0)
            else:
                raise _Refused(f"it is a slice with a limit of type {type(part).__name__}")
        return 0

    def _numpy(self, value: Any, depth: int) -> int:
        """Look at an array or scalar."""
        assert self.np is not None
        self.numpy_major = int(self.np.__version__.partition(".")[0])
        kind, dtype = type(value), value.dtype
        if kind is not self.np.ndarray and kind not in _scalar_types():
            raise _Refused(_why_not(value))
        _check_dtype(dtype)
        if dtype.kind == "O":
            return self._container(value, list(value.flat), depth)
        if dtype.itemsize == 0 and (dtype.names is not None or kind is self.np.ndarray):
            raise _Refused("it has elements of no bytes")
        return 1


def _check_numbers(values: Iterable[Any]) -> None:
    """Refuse integers that the reader refuses."""
    bits_max = 8 * integer_bytes_max - 1
    for value in values:
        if type(value) is int:
            if value.bit_length() > bits_max:
                raise _Refused(f"it is or holds an integer of more than {integer_bytes_max} bytes; store it as text")
        elif type(value) is range and any(
            part.bit_length() > range_bits_max for part in (value.start, value.stop, value.step)
        ):
            raise _Refused(f"it is or holds a range with a limit of more than {range_bits_max} bits")


def _check_dtype(dtype: Any) -> None:
    """Refuse dtypes that are a class of somebody, or that would not come back as they are."""
    if dtype.type not in _scalar_types() and dtype.kind != "O":
        raise _Refused(f"its dtype {_shown(dtype)} belongs to a class; convert it to a dtype of numpy's own")
    if dtype.metadata:
        raise _Refused(f"its dtype {_shown(dtype)} has metadata, which is not kept; convert it with astype")
    parts = [dtype.fields[name][0] for name in dtype.names or ()]
    titles = [title for name in dtype.names or () for title in dtype.fields[name][2:]]
    if dtype.subdtype is not None:
        parts.append(dtype.subdtype[0])
    for part in parts:
        if part.hasobject:
            raise _Refused("it is an array of records with Python objects; store the fields as separate arrays")
        _check_dtype(part)
    if any(type(title) is not str for title in titles):
        raise _Refused("its dtype has a title that is no text")


@functools.cache
def _scalar_types() -> frozenset[type]:
    from kachery._pickle_numpy import scalar_types

    return scalar_types()


def _why_not(value: Any) -> str:
    """Say why a value is not plain, and what to write instead."""
    cls = type(value)
    module = "" if cls.__module__ == "builtins" else f"{cls.__module__}."
    label = f"it is of type {module}{cls.__qualname__}"
    np = sys.modules.get("numpy")
    if np is not None and isinstance(value, np.ma.MaskedArray):
        return f"{label}; store filled() and the mask as separate arrays"
    if np is not None and isinstance(value, np.ndarray):
        return f"{label}, which only that class could read back; convert it with numpy.array"
    if np is not None and isinstance(value, np.generic):
        return f"{label}, which only that class could read back"
    for base in _BASES:
        if isinstance(value, base):
            return f"{label}, which only that class could read back; convert it with {base.__name__}()"
    return f"{label}, and only plain data can be stored so: {_PLAIN}"


def _step(value: Any, index: int) -> str:
    """Spell the way from a container to its part number `index`."""
    if type(value) is dict:
        return f"[{_shown(list(value)[index])}]"
    if type(value) in (set, frozenset):
        return "{...}"
    if type(value) in (list, tuple):
        return f"[{index}]"
    position: list[int] = []
    for axis in reversed(value.shape):
        index, rest = divmod(index, axis)
        position.insert(0, rest)
    return f"{position}"


def _shown(value: Any) -> str:
    import reprlib

    try:
        return _shortened(reprlib.repr(value), 60)
    except Exception:  # Somebody's __repr__, or an integer of too many digits.
        return f"<{type(value).__name__}>"


def _shortened(text: str, length_max: int) -> str:
    return text if len(text) <= length_max else text[: length_max - 3] + "..."


class _WholeBytes:
    """Hands the pickler's frames on as bytes; pickle itself gives views of a buffer that it goes on using."""

    def __init__(self, file: _Sink) -> None:
        self.file = file

    def write(self, data: bytes | memoryview) -> None:
        self.file.write(data if type(data) is bytes else bytes(data))


def _pickler(file: _Sink, numpy_major: int) -> pickle.Pickler:
    """Choose the pickler: the fast one where it writes the right names."""
    import pickle

    if numpy_major >= 2:
        return _numpy_1_pickler_class()(_WholeBytes(file), 4)  # type: ignore[no-any-return]
    return pickle.Pickler(file, 4)


@functools.cache
def _numpy_1_pickler_class() -> Any:
    """Make the pickler that writes what numpy 1.24 had written.

    Python's pickler in C cannot be told to spell a name otherwise, so this derives from the one in Python.
    """
    import copyreg
    import pickle

    import numpy as np

    module = "numpy.core.multiarray"  # One object: the second name of this module refers to the first one's text.
    functions = {np.zeros(0).__reduce__()[0]: "_reconstruct", np.float64(0).__reduce__()[0]: "scalar"}

    def reduce_dtype(dtype: Any) -> tuple[Any, ...]:
        make, args, state = dtype.__reduce__()
        flags = state[7] - 256 if state[7] > 127 else state[7]  # numpy 1 took the flags for a signed char,
        metadata = tuple(({}, part[1]) if part[0] is None else part for part in state[8:])  # and None for {}.
        return make, args, (*state[:7], flags, *metadata)

    in_python: Any = pickle._Pickler

    class Numpy1Pickler(in_python):  # type: ignore[misc]
        dispatch = in_python.dispatch.copy()
        dispatch_table = copyreg.dispatch_table | {type(np.dtype(kind)): reduce_dtype for kind in "VMm"}

        def save_global(self, obj: Any, name: str | None = None) -> None:
            old_name = functions.get(obj)
            if old_name is None:
                super().save_global(obj, name)
                return
            self.save(module)
            self.save(old_name)
            self.write(pickle.STACK_GLOBAL)
            self.memoize(obj)

        # The pickler in C ends its batches in other places than the one in Python: the last batch may hold one item
        # of a list, and none of a dict or set.

        def _batch_appends(self, items: list[Any], *_: Any) -> None:
            if len(items) == 1:
                self.save(items[0])
                self.write(pickle.APPEND)
                return
            for begin in range(0, len(items), _batch_items):
                self._batch(items[begin : begin + _batch_items], pickle.APPENDS)

        def _batch_setitems(self, items: Collection[tuple[Any, Any]], *_: Any) -> None:
            if len(items) == 1:
                for part in next(iter(items)):
                    self.save(part)
                self.write(pickle.SETITEM)
                return
            self._batches_and_an_empty_one(items, lambda item: item, pickle.SETITEMS)

        def save_set(self, items: set[Any]) -> None:
            self.write(pickle.EMPTY_SET)
            self.memoize(items)
            self._batches_and_an_empty_one(items, lambda item: (item,), pickle.ADDITEMS)

        dispatch[set] = save_set

        def _batches_and_an_empty_one(self, items: Collection[Any], parts: Callable[..., Any], end: bytes) -> None:
            remaining = iter(items)
            batch = list(itertools.islice(remaining, _batch_items))
            while items:
                self._batch(itertools.chain.from_iterable(map(parts, batch)), end)
                if len(batch) < _batch_items:
                    break
                batch = list(itertools.islice(remaining, _batch_items))

        def _batch(self, parts: Iterable[Any], end: bytes) -> None:
            self.write(pickle.MARK)
            for part in parts:
                self.save(part)
            self.write(end)

    return Numpy1Pickler
