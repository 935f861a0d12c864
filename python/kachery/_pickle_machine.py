"""The machine under the pickle reader: input, stack, marks, memo, and an account of everything that is built.

Two rules keep the work in proportion to the input, whatever the input is:

* A container that went into another one is finished and may not change any more. All pickles of data that does not
  contain itself keep this rule. So every value has a height that never changes, and nesting can be limited. (Python
  hashes nested tuples, and numpy frees nested arrays, by recursion in C.)
* Whatever can be had for fewer bytes than it takes in memory, or can be made again from a memoised part, is charged to
  a budget in proportion to the input.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from kachery import _pickle_numpy as numpy_parts
from kachery._errors import Corrupt, Denied, Exhausted

# Far deeper than any data; far from the end of a C stack (a level costs numpy or tuple hashing some 200 bytes).
nesting_max = 1000
# Two marks are open per level of nesting, at most.
marks_max = 2 * nesting_max + 8
# An integer of 150,000 digits; hashing and dividing larger ones takes time that their few bytes do not suggest.
integer_bytes_max = 64 * 1024
# Python's own limit for reading decimal digits, which takes quadratic time.
digits_max = 4300
# Limits of a range are counters; the length of a range is a division.
range_bits_max = 1024
# Parts of one dict key or set element, counted each time they are reached: a tuple that holds one tuple twice, which
# holds one tuple twice, ... is hashed in exponential time.
key_nodes_max = 100_000
# Keys that collide cost Python quadratic time. Equal hashes are one way to it and crafted probe sequences another, so
# the time itself is limited (of this thread, in which honest keys take a tenth or less). One step counts at most
# `key_step_seconds_max`, because the garbage collector may run in it.
key_seconds_base = 0.25
key_seconds_per_byte = 0.3e-6
key_step_seconds_max = 0.02
key_step = 16  # Keys between two looks at the clock: few enough that all of them colliding does no harm.
# Containers may take 48 times their bytes in the file: a dict with one entry of None honestly takes 46 times its 5 bytes.
# With the base, and with numbers, stack and memo, that is less than 64 MiB + 8 times the file for files up to 1 MiB;
# a tighter limit for larger files would refuse long lists of small records.
memory_bytes_base = 12 * 2**20
memory_factor = 48
# Only empty sets take more, 108 times their 2 bytes; so many of them fit into the base, and no more are written.
empty_sets_max = 50_000
# Sizes in CPython with the garbage collector's header; of two versions, the larger.
list_bytes, list_filled_bytes = 56, 32
dict_bytes, dict_filled_bytes = 64, 168
set_bytes, set_item_bytes = 216, 32
_TUPLE_BYTES = 48
call_bytes = 64
_GROWING_BYTES = 100  # Our own note of a container that may still grow; given back when it is finished.
_KEY_NODE_BYTES = 32  # Not memory: it bounds how often one key can be hashed.

# Values that hold no other value. A slice does, but only such values (see `_slice`).
_LEAVES = frozenset({type(None), bool, int, float, complex, str, bytes, bytearray, range, slice})
_KEY_LEAVES = _LEAVES - {bytearray, slice}
_QUICK_KEYS = frozenset({type(None), bool, float, str, bytes})  # Hashed at once, or once only.
# Added to the height of what is not a value: a name, a dtype, an unfinished array, or a tuple or dict with such inside.
internal_height = 1_000_000

ADVICE = (
    "Pickles are read as plain data and numpy arrays only, because a class can run any program. "
    "Ask the author to store plain data (store_json, store_npy or store_pkl), "
    "or pass allow_unsafe_pickle=True if you trust the author as much as a program of theirs."
)


class Name:
    """A class or function that a pickle may name, and what is done instead of calling it."""

    __slots__ = ("build", "label")

    def __init__(self, label: str, build: Callable[[Machine, tuple[Any, ...]], Any]) -> None:
        self.label = label
        self.build = build


class PendingArray:
    """An array between ``_reconstruct`` and its state; the memo keeps pointing here."""

    __slots__ = ("array",)

    def __init__(self) -> None:
        self.array: Any = None


_INTERNAL_TYPES = frozenset({Name, PendingArray, numpy_parts.PickledDtype, memoryview})


class _Input:
    """The bytes of a pickle and the position in them."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        self.data = data if isinstance(data, (bytes, bytearray)) else bytes(data)
        self.view = memoryview(self.data)
        self.size = len(self.data)
        self.pos = 0
        self.at = 0  # Where the current opcode stands.

    def take(self, count: int) -> int:
        """Step over `count` bytes and return where they begin."""
        start = self.pos
        if count > self.size - start:
            raise Corrupt(f"the pickle ends in the middle: {count} bytes are due and {self.size - start} are left")
        self.pos = start + count
        return start

    def byte(self) -> int:
        """Read one byte; half of all opcodes have no other argument."""
        pos = self.pos
        if pos >= self.size:
            raise Corrupt("the pickle ends in the middle")
        self.pos = pos + 1
        return self.data[pos]

    def number(self, width: int, signed: bool = False) -> int:
        """Read a little-endian integer of `width` bytes."""
        start = self.take(width)
        return int.from_bytes(self.data[start : start + width], "little", signed=signed)

    def counted(self, width: int) -> memoryview:
        """Read a length of `width` bytes and as many bytes."""
        count = self.byte() if width == 1 else self.number(width)
        start = self.take(count)
        return self.view[start : start + count]

    def line(self, length_max: int) -> bytes:
        """Read a line of text without its newline."""
        end = self.data.find(b"\n", self.pos, self.pos + length_max + 1)
        if end < 0:
            raise Corrupt(f"a line does not end within {min(length_max, self.size - self.pos)} bytes")
        start, self.pos = self.pos, end + 1
        return bytes(self.view[start:end])

    def decimal(self) -> int:
        """Read a line with a decimal integer."""
        text = self.line(digits_max + 2).removesuffix(b"L")
        if not text.removeprefix(b"-").isdigit():
            raise Corrupt(f"{text!r:.40} is no integer")
        return int(text)

    def becomes_array_data(self) -> bool:
        """Tell whether what was just read ends an array's state: TUPLE and BUILD follow, perhaps memoising, a frame."""
        pos, due = self.pos, list(b"tb")
        for _ in range(6):
            code = self.data[pos] if pos < self.size else None
            if code == due[0]:
                due.pop(0)
                pos += 1
                if not due:
                    return True
            else:
                pos += {0x94: 1, 0x71: 2, 0x72: 5, 0x95: 9}.get(code or 0, 0)
        return False


class Machine(_Input):
    """The stack, the marks and the memo of one pickle, and the account of what it built."""

    def __init__(self, data: bytes | bytearray | memoryview) -> None:
        super().__init__(data)
        self.protocol = 0
        self.stack: list[Any] = []
        self.marks: list[int] = []
        self.floor = 0  # The last mark: nothing below it can be popped.
        self.memo: list[Any] = []
        self.spare_bytes = memory_bytes_base + memory_factor * self.size
        self.key_seconds = key_seconds_base + key_seconds_per_byte * self.size
        self.leaves: frozenset[type] = _LEAVES
        self.key_leaves: frozenset[type] = _KEY_LEAVES
        # Containers that may still grow: id -> height, counting what is inside.
        self.growing: dict[int, int] = {}
        # Finished containers with more than leaves inside: id -> height. They are kept, so that ids stay theirs.
        self.heights: dict[int, int] = {}
        self.kept: list[Any] = []

    # The account.

    def spend(self, count: int) -> None:
        """Charge bytes to the budget."""
        self.spare_bytes -= count
        if self.spare_bytes < 0:
            raise Exhausted(f"the pickle takes much more memory than its {self.size} bytes can need")

    def use_numpy(self) -> None:
        """Know numpy's scalars; numpy is imported when the first numpy value appears."""
        if self.leaves is _LEAVES:
            scalars = numpy_parts.scalar_types()
            self.leaves = _LEAVES | scalars
            # A void scalar is writable memory, and may hold anything.
            self.key_leaves = _KEY_LEAVES | frozenset(kind for kind in scalars if kind.__name__ != "void")

    def adopt(self, items: Iterable[Any]) -> int:
        """Finish the containers among `items`, which are put into another value; return the greatest height."""
        if self.leaves.issuperset(map(type, items)):
            return 0
        return max(map(self.height, items))

    def height(self, item: Any) -> int:
        """Return the levels of containers in `item`, which is finished thereby."""
        if type(item) in self.leaves:
            return 0
        key = id(item)
        height = self.heights.get(key)
        if height is None:
            if type(item) in _INTERNAL_TYPES:
                return internal_height
            height = self.growing.pop(key, 0)
            if height == 0:
                return 1  # An array, or a container with leaves only that was finished before.
            self.spare_bytes += _GROWING_BYTES
            self.settle(item, height)
        return height

    def settle(self, item: Any, height: int) -> None:
        """Note the height of a finished container; that of one with leaves only goes without saying."""
        if height > 1:
            if height % internal_height > nesting_max:
                raise Exhausted(f"the pickle is nested more than {nesting_max} deep")
            self.heights[id(item)] = height
            self.kept.append(item)

    def settle_array(self, array: Any, state: tuple[Any, ...]) -> None:
        """Note the height of an array: that of the list of its elements, if these are objects."""
        if type(state[4]) is list:
            self.settle(array, self.height(state[4]))

    def grow(self, target: Any, kind: type, items: Sequence[Any]) -> None:
        """Note that `items` go into `target`, which must be a `kind` that is not finished."""
        height = 1 + self.adopt(items)
        before = self.growing.get(id(target))
        if type(target) is not kind or before is None:
            raise Corrupt(f"a {kind.__name__} is changed that is not there, is finished, or contains itself")
        if height >= internal_height and kind is not dict:
            raise not_data()
        self.growing[id(target)] = max(before, height)

    def check_key(self, key: Any) -> None:
        """Refuse what cannot be hashed, or not quickly."""
        if type(key) in self.key_leaves:
            return
        nodes, todo = 0, [key]
        while todo:
            node = todo.pop()
            if type(node) in (tuple, frozenset):
                nodes += len(node)
                if nodes > key_nodes_max:
                    raise Exhausted(f"a key has more than {key_nodes_max} parts")
                todo.extend(node)
            elif type(node) not in self.key_leaves:
                raise Corrupt(f"a {type(node).__name__} stands in a key of a dict or an element of a set")
        self.spend(_KEY_NODE_BYTES * nodes)

    @staticmethod
    def are_quick(keys: Sequence[Any], size: int) -> bool:
        """Tell whether so few and simple keys go into a dict or set that the time cannot matter."""
        if {str}.issuperset(map(type, keys)):
            return len(keys) + size < 1000
        return len(keys) + size < 16 and all(
            type(key) in _QUICK_KEYS or (type(key) is int and -(2**63) <= key < 2**63) for key in keys
        )

    def insert(self, target: Any, keys: Sequence[Any], values: Sequence[Any] | None = None) -> None:
        """Put keys and values into a dict, or keys into a set, watching the time that the keys take."""
        if self.are_quick(keys, len(target)):
            target.update(keys if values is None else zip(keys, values))
            return
        for key in keys:
            self.check_key(key)
        for index in range(0, len(keys), key_step):
            some = slice(index, index + key_step)
            entries = keys[some] if values is None else zip(keys[some], values[some])
            begin = time.thread_time()
            target.update(entries)
            self.key_seconds -= min(time.thread_time() - begin, key_step_seconds_max)
            if self.key_seconds < 0:
                raise Exhausted("the keys of a dict or set collide on purpose")

    # The stack.

    def pop(self) -> Any:
        if len(self.stack) <= self.floor:
            raise Corrupt("a value is used that is not there")
        return self.stack.pop()

    def top(self) -> Any:
        if len(self.stack) <= self.floor:
            raise Corrupt("a value is used that is not there")
        return self.stack[-1]

    def pop_to_mark(self) -> list[Any]:
        """Take everything above the last mark."""
        if not self.marks:
            raise Corrupt("a mark is used that is not there")
        mark = self.marks.pop()
        items = self.stack[mark:]
        del self.stack[mark:]
        self.floor = self.marks[-1] if self.marks else 0
        return items

    def push_container(self, value: Any) -> None:
        """Push a new list, dict or set, which may still grow."""
        self.spend(_GROWING_BYTES)
        self.growing[id(value)] = 1
        self.stack.append(value)

    def push_tuple(self, items: Sequence[Any]) -> None:
        self.spend(_TUPLE_BYTES + 8 * len(items))
        value = tuple(items)
        self.settle(value, 1 + self.adopt(value))
        self.stack.append(value)

    def make_set(self, items: Sequence[Any], kind: type) -> Any:
        """Build a finished set or frozenset."""
        self.spend(set_bytes + set_item_bytes * max(0, len(items) - 4))
        collected: set[Any] = set()
        self.insert(collected, items)
        value = collected if kind is set else frozenset(collected)
        self.settle(value, 1 + self.adopt(items))
        return value

    def put(self, index: int) -> None:
        """Memoise the top. Writers number from 0 or 1 and skip few; every entry has at least a byte before it."""
        if not 0 <= index <= self.at:
            raise Corrupt(f"memo entry {index} is set, which a pickle cannot have reached here")
        missing = index + 1 - len(self.memo)
        if missing > 0:
            self.memo.extend([_MISSING] * missing)
        self.memo[index] = self.top()

    def get(self, index: int) -> None:
        """Push a memoised value."""
        value = self.memo[index] if 0 <= index < len(self.memo) else _MISSING
        if value is _MISSING:
            raise Corrupt(f"memo entry {index} is used, which was not set")
        if type(value) is PendingArray and value.array is not None:
            value = value.array
        self.stack.append(value)


_MISSING = object()


def not_data() -> Denied:
    """Make the error for a class, dtype or half-made array among the values."""
    return Denied(f"the pickle holds a class, a dtype or an unfinished array where a value is due. {ADVICE}")
