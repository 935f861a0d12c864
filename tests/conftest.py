"""The whole-system tests: options for long campaigns, the program under test, the seed, the lines of counts."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path
from typing import Callable, Iterator, NamedTuple

import pytest

import mounts
from harness import Program, Store, find_program


class Campaign(NamedTuple):
    """One number that makes a test longer: `--name N`, or KACHERY_TEST_NAME=N."""

    name: str
    default: int
    meaning: str


CAMPAIGNS = (
    Campaign("points", 420, "kill points (A1)"),
    Campaign("cuts", 45, "power cuts, over all file systems (A2)"),
    Campaign("disks", 24, "sizes of a disk that fills up (A4)"),
    Campaign("failures", 260, "injected errors of system calls (A3)"),
    Campaign("thin", 4, "disks whose fsync really fails (A3)"),
    Campaign("flips", 120, "flipped bits tried by one call of the program each (A11)"),
    Campaign("stores", 8, "stores by each of the 64 processes (A18)"),
    Campaign("strings", 60, "hostile strings for each argument of the program (A19)"),
    Campaign("race", 2, "seconds of races for each component of a path (A19)"),
    Campaign("flows", 200, "failing flows that must not tell a secret (A22)"),
    Campaign("replays", 300, "recorded requests sent again, over restarts of the hub (A14)"),
    Campaign("malformed", 300, "requests to a live hub with something wrong in them (A10)"),
    Campaign("names", 40, "hostile strings for each name in each message to a hub (A19)"),
    Campaign("interrupts", 12, "moments at which a command is interrupted"),
    Campaign("download", 192, "MiB that are fetched when the hub is stopped"),
    Campaign("transfer", 96, "MiB of a file whose transfers are disturbed"),
    Campaign("resource", 200, "MiB of the file that 16 machines ask a resource for at once"),
    Campaign("slow", 150, "slow clients of each kind at once (A9, A17)"),
    Campaign("agents", 100, "daemons, and clients, of one hub at once (A17)"),
    Campaign("mutations", 660, "malformed requests, half of them through nginx (A9)"),
)


def pytest_addoption(parser: pytest.Parser) -> None:
    group = parser.getgroup("kachery", "whole-system tests of kachery (tests/README.md)")
    for campaign in CAMPAIGNS:
        group.addoption(f"--{campaign.name}", type=int, metavar="N", help=f"{campaign.meaning}; {campaign.default}")
    group.addoption("--seed", type=int, metavar="N", help="repeat a run that failed; its report names the seed")


def pytest_configure(config: pytest.Config) -> None:
    seed = config.getoption("--seed")
    if seed is None:
        seed = int(os.environ.get("KACHERY_TEST_SEED") or random.SystemRandom().randrange(1 << 32))
    config.stash[SEED] = seed
    os.environ["KACHERY_TEST_SEED"] = str(seed)  # For the processes among which pytest-xdist divides the tests.
    runner = os.getpid()

    def stop(number: int, _frame: object) -> None:
        # So that what was mounted is unmounted when the run is stopped by a signal. A forked child only ends: an
        # exception may get lost in it, and whoever ended it would wait for ever.
        if os.getpid() == runner:
            raise KeyboardInterrupt
        os._exit(128 + number)

    signal.signal(signal.SIGTERM, stop)
    # A run in the background ignores Ctrl-C; its children are to hear it.
    if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
        signal.signal(signal.SIGINT, signal.default_int_handler)


SEED = pytest.StashKey[int]()
OUTCOME = "outcome"
OUTCOME_LINES: list[str] = []


def pytest_report_header(config: pytest.Config) -> str:
    return f"kachery: {find_program()}, --seed {config.stash[SEED]}"


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if not OUTCOME_LINES:
        return
    terminalreporter.section("outcomes")
    for line in OUTCOME_LINES:
        terminalreporter.write_line(line)


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    if report.when == "teardown":
        OUTCOME_LINES.extend(line for name, line in report.user_properties if name == OUTCOME)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item: pytest.Item):
    report = (yield).get_result()
    if report.failed:
        report.sections.append(("to repeat it", f"--seed {item.config.stash[SEED]}"))


@pytest.fixture(scope="session")
def program() -> Program:
    path = find_program()
    if not path.exists():
        pytest.fail(f"there is no program at {path}; build it, or set KACHERY_PROGRAM")
    return Program(path)


@pytest.fixture
def store_dir(tmp_path: Path) -> Path:
    return tmp_path / "store"


@pytest.fixture
def store(program: Program, store_dir: Path) -> Store:
    return Store(program, store_dir)


@pytest.fixture
def public_path() -> Iterator[Path]:
    """Like tmp_path, where other users may look too."""
    with tempfile.TemporaryDirectory(prefix="kachery-test-") as place:
        os.chmod(place, 0o755)
        yield Path(place)


@pytest.fixture
def public_program(program: Program, public_path: Path) -> Program:
    """A copy of the program that other users may run, wherever it was built."""
    return Program(Path(shutil.copy(program.path, public_path / "program")))


@pytest.fixture(scope="session")
def seed(pytestconfig: pytest.Config) -> int:
    return pytestconfig.stash[SEED]


@pytest.fixture
def rng(seed: int, request: pytest.FixtureRequest) -> random.Random:
    """The same numbers for one seed and one test, whichever other tests run."""
    return random.Random(f"{seed} {request.node.name}")


@pytest.fixture
def campaign(pytestconfig: pytest.Config) -> Callable[[str], int]:
    """How often, for a name of CAMPAIGNS."""

    def count(name: str) -> int:
        default = next(entry.default for entry in CAMPAIGNS if entry.name == name)
        asked = pytestconfig.getoption(f"--{name}")
        if asked is not None:
            return asked
        return int(os.environ.get(f"KACHERY_TEST_{name.upper()}") or default)

    return count


@pytest.fixture
def outcome(record_property: Callable[[str, object], None]) -> Callable[[str], None]:
    """Keeps a line of counts for the end of the run."""
    return lambda line: record_property(OUTCOME, line)


@pytest.fixture(scope="session")
def may_mount() -> None:
    """For tests that mount file systems: in a mount namespace of our own, which goes when this process goes."""
    reason = mounts.why_not()
    if reason:
        pytest.skip(reason)


@pytest.fixture(scope="session")
def strace() -> str:
    path = shutil.which("strace")
    if path is None:
        pytest.skip("strace is not installed")
    done = subprocess.run([path, "-o", os.devnull, "true"], capture_output=True, text=True)
    if done.returncode != 0:
        pytest.skip(f"tracing is not permitted here: {done.stderr.strip()}")
    return path


@pytest.fixture(scope="session")
def later() -> Callable[[Program, int], Program]:
    """The program, for which it is so many seconds later."""
    libraries = sorted(Path("/usr/lib").glob("*/faketime/libfaketimeMT.so.1"))
    if not libraries:
        pytest.skip("faketime is not installed")
    # Not by its own command, which would stand between us and the program.
    return lambda program, seconds: program.under("env", f"LD_PRELOAD={libraries[0]}", f"FAKETIME=+{seconds}s")


@pytest.fixture
def as_root() -> None:
    if os.geteuid() != 0:
        pytest.skip("only root can become other users")
