"""The reading half of the section "Feeds"; only the URI is the reader's own."""

import sys

import kachery_client as kc

# You need to be running a kachery daemon,
# and your kachery node must be configured
# to request feeds on the channel containing
# the feed.

subfeed = kc.load_subfeed(sys.argv[1])
messages = subfeed.get_next_messages()
for msg in messages:
    print(f'Prime {msg["n"]}: {msg["p"]}')

# Output:
# Prime 1: 2
# Prime 2: 3
# Prime 3: 5
# ...
# Prime 25: 97
