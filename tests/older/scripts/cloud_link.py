"""Links files, stores references, and a stored file again by its URI."""

import os
import sys

import kachery_cloud as kcl
from shown import give, tried

results = {}
for name in sorted(os.listdir(sys.argv[1])):
    path = os.path.join(sys.argv[1], name)
    results[f"link {name}"] = tried(kcl.link_file, path)
    results[f"link labelled {name}"] = tried(kcl.link_file, path, label=name)
    results[f"reference {name}"] = tried(kcl.store_file_local, path, reference=True)
    results[f"reference labelled {name}"] = tried(kcl.store_file_local, path, label=name, reference=True)
os.chdir(sys.argv[1])
results["link by relative path"] = tried(kcl.link_file, sorted(os.listdir("."))[0])
uri = kcl.store_text_local("stored before")
results["stored again by URI"] = tried(kcl.store_file_local, uri, label="again")
give(results)
