"""Arrays as npy files (numpy's NEP 1): written by numpy, read with every size checked before anything is allocated."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any, NamedTuple, Protocol

from kachery import _pickle_numpy as parts
from kachery._errors import Corrupt, Denied, Invalid
from kachery._pickle_numpy import Field, Layout

if TYPE_CHECKING:
    import numpy as np

__all__ = ["load", "save"]

_MAGIC = b"\x93NUMPY"
# A record of some thousand named fields; numpy itself stops at 10,000 bytes unless the file is trusted.
header_bytes_max = 256 * 1024
# Brackets in a header: the dict, the list of fields, a field, its list of fields, ...
header_depth_max = 40
# A size has at most 19 digits.
digits_max = 20


class _Sink(Protocol):
    def write(self, data: bytes, /) -> object: ...


def save(array: Any, file: _Sink) -> None:
    """Write an array as ``numpy.save`` does, without ever pickling.

    Parameters
    ----------
    array : array_like
        Whatever ``numpy.asanyarray`` takes.
    file : object
        Something with a method ``write`` that takes all of the bytes it is given. An array that is contiguous is
        written in pieces of up to 16 MiB; no second copy of it is made.

    Raises
    ------
    Invalid
        The array holds Python objects, or has a mask, which the format cannot keep. Nothing was written.
    """
    import numpy as np

    array = np.asanyarray(array)
    if array.dtype.hasobject:
        raise Invalid(
            f"an array of dtype {array.dtype} holds Python objects and cannot be stored as npy; "
            "convert it to numbers or text, or use store_pkl or store_json"
        )
    if isinstance(array, np.ma.MaskedArray):
        raise Invalid("a masked array cannot be stored as npy; store filled() and the mask as separate arrays")
    sink: Any = file  # numpy asks for more than it uses.
    np.save(sink, array, allow_pickle=False)


def load(data: bytearray) -> np.ndarray[Any, Any]:
    """Read an npy file.

    Parameters
    ----------
    data : bytearray
        The whole file. The array uses this memory, unless it is not aligned for the dtype; so it must not be changed
        or resized afterwards. Read-only bytes are copied.

    Returns
    -------
    numpy.ndarray
        Writable, of the shape, dtype and memory order in the header.

    Raises
    ------
    Corrupt
        The bytes are no npy file, or the data are not exactly as many as the header says.
    Denied
        The elements are Python objects, which are stored as a pickle.
    """
    header = _read_header(memoryview(data))
    body = memoryview(data)[header.size :]
    if header.layout.is_object:
        raise Denied(
            "the npy file holds Python objects, which only a pickle can carry and which could run any program; "
            "ask the author to store numbers or text"
        )
    try:
        return _array(header, body)
    except Corrupt as error:
        raise Corrupt(f"the npy file is damaged: {error}") from error


def _array(header: _Header, body: memoryview) -> np.ndarray[Any, Any]:
    """Make the array from the data, in place if possible."""
    import numpy as np

    if parts.check_size(header.layout, header.shape, len(body)) == 0:
        return parts.empty(header.layout, header.shape, header.fortran)
    flat = np.frombuffer(body, header.layout.dtype)
    if not flat.flags.aligned or not flat.flags.writeable:
        return parts.array_from_bytes(header.layout, header.shape, header.fortran, body)
    if header.layout.has_text:
        parts.check_text(flat)
    return flat.reshape(header.shape, order="F" if header.fortran else "C")


class _Header(NamedTuple):
    layout: Layout
    shape: tuple[int, ...]
    fortran: bool
    size: int  # Bytes from the beginning of the file to the data.


def _read_header(data: memoryview) -> _Header:
    """Read the magic, the version, the length and the dict after them."""
    if bytes(data[:6]) != _MAGIC or len(data) < 8:
        raise Corrupt("the file is no npy file: it does not begin with \\x93NUMPY and a version")
    version = (data[6], data[7])
    if version not in ((1, 0), (2, 0), (3, 0)):
        raise Corrupt(f"the npy file has the version {version[0]}.{version[1]}, which is not known")
    begin = 10 if version == (1, 0) else 12
    length = int.from_bytes(data[8:begin], "little")
    if len(data) < begin or length > len(data) - begin:
        raise Corrupt("the npy file ends within its header")
    if length > header_bytes_max:
        raise Corrupt(f"the npy file has a header of {length} bytes, more than {header_bytes_max}")
    try:
        text = str(data[begin : begin + length], "utf-8" if version == (3, 0) else "latin-1")
        return _interpret(_Literal(text).parse(), begin + length)
    except (Corrupt, ValueError) as error:
        raise Corrupt(f"the npy file has a damaged header: {error}") from error


def _interpret(header: Any, size: int) -> _Header:
    if type(header) is not dict or header.keys() != {"descr", "fortran_order", "shape"}:
        raise Corrupt("it is no dict of descr, fortran_order and shape")
    if type(header["fortran_order"]) is not bool:
        raise Corrupt("fortran_order is neither True nor False")
    parts.count_elements(header["shape"])
    return _Header(_layout(header["descr"]), header["shape"], header["fortran_order"], size)


def _layout(description: Any) -> Layout:
    """Make a dtype from ``descr``: a spelled dtype, a list of fields, or (in a field) a dtype and a shape."""
    if type(description) is str:
        return _simple(description)
    if type(description) is tuple and len(description) == 2:
        return parts.subarray(_layout(description[0]), _shape(description[1]))
    if type(description) is not list:
        raise Corrupt("descr is no dtype")
    fields, offset = [], 0
    for entry in description:
        field, offset = _field(entry, offset)
        if field is not None:
            fields.append(field)
    return parts.structured(fields, offset)


def _field(entry: Any, offset: int) -> tuple[Field | None, int]:
    """Read one field ``(name, descr)`` or ``(name, descr, shape)`` at `offset`; return it and where it ends."""
    if type(entry) is not tuple or len(entry) not in (2, 3):
        raise Corrupt("descr has a field without name and dtype")
    title, name = entry[0] if type(entry[0]) is tuple and len(entry[0]) == 2 else (None, entry[0])
    if type(name) is not str or not (title is None or type(title) is str):
        raise Corrupt("descr has a field whose name is no text")
    layout = _layout(entry[1])
    if len(entry) == 3:
        layout = parts.subarray(layout, _shape(entry[2]))
    end = offset + layout.dtype.itemsize
    if name == "" and layout.dtype.type.__name__ == "void" and layout.dtype.names is None:
        return None, end  # Padding.
    return Field(name, layout, offset, title), end


def _shape(shape: Any) -> tuple[int, ...]:
    parts.count_elements(shape if type(shape) is tuple else (shape,))
    return shape if type(shape) is tuple else (shape,)


def _simple(spelled: str) -> Layout:
    """Make a dtype from its spelling in the array interface, such as ``<f8`` or ``<M8[25us]``."""
    import re

    match = re.fullmatch(r"([<>=|]?)([a-zA-Z])([0-9]{0,10})(?:\[([0-9]{0,10})([a-zA-Z]{1,2})\])?", spelled, re.ASCII)
    if match is None:
        raise Corrupt(f"{spelled!r:.50} is no dtype")
    order, kind, size, count, unit = match.groups()
    if kind != "O" and not size:
        raise Corrupt(f"{spelled!r:.50} is a dtype without a size")
    return parts.simple(order or "|", kind, int(size or 0), unit, int(count or 1))


class _Literal:
    """Parses a literal of the kinds that stand in headers: dict, list, tuple, text, integer, True, False, None.

    ``ast.literal_eval`` would do for honest headers only: its parser recurses in C on hostile ones.
    """

    def __init__(self, text: str) -> None:
        self.tokens = self._split(text)
        self.token = next(self.tokens)

    @staticmethod
    def _split(text: str) -> Iterator[str]:
        """Yield the tokens, and an empty one at the end. Integers may have the L of Python 2."""
        import re

        token = re.compile(
            r"""\s*([uU]?'(?:[^'\\\n]|\\.)*'|[uU]?"(?:[^"\\\n]|\\.)*"|-?(?:0|[1-9][0-9]*)L?|True|False|None|[][{}(),:]|\Z)"""
        )
        position = 0
        while True:
            match = token.match(text, position)
            if match is None:
                raise Corrupt(f"it has something unexpected at character {position}")
            yield match[1]
            position = match.end()

    def parse(self) -> Any:
        """Return the value of the whole text."""
        value = self._value(0)
        if self.token:
            raise Corrupt("something follows its end")
        return value

    def _next(self, expected: str = "") -> str:
        token = self.token
        if not token or (expected and token != expected):
            raise Corrupt(f"{expected or 'something'} is missing in it")
        self.token = next(self.tokens)
        return token

    def _value(self, depth: int) -> Any:
        if depth > header_depth_max:
            raise Corrupt(f"it is nested more than {header_depth_max} deep")
        token = self._next()
        if token == "{":
            return dict(self._items("}", depth, keys=True))
        if token == "[":
            return list(self._items("]", depth))
        if token == "(":
            return self._tuple(depth)
        if token in ("True", "False", "None"):
            return {"True": True, "False": False}.get(token)
        if token[-1] in "'\"":
            return _unquote(token)
        digits = token.removesuffix("L")
        if not digits.removeprefix("-").isdigit() or len(digits) > digits_max:
            raise Corrupt(f"{token!r:.30} is no value")
        return int(digits)

    def _items(self, end: str, depth: int, keys: bool = False) -> Iterator[Any]:
        """Yield what stands between commas, up to the closing bracket; of a dict, pairs."""
        while self.token != end:
            item = self._value(depth + 1)
            if keys:
                if type(item) is not str:
                    raise Corrupt("it has a key that is no text")
                self._next(":")
                item = (item, self._value(depth + 1))
            yield item
            if self.token != end:
                self._next(",")
        self._next(end)

    def _tuple(self, depth: int) -> Any:
        """Parse a tuple or, as ``(3)`` is none, a value in brackets."""
        items = []
        comma = self.token == ")"
        while self.token != ")":
            items.append(self._value(depth + 1))
            if self.token != ")":
                self._next(",")
                comma = True
        self._next(")")
        return tuple(items) if comma else items[0]


def _unquote(token: str) -> str:
    """Undo ``repr`` of a text."""
    text = token.lstrip("uU")[1:-1]
    if "\\" not in text:
        return text
    import re

    letters = {"n": "\n", "r": "\r", "t": "\t", "\\": "\\", "'": "'", '"': '"'}

    def replace(match: re.Match[str]) -> str:
        if match[2]:
            code = int(match[2][1:], 16)
            if code > 0x10FFFF:
                raise Corrupt(f"{token!r:.50} has a character beyond Unicode")
            return chr(code)
        if match[1] not in letters:
            raise Corrupt(f"{token!r:.50} has an unknown escape")
        return letters[match[1]]

    return re.sub(r"\\((x[0-9a-f]{2}|u[0-9a-f]{4}|U[0-9a-f]{8})|.)", replace, text)
