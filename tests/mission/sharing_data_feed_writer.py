"""The writing half of the section "Feeds" of the document "Sharing data between workstations", as its readers type it."""

from typing import List, Set
import kachery_client as kc

# You need to be running a kachery daemon.
# If you want to share these data with remote
# computers, then your kachery node must be
# configured to provide feeds on some channel,
# and the remote computers must be configured
# to request feeds on that channel.

def prime_sieve(n: int):
    is_composite: Set[int] = set()
    primes: List[int] = []
    for j in range(2, n + 1):
        if not j in is_composite:
            primes.append(j)
            for k in range(j * j, n + 1, j):
                is_composite.add(k)
    return primes

feed = kc.create_feed()
subfeed = feed.load_subfeed('primes')

N = 100
primes = prime_sieve(N)
for i, p in enumerate(primes):
    subfeed.append_message({
        'p': p,
        'n': i + 1
    })

print(f'Found {len(primes)} prime numbers less than {N}')
print(subfeed.uri)

# Output:
# Found 25 prime numbers less than 100
# feed://c21cfca1b54ba841a7cbf35685b5a62db73ed16b7c3f50f2fa1f9e1fce9b9cef/primes
