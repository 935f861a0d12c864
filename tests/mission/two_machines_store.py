"""One machine: two files are stored, one under each older name, and their URIs printed. Where a hub is configured, the zone
has them then."""

import sys

import kachery_client as kc
import kachery_cloud as kcl

first, second = sys.argv[1:]
print(kc.store_file(first))
print(kcl.store_file(second))
