"""Pickles made to do harm: no code runs, nothing crashes, and memory and time stay in proportion to the file."""

from __future__ import annotations

import io
import pickle
import random
import struct
import sys
import time
import tracemalloc
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from kachery._errors import Corrupt, Denied, KacheryError
from kachery._pickle import decode, dump

RAN: list[str] = []


def boom(*args: object) -> str:
    """Be called: what must never happen."""
    RAN.append("called")
    return "boom"


class Boom:
    def __reduce__(self) -> tuple[Any, ...]:
        return boom, ("x",)


# Pieces of pickles.


def op(value: object) -> bytes:
    """Return opcodes that push a value."""
    return pickle.dumps(value, 3)[2:-1]


def name(module: str, attribute: str) -> bytes:
    return f"c{module}\n{attribute}\n".encode()


def call(function: bytes, *args: bytes) -> bytes:
    return function + b"(" + b"".join(args) + b"tR"


def long4(value: int) -> bytes:
    data = value.to_bytes(value.bit_length() // 8 + 1, "little", signed=True)
    return b"\x8b" + struct.pack("<i", len(data)) + data


def put(index: int) -> bytes:
    return b"r" + struct.pack("<I", index)


HERE = name(__name__, "boom")
RECONSTRUCT = call(name("numpy.core.multiarray", "_reconstruct"), name("numpy", "ndarray"), op((0,)), op(b"b"))
SCALAR = name("numpy.core.multiarray", "scalar")
FROMBUFFER = name("numpy.core.numeric", "_frombuffer")
DTYPE = name("numpy", "dtype")


def dtype(spelled: str, *state: bytes, order: str = "<", size: int = -1, flags: int = 0) -> bytes:
    """Return opcodes of a dtype; `state` replaces subarray, names and fields."""
    parts = state or (b"N", b"N", b"N")
    state_ops = b"(K\x03" + op(order) + b"".join(parts) + op(size) + op(-1) + op(flags) + b"t"
    return call(DTYPE, op(spelled), b"\x89", b"\x88") + state_ops + b"b"


def table(**fields: tuple[bytes, int]) -> tuple[bytes, bytes, bytes]:
    """Return the state of a record dtype: no subarray, names, and fields with dtype and offset."""
    entries = b"".join(op(key) + b"(" + value + op(offset) + b"t" for key, (value, offset) in fields.items())
    return b"N", op(tuple(fields)), b"}(" + entries + b"u"


def array(layout: bytes, shape: bytes, raw: bytes, version: bytes = b"K\x01") -> bytes:
    return RECONSTRUCT + b"(" + version + shape + layout + b"\x89" + raw + b"tb"


I8, U1, O8 = dtype("i8"), dtype("u1", order="|"), dtype("O8", order="|", flags=63)
NESTED_DTYPE = dtype("V1", *table(a=(U1, 0)), order="|", size=1)
for _ in range(18):
    NESTED_DTYPE = dtype("V1", *table(a=(NESTED_DTYPE, 0)), order="|", size=1)
WIDE_DTYPE = U1
for _ in range(14):  # 2**14 leaves in one byte.
    WIDE_DTYPE = dtype("V1", *table(a=(WIDE_DTYPE + b"q\x63", 0), b=(b"h\x63", 0)), order="|", size=1)

CODE: dict[str, tuple[bytes, str]] = {
    "GLOBAL and REDUCE": (call(name("os", "system"), op("true")), "names os.system"),
    "GLOBAL alone": (name("os", "system"), "names os.system"),
    "own module": (call(HERE, op(1)), "boom"),
    "reduced instance": (pickle.dumps(Boom(), 2)[2:-1], "boom"),
    "STACK_GLOBAL": (op("os") + op("system") + b"\x93" + op(("true",)) + b"R", "names os.system"),
    "INST": (b"(" + op("true") + b"ios\nsystem\n", "names os.system"),
    "OBJ": (b"(" + name("os", "system") + op("true") + b"o", "names os.system"),
    "NEWOBJ": (name("subprocess", "Popen") + op(("true",)) + b"\x81", "names subprocess.Popen"),
    "NEWOBJ_EX": (name("subprocess", "Popen") + op(("true",)) + b"}\x92", "names subprocess.Popen"),
    "NEWOBJ of a known name": (name("numpy", "ndarray") + op((3,)) + b"\x81", "instance of numpy.ndarray"),
    "NEWOBJ_EX of a known name": (name("builtins", "set") + b")}\x92", "instance of builtins.set"),
    "INST of a known name": (b"(K\x03inumpy\nndarray\n", "instance of numpy.ndarray"),
    "OBJ of a known name": (b"(" + name("builtins", "range") + b"K\x03o", "instance of builtins.range"),
    "OBJ of nothing": (b"(o", "instance of something"),
    "BUILD of a list": (b"]" + op({"__class__": 1}) + b"b", "sets the state of a list"),
    "BUILD of a name": (name("numpy", "ndarray") + op({"x": 1}) + b"b", "sets the state"),
    "BUILD of a finished array": (array(U1, op((1,)), op(b"a")) + op((1, (1,))) + b"b", "sets the state of a ndarray"),
    "eval": (call(name("builtins", "eval"), op("1")), "builtins.eval"),
    "exec of Python 2": (call(name("__builtin__", "execfile"), op("x")), "__builtin__.execfile"),
    "getattr": (call(name("builtins", "getattr"), name("builtins", "set")), "builtins.getattr"),
    "import": (call(name("builtins", "__import__"), op("this")), "builtins.__import__"),
    "import by name": (name("this", "s"), "this.s"),
    "dotted name": (op("numpy") + op("dtype.mro") + b"\x93", "numpy.dtype.mro"),
    "dotted module": (op("numpy.core.multiarray.scalar") + op("__call__") + b"\x93", "scalar.__call__"),
    "numpy.load": (call(name("numpy", "load"), op("x")), "numpy.load"),
    "numpy fromfile": (call(name("numpy.core.multiarray", "fromfile"), op("x")), "multiarray.fromfile"),
    "numpy runstring": (name("numpy.testing._private.utils", "runstring"), "runstring"),
    "numpy record": (name("numpy", "record"), "numpy.record"),
    "ordered dict": (call(name("collections", "OrderedDict"), b"]"), "collections.OrderedDict"),
    "partial": (name("functools", "partial"), "functools.partial"),
    "codecs with protocol 4": (b"\x80\x04" + call(name("_codecs", "encode"), op("a"), op("latin1")), "_codecs.encode"),
    "codecs decode": (name("_codecs", "decode"), "_codecs.decode"),
    "EXT1": (b"\x82\x01", "extension registry"),
    "EXT2": (b"\x83\x01\x01", "extension registry"),
    "EXT4": (b"\x84\x01\x01\x01\x01", "extension registry"),
    "PERSID": (b"Pid\n", "persistent id"),
    "BINPERSID": (op("id") + b"Q", "persistent id"),
    "NEXT_BUFFER": (b"\x97", "buffer that is not in the file"),
    "READONLY_BUFFER": (b"N\x98", "buffer that is not in the file"),
    "calling ndarray": (call(name("numpy", "ndarray"), op((10**12,))), "calls numpy.ndarray"),
    "class as value": (name("numpy", "ndarray"), "a class, a dtype or an unfinished array"),
    "class in a list": (b"]" + name("builtins", "set") + b"a", "a class, a dtype or an unfinished array"),
    "class in a tuple": (name("builtins", "set") + b"\x85\x85", "a class, a dtype or an unfinished array"),
    "class in a dict": (b"}K\x01" + name("builtins", "set") + b"\x85s", "a class, a dtype or an unfinished array"),
    "dtype as value": (I8, "a class, a dtype or an unfinished array"),
    "object array in itself": (
        b"N0" * 50 + RECONSTRUCT + b"q\x63" + b"(K\x01" + op((1,)) + O8 + b"\x89]h\x63atb",
        "a class, a dtype or an unfinished array",
    ),
    "unfinished array": (RECONSTRUCT, "a class, a dtype or an unfinished array"),
    "array data as value": (
        RECONSTRUCT
        + put(0)
        + b"(K\x01"
        + op((70000,))
        + U1
        + b"\x89B"
        + struct.pack("<I", 70000)
        + bytes(70000)
        + b"q\x05tq\x06b0h\x05",
        "a class, a dtype or an unfinished array",
    ),
    "objects from bytes": (array(O8, op((1,)), op(b"x" * 8)), "Python objects"),
    "objects from a buffer": (call(FROMBUFFER, op(b"x" * 8), O8, op((1,)), op("C")), "Python objects"),
    "object scalar from bytes": (call(SCALAR, O8, op(b"x" * 8)), "Python objects"),
    "objects with innocent flags": (array(dtype("O8", order="|", flags=0), op((1,)), op(b"x" * 8)), "Python objects"),
    "objects of 4 bytes": (array(dtype("O4", order="<"), op((2,)), op(b"x" * 8)), "Python objects"),
    "objects in a record": (array(dtype("V8", *table(a=(O8, 0)), order="|", size=8), op((1,)), op(b"x" * 8)), "'a'"),
    "objects in a deep record": (
        dtype("V8", *table(b=(dtype("V8", *table(a=(O8, 0)), order="|", size=8), 0)), order="|", size=8),
        "'a'",
    ),
    "objects in an aligned record": (dtype("V8", *table(a=(O8, 0)), order="|", size=8, flags=0x80 - 256 + 0x10), "'a'"),
    "objects in a subarray": (
        dtype("V16", *table(a=(dtype("V16", b"(" + O8 + op((2,)) + b"t", b"N", b"N", size=16), 0)), size=16),
        "Python objects",
    ),
}

DAMAGED: dict[str, bytes] = {
    "nothing": b"",
    "only STOP": b".",
    "unknown opcode": b"\xff.",
    "protocol 6": b"\x80\x06N.",
    "frame beyond the end": b"\x80\x04\x95\xff\xff\xff\xff\xff\xff\xff\x7fN.",
    "two values": b"NN.",
    "open mark": b"(N.",
    "no mark": b"Nt.",
    "no stack": b"0.",
    "below the mark": b"NN(\x86.",
    "APPEND to nothing": b"Na.",
    "APPEND to a tuple": b")Na.",
    "APPEND to a dict": b"}Na.",
    "APPENDS to a set": b"\x8f(K\x01e.",
    "ADDITEMS to a list": b"](K\x01\x90.",
    "SETITEM of a list": b"]K\x00Ns.",
    "SETITEM of an array": array(U1, op((1,)), op(b"a")) + b"K\x00K\x01s.",
    "odd SETITEMS": b"}(K\x01e.",
    "odd DICT": b"(K\x01d.",
    "name that is no text": op(1) + op("x") + b"\x93.",
    "call of a number": b"K\x01)R.",
    "call without a tuple": name("builtins", "set") + b"]R.",
    "text without quotes": b"Sabc\n.",
    "text with an unknown escape": b"S'\\q'\n.",
    "text that ends in a backslash": b"S'\\'\n.",
    "text that is no UTF-8": b"\x8c\x02\xff\xff.",
    "text with a bad escape": b"V\\u12\n.",
    "text of 2**63 bytes": b"\x8d\0\0\0\0\0\0\0\x80.",
    "bytes of 2**64 bytes": b"\x8e" + b"\xff" * 8 + b".",
    "bytearray of 2**40 bytes": b"\x96\0\0\0\0\0\1\0\0.",
    "bytes of 4 GiB": b"B\xff\xff\xff\xff.",
    "negative text": b"T\xff\xff\xff\xff.",
    "integer without digits": b"I\n.",
    "integer with spaces": b"I 1_0\n.",
    "integer of a million digits": b"I" + b"9" * 10**6 + b"\n.",
    "long of a million digits": b"L" + b"9" * 10**6 + b"L\n.",
    "float of a million digits": b"F" + b"9" * 10**6 + b"\n.",
    "float that is none": b"Fx\n.",
    "line without end": b"V" + b"x" * 10**6,
    "LONG4 of a negative length": b"\x8b\xff\xff\xff\xff.",
    "LONG1 without bytes": b"\x8a\x05\x01.",
    "memo entry 2**31": b"Nr\x00\x00\x00\x80.",
    "memo entry 2**32 - 1": b"Nr\xff\xff\xff\xff.",
    "memo entry 10**18": b"Np1000000000000000000\n.",
    "memo entry -1": b"Np-1\n.",
    "memo entry that is not there": b"h\x00.",
    "memo entry in a gap": b"NNN0q\x02" + b"h\x01.",
    "list in itself": b"]q\x00h\x00a.",
    "dict in itself": b"}q\x00K\x01h\x00s.",
    "tuple in itself": b"]q\x00h\x00\x85a.",
    "list changed when it is used": b"]q\x00](h\x00e0h\x00K\x01a.",
    "key that is a list": b"}]Ns.",
    "key that is a dict": b"}}Ns.",
    "key that is a bytearray": b"}\x96\x01\0\0\0\0\0\0\0aNs.",
    "key that is a slice": b"}" + op(slice(1)) + b"Ns.",
    "key that is an array": b"}" + array(U1, op((1,)), op(b"a")) + b"Ns.",
    "key that is a void": b"}" + call(SCALAR, dtype("V1", order="|", size=1), op(b"a")) + b"Ns.",
    "key with a list inside": b"}]\x85\x85Ns.",
    "key with a class inside": b"}" + name("numpy", "ndarray") + b"\x85Ns.",
    "set of lists": b"\x8f(]\x90.",
    "frozenset of lists": b"(]\x91.",
    "set from a list of lists": call(name("builtins", "set"), b"](]e") + b".",
    "set from a number": call(name("builtins", "set"), op(10**9)) + b".",
    "set from a range": call(name("builtins", "set"), op(range(10**9))) + b".",
    "bytes from a number": call(name("__builtin__", "bytes"), op(10**11)) + b".",
    "bytearray from a number": call(name("builtins", "bytearray"), op(10**11)) + b".",
    "bytes by another codec": call(name("_codecs", "encode"), op("a"), op("rot13")) + b".",
    "bytes from wide text": call(name("_codecs", "encode"), op("\u1234"), op("latin1")) + b".",
    "range without step": call(name("builtins", "range"), op(0), op(1), op(0)) + b".",
    "range of text": call(name("builtins", "range"), op("a")) + b".",
    "range by long division": call(name("builtins", "range"), op(0), long4(1 << 500000), long4(1 << 250000)) + b".",
    "range of nothing": call(name("builtins", "range")) + b".",
    "complex of text": call(name("builtins", "complex"), op("1"), op("j")) + b".",
    "complex of a huge integer": call(name("builtins", "complex"), op(10**400), op(1)) + b".",
    "slice of a list": call(name("builtins", "slice"), b"]") + b".",
    "slice of a slice": call(name("builtins", "slice"), op(slice(1))) + b".",
    "slice of nothing": call(name("builtins", "slice")) + b".",
    "huge shape": array(I8, op((2**40,)), op(b"x" * 8)) + b".",
    "shape that overflows": array(I8, op((2**61, 2, 4)), op(b"")) + b".",
    "shape of 2**63": array(I8, op((2**63,)), op(b"")) + b".",
    "negative shape": array(I8, op((-1,)), op(b"x" * 8)) + b".",
    "two negative axes": array(I8, op((-1, -1)), op(b"x" * 8)) + b".",
    "no elements in a huge shape": array(I8, op((0, 2**62, 2**62)), op(b"")) + b".",
    "shape of huge integers": array(I8, b"(" + long4(1 << 400000) * 64 + b"t", op(b"")) + b".",
    "65 axes": array(I8, op((1,) * 65), op(b"x" * 8)) + b".",
    "shape that is a list": array(I8, op([1]), op(b"x" * 8)) + b".",
    "shape of floats": array(I8, op((1.0,)), op(b"x" * 8)) + b".",
    "shape of bools": array(I8, op((True,)), op(b"x" * 8)) + b".",
    "too little data": array(I8, op((2,)), op(b"x" * 15)) + b".",
    "too much data": array(I8, op((2,)), op(b"x" * 17)) + b".",
    "no data": array(I8, op((2,)), b"N") + b".",
    "data of wide text": array(I8, op((1,)), op("\u1234" * 8)) + b".",
    "list for numbers": array(I8, op((2,)), op([1, 2])) + b".",
    "too few objects": array(O8, op((2**40,)), op([1])) + b".",
    "elements of no bytes": array(dtype("S0", order="|", size=0), op((10**12,)), op(b"")) + b".",
    "void of no bytes": array(dtype("V0", order="|", size=0), op((10**12,)), op(b"")) + b".",
    "record of no bytes": array(dtype("V0", b"N", b")", b"}", order="|", size=0), op((10**12,)), op(b"")) + b".",
    "state of version 9": array(I8, op((1,)), op(b"x" * 8), version=b"K\x09") + b".",
    "state that is short": RECONSTRUCT + op((1, 2)) + b"b.",
    "array without a dtype": array(b"N", op((1,)), op(b"x" * 8)) + b".",
    "array of a class": array(name("numpy", "ndarray"), op((1,)), op(b"x" * 8)) + b".",
    "array of a dtype without state": array(call(DTYPE, op("i8")), op((1,)), op(b"x" * 8)) + b".",
    "array of subarrays": array(dtype("V8", b"(" + U1 + op((8,)) + b"t", b"N", b"N", size=8), op((1,)), op(b"x" * 8))
    + b".",
    "scalar of too few bytes": call(SCALAR, I8, op(b"x")) + b".",
    "scalar of too many bytes": call(SCALAR, I8, op(b"x" * 9)) + b".",
    "text beyond Unicode": array(dtype("U2", size=8), op((2,)), op(b"x\0\0\0" + b"\0" * 8 + b"\0\0\x11\0")) + b".",
    "big-endian text beyond Unicode": array(dtype("U1", size=4, order=">"), op(()), op(b"\0\x11\0\0")) + b".",
    "record with text beyond Unicode": array(
        dtype(
            "V9",
            *table(a=(U1, 0), b=(dtype("V8", b"(" + dtype("U1", size=4) + op((2,)) + b"t", b"N", b"N", size=8), 1)),
            size=9,
        ),
        op((1,)),
        op(b"x" * 5 + b"\0\0\x11\0"),
    )
    + b".",
    "scalar beyond Unicode": call(SCALAR, dtype("U1", size=4), op(b"\xff" * 4)) + b".",
    "buffer in another order": call(FROMBUFFER, op(b"x" * 8), I8, op((1,)), op("X")) + b".",
    "buffer with wrong axes": call(FROMBUFFER, op(b"x" * 8), I8, op((1,)), op("K"), op((1,))) + b".",
    "buffer with axes of arrays": call(FROMBUFFER, op(b"x" * 8), I8, op((1,)), op("K"), op((np.zeros(2),))) + b".",
    "dtype of 3 bytes": dtype("i3") + b".",
    "dtype of an unknown kind": dtype("X8") + b".",
    "dtype of a pointer": dtype("P8") + b".",
    "dtype by a description": call(DTYPE, op("i4,O")) + b".",
    "dtype by a list": call(DTYPE, op([("a", "O")])) + b".",
    "dtype with superscript digits": call(DTYPE, op("i\u00b2")) + b".",
    "dtype in an unknown order": dtype("i8", order="^") + b".",
    "dtype of a wrong size": dtype("S5", order="|", size=10) + b".",
    "dtype of a large size": dtype("i8", size=800) + b".",
    "text dtype of a wrong size": dtype("U5", size=5) + b".",
    "dtype of 8 GB": dtype("U2147483647", size=2**33 - 4) + b".",
    "dtype of 10 GB": dtype("S9999999999", order="|", size=9999999999) + b".",
    "void that claims more": dtype("V8", order="|", size=80) + b".",
    "record with a field outside": dtype("V8", *table(a=(I8, 1)), order="|", size=8) + b".",
    "record with a field before": dtype("V8", *table(a=(I8, -1)), order="|", size=8) + b".",
    "record with a far field": dtype("V8", *table(a=(I8, 2**63)), order="|", size=8) + b".",
    "record of a wrong size": dtype("V8", *table(a=(I8, 0)), order="|", size=16) + b".",
    "record of numbers": dtype("i8", *table(a=(I8, 0)), order="|", size=8) + b".",
    "record that is not aligned": dtype("V16", *table(a=(U1, 0), b=(I8, 1)), order="|", size=16, flags=-112) + b".",
    "record with an unnamed field": dtype("V8", b"N", op(()), table(a=(I8, 0))[2], order="|", size=8) + b".",
    "record with a missing field": dtype("V8", b"N", op(("a", "b")), table(a=(I8, 0))[2], order="|", size=8) + b".",
    "record with a name twice": dtype("V8", b"N", op(("a", "a")), table(a=(I8, 0))[2], order="|", size=8) + b".",
    "record with a number as name": dtype("V8", b"N", op((1,)), b"}K\x01" + I8 + b"K\x00\x86s", order="|", size=8)
    + b".",
    "record without fields": dtype("V8", b"N", op(("a",)), b"N", order="|", size=8) + b".",
    "subarray of a wrong size": dtype("V8", b"(" + I8 + op((9,)) + b"t", b"N", b"N", size=8) + b".",
    "huge subarray": dtype("V8", b"(" + I8 + op((2**62, 4)) + b"t", b"N", b"N", size=8) + b".",
    "negative subarray": dtype("V8", b"(" + I8 + op((-1,)) + b"t", b"N", b"N", size=-8) + b".",
    "date without a unit": dtype("M8") + b".",
    "nested dtype": NESTED_DTYPE + b".",
    "wide dtype": WIDE_DTYPE + b".",
    "dtype with two states": dtype("i8") + op((3, "<", None, None, None, -1, -1, 0)) + b"b.",
    "dtype with a short state": call(DTYPE, op("i8")) + op((3, "<")) + b"b.",
    "dtype with an array as version": call(DTYPE, op("i8"))
    + op((np.zeros(3), "<", None, None, None, -1, -1, 0))
    + b"b.",
}


def repeated(piece: bytes, before: bytes, after: bytes = b"R", count: int = 10_000) -> bytes:
    """Memoise the result of `piece`, and use it between `before` and `after` very often."""
    return b"N0" * 100 + b"](" + piece + b"q\xc8" + (before + b"h\xc8" + after) * count + b"e."


def tuples_of_tuples(depth: int, wrap: bytes = b"") -> bytes:
    """Return opcodes of a tuple with 2**depth leaves."""
    return b"K\x01" + b"".join(b"q\x00h\x00\x86" + wrap for _ in range(depth))


def colliding_tuples(length: int, count: int) -> bytes:
    """Return opcodes of equal-hash tuples: -1 and -2 have one hash."""
    ones = [b"J\xff\xff\xff\xff", b"J\xfe\xff\xff\xff"]
    bits = [f"{number:0{length}b}" for number in range(count)]
    return b"".join(b"(" + b"".join(ones[int(bit)] for bit in number) + b"tN" for number in bits)


def colliding_integers(count: int) -> bytes:
    modulus = sys.hash_info.modulus
    return b"".join(b"\x8a\x0b" + (number * modulus).to_bytes(11, "little") + b"N" for number in range(1, count))


def nested_object_arrays(depth: int) -> bytes:
    begin = RECONSTRUCT + b"(K\x01" + op((1,)) + O8 + b"\x89]"
    return begin * depth + b"K\x01" + b"atb" * depth + b"."


LIST_25K = b"(" + b"K\x01" * 25_000 + b"l"
BYTES_50K = b"B" + struct.pack("<I", 50_000) + bytes(50_000)
MANY_FIELDS = table(**{f"f{number}": (U1, 0) for number in range(1000)})
TOO_MANY_FIELDS = table(**{f"f{number}": (U1, 0) for number in range(10_001)})

# What these would take without limits is far beyond what any test machine has.
BOMBS: dict[str, bytes] = {
    "marks": b"(" * 10**6 + b".",
    "lists": b"](" + b"]" * 400_000 + b"e.",
    "tuples": b")" + b"\x85" * 10**6 + b".",
    "dicts": b"}" * 400_000 + b".",
    "sets": b"\x8f" * 400_000 + b".",
    "frozensets": b"(N\x91" * 120_000 + b".",
    "nested lists": b"(" * 1500 + b"l" * 1500 + b".",
    "nested tuples": b"]" + b"\x85" * 5000 + b".",
    "nested tuples of arguments": name("builtins", "set") + b"\x85" * 10**6 + b".",
    "nested frozensets": b"(" * 1500 + b"K\x01" + b"\x91" * 1500 + b".",
    "nested dicts": b"}K\x01" * 5000 + b"N" + b"s" * 5000 + b".",
    "nested object arrays": nested_object_arrays(3000),
    "nesting by memo": b"]" + b"q\x00]h\x00a" * 5000 + b".",
    "nesting in a growing list": b"]q\x00]h\x00aq\x01" + b"h\x00" + b"]" * 999 + b"a" * 999 + b"a.",
    "memo entries": b"N" + b"\x94" * 400_000 + b".",
    "sparse memo entries": b"N" + b"".join(put(5 * number) for number in range(80_000)) + b".",
    "duplicates": b"](N" + b"2" * 400_000 + b"e.",
    "integers": b"](" + b"M\xff\xff" * 120_000 + b"e.",
    "texts": b"](" + b"\x8c\x01a" * 120_000 + b"e.",
    "huge integer": long4(1 << 8_000_000) + b".",
    "tuple with 2**60 leaves as key": b"}" + tuples_of_tuples(60) + b"Ns.",
    "tuple with 2**60 leaves in a set": b"\x8f(" + tuples_of_tuples(60) + b"\x90.",
    "frozenset with 2**60 leaves as key": b"}" + tuples_of_tuples(60, b"\x85(K\x02h\x00\x91\x86") + b"Ns.",
    "tuple with 60,000 leaves as key, often": b"}(" + LIST_25K[:-1] + b"tq\x00N" + b"h\x00N" * 100_000 + b"u.",
    "huge integer as key, often": b"}(" + long4(1 << 500_000) + b"q\x00N" + b"h\x00N" * 100_000 + b"u.",
    "huge integer in a tuple as key, often": b"}(" + long4(1 << 500_000) + b"\x85q\x00N" + b"h\x00N" * 100_000 + b"u.",
    "colliding integers": b"}(" + colliding_integers(40_000) + b"u.",
    "colliding integers one by one": b"}" + colliding_integers(40_000).replace(b"N\x8a\x0b", b"Ns\x8a\x0b") + b"s.",
    "colliding tuples": b"}(" + colliding_tuples(14, 8000) + b"u.",
    "colliding long tuples": b"}(" + colliding_tuples(1000, 200) + b"u.",
    "colliding elements": b"\x8f(" + colliding_integers(40_000).replace(b"N\x8a\x0b", b"\x8a\x0b")[:-1] + b"\x90.",
    "one list as many sets": repeated(LIST_25K + b"\x85", name("builtins", "set")),
    "one list as many frozensets": repeated(LIST_25K + b"\x85", name("builtins", "frozenset")),
    "bytes as many bytearrays": repeated(BYTES_50K + b"\x85", name("builtins", "bytearray")),
    "text as many bytes": repeated(op("x" * 50_000) + op("latin1") + b"\x86", name("_codecs", "encode")),
    "bytes as many arrays": repeated(b"(K\x01" + op((50_000,)) + U1 + b"\x89" + BYTES_50K + b"t", RECONSTRUCT, b"b"),
    "bytes as many buffers": repeated(b"(" + BYTES_50K + U1 + op((50_000,)) + op("C") + b"t", FROMBUFFER),
    "bytes as many scalars": repeated(b"(" + dtype("V50000", order="|", size=50_000) + BYTES_50K + b"t", SCALAR),
    "list as many object arrays": repeated(
        b"(K\x01" + op((25_000,)) + O8 + b"\x89" + LIST_25K + b"t", RECONSTRUCT, b"b"
    ),
    "unfinished arrays": repeated(
        b"(" + name("numpy", "ndarray") + op((0,)) + op(b"b") + b"t", name("numpy.core.multiarray", "_reconstruct")
    ),
    "one state as many dtypes": repeated(
        b"(K\x03" + op("|") + b"".join(MANY_FIELDS) + b"K\x01K\x01K\x00t", call(DTYPE, op("V1")), b"b"
    ),
    "record with too many fields": dtype("V1", *TOO_MANY_FIELDS, size=1) + b".",
}
# These are large, but what they make is not; an error is not due.
HARMLESS = {"memo entries", "sparse memo entries", "duplicates", "integers", "texts", "colliding long tuples"}


@pytest.fixture(autouse=True)
def nothing_ran() -> Any:
    """Whatever is decoded in a test here: no function of this file was called, and nothing was imported."""
    yield
    assert not RAN
    assert "this" not in sys.modules and "antigravity" not in sys.modules


@pytest.mark.parametrize("kind", CODE)
def test_code_is_denied_by_name(kind: str) -> None:
    data, message = CODE[kind]
    with pytest.raises(Denied) as caught:
        decode(data + b".")
    assert message in str(caught.value)
    assert "byte " in str(caught.value)


def test_denial_says_what_to_do() -> None:
    with pytest.raises(Denied, match=r"names os\.system.*store plain data.*allow_unsafe_pickle=True if you trust"):
        decode(b"cos\nsystem\n.")


def test_names_cannot_paint_the_terminal() -> None:
    with pytest.raises(Denied) as caught:
        decode(op("\x1b[2Jos") + op("x" * 10**6) + b"\x93.")
    assert str(caught.value).isprintable() and len(str(caught.value)) < 1000


@pytest.mark.parametrize("kind", DAMAGED)
def test_damage_is_reported_with_its_place(kind: str) -> None:
    with pytest.raises(Corrupt, match=r"byte \d+ of the pickle") as caught:
        decode(DAMAGED[kind])
    assert len(str(caught.value)) < 600


ALL = {**{kind: data + b"." for kind, (data, _) in CODE.items()}, **DAMAGED, **BOMBS}


def outcome(data: bytes) -> object:
    """Decode what may be anything; return the value or the error."""
    try:
        return decode(data)
    except KacheryError as error:
        return error


@pytest.mark.parametrize("kind", ALL)
def test_time_and_memory_stay_in_proportion(kind: str) -> None:
    data = ALL[kind]
    begin = time.process_time()
    result = outcome(data)
    assert time.process_time() - begin <= 1
    assert isinstance(result, KacheryError) or kind in HARMLESS
    tracemalloc.start()
    outcome(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 64 * 2**20 + 8 * len(data)


def is_plain(value: Any) -> bool:
    """Tell whether a value is plain data, all the way down."""
    leaves = {type(None), bool, int, float, complex, str, bytes, bytearray, range}
    todo = [value]
    while todo:
        part = todo.pop()
        if type(part) in (list, tuple, set, frozenset):
            todo.extend(part)
        elif type(part) is dict:
            todo.extend([*part.keys(), *part.values()])
        elif type(part) is slice:
            todo.extend([part.start, part.stop, part.step])
        elif type(part) is np.ndarray and part.dtype == object:
            todo.extend(part.flat)
        elif isinstance(part, (np.ndarray, np.generic)):
            if part.dtype.hasobject or type(part) not in (np.ndarray, part.dtype.type):
                return False
        elif type(part) not in leaves:
            return False
    return True


SEED_VALUE = {
    "text": ["a", "ü", b"bytes", 1, -70000, 2**70, 1.5, 2j, None, True, (1, 2), {3}, frozenset([4])],
    "slices": [slice(1, None, 2), range(5), bytearray(b"x")],
    "arrays": [
        np.arange(3.0),
        np.arange(4, dtype=">i2").reshape(2, 2),
        np.array(["a", "bc"]),
        np.array([[None, [1]]], object),
    ],
    "records": np.zeros(2, [("a", "<i4", (2,)), ("b", [("c", "<M8[s]"), ("d", "S3")])]),
    "scalars": [np.float32(1.5), np.str_("x"), np.datetime64("2020-01-01"), np.zeros(1, "i4,f8")[0]],
}


def seeds() -> list[bytes]:
    file = io.BytesIO()
    dump(SEED_VALUE, file)
    return [file.getvalue(), *(pickle.dumps(SEED_VALUE, protocol) for protocol in range(6))]


@pytest.mark.parametrize("number", range(7))
def test_every_truncation_is_damage(number: int) -> None:
    data = seeds()[number]
    for length in range(0, len(data), 1 if number == 0 else 7):
        with pytest.raises(Corrupt, match="byte"):
            decode(data[:length])


def test_mutations_give_plain_data_or_an_error() -> None:
    # Bytes are changed, dropped, doubled and exchanged between pickles.
    random_source = random.Random(4)
    seeds_here = seeds() + [pickle.dumps(part, number) for part in SEED_VALUE.values() for number in range(6)]
    pickles = (
        seeds_here
        + [data + b"." for data, _ in CODE.values()]
        + [data for data in DAMAGED.values() if len(data) < 5000]
    )
    values = 0
    for number in range(6000):
        data = bytearray(random_source.choice(pickles if number % 3 == 0 else seeds_here))
        for _ in range(random_source.choice([1, 1, 1, 2, 5])):
            mutate(data, random_source, pickles)
        begin = time.process_time()
        result = outcome(bytes(data))
        assert time.process_time() - begin < 0.5
        if not isinstance(result, KacheryError):
            values += 1
            assert is_plain(result)
            repr(result)
    assert values > 300  # Not all were refused at once.


def mutate(data: bytearray, random_source: random.Random, pickles: list[bytes]) -> None:
    """Change a pickle in one place: often one bit, else some bytes."""
    if data and random_source.random() < 0.5:
        data[random_source.randrange(len(data))] ^= 1 << random_source.randrange(8)
        return
    at = random_source.randrange(len(data) + 1)
    end = min(len(data), at + random_source.choice([1, 1, 2, 4, 8, 30]))
    actions: list[Callable[[], bytes]] = [
        lambda: bytes([random_source.randrange(256)]),
        lambda: random_source.choice([b"\x00", b"\xff", b"\x7f", b"\x80", b"\xff\xff\xff\xff", b"(", b"0", b"2"]),
        lambda: b"",
        lambda: bytes(data[at:end]) * 2,
        lambda: bytes(random_source.choices(b"()].012NRabcdeghijlopqrstu}\x85\x86\x87\x90\x91\x93\x94", k=3)),
        lambda: (lambda other: other[random_source.randrange(len(other) + 1) :][:40])(random_source.choice(pickles)),
    ]
    data[at:end] = random_source.choice(actions)()


def test_flags_of_a_dtype_are_not_believed() -> None:
    got: Any = decode(array(dtype("V8", *table(a=(I8, 0)), order="|", size=8, flags=63), op((1,)), op(b"x" * 8)) + b".")
    assert got.dtype == np.dtype([("a", "<i8")]) and not got.dtype.hasobject


def test_metadata_of_a_dtype_is_dropped() -> None:
    layout = call(DTYPE, op("i8")) + b"(" + b"".join(map(op, (4, "<", None, None, None, -1, -1, 0, {"a": 1}))) + b"tb"
    got: Any = decode(array(layout, op((1,)), op(b"x" * 8)) + b".")
    assert got.dtype.metadata is None


def test_honest_data_are_within_all_limits() -> None:
    values = [
        [[] for _ in range(200_000)],
        [{"a": number, "b": None} for number in range(50_000)],
        [{1: 2} for _ in range(50_000)],
        [{number} for number in range(50_000)],
        {(number, str(number)): (number,) for number in range(20_000)},
        {-number: number for number in range(100_000)},
        {float(number): number for number in range(50_000)},
        [np.float64(number) for number in range(10_000)],
        [np.zeros(2) for _ in range(5_000)],
        [complex(number, 1) for number in range(20_000)],
        {tuple(range(20_000)): 1},
    ]
    for value in values:
        assert len(decode(pickle.dumps(value, 4))) == len(value)  # type: ignore[arg-type]
