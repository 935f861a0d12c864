"""A process that has imported a module and called it once, and now waits for the word to do the work that is timed.

    python warm.py MODULE FUNCTION LIST WARM_UP

Calls FUNCTION(WARM_UP), prints "ready", and after a line on standard input calls it for each file of LIST (names ended
by a NUL byte). Then prints one line of JSON: {"seconds": all calls together, "rss_kib": the peak of the process}.
"""

import contextlib
import importlib
import json
import os
import resource
import sys
import time


def main() -> None:
    module, function, names, warm_up = sys.argv[1:]
    with open(names, "rb") as file:
        paths = [os.fsdecode(name) for name in file.read().split(b"\0") if name]
    call = getattr(importlib.import_module(module), function)
    with contextlib.redirect_stdout(sys.stderr):
        call(warm_up)
    print("ready", flush=True)
    sys.stdin.readline()
    with contextlib.redirect_stdout(sys.stderr):
        begun = time.perf_counter()
        for path in paths:
            call(path)
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "rss_kib": peak}), flush=True)


if __name__ == "__main__":
    main()
