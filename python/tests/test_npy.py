"""store_npy and load_npy: numpy's own bytes, and a reader that no file can hurt."""

from __future__ import annotations

import hashlib
import io
import pickle
import random
import struct
import time
import tracemalloc
from typing import Any

import numpy as np
import pytest

from kachery._errors import Corrupt, Denied, Invalid, KacheryError
from kachery._npy import load, save

pytestmark = pytest.mark.filterwarnings("ignore:Stored array in format")


def saved(array: Any) -> bytearray:
    file = io.BytesIO()
    save(array, file)
    return bytearray(file.getvalue())


def filled(shape: tuple[int, ...], dtype: Any) -> np.ndarray[Any, Any]:
    array = np.zeros(shape, dtype)
    array.reshape(-1).view(np.uint8)[:] = np.arange(array.nbytes) % 7
    if "n" in (array.dtype.names or ()):
        array["n"]["y"] = "\u00fc"
    return array


ARRAYS: dict[str, np.ndarray[Any, Any]] = {
    "bool": np.array([True, False]),
    **{code: np.arange(6).astype(code).reshape(2, 3) for code in ["i1", "<i2", ">i4", "<i8", "u1", ">u8"]},
    **{code: np.linspace(0, 1, 6).astype(code) for code in ["<f2", "<f4", ">f8", "<c8", ">c16", "g"]},
    "bytes": np.array([b"a", b"", b"ccc"]),
    "text": np.array(["a", "", "\U00012345bc"]),
    "void": filled((3,), "V7"),
    "dates": np.array(["2020-01-01", "NaT"], "<M8[ns]"),
    "durations": np.array([1, 2], ">m8[25us]"),
    "generic durations": np.array([1, -5], "<i8").view("<m8"),
    "scalar": np.array(5.5),
    "no elements": np.zeros((3, 0, 2)),
    "Fortran": np.asfortranarray(np.arange(6.0).reshape(2, 3)),
    "transposed": np.arange(24).reshape(2, 3, 4).transpose(1, 0, 2),
    "strided": np.arange(20)[::3],
    "records": filled((2,), [("a", "<i4", (2, 3)), ("n", [("x", ">u2"), ("y", "<U2")]), ("t", "<M8[D]")]),
    "aligned records": filled((2,), np.dtype([("a", "i1"), ("b", "<f8")], align=True)),
    "padded records": filled((2,), {"names": ["x"], "formats": ["<i4"], "offsets": [4], "itemsize": 20}),
    "titled records": filled((2,), [(("a title", "a"), "<i4"), ("b", "S3")]),
    "odd field names": filled((2,), [("it's", "<i4"), ('"\\', "<i4"), ("ü\u1234\U00012345", "<i4"), ("\n\t", "i1")]),
    "many fields": filled((1,), [(f"field {number}", "<f8") for number in range(3000)]),
    "large": np.arange(500_000.0),
}


def test_published_hashes() -> None:
    published = {
        "31c37639082af94ff5e6210b81983aed168411e2": np.ones((10, 20)),
        "d37c5a82bbd344493af1ce6a1ac2b967d2490927": np.array([[1, 2], [3, 4], [5, 6]], "<i8"),
        "bb55205a2482c6db2ace544fc7d8397551110701": np.array([[1, 2, 3], [4, 5, 6]], "<i2"),
    }
    for digest, array in published.items():
        assert hashlib.sha1(saved(array)).hexdigest() == digest


@pytest.mark.parametrize("name", ARRAYS)
def test_bytes_are_those_of_numpy(name: str) -> None:
    file = io.BytesIO()
    np.save(file, ARRAYS[name], allow_pickle=False)
    assert saved(ARRAYS[name]) == file.getvalue()


@pytest.mark.parametrize("version", [(1, 0), (2, 0), (3, 0)])
@pytest.mark.parametrize("name", ARRAYS)
def test_what_was_stored_comes_back(name: str, version: tuple[int, int]) -> None:
    want, file = ARRAYS[name], io.BytesIO()
    try:
        np.lib.format.write_array(file, want, version=version)
    except (ValueError, UnicodeEncodeError):
        pytest.skip("this version of the format cannot hold it")
    got = load(bytearray(file.getvalue()))
    assert (got.dtype, got.shape) == (want.dtype, want.shape)
    assert got.tobytes() == want.tobytes()
    assert got.flags.writeable and got.flags.aligned
    assert got.flags.f_contiguous == np.load(io.BytesIO(file.getvalue()), max_header_size=10**6).flags.f_contiguous


@pytest.mark.filterwarnings("ignore:the matrix subclass")
def test_takes_what_numpy_takes() -> None:
    assert load(saved([[1, 2], [3, 4]])).tolist() == [[1, 2], [3, 4]]
    assert load(saved(7)).shape == ()
    assert load(saved("text")).item() == "text"
    assert type(load(saved(np.matrix([[1]])))) is np.ndarray


@pytest.mark.parametrize("array", [np.array([None]), np.array([[1], "a"], object), np.zeros(2, [("a", "O")])])
def test_objects_are_refused_before_anything_is_written(array: Any) -> None:
    file = io.BytesIO()
    with pytest.raises(ValueError, match="holds Python objects"):
        save(array, file)
    assert not file.getvalue()


def test_masked_arrays_are_refused() -> None:
    with pytest.raises(Invalid, match="mask"):
        save(np.ma.masked_array([1, 2], [0, 1]), io.BytesIO())


def test_saving_makes_no_second_copy() -> None:
    array = np.zeros(8_000_000)

    class Sink:
        size = 0

        def write(self, data: bytes) -> None:
            assert type(data) is bytes
            self.size += len(data)

    sink = Sink()
    save(np.zeros(1), sink)
    tracemalloc.start()
    save(array, sink)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert sink.size > array.nbytes
    assert peak < array.nbytes / 2


@pytest.mark.parametrize("name", ["large", "Fortran", "records"])
def test_loading_uses_the_memory_of_the_file(name: str) -> None:
    data = saved(ARRAYS[name])
    got = load(data)
    assert np.shares_memory(got, np.frombuffer(data, np.uint8))
    got[...] = got.flat[0]


def test_unaligned_data_are_copied() -> None:
    data = np_file("{'descr': '<f8', 'fortran_order': True, 'shape': (2, 2)}", np.arange(4.0).tobytes())
    got = load(data)
    assert got.flags.aligned and got.flags.writeable and got.tolist() == [[0, 2], [1, 3]]


def test_read_only_data_are_copied() -> None:
    got = load(bytes(saved(np.arange(3))))  # type: ignore[arg-type]
    assert got.flags.writeable and got.tolist() == [0, 1, 2]


def np_file(
    header: str | bytes, body: bytes = b"", version: tuple[int, int] = (1, 0), length: int | None = None
) -> bytearray:
    text = header.encode("latin-1" if version < (3, 0) else "utf-8") if isinstance(header, str) else header
    size = struct.pack("<H" if version == (1, 0) else "<I", len(text) if length is None else length)
    return bytearray(b"\x93NUMPY" + bytes(version) + size + text + body)


def described(descr: str, shape: str = "(1,)", body: bytes = b"x" * 8, order: str = "False") -> bytearray:
    return np_file(f"{{'descr': {descr}, 'fortran_order': {order}, 'shape': {shape}, }}", body, (2, 0))


def test_headers_of_python_2() -> None:
    assert load(described("u'<i4'", "(2L, 1L)")).shape == (2, 1)


HOSTILE: dict[str, bytearray] = {
    "nothing": bytearray(),
    "zip": bytearray(b"PK\3\4" + bytes(100)),
    "only magic": bytearray(b"\x93NUMPY"),
    "version 4.0": np_file("{}", version=(4, 0)),
    "version 1.1": np_file("{}", version=(1, 1)),
    "no length": bytearray(b"\x93NUMPY\2\0\1\0"),
    "header beyond the end": np_file("{}", length=3),
    "header of 4 GiB": np_file("{}", version=(2, 0), length=2**32 - 1),
    "header of 10 MB": np_file(" " * 10**7, version=(2, 0)),
    "empty header": np_file(""),
    "header that is no UTF-8": np_file(b"\xff\xff", version=(3, 0)),
    "list": np_file("[]"),
    "number": np_file("1"),
    "empty dict": np_file("{}"),
    "one key more": np_file("{'descr': '<i8', 'fortran_order': False, 'shape': (), 'x': 1}", b"x" * 8),
    "one key less": np_file("{'descr': '<i8', 'shape': ()}", b"x" * 8),
    "two dicts": np_file("{'descr': '<i8', 'fortran_order': False, 'shape': ()}{}", b"x" * 8),
    "number as key": np_file("{1: 2}"),
    "list as key": np_file("{[]: 2}"),
    "no colon": np_file("{'descr' '<i8'}"),
    "no comma": np_file("{'descr': 1 'shape': 2}"),
    "open dict": np_file("{'descr': '<i8',"),
    "open text": np_file("{'descr"),
    "text over lines": np_file("{'de\nscr': 1}"),
    "set": np_file("{1, 2}"),
    "call": np_file("__import__('this')"),
    "attribute": np_file("().__class__"),
    "sum": np_file("1" + "+1" * 30_000),
    "minus signs": np_file("-" * 60_000 + "1"),
    "brackets": np_file("(" * 60_000),
    "many brackets": np_file("[" * 200_000, version=(2, 0)),
    "closed brackets": np_file("(" * 30_000 + ")" * 30_000),
    "dicts in dicts": np_file("{'a':" * 10_000),
    "many numbers": np_file("(" + "1," * 120_000 + ")", version=(2, 0)),
    "many escapes": np_file("(" + r"'\x41'," * 30_000 + ")", version=(2, 0)),
    "one long text": np_file("'" + r"\x41" * 60_000 + "'", version=(2, 0)),
    "unknown escape": np_file(r"{'\q': 1}"),
    "character beyond Unicode": np_file(r"{'\Uffffffff': 1}"),
    "integer of 60,000 digits": np_file("{'shape': (" + "9" * 60_000 + ",)}"),
    "no order": described("'<i8'", order="None"),
    "order 1": described("'<i8'", order="1"),
    "shape that is a number": described("'<i8'", "(1)"),
    "shape that is a list": described("'<i8'", "[1]"),
    "shape of text": described("'<i8'", "('1',)"),
    "shape of bools": described("'<i8'", "(True,)"),
    "negative shape": described("'<i8'", "(-1,)"),
    "two negative axes": described("'<i8'", "(-1, -1)"),
    "huge shape": described("'<i8'", "(1099511627776,)"),
    "shape that overflows": described("'<i8'", "(2305843009213693952, 8)", b""),
    "shape of 2**64": described("'<i8'", "(18446744073709551616,)", b""),
    "shape of 2**64 + 1": described("'<i8'", "(18446744073709551617,)"),
    "no elements in a huge shape": described("'<i8'", "(0, 4611686018427387904, 16)", b""),
    "65 axes": described("'<i8'", "(" + "1," * 65 + ")"),
    "too little data": described("'<i8'", "(2,)"),
    "too much data": described("'<i8'", "(1,)", b"x" * 9),
    "no data": described("'<i8'", "(1,)", b""),
    "no descr": described("None"),
    "descr that is a number": described("8"),
    "descr that is a dict": described("{'a': 1}"),
    "descr with a comma": described("'i4,i4'"),
    "name of a type": described("'float64'"),
    "type without size": described("'<f'"),
    "pointer": described("'<P8'"),
    "size 3": described("'<i3'"),
    "size 0": described("'|S0'", "(1099511627776,)", b""),
    "void of size 0": described("'|V0'", "(1099511627776,)", b""),
    "text of 8 GB": described("'<U2147483647'", "(0,)", b""),
    "size of 10 digits": described("'|S9999999999'", "(0,)", b""),
    "unknown order": described("'^i8'"),
    "unknown unit": described("'<M8[fortnight]'"),
    "zero units": described("'<M8[0s]'"),
    "unit of a number": described("'<i8[s]'"),
    "shape in the dtype": described("'(2,)<i4'"),
    "superscript digits": np_file("{'descr': '<i\u00b2', 'fortran_order': False, 'shape': ()}", b"x" * 8),
    "no fields": described("[]", "(1099511627776,)", b""),
    "field that is a text": described("['<i8']"),
    "field without dtype": described("[('a',)]"),
    "field with a number as name": described("[(1, '<i8')]"),
    "field with three names": described("[(('a', 'b', 'c'), '<i8')]"),
    "name twice": described("[('a', '<i4'), ('a', '<i4')]"),
    "title twice": described("[(('t', 'a'), '<i4'), (('t', 'b'), '<i4')]"),
    "title as name": described("[(('a', 'a'), '<i8')]"),
    "huge subarray": described("[('a', '<i8', (1099511627776, 1099511627776))]"),
    "negative subarray": described("[('a', '<i8', (-1,))]"),
    "subarray alone": described("('<i4', (2,))"),
    "nested fields": described("[('a', " * 30 + "'<i8'" + ")]" * 30),
    "too many fields": described("[" + "('a','i1')," * 12_000 + "]"),
    "text beyond Unicode": described("'<U2'", body=b"\xff" * 8),
}

OBJECTS: dict[str, bytearray] = {
    "pickled objects": bytearray(),
    "pointers": described("'|O'"),
    "pointers of 8 bytes": described("'|O8'"),
    "pointers in either order": described("'<O8'"),
    "pointers in a record": described("[('a', '|O')]"),
    "pointers in a nested record": described("[('a', [('b', '|O')])]"),
    "pointers in a subarray": described("[('a', '|O', (1,))]"),
    "pointers in a subarray alone": described("('|O', (1,))"),
    "pointers as padding": described("[('', '|O')]"),
}


class Boom:
    def __reduce__(self) -> tuple[Any, ...]:
        return pytest.fail, ("code was run",)


def with_pickle() -> bytearray:
    file = io.BytesIO()
    np.save(file, np.array([Boom()], object), allow_pickle=True)
    return bytearray(file.getvalue())


OBJECTS["pickled objects"] = with_pickle()


@pytest.mark.parametrize("kind", HOSTILE)
def test_damage_is_reported(kind: str) -> None:
    with pytest.raises(Corrupt, match="npy file") as caught:
        load(HOSTILE[kind])
    assert len(str(caught.value)) < 400


@pytest.mark.parametrize("kind", OBJECTS)
def test_objects_are_denied(kind: str) -> None:
    with pytest.raises(Denied, match="Python objects"):
        load(OBJECTS[kind])


@pytest.mark.parametrize("kind", {**HOSTILE, **OBJECTS})
def test_time_and_memory_stay_in_proportion(kind: str) -> None:
    data = {**HOSTILE, **OBJECTS}[kind]
    begin = time.process_time()
    with pytest.raises(KacheryError):
        load(data)
    assert time.process_time() - begin <= 1
    tracemalloc.start()
    with pytest.raises(KacheryError):
        load(data)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak <= 64 * 2**20 + 8 * len(data)


@pytest.mark.parametrize("name", ["<i2", "records", "Fortran", "text"])
def test_every_truncation_is_damage(name: str) -> None:
    data = saved(ARRAYS[name])
    for length in range(len(data)):
        with pytest.raises(Corrupt):
            load(data[:length])


def test_mutations_give_an_array_or_an_error() -> None:
    random_source = random.Random(7)
    files = [saved(array) for name, array in ARRAYS.items() if array.nbytes < 1000]
    hostile = [data for data in [*HOSTILE.values(), *OBJECTS.values()] if len(data) < 1000]
    arrays = 0
    for number in range(6000):
        data = bytearray(random_source.choice(files if number % 3 else hostile))
        for _ in range(random_source.choice([1, 1, 2, 4])):
            mutate(data, random_source)
        begin = time.process_time()
        try:
            got = load(data)
        except KacheryError:
            continue
        finally:
            assert time.process_time() - begin < 0.5
        arrays += 1
        assert type(got) is np.ndarray and not got.dtype.hasobject
        assert got.nbytes <= len(data)
        repr(got)
    assert arrays > 200


def mutate(data: bytearray, random_source: random.Random) -> None:
    """Change one bit, or replace something by a character that matters in headers."""
    if data and random_source.random() < 0.5:
        data[random_source.randrange(len(data))] ^= 1 << random_source.randrange(8)
        return
    at = random_source.randrange(min(len(data), 128) + 1)
    new = random_source.choice(b"\0\1\2\3\xff'\"()[]{},: 0123456789<>|=biufcmMOSUVL-\\nsTrueFalseNone")
    data[at : at + random_source.choice([0, 1, 1, 1, 1, 2])] = bytes([new])


def test_agrees_with_numpy_on_what_both_accept() -> None:
    # A header that numpy reads in one way and this reader in another would let one file be two arrays.
    random_source = random.Random(8)
    originals = [saved(ARRAYS[name]) for name in ("<i2", "records", "Fortran", "text", "dates", "scalar", "<c8")]
    both = 0
    for _ in range(10_000):
        data = bytearray(random_source.choice(originals))
        at = random_source.randrange(10, 128)
        data[at] = random_source.choice(b"'\"()[]{},: 0123456789<>|=biufcmMOSUVL-\\nsTrueFalseNone")
        try:
            ours = load(data)
        except KacheryError:
            continue
        theirs = np.load(io.BytesIO(data), allow_pickle=False)
        both += 1
        assert (ours.dtype, ours.shape, ours.tobytes()) == (theirs.dtype, theirs.shape, theirs.tobytes())
    assert both > 200


def test_errors_survive_pickling_between_processes() -> None:
    for error in (Corrupt("a message"), Denied("a message"), Invalid("a message")):
        again = pickle.loads(pickle.dumps(error))
        assert (type(again), str(again)) == (type(error), "a message")
