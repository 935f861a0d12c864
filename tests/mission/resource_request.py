"""On a remote computer, as in the document "kachery-resource": the file is requested, and loaded once that is completed."""

import sys

import kachery_cloud as kcl

uri = sys.argv[1]
R = kcl.request_file(
    uri,
    resource='example_resource',
    timeout_sec=10
)
R.found # whether the file was found
R.queued # whether the file has been queued for upload
R.completed # whether the upload has completed
R.running # whether the upload is running
R.local # whether the file was found locally
R.errored # whether the upload errored
R.error_message # the error message
R.size # the size of the found file
R.bytes_uploaded # the number of bytes loaded for an in-progress upload

if R.completed:
    path = kcl.load_file(uri)
    # or
    txt = kcl.load_text(uri)
    print(txt)
else:
    print('Upload not completed')
