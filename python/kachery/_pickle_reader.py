"""Reads pickles as data: an interpreter of the opcodes of protocols 0 to 5 that can build plain values only.

The opcodes are those of PEP 307 (protocols 0 to 2), PEP 3154 (4) and PEP 574 (5). The reader never imports, looks up
or calls what a pickle names: a name is a key of the table in `_pickle_names`, or the pickle is refused.
"""

from __future__ import annotations

import struct
from collections.abc import Callable
from typing import Any

from kachery import _pickle_machine as limits
from kachery._errors import Corrupt, Denied, Exhausted, KacheryError
from kachery._pickle_machine import ADVICE, Machine, Name, PendingArray, internal_height, not_data
from kachery._pickle_names import look_up
from kachery._pickle_numpy import PickledDtype, array_from_state

__all__ = ["decode"]

# From this size on, the data of an array is taken from the input itself and not copied into a bytes object first.
view_bytes_min = 64 * 1024

_STOP = b"."[0]
_double = struct.Struct(">d")
_HANDLERS: list[Callable[[Machine], None] | None] = [None] * 256


def decode(data: bytes | bytearray | memoryview) -> object:
    """Read a pickle of plain data.

    Parameters
    ----------
    data : bytes-like
        A pickle of protocol 0 to 5. What follows its end is ignored, as the standard reader does.

    Returns
    -------
    object
        None, bool, int, float, complex, str, bytes, bytearray, range, slice, or list, tuple, dict, set, frozenset of
        them, or numpy arrays and scalars. Arrays are writable and own their data; the dtype is the one that was
        written, byte order included. Text of Python 2 becomes str where it is ASCII, else bytes.

    Raises
    ------
    Denied
        The pickle names a class or function, which is named in the message, or would make objects from bytes.
    Corrupt
        The bytes are no pickle, or end too early; the message says where.
    Exhausted
        The pickle would take more memory, time or nesting than data of its size can need.
    """
    machine = Machine(data)
    try:
        return _run(machine)
    except KacheryError as error:
        raise type(error)(f"{error} (byte {machine.at} of the pickle)") from error.__cause__
    except (MemoryError, RecursionError) as error:
        raise Exhausted(f"the pickle takes too much memory (byte {machine.at} of the pickle)") from error
    except (ValueError, TypeError, OverflowError, SystemError) as error:
        raise Corrupt(f"the pickle is damaged: {error} (byte {machine.at} of the pickle)") from error


def _run(machine: Machine) -> object:
    """Execute all opcodes and return the value."""
    data, size, handlers = machine.data, machine.size, _HANDLERS
    while True:
        machine.at = pos = machine.pos
        if pos >= size:
            raise Corrupt("the pickle ends in the middle")
        code = data[pos]
        machine.pos = pos + 1
        if code == _STOP:
            break
        handler = handlers[code]
        if handler is None:
            raise Corrupt(f"there is no opcode {code:#04x}")
        handler(machine)
    value = machine.pop()
    if machine.stack or machine.marks:
        raise Corrupt("the pickle ends with more than one value")
    if machine.adopt((value,)) >= internal_height:
        raise not_data()
    return value


def _opcode(code: bytes) -> Callable[[Callable[[Machine], None]], Callable[[Machine], None]]:
    def register(handler: Callable[[Machine], None]) -> Callable[[Machine], None]:
        _HANDLERS[code[0]] = handler
        return handler

    return register


# Structure.


@_opcode(b"\x80")
def _proto(machine: Machine) -> None:
    machine.protocol = machine.byte()
    if machine.protocol > 5:
        raise Corrupt(f"protocol {machine.protocol} is not known")


@_opcode(b"\x95")
def _frame(machine: Machine) -> None:
    count = machine.number(8)
    if count > machine.size - machine.pos:
        raise Corrupt(f"a frame of {count} bytes goes beyond the end")


@_opcode(b"(")
def _mark(machine: Machine) -> None:
    if len(machine.marks) >= limits.marks_max:
        raise Exhausted(f"the pickle is nested more than {limits.nesting_max} deep")
    machine.floor = len(machine.stack)
    machine.marks.append(machine.floor)


@_opcode(b"0")
def _pop(machine: Machine) -> None:
    if len(machine.stack) == machine.floor and machine.marks:
        machine.pop_to_mark()
    else:
        machine.adopt((machine.pop(),))


@_opcode(b"1")
def _pop_mark(machine: Machine) -> None:
    machine.adopt(machine.pop_to_mark())


@_opcode(b"2")
def _dup(machine: Machine) -> None:
    machine.stack.append(machine.top())


# The memo.


@_opcode(b"p")
def _put(machine: Machine) -> None:
    machine.put(machine.decimal())


@_opcode(b"q")
def _binput(machine: Machine) -> None:
    machine.put(machine.byte())


@_opcode(b"r")
def _long_binput(machine: Machine) -> None:
    machine.put(machine.number(4))


@_opcode(b"\x94")
def _memoize(machine: Machine) -> None:
    machine.memo.append(machine.top())


@_opcode(b"g")
def _get(machine: Machine) -> None:
    machine.get(machine.decimal())


@_opcode(b"h")
def _binget(machine: Machine) -> None:
    machine.get(machine.byte())


@_opcode(b"j")
def _long_binget(machine: Machine) -> None:
    machine.get(machine.number(4))


# Constants and numbers.


def _constant(code: bytes, value: Any) -> None:
    @_opcode(code)
    def push(machine: Machine) -> None:
        machine.stack.append(value)


for _code, _value in {b"N": None, b"\x88": True, b"\x89": False, b")": ()}.items():
    _constant(_code, _value)


@_opcode(b"K")
def _binint1(machine: Machine) -> None:
    machine.stack.append(machine.byte())


@_opcode(b"M")
def _binint2(machine: Machine) -> None:
    machine.stack.append(machine.number(2))


@_opcode(b"J")
def _binint(machine: Machine) -> None:
    machine.stack.append(machine.number(4, signed=True))


@_opcode(b"I")
def _int(machine: Machine) -> None:
    start = machine.pos
    value = machine.decimal()
    text = bytes(machine.view[start : machine.pos])
    machine.stack.append(bool(value) if text in (b"00\n", b"01\n") else value)


@_opcode(b"L")
def _long(machine: Machine) -> None:
    machine.stack.append(machine.decimal())


@_opcode(b"\x8a")
def _long1(machine: Machine) -> None:
    machine.stack.append(machine.number(machine.byte(), signed=True))


@_opcode(b"\x8b")
def _long4(machine: Machine) -> None:
    count = machine.number(4, signed=True)
    if count < 0:
        raise Corrupt(f"an integer has {count} bytes")
    if count > limits.integer_bytes_max:
        raise Exhausted(f"an integer has {count} bytes, more than {limits.integer_bytes_max}")
    machine.stack.append(machine.number(count, signed=True))


@_opcode(b"F")
def _float(machine: Machine) -> None:
    machine.stack.append(float(machine.line(limits.digits_max)))


@_opcode(b"G")
def _binfloat(machine: Machine) -> None:
    machine.stack.append(_double.unpack_from(machine.data, machine.take(8))[0])


# Text and bytes.


def _text_of_python2(data: bytes) -> str | bytes:
    """Take a str of Python 2 for text where it can be nothing else."""
    return data.decode("ascii") if data.isascii() else data


@_opcode(b"S")
def _string(machine: Machine) -> None:
    line = machine.line(machine.size)
    if len(line) < 2 or line[:1] not in (b"'", b'"') or line[-1:] != line[:1]:
        raise Corrupt("a text has no quotes")
    machine.stack.append(_text_of_python2(_unescape(line[1:-1])))


def _unescape(text: bytes) -> bytes:
    """Undo ``repr`` of Python 2."""
    import re

    letters = {b"n": b"\n", b"r": b"\r", b"t": b"\t", b"\\": b"\\", b"'": b"'", b'"': b'"'}

    def replace(match: re.Match[bytes]) -> bytes:
        escape = match[1]
        if escape[:1] == b"x" and len(escape) == 3:
            return bytes([int(escape[1:], 16)])
        if escape not in letters:
            raise Corrupt(f"a text has the unknown escape {escape!r}")
        return letters[escape]

    return re.sub(rb"\\(x[0-9a-fA-F]{2}|.|\Z)", replace, text, flags=re.DOTALL) if b"\\" in text else text


@_opcode(b"V")
def _unicode(machine: Machine) -> None:
    machine.stack.append(str(machine.line(machine.size), "raw-unicode-escape"))


def _counted(code: bytes, width: int, convert: Callable[[memoryview], Any]) -> None:
    @_opcode(code)
    def push(machine: Machine) -> None:
        machine.stack.append(convert(machine.counted(width)))


def _counted_bytes(code: bytes, width: int) -> None:
    @_opcode(code)
    def push(machine: Machine) -> None:
        view = machine.counted(width)
        as_view = len(view) >= view_bytes_min and machine.becomes_array_data()
        machine.stack.append(view if as_view else bytes(view))


def _text(view: memoryview) -> str:
    return str(view, "utf-8", "surrogatepass")


for _code, _width in {b"\x8c": 1, b"X": 4, b"\x8d": 8}.items():
    _counted(_code, _width, _text)
for _code, _width in {b"U": 1, b"T": 4}.items():
    _counted(_code, _width, lambda view: _text_of_python2(bytes(view)))
for _code, _width in {b"C": 1, b"B": 4, b"\x8e": 8}.items():
    _counted_bytes(_code, _width)
_counted(b"\x96", 8, bytearray)


# Containers.


@_opcode(b"]")
def _empty_list(machine: Machine) -> None:
    machine.spend(limits.list_bytes)
    machine.push_container([])


@_opcode(b"}")
def _empty_dict(machine: Machine) -> None:
    machine.spend(limits.dict_bytes)
    machine.push_container({})


@_opcode(b"\x8f")
def _empty_set(machine: Machine) -> None:
    machine.spend(limits.set_bytes)
    machine.push_container(set())


@_opcode(b"l")
def _list(machine: Machine) -> None:
    machine.spend(limits.list_bytes)
    items = machine.pop_to_mark()
    machine.push_container([])
    _extend(machine, items)


@_opcode(b"d")
def _dict(machine: Machine) -> None:
    machine.spend(limits.dict_bytes)
    items = machine.pop_to_mark()
    machine.push_container({})
    _set_items(machine, items)


def _extend(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    machine.grow(target, list, items)
    if not target:
        machine.spend(limits.list_filled_bytes)
    target.extend(items)


def _set_items(machine: Machine, items: list[Any]) -> None:
    target = machine.top()
    machine.grow(target, dict, items)
    if not target:
        machine.spend(limits.dict_filled_bytes)
    keys, values = items[::2], items[1::2]
    if len(keys) != len(values):
        raise Corrupt("a dict has a key without a value")
    machine.insert(target, keys, values)


@_opcode(b"a")
def _append(machine: Machine) -> None:
    _extend(machine, [machine.pop()])


@_opcode(b"e")
def _appends(machine: Machine) -> None:
    _extend(machine, machine.pop_to_mark())


@_opcode(b"s")
def _setitem(machine: Machine) -> None:
    value = machine.pop()
    _set_items(machine, [machine.pop(), value])


@_opcode(b"u")
def _setitems(machine: Machine) -> None:
    _set_items(machine, machine.pop_to_mark())


@_opcode(b"\x90")
def _additems(machine: Machine) -> None:
    items = machine.pop_to_mark()
    target = machine.top()
    machine.grow(target, set, items)
    machine.insert(target, items)


@_opcode(b"\x91")
def _frozenset(machine: Machine) -> None:
    machine.stack.append(machine.make_set(machine.pop_to_mark(), frozenset))


@_opcode(b"t")
def _tuple(machine: Machine) -> None:
    machine.push_tuple(machine.pop_to_mark())


def _short_tuple(code: bytes, count: int) -> None:
    @_opcode(code)
    def push(machine: Machine) -> None:
        start = len(machine.stack) - count
        if start < machine.floor:
            raise Corrupt("a value is used that is not there")
        items = machine.stack[start:]
        del machine.stack[start:]
        machine.push_tuple(items)


for _code, _width in {b"\x85": 1, b"\x86": 2, b"\x87": 3}.items():
    _short_tuple(_code, _width)


# Names and what is made from them.


@_opcode(b"c")
def _global(machine: Machine) -> None:
    module, name = (machine.line(machine.size) for _ in range(2))
    machine.stack.append(look_up(str(module, "utf-8"), str(name, "utf-8")))


@_opcode(b"\x93")
def _stack_global(machine: Machine) -> None:
    name, module = machine.pop(), machine.pop()
    if type(name) is not str or type(module) is not str:
        raise Corrupt("a name is no text")
    machine.stack.append(look_up(module, name))


@_opcode(b"R")
def _reduce(machine: Machine) -> None:
    args, name = machine.pop(), machine.pop()
    if type(name) is not Name or type(args) is not tuple:
        raise Corrupt("something is called that is no name, or without arguments")
    machine.spend(limits.call_bytes)
    machine.stack.append(name.build(machine, args))


@_opcode(b"b")
def _build(machine: Machine) -> None:
    state = machine.pop()
    machine.adopt((state,))
    target = machine.pop()
    if type(target) is PickledDtype:
        target.build(state, machine.spend)
        machine.stack.append(target)
    elif type(target) is PendingArray and target.array is None:
        target.array = array_from_state(state, machine.spend)
        machine.settle_array(target.array, state)
        machine.stack.append(target.array)
    else:
        label = target.label if type(target) is Name else f"a {type(target).__name__}"
        raise Denied(f"the pickle sets the state of {label}. {ADVICE}")


@_opcode(b"i")
def _inst(machine: Machine) -> None:
    _global(machine)
    _refuse_instance(machine.pop())


@_opcode(b"o")
def _obj(machine: Machine) -> None:
    _refuse_instance(*machine.pop_to_mark()[:1])


@_opcode(b"\x81")
def _newobj(machine: Machine) -> None:
    machine.pop()
    _refuse_instance(machine.pop())


@_opcode(b"\x92")
def _newobj_ex(machine: Machine) -> None:
    machine.pop()
    _newobj(machine)


def _refuse_instance(cls: Any = None) -> None:
    label = cls.label if type(cls) is Name else "something that is no class"
    raise Denied(f"the pickle makes an instance of {label}. {ADVICE}")


def _refused(code: bytes, what: str) -> None:
    @_opcode(code)
    def refuse(machine: Machine) -> None:
        raise Denied(f"the pickle refers to {what}. {ADVICE}")


for _code in (b"P", b"Q"):
    _refused(_code, "an object outside of it by a persistent id")
for _code in (b"\x82", b"\x83", b"\x84"):
    _refused(_code, "a class by a number of the extension registry")
for _code in (b"\x97", b"\x98"):
    _refused(_code, "a buffer that is not in the file")
