"""Another machine: two files are loaded, each under the other older name than they were stored by, and compared with what
they were."""

import sys
from pathlib import Path

import kachery_client as kc
import kachery_cloud as kcl

first_uri, first, second_uri, second = sys.argv[1:]
for load, uri, original in ((kcl.load_file, first_uri, first), (kc.load_file, second_uri, second)):
    path = load(uri)
    assert path is not None, f"{uri} is nowhere"
    assert Path(path) != Path(original) and Path(path).read_bytes() == Path(original).read_bytes()
    print(f"{uri} is {path}")
