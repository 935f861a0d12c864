"""Stores the ordinary values as pickles and arrays, and shows them."""

import kachery_cloud as kcl
from ordinary import arrays, values
from shown import give, shown, tried

give({
    **{f"pkl {number}": [tried(kcl.store_pkl_local, value), shown(value)] for number, value in enumerate(values())},
    **{f"npy {number}": [tried(kcl.store_npy_local, array), shown(array)] for number, array in enumerate(arrays())},
})
