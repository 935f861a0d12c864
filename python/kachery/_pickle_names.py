"""What a pickle may name, and what the reader does instead of calling it.

Each function below stands for one callable. It gets the arguments that stood in the pickle, which can be anything.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from kachery import _pickle_numpy as numpy_parts
from kachery._errors import Corrupt, Denied
from kachery._pickle_machine import ADVICE, Machine, Name, PendingArray, range_bits_max


def look_up(module: str, name: str) -> Name:
    known = _NAMES.get((module, name))
    if known is None:
        label = f"{module:.100}.{name:.100}"
        raise Denied(f"the pickle names {label if label.isprintable() else ascii(label)}. {ADVICE}")
    return known


def _range(machine: Machine, args: tuple[Any, ...]) -> range:
    if any(type(arg) is not int or arg.bit_length() > range_bits_max for arg in args):
        raise Corrupt(f"a range has limits that are no integers of at most {range_bits_max} bits")
    return range(*args)


def _complex(machine: Machine, args: tuple[Any, ...]) -> complex:
    if len(args) != 2 or any(type(arg) not in (int, float) for arg in args):
        raise Corrupt("a complex number has no two parts")
    return complex(*args)


def _slice(machine: Machine, args: tuple[Any, ...]) -> slice:
    # Not even slices of slices: Python frees them by recursion without end.
    if any(type(arg) not in machine.leaves or type(arg) is slice for arg in args):
        raise Corrupt("a slice has limits that are no simple values")
    return slice(*args)


def _bytes(machine: Machine, args: tuple[Any, ...]) -> bytes:
    if args:  # Protocols below 3 write only the empty one so.
        raise Corrupt("bytes are made from something")
    return b""


def _bytearray(machine: Machine, args: tuple[Any, ...]) -> bytearray:
    if not args:
        return bytearray()
    if type(args[0]) is bytes and len(args) == 1:
        machine.spend(len(args[0]))
        return bytearray(args[0])
    return bytearray(_latin1(machine, args))  # Python 2.


def _codecs_encode(machine: Machine, args: tuple[Any, ...]) -> bytes:
    """Build bytes as protocols 0 to 2 spell them: as text, to be encoded in Latin-1."""
    if machine.protocol > 2:
        raise Denied(f"the pickle names _codecs.encode, for which protocol {machine.protocol} has no use. {ADVICE}")
    return _latin1(machine, args)


def _latin1(machine: Machine, args: tuple[Any, ...]) -> bytes:
    if [type(arg) for arg in args] != [str, str] or args[1] not in ("latin1", "latin-1"):
        raise Corrupt("bytes are made from something else than text in Latin-1")
    machine.spend(len(args[0]))
    return args[0].encode("latin-1")  # type: ignore[no-any-return]


def _set(kind: type) -> Callable[[Machine, tuple[Any, ...]], Any]:
    def build(machine: Machine, args: tuple[Any, ...]) -> Any:
        if len(args) > 1 or any(type(arg) is not list for arg in args):
            raise Corrupt(f"a {kind.__name__} is not made from a list")
        return machine.make_set(args[0] if args else (), kind)

    return build


def _reconstruct(machine: Machine, args: tuple[Any, ...]) -> PendingArray:
    machine.use_numpy()
    machine.spend(numpy_parts.array_overhead_bytes)
    if len(args) != 3 or type(args[0]) is not Name or args[0].label != "numpy.ndarray":
        raise Corrupt("an array is not made from numpy.ndarray")
    return PendingArray()


def _numpy_dtype(machine: Machine, args: tuple[Any, ...]) -> numpy_parts.PickledDtype:
    machine.spend(numpy_parts.field_overhead_bytes)
    return numpy_parts.PickledDtype(args)


def _numpy_scalar(machine: Machine, args: tuple[Any, ...]) -> Any:
    machine.use_numpy()
    return numpy_parts.scalar(args, machine.spend)


def _numpy_frombuffer(machine: Machine, args: tuple[Any, ...]) -> Any:
    machine.use_numpy()
    return numpy_parts.array_from_buffer(args, machine.spend)


def _numpy_ndarray(machine: Machine, args: tuple[Any, ...]) -> Any:
    raise Denied(f"the pickle calls numpy.ndarray itself. {ADVICE}")


def _names() -> dict[tuple[str, str], Name]:
    builders: dict[str, dict[str, Callable[[Machine, tuple[Any, ...]], Any]]] = {
        "builtins": {
            "range": _range,
            "xrange": _range,
            "complex": _complex,
            "slice": _slice,
            "set": _set(set),
            "frozenset": _set(frozenset),
            "bytearray": _bytearray,
            "bytes": _bytes,
        },
        "_codecs": {"encode": _codecs_encode},
        "numpy": {"ndarray": _numpy_ndarray, "dtype": _numpy_dtype},
        "numpy.core.multiarray": {"_reconstruct": _reconstruct, "scalar": _numpy_scalar},
        "numpy.core.numeric": {"_frombuffer": _numpy_frombuffer},
    }
    builders["__builtin__"] = builders["builtins"]  # Python 2, and protocols 0 to 2 of Python 3.
    for module in ("multiarray", "numeric"):
        builders[f"numpy._core.{module}"] = builders[f"numpy.core.{module}"]  # numpy 2.
    return {
        (module, name): Name(f"{module}.{name}", build)
        for module, functions in builders.items()
        for name, build in functions.items()
    }


_NAMES = _names()
