"""What both programs are given to store, in files and in memory."""

from __future__ import annotations

import numpy as np

LABELS = ["plain.txt", "two words", "a/b/c.nwb", "50%", "q?a=1", "#5", "ünï©ødé", "a&b", "'\"", "<x>", "~", ""]

TEXTS = {"empty": "", "text": "example text", "lines": "one\ntwo\n", "unicode": "grün \U0001f40c"}

JSONS = {
    "dict": {"example": "dict"}, "nested": {"b": [1, 2, {"z": None, "a": True}], "a": {}}, "numbers": [1, 1.0, 1e22, 1e-7],
    "unicode": {"ü": "é\u2028"}, "list": [], "text": "x", "number keys": {1: "a", 2.5: "b"}, "tuple": (1, (2,)),
    "null": None, "nan": float("nan"), "bytes": b"abc", "object": object(), "escapes": '</script>\x7f\x00"\\',
}

ARRAYS = {
    "int16": np.array([[1, 2, 3], [4, 5, 6]], np.int16), "ones": np.ones((10, 20)), "empty": np.zeros((0, 3)),
    "scalar": np.array(2.5), "big endian": np.arange(3, dtype=">i4"), "fortran": np.asfortranarray(np.eye(3)),
    "bool": np.array([True, False]), "text": np.array(["a", "bc"]), "complex": np.array([1j]),
    "records": np.zeros(2, [("a", "<i4"), ("b", "S3")]), "dates": np.array(["2020-01-01"], "M8[s]"),
}

PICKLES = {
    "zeros": {"x": np.zeros((30, 40))}, "plain": [None, True, 1, -(2**70), 1.5, 2j, "ü", (1, 2), {"a": [1]}],
    "objects": np.array([[1, None], ["a", 2.5]], object), "scalars": [np.float32(1.5), np.int64(3)], "numpy bool": np.bool_(True),
    "range": [range(3), slice(1, None, 2)], "shared": [[1]] * 3, "large": np.arange(20000.0),
    "long list": list(range(2500)), "int keys": {1: 2, (1, 2): 3},
}
