"""kachery doctor: everything that can be wrong here is made wrong once, and must be named with what to do."""

from __future__ import annotations

import base64
import fcntl
import hashlib
import json
import os
import shutil
import sqlite3
import sys
from pathlib import Path

import pytest
from harness import FAILED, OK, PARTLY, REPOSITORY, Program, clean_environment, write


class Patient:
    """A user with a home and a sound store."""

    def __init__(self, program: Program, home: Path):
        self.program = program
        self.home = home
        self.store = home / ".kachery"
        program.run("store", "/etc/hosts", env=self.environment()).expect(OK)

    def environment(self, **variables: str) -> dict[str, str]:
        return clean_environment() | {"HOME": str(self.home)} | variables

    def checks(self, code: int, **variables: str) -> dict[str, dict]:
        """By name; of several of one name the worst."""
        outcome = self.program.run("doctor", "--json", env=self.environment(**variables)).expect(code)
        order = ["ok", "warning", "error"]
        found: dict[str, dict] = {}
        for check in json.loads(outcome.stdout)["checks"]:
            last = found.get(check["name"])
            if last is None or order.index(check["status"]) >= order.index(last["status"]):
                found[check["name"]] = check
        return found

    def assert_finds(self, name: str, status: str, says: str, **variables: str) -> dict:
        check = self.checks(FAILED if status == "error" else PARTLY, **variables)[name]
        assert check["status"] == status
        assert says in check["what"], check
        assert check["do"]
        return check


@pytest.fixture
def patient(program: Program, tmp_path: Path) -> Patient:
    return Patient(program, tmp_path / "home")


def test_a_sound_store_is_called_sound(patient: Patient) -> None:
    def files() -> list[Path]:
        return sorted(path for path in patient.home.rglob("*") if not path.name.startswith("index.db-"))

    before = files()
    assert {check["status"] for check in patient.checks(OK).values()} == {"ok"}
    lines = patient.program.run("doctor", env=patient.environment()).expect(OK).stdout.decode()
    assert all(line.startswith("ok ") for line in lines.splitlines())
    assert files() == before, "looking changes nothing"


def test_it_works_where_settings_keep_every_other_command_from_working(patient: Patient) -> None:
    write(patient.home / ".config/kachery/config.yaml", b"zone: [a")
    patient.assert_finds("settings", "error", "config.yaml")
    patient.assert_finds("configuration", "error", "no YAML")


def test_unknown_settings_and_variables_are_named(patient: Patient) -> None:
    write(patient.home / ".config/kachery/config.yaml", b"zoen: a\n")
    patient.assert_finds("settings", "warning", "zoen")
    patient.assert_finds("variables", "warning", "KACHERY_DRI", KACHERY_DRI="/x")


def test_stores_that_nobody_reads_are_named(patient: Patient) -> None:
    (patient.home / "kachery-storage").mkdir()
    assert patient.checks(OK)["other-stores"]["status"] == "ok", "it is read"
    patient.assert_finds("other-stores", "warning", "kachery-storage", KACHERY_DIR=str(patient.home / "other"))


@pytest.mark.parametrize(("mode", "says"), [(0o777, "anybody"), (0o775, "group")])
def test_a_directory_that_too_many_may_write_to(patient: Patient, mode: int, says: str) -> None:
    patient.store.chmod(mode)
    assert "chmod" in patient.assert_finds("directory-mode", "warning", says)["do"]


def test_a_directory_that_is_none(patient: Patient) -> None:
    shutil.rmtree(patient.store)
    patient.store.write_text("")
    patient.assert_finds("directory", "error", "no directory")


def test_a_damaged_index_is_named_and_left_alone(patient: Patient) -> None:
    path = patient.store / "index.db"
    for end in ("-wal", "-shm"):
        Path(f"{path}{end}").unlink(missing_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(b"no database" * 1000)
    assert str(path) in patient.assert_finds("index", "warning", "index.db")["do"]
    assert path.read_bytes().startswith(b"no database")
    path.unlink()
    with sqlite3.connect(path) as database:
        database.execute("CREATE TABLE t(x)")
        database.executemany("INSERT INTO t VALUES(?)", [("x" * 500,)] * 100)
    database.close()
    content = bytearray(path.read_bytes())
    content[4096 * 3:4096 * 4] = os.urandom(4096)
    path.write_bytes(content)
    patient.assert_finds("index", "warning", "")


def test_a_private_key_that_others_may_read(patient: Patient) -> None:
    key = write(patient.store / "private.pem", b"")
    key.chmod(0o644)
    patient.assert_finds("key", "error", str(key))


def test_the_node_id_of_an_older_program_must_be_that_of_the_key(patient: Patient) -> None:
    body = base64.b64encode(bytes.fromhex("302e020100300506032b657004220420") + bytes(range(32))).decode()
    key = write(patient.store / "private.pem",
                f"-----BEGIN PRIVATE KEY-----\n{body}\n-----END PRIVATE KEY-----\n".encode())
    key.chmod(0o600)
    node = "03a107bff3ce10be1d70dd18e74bc09967e4d6309ba50d5f1ddc8664125531b8"  # A published vector.
    named = write(patient.store / "kachery-node-id", node.encode())
    assert patient.checks(OK)["node-id"]["status"] == "ok"
    assert node in patient.checks(OK)["key"]["what"]
    named.write_text(node[::-1])
    patient.assert_finds("node-id", "warning", "another node")


def test_what_was_left_behind_is_counted(patient: Patient) -> None:
    write(patient.store / "quarantine" / f"{'0' * 40}.12345678", b"x" * 2000)
    patient.assert_finds("quarantine", "warning", "1 files, 2.0 kB")
    write(patient.store / "sha1-trash/00/00/00" / ("0" * 40), b"x")
    patient.assert_finds("trash", "warning", "sha1-trash/ has 1 files")
    lock = write(patient.store / "tmp/session-0123456789abcdef.lock", b"")
    assert patient.checks(PARTLY)["sessions"]["status"] == "ok", "it may be about to be used"
    os.utime(lock, (1, 1))
    patient.assert_finds("sessions", "warning", "1 processes")
    with lock.open("rb") as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert patient.checks(PARTLY)["sessions"]["status"] == "ok", "its process lives"


class Installed:
    """A Python with kachery, laid out as pip does, and a copy of the program beside it."""

    def __init__(self, program: Program, prefix: Path):
        (prefix / "bin").mkdir(parents=True)
        self.program = Program(Path(shutil.copy(program.path, prefix / "bin/kachery")))
        self.site = prefix / "lib/python3.11/site-packages"
        version = (REPOSITORY / "VERSION").read_text().strip()
        self.install(f"kachery-{version}", {
            "kachery/__init__.py": b"ours", "kachery_cloud/__init__.py": b"ours", "../../../bin/kachery-load": b"ours"})

    def install(self, name: str, files: dict[str, bytes]) -> None:
        lines = []
        for path, content in files.items():
            write(self.site / path, content)
            digest = base64.urlsafe_b64encode(hashlib.sha256(content).digest()).decode().rstrip("=")
            lines.append(f"{path},sha256={digest},{len(content)}\n")
        record = f"{name}.dist-info/RECORD"
        write(self.site / record, "".join([*lines, f"{record},,\n"]).encode())


@pytest.fixture
def installed(program: Program, tmp_path: Path) -> Installed:
    return Installed(program, tmp_path / "prefix")


@pytest.fixture
def user(installed: Installed, tmp_path: Path) -> Patient:
    return Patient(installed.program, tmp_path / "home")


def test_an_installation_of_our_own_files_is_sound(installed: Installed, user: Patient) -> None:
    write(installed.site / "kachery/__pycache__/x.pyc", b"made by Python")
    installed.install("kachery_cloud-0.4.10", {})  # An empty distribution, for other packages' requirements.
    installed.install("other-1.0", {"other/__init__.py": b"x", "../../../bin/other": b"x"})
    checks = user.checks(OK)
    assert all(checks[name]["status"] == "ok" for name in ("installed-files", "foreign-files", "other-packages"))


def test_an_older_package_over_ours_is_named_with_the_way_back(installed: Installed, user: Patient) -> None:
    """What `pip install kachery-cloud` of an older release does."""
    installed.install("kachery_cloud-0.4.10", {
        "kachery_cloud/__init__.py": b"theirs", "kachery_cloud/store_file.py": b"theirs",
        "../../../bin/kachery-cloud-load": b"theirs"})
    todo = user.assert_finds("other-packages", "error", "kachery_cloud-0.4.10.dist-info")["do"]
    assert "pip uninstall kachery_cloud" in todo and "pip install --force-reinstall" in todo
    user.assert_finds("installed-files", "error", "kachery_cloud/__init__.py")
    user.assert_finds("foreign-files", "error", "kachery_cloud/store_file.py")


def test_missing_files_and_other_releases_are_named(installed: Installed, user: Patient) -> None:
    (installed.site / "../../../bin/kachery-load").resolve().unlink()
    user.assert_finds("installed-files", "error", "bin/kachery-load")
    installed.install("kachery-2.0.2", {"kachery/core.py": b"theirs"})
    user.assert_finds("installed-files", "error", "twice")
    for place in installed.site.glob("kachery-0*"):
        shutil.rmtree(place)
    user.assert_finds("installed-version", "error", "kachery-2.0.2")


def test_the_real_installation_is_sound(tmp_path: Path) -> None:
    path = Path(sys.executable).parent / "kachery"
    if not path.exists():
        pytest.skip("the Python package is not installed beside this Python")
    checks = Patient(Program(path), tmp_path).checks(OK)
    assert all(checks[name]["status"] == "ok" for name in ("installed-files", "foreign-files", "other-packages"))
