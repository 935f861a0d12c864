"""The static-content part of the document "Sharing data between workstations", as its readers type it."""

import kachery_client as kc

# Store some text
uri = kc.store_text('some-random-text')
print(uri)
# Output: sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt

# Later on retrieve the text by its content URI
txt = kc.load_text('sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt')
print(txt)
# Output: some-random-text

# Similarly, you can store/share json-able Python dicts,
# numpy arrays, or pickle-able Python objects
import numpy as np
uri_dict = kc.store_json({'a': [1, 2, {'b': 3}]})
uri_npy = kc.store_npy(np.ones((10, 20)))
uri_pkl = kc.store_pkl({'x': np.zeros((30, 40))})

# And retrieve then at a later time
X_dict = kc.load_json(uri_dict)
X_npy = kc.load_npy(uri_npy)
X_pkl = kc.load_pkl(uri_pkl)
