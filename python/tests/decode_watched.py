"""Decodes each file of a directory in a process of its own, with limits; prints what became of them, as JSON.

Names are NUMBER.pkl, NUMBER.npy, or NUMBER.unsafe, which is read by Python's own pickle.
"""

from __future__ import annotations

import json
import os
import pickle
import resource
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np

from kachery import _npy, _pickle
from kachery._errors import KacheryError

# What running code would have to do sooner or later; decoding does none of it once everything is imported.
FORBIDDEN = ("exec", "compile", "import", "open", "os.", "subprocess.", "socket.", "ctypes.", "shutil.", "pickle.", "sys.",
             "code.", "function.", "marshal.", "builtins.input", "builtins.breakpoint")
READERS = {".pkl": lambda data: _pickle.decode(data), ".npy": lambda data: _npy.load(bytearray(data)),
           ".unsafe": lambda data: pickle.loads(data)}
RAN_CODE = 99


def import_all() -> None:
    """By decoding something ordinary of each kind."""
    value = [np.zeros(2), np.array(["a"]), np.zeros(1, "i4,f8"), np.float64(1), {1: (2, {3})}, b"x", np.array([None], object)]
    for protocol in range(6):
        _pickle.decode(pickle.dumps(value, protocol))
    for refused in (b"cos\nsystem\n.", b"S'\\q'\n.", b""):
        try:
            _pickle.decode(refused)
        except KacheryError:
            pass
    for array in (np.zeros(2), np.zeros(2, "i4,f8"), np.array(["a"])):
        import io

        file = io.BytesIO()
        np.save(file, array)
        _npy.load(bytearray(file.getvalue()))


def memory(field: str) -> int:
    with open("/proc/self/status") as file:
        return next(int(line.split()[1]) * 1024 for line in file if line.startswith(field))


def decode(path: Path, pipe: int) -> None:
    """In the child: everything but the decoding is done before it is watched."""
    data = path.read_bytes()
    with open("/proc/self/clear_refs", "w") as file:
        file.write("5")  # The peak of memory begins anew.
    before = memory("VmRSS")
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CPU, (10, 10))
    watching = path.suffix != ".unsafe" or path.stem == "0"

    def watch(event: str, _: tuple[Any, ...]) -> None:
        if watching and event.startswith(FORBIDDEN):
            os.write(pipe, json.dumps({"outcome": f"ran code: {event}", "seconds": 0, "memory": 0}).encode())
            os._exit(RAN_CODE)

    reader = READERS[path.suffix]
    sys.addaudithook(watch)
    begin = time.thread_time()
    try:
        result = reader(data)
        outcome = "value"
    except KacheryError:
        outcome = "refused"
    except BaseException as error:  # noqa: BLE001: none of these is ours
        outcome = f"raised {type(error).__name__}"
    seconds = time.thread_time() - begin
    watching = False
    report = {"outcome": outcome, "seconds": round(seconds, 3), "memory": memory("VmHWM") - before}
    os.write(pipe, json.dumps(report).encode())
    os._exit(0)


def watched(path: Path) -> dict[str, Any]:
    readable, writable = os.pipe()
    child = os.fork()
    if child == 0:
        decode(path, writable)
    os.close(writable)
    with open(readable, "rb") as file:
        text = file.read()
    _, status = os.waitpid(child, 0)
    if os.WIFSIGNALED(status):
        return {"outcome": f"ended by signal {os.WTERMSIG(status)}", "seconds": 0, "memory": 0}
    return json.loads(text) if text else {"outcome": "ended without a word", "seconds": 0, "memory": 0}


if __name__ == "__main__":
    import_all()
    print(json.dumps({path.stem: watched(path) for path in Path(sys.argv[1]).iterdir()}))
