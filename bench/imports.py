#!/usr/bin/env python3
"""Measures what importing kachery costs: whole processes of Python, beside one that does nothing. README.md says more."""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from harness import REPOSITORY, Goal, Method, Program, Runner, Space, circumstances, compare, notes, record, table

# The last line is for scale: what scripts that use kachery import anyway.
MODULES = ("kachery", "kachery_client", "kachery_cloud", "numpy")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--programs", type=Path, default=REPOSITORY / "build/release", help="where `timed` was built")
    parser.add_argument("--python", type=Path, default=REPOSITORY / ".venv/bin/python", help="where kachery is installed")
    parser.add_argument("--pairs", type=int, default=15)
    parser.add_argument("--patience", type=float, default=60, help="seconds to wait for a quiet machine before each pair")
    parser.add_argument("--out", type=Path, default=REPOSITORY / "bench/results.md")
    arguments = parser.parse_args()
    if not (arguments.programs / "bench/timed").exists():
        sys.exit("`timed` is not there: cmake --preset release && cmake --build --preset release --target timed")

    run = Runner(arguments.programs)
    python = arguments.python.absolute()  # Not resolved: what a virtual environment is, its link says.
    with tempfile.TemporaryDirectory() as folder:
        space = Space(Path(folder) / "runs")

        def process(name: str, code: str, goal: Goal = Goal()) -> Program:
            return Program(name, lambda _: lambda: run([python, "-I", "-c", code]), goal=goal)

        baseline = process("`python -c pass`", "pass")
        comparisons = []
        for module in MODULES:
            ours = module.startswith("kachery")
            goal = Goal(seconds_max=0.1) if ours else Goal()
            name = f"**`import {module}`**" if ours else f"`import {module}`"
            program = process(name, f"import {module}", goal)
            comparisons.append(compare(space, baseline, program, Method(arguments.pairs, arguments.patience), lambda: None))
        body = [
            *circumstances(space),
            f"- {arguments.pairs} pairs each; the time of the whole process, with the start of Python",
            "",
            *table(baseline, comparisons, lambda units, seconds: f"{units / seconds:.1f} /s"),
            "",
            *notes(comparisons),
        ]
        record(arguments.out, "imports", "Import kachery", body)


if __name__ == "__main__":
    main()
