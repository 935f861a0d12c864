"""What every benchmark of this folder shares: fresh folders, pairs of runs, and the tables in results.md.

A figure is a ratio of two programs that ran one after the other on the same machine, A B A B ...: a machine that is
slower today is slower for both. The first of a pair is the baseline, a bare loop that does what cannot be left out.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import re
import shutil
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

REPOSITORY = Path(__file__).resolve().parent.parent

# Pairs whose baselines differ more than this say more about the machine than about the programs.
BASELINE_SPREAD_MAX = 0.30
# So many times the pairs that are wanted are tried.
TRIES_MAX = 4

# How much of the processors' time others may use, or wait for the disk with, when a pair begins.
BUSY_MAX = 0.10

# Left free on the disk whatever is measured: a nearly full file system is another, slower one.
DISK_RESERVE = 4 << 30


# --- Running programs


@dataclass(frozen=True)
class Run:
    """One timed run. The peak of memory is the process's own, or that of its largest child."""

    seconds: float
    rss_mib: float


class Runner:
    """Runs programs from their start to their end, by the release build's `timed`."""

    def __init__(self, programs: Path) -> None:
        self._timed = programs / "bench" / "timed"

    def __call__(
        self,
        argv: Sequence[str | Path],
        *,
        environment: Mapping[str, str] | None = None,
        folder: Path | None = None,
    ) -> Run:
        """A failure ends the benchmark: there is no figure for half the work."""
        answer = subprocess.run(
            ["sh", "-c", 'exec 3>&1 >/dev/null; exec "$@"', "sh", self._timed, *argv],
            env={**os.environ, **(environment or {})},
            cwd=folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            text=True,
            check=False,
        )
        if answer.returncode != 0:
            sys.exit(f"exit status {answer.returncode} from: {' '.join(map(str, argv))}")
        seconds, peak_kib = answer.stdout.split()
        return Run(float(seconds), int(peak_kib) / 1024)


class WarmCall:
    """A Python function that is called in a process which has imported it and called it once before (warm.py)."""

    def __init__(
        self,
        python: Path,
        function: tuple[str, str],
        names: Path,
        warm_up: Path | str,
        environment: Mapping[str, str],
        *,
        together: bool = False,
    ) -> None:
        how = "together" if together else "each"
        self._process = subprocess.Popen(
            [python, Path(__file__).with_name("warm.py"), *function, names, warm_up, how],
            env={**os.environ, **environment},
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        self._line()

    def __call__(self) -> Run:
        assert self._process.stdin is not None
        self._process.stdin.write("go\n")
        self._process.stdin.flush()
        answer = json.loads(self._line())
        self._process.communicate()
        return Run(answer["seconds"], answer["rss_kib"] / 1024)

    def _line(self) -> str:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        if not line:
            sys.exit(f"a warm process ended early: {self._process.args!r}")
        return line


# --- The disk


class Space:
    """Fresh folders for every run, all below one.

    Nothing is deleted before the end. ext4 passes over inodes that were deleted in the last minutes (up to six, while
    their blocks are not written back), searching past each of them again for every new file, and a file system mounted
    with `discard` tells the disk of every freed block: a benchmark that tidies up after each run measures the tidying
    of the run before.
    """

    def __init__(self, root: Path) -> None:
        self.root = root
        self._count = 0
        root.mkdir(parents=True)

    def fresh(self) -> Path:
        self._count += 1
        path = self.root / f"{self._count:04d}"
        path.mkdir()
        return path

    def has(self, size: int) -> bool:
        return shutil.disk_usage(self.root).free >= size + DISK_RESERVE

    def require(self, size: int, purpose: str) -> None:
        if not self.has(size):
            free = shutil.disk_usage(self.root).free
            sys.exit(
                f"{purpose} needs {size / 2**30:.1f} GiB and {DISK_RESERVE >> 30} GiB to spare; {free / 2**30:.1f} GiB "
                "are free. Use --dir on a larger disk, or a smaller --size-gib."
            )

    def remove(self) -> None:
        shutil.rmtree(self.root, ignore_errors=True)
        if self.root.exists():  # git-annex takes away the right to write from its folders.
            for folder, _, _ in os.walk(self.root):
                os.chmod(folder, 0o700)
            shutil.rmtree(self.root)


@dataclass(frozen=True)
class Bench:
    """What every section of a benchmark gets; each script adds its own work to it."""

    space: Space
    programs: Path  # The release build.
    run: Runner

    @property
    def kachery(self) -> Path:
        return self.programs / "apps" / "cli" / "kachery"

    @property
    def warm_up(self) -> Path:
        return self.space.root / "warm-up"

    def bare(self, name: str) -> Path:
        return self.programs / "bench" / name


def warm(paths: Iterable[Path]) -> None:
    """Read files, so that they are in the page cache."""
    buffer = bytearray(1 << 20)
    for path in paths:
        with open(path, "rb", buffering=0) as file:
            while file.readinto(buffer):
                pass


def wait_until_quiet(seconds_max: float) -> None:
    """Wait for two seconds in which nobody computes and nobody waits for the disk; or not any longer."""

    def times() -> tuple[int, int]:
        fields = [int(word) for word in Path("/proc/stat").read_text().splitlines()[0].split()[1:9]]
        return sum(fields), fields[3]

    os.sync()
    deadline = time.monotonic() + seconds_max
    while time.monotonic() < deadline:
        total, idle = times()
        time.sleep(2)
        total_later, idle_later = times()
        if 1 - (idle_later - idle) / (total_later - total) <= BUSY_MAX:
            return


# --- Pairs


@dataclass(frozen=True)
class Goal:
    """What is asked of a program. A rate is in parts of the baseline's."""

    ratio_min: float | None = None
    rss_mib_max: float | None = None
    seconds_max: float | None = None


@dataclass(frozen=True)
class Program:
    """One side of a comparison.

    `prepare` gets a fresh folder, does what is not timed, and gives what is. `units` is how much work a run does,
    where that is not the same for both sides.
    """

    name: str
    prepare: Callable[[Path], Callable[[], Run]]
    durable: str = ""
    goal: Goal = Goal()
    units: int = 1
    bytes_written: int = 0


@dataclass(frozen=True)
class Comparison:
    """The pairs of one program with its baseline, and how many others were thrown away."""

    program: Program
    baseline_units: int
    baseline: list[Run]
    runs: list[Run]
    thrown_away: int

    def spread(self) -> float:
        seconds = [one.seconds for one in self.baseline]
        return max(seconds) / min(seconds) - 1

    def ratios(self) -> list[float]:
        """The program's rate in parts of the baseline's, pair by pair."""
        units = self.program.units / self.baseline_units
        return [units * a.seconds / b.seconds for a, b in zip(self.baseline, self.runs, strict=True)]


@dataclass(frozen=True)
class Method:
    """How many pairs, and how long to wait for a quiet machine before each."""

    pairs: int
    patience_s: float


def compare(
    space: Space, baseline: Program, program: Program, method: Method, warm_up: Callable[[], None]
) -> Comparison:
    """A B A B ..., until there are enough pairs whose baselines agree. The others are thrown away.

    Which pairs are kept depends on the baseline alone, never on the program. If they do not come to agree, or the disk
    is full of what was thrown away, the pairs with the fastest baselines are kept, and said to be unsteady.
    """
    pair_bytes = baseline.bytes_written + program.bytes_written
    space.require(method.pairs * pair_bytes, f"{program.name} ({method.pairs} pairs)")
    tried: list[tuple[Run, Run]] = []
    while len(steady_pairs(tried)) < method.pairs and len(tried) < TRIES_MAX * method.pairs:
        if len(tried) >= method.pairs and not space.has(pair_bytes):
            break
        wait_until_quiet(method.patience_s)
        runs = []
        for side in (baseline, program):
            timed = side.prepare(space.fresh())
            os.sync()
            warm_up()
            runs.append(timed())
        tried.append((runs[0], runs[1]))
    kept = sorted(tried, key=lambda pair: pair[0].seconds)[: method.pairs]
    result = Comparison(program, baseline.units, [a for a, _ in kept], [b for _, b in kept], len(tried) - len(kept))
    say(
        f"  {program.name}: {statistics.median(result.ratios()):.3g}; the baseline moved {result.spread():.0%}, "
        f"{result.thrown_away} pairs thrown away"
    )
    return result


def steady_pairs(tried: Sequence[tuple[Run, Run]]) -> list[tuple[Run, Run]]:
    """The pairs whose baseline is near the fastest one."""
    limit = (1 + BASELINE_SPREAD_MAX) * min((a.seconds for a, _ in tried), default=0)
    return [(a, b) for a, b in tried if a.seconds <= limit]


def say(line: str) -> None:
    print(line, file=sys.stderr, flush=True)


# --- Tables


def _seconds(value: float) -> str:
    if value < 0.0995:
        return f"{1000 * value:.2f} ms"
    return f"{value:.2f} s"


def _middle_and_range(values: Sequence[float], text: Callable[[float], str]) -> str:
    return f"{text(statistics.median(values))} ({text(min(values))} .. {text(max(values))})"


def _judge(goal: Goal, comparison: Comparison) -> str:
    verdicts = []
    ratio = statistics.median(comparison.ratios())
    if goal.ratio_min is not None:
        verdicts.append((f">= {goal.ratio_min:g} of the baseline", ratio >= goal.ratio_min))
    if goal.seconds_max is not None:
        seconds = statistics.median(one.seconds for one in comparison.runs)
        verdicts.append((f"<= {_seconds(goal.seconds_max)}", seconds <= goal.seconds_max))
    if goal.rss_mib_max is not None:
        peak = max(one.rss_mib for one in comparison.runs)
        verdicts.append((f"<= {goal.rss_mib_max:g} MiB", peak <= goal.rss_mib_max))
    return ", ".join(f"{text}: {'reached' if reached else '**missed**'}" for text, reached in verdicts)


def table(baseline: Program, comparisons: Sequence[Comparison], rate: Callable[[int, float], str]) -> list[str]:
    """The lines of a table. `rate` makes text of a program's units and seconds."""
    lines = [
        "| program | time: median (min .. max) | rate | rate in parts of the baseline's, pair by pair | goal "
        "| peak memory | durable when it answers |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    bases = [one for comparison in comparisons for one in comparison.baseline]
    rows = [(baseline, bases, "1 (the baseline)", "")]
    for comparison in comparisons:
        ratios = _middle_and_range(comparison.ratios(), lambda value: f"{value:.3g}")
        if comparison.spread() > BASELINE_SPREAD_MAX:
            ratios += f"; unsteady: the baseline moved {comparison.spread():.0%}"
        rows.append((comparison.program, comparison.runs, ratios, _judge(comparison.program.goal, comparison)))
    for program, runs, ratios, goal in rows:
        seconds = [one.seconds for one in runs]
        peak = max(one.rss_mib for one in runs)
        lines.append(
            f"| {program.name} | {_middle_and_range(seconds, _seconds)} "
            f"| {rate(program.units, statistics.median(seconds))} | {ratios} | {goal} | {peak:.0f} MiB "
            f"| {program.durable} |"
        )
    return lines


def missing_row(name: str, why: str) -> str:
    return f"| {name} | {why} | | | | | |"


def notes(comparisons: Sequence[Comparison]) -> list[str]:
    """How steady the baseline was, and what was thrown away."""
    spread = max(comparison.spread() for comparison in comparisons)
    lines = [f"The baseline moved at most {spread:.0%} within the pairs of one program that count."]
    thrown = [f"{one.program.name} ({one.thrown_away})" for one in comparisons if one.thrown_away]
    if thrown:
        lines.append(f"Pairs thrown away because it moved more than {BASELINE_SPREAD_MAX:.0%}: {'; '.join(thrown)}.")
    return lines


# --- results.md


def _first_match(path: str, pattern: str) -> str:
    try:
        found = re.search(pattern, Path(path).read_text(), re.MULTILINE)
    except OSError:
        return "unknown"
    return found.group(1) if found else "unknown"


def _file_system(path: Path) -> str:
    """The type of the file system that holds a path, and its options."""
    best = ("", "unknown")
    for line in Path("/proc/self/mountinfo").read_text().splitlines():
        before, _, after = line.partition(" - ")
        mount, options = before.split()[4:6]
        inside = path == Path(mount) or Path(mount) in path.parents
        if inside and len(mount) >= len(best[0]):
            kind, _, more = after.split()[:3]
            best = (mount, f"{kind} ({','.join(dict.fromkeys([*options.split(','), *more.split(',')]))})")
    return best[1]


def _commit() -> str:
    def git(*words: str) -> str:
        answer = subprocess.run(["git", "-C", REPOSITORY, *words], capture_output=True, text=True, check=False)
        return answer.stdout.strip() if answer.returncode == 0 else ""

    commit = git("rev-parse", "--short=12", "HEAD")
    if not commit:
        return "not committed yet"
    changed = git("status", "--porcelain", "--", "apps", "libs", "cmake", "python", "bench/*.cpp", "bench/*.h")
    return f"commit {commit}" + (", with local changes" if changed else "")


def circumstances(space: Space) -> list[str]:
    """When, where, what and how: the lines that stand above a table."""
    flags = _first_match("/proc/cpuinfo", r"^flags\s*:(.*)$").split()
    memory = int(_first_match("/proc/meminfo", r"^MemTotal:\s*(\d+)")) / 2**20
    words = [re.sub(r"^(--\w+=)?.*/.*", r"\1...", word) for word in sys.argv[1:]]  # Paths are nobody's business.
    script = Path(sys.argv[0]).name
    return [
        f"- {datetime.datetime.now(datetime.timezone.utc):%Y-%m-%d %H:%M} UTC, {_commit()}",
        f"- {_first_match('/proc/cpuinfo', r'^model name[ 	]*: (.*)$')}, "
        f"{len(os.sched_getaffinity(0))} cores, SHA-NI: {'yes' if 'sha_ni' in flags else 'no'}; {memory:.0f} GiB; "
        f"Linux {platform.release()}; {_file_system(space.root)}; load average at the start {os.getloadavg()[0]:.2f}",
        f"- `{' '.join(['python3', f'bench/{script}', *words])}`",
    ]


PREFACE = """# Results

Written by the scripts of this folder, each in its own sections; README.md says what is measured, and how.
"""


def record(path: Path, name: str, title: str, body: Sequence[str]) -> None:
    """Put a section into a results file, in place of the one of the same name."""
    begin, end = f"<!-- begin {name} -->", f"<!-- end {name} -->"
    section = "\n".join([begin, f"## {title}", "", *body, end]) + "\n"
    text = path.read_text() if path.exists() else PREFACE
    if begin in text:
        before, _, rest = text.partition(begin)
        text = before + section + rest.partition(end)[2].removeprefix("\n")
    else:
        text = text.rstrip("\n") + "\n\n" + section
    path.write_text(text)
