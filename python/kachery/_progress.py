"""What `progress=` takes, and what becomes of it: a function of the caller's, a bar, or a line now and then."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Callable, Iterator
from typing import Any

Report = Callable[[int, int], object]
Progress = Report | bool | None

_LINE_EVERY_S = 10.0


def human_size(size: int) -> str:
    """A number of bytes for people, in powers of 1000, as the program prints it."""
    if size < 1000:
        return f"{size} B"
    number = float(size)
    for unit in ("kB", "MB", "GB", "TB"):
        number /= 1000
        if number < 999.95:
            break
    return f"{number:.1f} {unit}"


@contextlib.contextmanager
def told(progress: Progress, what: str) -> Iterator[Report | None]:
    """The function that hears how far `what` has come, for as long as it takes; None if nobody wants to know.

    Parameters
    ----------
    progress : callable, bool or None
        True is a bar of tqdm where it is installed and standard error is a terminal, else a line every 10 s there.
    what : str
        Such as "storing", for the bar or the line.
    """
    if progress is None or progress is False:
        yield None
    elif progress is not True:
        yield progress
    elif (tqdm := _tqdm()) is None:
        yield _lines(what)
    else:
        with tqdm(desc=what, unit="B", unit_scale=True, leave=False) as bar:
            yield _moving(bar)


def _tqdm() -> Any:
    if sys.stderr is None or not sys.stderr.isatty():
        return None
    try:
        from tqdm import tqdm
    except ImportError:
        return None
    return tqdm


def _moving(bar: Any) -> Report:
    def move(done: int, total: int) -> None:
        bar.total = total or None
        bar.update(done - bar.n)

    return move


def _lines(what: str) -> Report:
    due = time.monotonic() + _LINE_EVERY_S

    def say(done: int, total: int) -> None:
        nonlocal due
        if time.monotonic() < due:
            return
        due += _LINE_EVERY_S
        of_all = f" of {human_size(total)}" if total else ""
        print(f"kachery: {what}: {human_size(done)}{of_all}", file=sys.stderr, flush=True)

    return say
