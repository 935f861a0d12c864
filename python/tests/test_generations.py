"""The same bytes and hashes as both earlier generations (their published vectors), under all three import names."""

from __future__ import annotations

import hashlib
import json
from decimal import Decimal
from pathlib import Path

import kachery
import kachery_client as kc
import kachery_cloud as kcl
import numpy as np
import pytest

# (how to store it, the SHA-1 of its bytes): gen1's and gen2's own vectors.
VECTORS = [
    (lambda: kc.store_text("some-random-text"), "6af826b3d648ccba6b4bbe58e93e22add640d728"),
    (lambda: kc.store_text("example-text"), "5e8fe2d0b1e93be61186fda5a9021ceb89b07326"),
    (lambda: kc.store_text("Hello, world!"), "943a702d06f34599aee1f8da8ef9f7296031d699"),
    (lambda: kc.store_json({"a": [1, 2, {"b": 3}]}), "b8168a5eeb57ccf366f07c5768bfb169f46cb6d4"),
    (lambda: kc.store_json({"name": "example-object"}), "972ba2958687c521a577bb3fa8f3c9041e13294c"),
    (lambda: kc.store_npy(np.ones((10, 20))), "31c37639082af94ff5e6210b81983aed168411e2"),
    (lambda: kc.store_npy(np.array([[1, 2], [3, 4], [5, 6]], dtype=np.int64)), "d37c5a82bbd344493af1ce6a1ac2b967d2490927"),
    (lambda: kc.store_pkl({"x": np.zeros((30, 40))}), "f831b1e56c9d4c68c998ae3fc890962356abe374"),
    (lambda: kcl.store_npy(np.array([[1, 2, 3], [4, 5, 6]], dtype=np.int16)), "bb55205a2482c6db2ace544fc7d8397551110701"),
    (lambda: kcl.store_json({"example": "dict"}), "d0d9555e376ff13a08c6d56072808e27ca32d54a"),
    (lambda: kcl.store_text("example text"), "d9e989f651cdd269d7f9bb8a215d024d8d283688"),
]


@pytest.mark.parametrize(("store", "sha1"), VECTORS)
def test_stores_the_bytes_of_the_published_vectors(store, sha1):
    uri = store()
    assert uri.startswith(f"sha1://{sha1}")
    assert hashlib.sha1(kachery.load_bytes(uri)).hexdigest() == sha1


def content_of_json(store, value):
    return kachery.load_bytes(store(value)).decode()


def test_json_of_the_first_generation():
    value = {"b": (1, 1.0, 1e22, 1e-7), 2: None, "é": True, None: Decimal("1.10"), "f": np.float64(0.5)}
    expected = '{"b":[1,1.0,1e+22,1e-07],"2":null,"\\u00e9":true,"null":1.10,"f":0.5}'
    assert content_of_json(kc.store_json, value) == expected


def test_json_of_the_second_generation_is_sorted():
    assert content_of_json(kcl.store_json, {"b": 1.0, "a": "é"}) == '{"a":"\\u00e9","b":1.0}'
    assert content_of_json(kcl.store_json_local, {"b": 1, "a": 2}) == '{"a":2,"b":1}'
    uri = kcl.store_json({"a": [1]}, separators=(", ", ": "), indent=4)
    assert kachery.load_text(uri) == '{\n    "a": [\n        1\n    ]\n}'


@pytest.mark.parametrize("store", [kachery.store_json, kc.store_json, kcl.store_json])
def test_json_refuses_what_has_no_form(store, store_dir):
    for value in (float("nan"), float("inf"), [float("-inf")]):
        with pytest.raises(ValueError):
            store(value)
    with pytest.raises(TypeError):
        store({"n": np.int64(1)})
    deep: list = []
    for _ in range(100_000):
        deep = [deep]
    with pytest.raises(ValueError):
        store(deep)
    assert not (store_dir / "sha1").exists(), "nothing is stored of what was refused"


def test_labels_of_each_generation(tmp_path):
    path = tmp_path / "my data?.bin"
    path.write_bytes(b"x")
    digest = hashlib.sha1(b"x").hexdigest()
    assert kc.store_file(str(path)) == f"sha1://{digest}/my data%3F.bin"
    assert kc.store_file(path, "other.bin") == f"sha1://{digest}/other.bin"
    assert kc.link_file(path, basename="other.bin") == f"sha1://{digest}/other.bin"
    assert kc.store_text("x", "t") == f"sha1://{digest}/t"
    assert kc.store_text("x") == f"sha1://{digest}/file.txt"
    assert kcl.store_file(str(path)) == f"sha1://{digest}"
    assert kcl.store_file(path, label="a b/c?") == f"sha1://{digest}?label=a%20b/c%3F"
    assert kcl.store_text_local("x", "positional") == f"sha1://{digest}?label=positional"
    assert kcl.link_file(path, label="l") == f"sha1://{digest}?label=l"
    assert kachery.store_file(path) == f"sha1://{digest}/my data%3F.bin"
    assert kachery.store_bytes(b"x") == f"sha1://{digest}"


@pytest.mark.parametrize("module", [kc, kcl])
def test_everything_comes_back_under_the_older_names(module, tmp_path):
    path = tmp_path / "f.bin"
    path.write_bytes(bytes(range(256)) * 1000)
    assert Path(module.load_file(module.store_file(str(path)))).read_bytes() == path.read_bytes()
    assert module.load_text(module.store_text("a\r\nb\n")) == "a\r\nb\n", "line ends are the text's own"
    assert module.load_json(module.store_json({"a": [1, {"b": None}]})) == {"a": [1, {"b": None}]}
    array = np.arange(12, dtype=">f4").reshape(3, 4)
    np.testing.assert_array_equal(module.load_npy(module.store_npy(array)), array)
    data = {"x": [1, (2.5, None), np.arange(3)]}
    loaded = module.load_pkl(module.store_pkl(data))
    assert loaded["x"][:2] == data["x"][:2]
    np.testing.assert_array_equal(loaded["x"][2], np.arange(3))
    uri = module.store_text("0123456789")
    assert module.load_bytes(uri, 2, 5) == b"234"
    assert module.load_bytes(uri, None, None) == b"0123456789"
    assert module.load_bytes(uri, 4, 4) == b""
    with pytest.raises(ValueError, match="Invalid start/end range"):
        module.load_bytes(uri, 5, 11)


@pytest.mark.parametrize("module", [kc, kcl])
@pytest.mark.parametrize("name", ["load_file", "load_text", "load_json", "load_npy", "load_pkl"])
def test_a_miss_is_none_and_says_where_it_looked(module, name, capfd, store_dir):
    kc.store_text("so that there is a store")
    assert getattr(module, name)("sha1://" + "0" * 40) is None
    captured = capfd.readouterr()
    assert captured.out == ""
    assert captured.err.count("\n") == 1
    assert "sha1://" + "0" * 40 in captured.err
    assert str(store_dir) in captured.err


def test_a_path_of_no_file_is_an_error_in_the_first_generation_and_none_in_the_second(tmp_path, capfd):
    with pytest.raises(kachery.NotFound, match="none.txt"):
        kc.load_text(str(tmp_path / "none.txt"))
    assert kcl.load_text(str(tmp_path / "none.txt")) is None
    assert "none.txt" in capfd.readouterr().err


def test_a_miss_of_the_new_name_is_an_error(store_dir):
    for load in (kachery.load_file, kachery.load_text, kachery.load_npy, kachery.load_bytes):
        with pytest.raises(kachery.NotFound, match="there is no store yet at"):
            load("sha1://" + "0" * 40)
    assert not store_dir.exists(), "looking makes nothing"


def test_writing_to_standard_output(capfdbinary):
    uri = kc.store_text("some text")
    assert kc.load_bytes(uri, 0, 4, write_to_stdout=True) is None
    kcl.cat_file(uri)
    kachery.cat(uri)
    kcl.cat_file("sha1://" + "0" * 40)
    assert capfdbinary.readouterr().out == b"somesome textsome text"


def test_what_one_generation_stores_the_others_load():
    uri = kcl.store_json({"a": 1}, label="x")
    assert kc.load_json(uri) == kachery.load_json(uri) == {"a": 1}
    assert json.loads(Path(kc.load_file(kc.store_json({"a": 1}))).read_text()) == {"a": 1}
