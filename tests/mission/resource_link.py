"""On the computer hosting the resource, as in the document "kachery-resource": a file to be shared is linked, and its URI
printed."""

import sys

import kachery_cloud as kcl

uri = kcl.link_file(sys.argv[1])
print(uri)
