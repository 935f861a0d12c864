"""The remote part of the document "Sharing data between workstations", as its readers type it: on another machine."""

import kachery_client as kc

# Run this on a remote machine.

txt = kc.load_text('sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt')
print(txt)
# Output: some-random-text
