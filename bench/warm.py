"""A process that has imported a module and called it once, and now waits for the word to do the work that is timed.

    python warm.py MODULE FUNCTION LIST WARM_UP each|together

Calls FUNCTION(WARM_UP), prints "ready", and after a line on standard input calls it for each name of LIST (each ended
by a NUL byte); with `together` it is a function of many names, and called once for all of them. Then prints one line
of JSON: {"seconds": all calls together, "rss_kib": the peak of the process}.
"""

import contextlib
import importlib
import json
import os
import resource
import sys
import time


def main() -> None:
    module, function, names, warm_up, how = sys.argv[1:]
    with open(names, "rb") as file:
        paths = [os.fsdecode(name) for name in file.read().split(b"\0") if name]
    call = getattr(importlib.import_module(module), function)
    arguments = [paths] if how == "together" else paths
    with contextlib.redirect_stdout(sys.stderr):
        call([warm_up] if how == "together" else warm_up)
    print("ready", flush=True)
    sys.stdin.readline()
    with contextlib.redirect_stdout(sys.stderr):
        begun = time.perf_counter()
        for argument in arguments:
            call(argument)
        seconds = time.perf_counter() - begun
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(json.dumps({"seconds": seconds, "rss_kib": peak}), flush=True)


if __name__ == "__main__":
    main()
