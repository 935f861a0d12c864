"""Resources: a machine hosts files that nobody has uploaded, another one asks for them by the resource's name.

The document "kachery-resource" runs here as its readers type it; what it does not say is below: asking by itself, waiting,
cancelling, who is told what, and many who ask at once.
"""

from __future__ import annotations

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from pathlib import Path
from typing import Iterator

import pytest
from harness import FAILED, INTERRUPTED, MISSING, OK, PARTLY, UNREACHABLE, USAGE, REPOSITORY, Program, sha1, wait_until, write
from hub import RunningHub, running_hub
from machine import Machine
from resource_daemon import Daemon, running_daemon

import kachery
import kachery_client as kc
import kachery_cloud as kcl

MISSION = Path(__file__).resolve().parent / "mission"
# What `npm install -g` in kachery-resource/ puts on the path.
SCRIPT = REPOSITORY / "kachery-resource" / "kachery-resource"
NOWHERE = "sha1://" + "0" * 40
MEMORY_MIB_MAX = 128
ASKERS = 16


@pytest.fixture(scope="module")
def hub(tmp_path_factory, program: Program) -> Iterator[RunningHub]:
    with running_hub(tmp_path_factory.mktemp("hub"), open=True, program=program) as hub:
        yield hub


@contextmanager
def hosting(machine: Machine, hub_url: str) -> Iterator[Daemon]:
    """The machine serves its files as the resource "lab"."""
    machine.run("resource", "register", "lab").expect(OK)
    with running_daemon(machine, hub_url) as daemon:
        daemon.wait_until_it_serves()
        yield daemon


@pytest.fixture(scope="module")
def lab(tmp_path_factory, program: Program, hub: RunningHub) -> Iterator[Daemon]:
    """A machine that hosts files, and serves them as the resource "lab"."""
    machine = Machine(program, tmp_path_factory.mktemp("lab"), hub.url)
    with hosting(machine, hub.url) as daemon:
        yield daemon


@pytest.fixture
def remote(program: Program, hub: RunningHub, tmp_path: Path) -> Machine:
    return Machine(program, tmp_path / "remote", hub.url)


def host(daemon: Daemon, content: bytes | None = None, label: str = "file.dat") -> str:
    """A file that is linked on the machine of a daemon, and nowhere else: its URI."""
    content = os.urandom(1000) if content is None else content
    path = write(daemon.machine.path / "files" / f"{sha1(content)}-{label}", content)
    with daemon.machine.here():
        return kcl.link_file(path)


def count(daemon: Daemon, what: str) -> int:
    """How many lines of the daemon begin so."""
    return sum(line.startswith(what) for line in daemon.lines())


def large(daemon: Daemon, mib: int) -> str:
    return host(daemon, random.Random(time.monotonic_ns()).randbytes(1 << 20) * (mib - 1) + os.urandom(1 << 20))


# --- The document


def test_the_document(tmp_path, program):
    """init with its prompts, registering, share, link_file on one machine; request_file and load_file on the other."""

    def run(machine: Machine, script: str, *words: str) -> str:
        done = subprocess.run([sys.executable, MISSION / script, *words], env=machine.environment, capture_output=True,
                              text=True, timeout=120)
        assert done.returncode == 0, done.stderr
        return done.stdout

    with running_hub(tmp_path, open=True, program=program) as hub:
        host, remote = (Machine(program, tmp_path / name, hub.url) for name in ("host", "remote"))
        environment = host.environment | {"KACHERY_PROGRAM": str(program.path)}
        configuration = host.path / "example_resource"
        configuration.mkdir()
        answers = ["example_resource", ".", "2", hub.url, ""]
        said = subprocess.run([SCRIPT, "init"], input="".join(f"{answer}\n" for answer in answers), env=environment,
                              cwd=configuration, capture_output=True, text=True, timeout=60)
        assert said.returncode == 0, said.stderr
        prompts = ["Resource name", "Kachery zone", "Maximum concurrent uploads", "Proxy URL", "Proxy secret"]
        places = [(said.stdout + said.stderr).find(prompt) for prompt in prompts]
        assert -1 not in places and places == sorted(places), said
        assert said.stdout.endswith("Wrote ./kachery-resource.yaml\n"), said
        host.run("resource", "register", "example_resource").expect(OK)
        log = host.path / "log"
        with log.open("wb") as output:
            share = subprocess.Popen([SCRIPT, "share"], cwd=configuration, env=environment, stdin=subprocess.DEVNULL,
                                     stdout=output, stderr=subprocess.STDOUT)
        try:
            acknowledged = "Connection acknowledged by proxy server"
            wait_until(lambda: acknowledged in log.read_text() or share.poll() is not None, "the daemon serves", 30)
            text = "recorded here, and never uploaded\n"
            uri = run(host, "resource_link.py", str(write(tmp_path / "file.dat", text.encode()))).strip()
            assert uri == f"sha1://{sha1(text.encode())}", log.read_text()
            assert run(remote, "resource_request.py", uri) == text + "\n", log.read_text()
            assert remote.has(uri), "it was checked, and is here now"
            assert f"Resource URL: {hub.url}/r/example_resource" in log.read_text()
            assert "Upload request: " in log.read_text()
        finally:
            share.terminate()
            assert share.wait(20) == 0, log.read_text()


def test_the_installation_of_the_document(tmp_path, program, lab):
    """`npm install -g` from the clone puts the built program on the path under its name."""
    npm = shutil.which("npm")
    if npm is None:
        pytest.skip("npm is not installed")
    environment = lab.machine.environment | {
        "KACHERY_PROGRAM": str(program.path),
        "npm_config_prefix": str(tmp_path), "npm_config_cache": str(tmp_path / "cache"), "npm_config_offline": "true",
        "npm_config_update_notifier": "false", "npm_config_audit": "false", "npm_config_fund": "false", "HOME": str(tmp_path)}
    for _ in range(2):  # "To get subsequent updates" is the same again.
        done = subprocess.run([npm, "install", "-g"], cwd=SCRIPT.parent, env=environment, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr
    assert {path.name for path in SCRIPT.parent.iterdir()} == {"README.md", "kachery-resource", "package.json"}
    installed = tmp_path / "bin" / "kachery-resource"
    for words in (["--help"], ["share", "--help"]):
        helped = subprocess.run([installed, *words], env=environment, capture_output=True, text=True, timeout=60)
        assert helped.returncode == 0, helped.stderr
        assert "init" in helped.stdout or words[0] == "share"
    assert "share" in subprocess.run([installed, "--help"], env=environment, capture_output=True, text=True).stdout


def test_the_script_says_where_the_program_would_be(tmp_path):
    script = shutil.copy(SCRIPT, tmp_path / "kachery-resource")
    done = subprocess.run([script, "--help"], env={"PATH": "/usr/bin:/bin"}, capture_output=True, text=True, timeout=60)
    assert done.returncode == 1
    assert "scripts/quickstart" in done.stderr and "KACHERY_PROGRAM" in done.stderr


# --- request_file


def test_all_nine_fields_say_how_it_is(lab, remote):
    uri = host(lab, b"0123456789" + os.urandom(10))
    with remote.here():
        result = kcl.request_file(uri, resource="lab", timeout_sec=30)
        assert result == kcl.RequestFileResult(
            found=True, queued=False, completed=True, running=False, local=False, errored=False, error_message="", size=20,
            bytes_uploaded=20), result
        assert kcl.load_bytes(uri, 0, 10) == b"0123456789"
        again = kcl.request_file(uri, resource="lab", timeout_sec=30)
        assert (again.completed, again.local, again.size) == (True, True, 20)
        nothing = kcl.request_file(NOWHERE, resource="lab", timeout_sec=30)
        assert (nothing.found, nothing.queued, nothing.completed, nothing.running) == (False, False, False, False)
        assert (nothing.local, nothing.errored, nothing.size, nothing.bytes_uploaded) == (False, False, None, None)


@pytest.mark.parametrize("how", ["resource", "resource_url", "environment", "kachery"])
def test_a_resource_is_named_in_four_ways(lab, remote, hub, how, monkeypatch):
    uri = host(lab)
    address = f"{hub.url}/r/lab"
    with remote.here():
        if how == "environment":
            monkeypatch.setenv("KACHERY_RESOURCE_URL", address)
        request = {
            "resource": lambda: kcl.request_file(uri, resource="lab", timeout_sec=30),
            "resource_url": lambda: kcl.request_file(uri, resource_url=address, timeout_sec=30),
            "environment": lambda: kcl.request_file(uri, timeout_sec=30),
            "kachery": lambda: kachery.request_file(uri, resource="lab", timeout_sec=30),
        }[how]
        assert request().completed
        monkeypatch.delenv("KACHERY_RESOURCE_URL", raising=False)
        assert Path(kachery.load_file(uri)).stat().st_size == 1000


def test_an_address_that_is_not_the_hubs_is_asked_as_the_older_program_asked(lab, remote, hub):
    """Here the hub itself answers, under a name that the settings do not have: by gen2's POST, unsigned."""
    uri, elsewhere = host(lab), f"{hub.url.replace('127.0.0.1', 'localhost')}/r/lab"
    with remote.here():
        kcl.init()
        assert kcl.request_file(uri, resource_url=elsewhere, timeout_sec=30).completed
        assert kcl.request_file(NOWHERE, resource_url=elsewhere, timeout_sec=30).found is False
        with pytest.raises(kachery.Unavailable, match="gone"):
            kcl.request_file(NOWHERE, resource_url=elsewhere.replace("lab", "gone"), timeout_sec=30)
        waiting = kcl.request_file(large(lab, 100), resource_url=elsewhere, timeout_sec=0)
        if not waiting.completed:
            with pytest.raises(kachery.Unavailable, match="cancelled"):
                waiting.cancel()
            assert waiting.wait(60).completed


def test_what_is_here_or_in_the_zone_is_asked_of_nobody_unless_that_is_wanted(lab, remote):
    uri = host(lab)
    with remote.here():
        kcl.store_file_local(write(remote.path / "same", Path(kachery.load_file(uri, resource="lab")).read_bytes()))
        requests = count(lab, "Upload request")
        assert kcl.request_file(uri, resource="lab", timeout_sec=30).local
        in_zone = kcl.request_file(uri, resource="lab", timeout_sec=30, ignore_local=True)
        assert (in_zone.completed, in_zone.local, in_zone.size) == (True, False, 1000)
        assert count(lab, "Upload request") == requests
        asked = kcl.request_file(uri, resource="lab", timeout_sec=30, ignore_local=True, ignore_bucket=True)
        assert asked.completed and not asked.local
        wait_until(lambda: count(lab, "Upload request") == requests + 1, "the daemon was asked")


def test_a_resource_that_cannot_be_asked_is_said_to_be_so(lab, remote, hub):
    with remote.here():
        with pytest.raises(kachery.NotFound, match="Resource not found in zone: other"):
            kcl.request_file(NOWHERE, resource="other", timeout_sec=5)
        with pytest.raises(kachery.Invalid, match="KACHERY_RESOURCE_URL"):
            kcl.request_file(NOWHERE, timeout_sec=5)
        with pytest.raises(kachery.Invalid, match="twice"):
            kcl.request_file(NOWHERE, resource="lab", resource_url=f"{hub.url}/r/lab", timeout_sec=5)
        for wrong in (-1, float("nan")):
            with pytest.raises(kachery.Invalid, match="timeout"):
                kcl.request_file(NOWHERE, resource="lab", timeout_sec=wrong)
        remote.run("resource", "register", "unserved").expect(OK)
        begun = time.monotonic()
        try:
            away = kcl.request_file(NOWHERE, resource="unserved", timeout_sec=60)
            assert away.errored and not away.found, away
            reason = away.error_message
        except kachery.Unavailable as error:
            reason = str(error)
        assert "nobody serves the resource unserved" in reason, reason
        assert time.monotonic() - begun < 30, "it is known at once, and nobody waits for it"
        remote.run("resource", "remove", "unserved").expect(OK)


def test_a_changed_linked_file_is_refused_with_its_reason(lab, remote):
    uri = host(lab)
    [path] = (lab.machine.path / "files").glob(f"{kachery.URI(uri).digest}-*")
    path.write_bytes(os.urandom(1000))
    with remote.here():
        result = kcl.request_file(uri, resource="lab", timeout_sec=30)
    assert not result.completed and "changed" in result.error_message, result


def test_waiting_ends_when_it_is_done_and_progress_is_told(lab, remote):
    uri = large(lab, 100)
    told: list[tuple[int, int]] = []
    with remote.here():
        result = kcl.request_file(uri, resource="lab", timeout_sec=0)
        assert not result.completed and not result.errored, result
        assert result.wait(60, progress=lambda done, total: told.append((done, total))) is result
        assert result.completed and result.size == result.bytes_uploaded == 100 << 20, result
        assert told and told == sorted(told) and all(done <= total for done, total in told if total)
        assert result.wait(0) is result, "nobody is asked any more"


def test_a_time_that_is_over_leaves_the_upload_going_on(lab, remote):
    uri = large(lab, 100)
    with remote.here():
        begun = time.monotonic()
        result = kcl.request_file(uri, resource="lab", timeout_sec=0.1)
        assert time.monotonic() - begun < 5
        assert not result.completed, "100 MiB take longer than a tenth of a second"
        wait_until(lambda: kcl.load_file_info(uri) is not None, "it is uploaded without anybody who waits", 60)
        assert kcl.request_file(uri, resource="lab", timeout_sec=0).completed


def test_what_is_cancelled_is_not_uploaded(lab, remote):
    uri = large(lab, 300)
    with remote.here():
        result = kcl.request_file(uri, resource="lab", timeout_sec=0)
        result.cancel()
        assert (result.queued, result.running, result.completed) == (False, False, False)
        result.cancel()  # Nothing is left of it.
        later = kcl.request_file(NOWHERE, resource="lab", timeout_sec=30)
        assert later.found is False, "the daemon answers, and is done with the first one"
        assert kcl.load_file_info(uri) is None
        assert kcl.request_file(uri, resource="lab", timeout_sec=60).completed, "asked anew, it comes"


def test_a_wait_can_be_interrupted(lab, remote):
    uri = large(lab, 300)
    code = (f"import kachery_cloud as kcl\ntry:\n  kcl.request_file({uri!r}, resource='lab', timeout_sec=0)\n"
            "  print('asked', flush=True)\n"
            f"  kcl.request_file({uri!r}, resource='lab', timeout_sec=600, ignore_bucket=True).wait()\n"
            "  print('waited')\nexcept KeyboardInterrupt: print('stopped')")
    process = subprocess.Popen([sys.executable, "-c", code], env=remote.environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout.readline() == "asked\n"
        process.send_signal(signal.SIGINT)
        assert process.communicate(timeout=5)[0] == "stopped\n"
    finally:
        process.kill()
        process.wait()


# --- Loading asks by itself, where that was chosen


LOADS = {
    "kachery.load_bytes": lambda uri: kachery.load_bytes(uri),
    "kachery.load_file": lambda uri: Path(kachery.load_file(uri)).read_bytes(),
    "kachery.open": lambda uri: kachery.open(uri).read(),
    "kachery_cloud.load_file": lambda uri: Path(kcl.load_file(uri)).read_bytes(),
    "kachery_cloud.load_file, do_request": lambda uri: Path(kcl.load_file(uri, do_request=True)).read_bytes(),
    "kachery_cloud.load_bytes": lambda uri: kcl.load_bytes(uri, None, None),
    "kachery_client.load_file": lambda uri: Path(kc.load_file(uri)).read_bytes(),
}


@pytest.mark.parametrize("name", LOADS)
def test_loading_asks_the_resource_of_the_environment(lab, remote, hub, name):
    content = os.urandom(2000)
    uri = host(lab, content)
    remote.variables["KACHERY_RESOURCE_URL"] = f"{hub.url}/r/lab"
    with remote.here():
        assert LOADS[name](uri) == content


def test_loading_asks_the_resource_that_is_named(lab, remote):
    with remote.here():
        assert len(kachery.load_bytes(host(lab), resource="lab")) == 1000
        assert kachery.load_text(host(lab, b"text " + os.urandom(8).hex().encode()), resource="lab").startswith("text")
        assert kachery.info(host(lab), resource="lab").kind == "object"
        with pytest.raises(kachery.Invalid, match="give one of the two"):
            kachery.load_file(NOWHERE, resource="lab", local_only=True)


def test_the_program_asks_the_resource_that_is_named(lab, remote, hub):
    content = os.urandom(500)
    assert remote.run("cat", host(lab, content), "--resource", "lab").expect(OK).stdout == content
    remote.run("load", host(lab), "--resource", "lab").expect(OK)
    remote.run("info", host(lab), "--resource", "lab").expect(OK)
    uri = host(lab)
    remote.run("load", uri).expect(MISSING)
    remote.run("load", uri, "--resource", "lab", "--local").expect(USAGE)
    remote.variables["KACHERY_RESOURCE_URL"] = f"{hub.url}/r/lab"
    remote.run("load", uri, "--local").expect(MISSING)
    remote.run("load", uri).expect(OK)
    for name in ("kachery-cloud-load", "kachery-load"):
        assert remote.run("--as", name, host(lab)).expect(OK).stdout
    for name in ("kachery-cloud-cat", "kachery-cat"):
        assert remote.run("--as", name, host(lab, content + name.encode())).expect(OK).stdout == content + name.encode()


def test_nobody_is_asked_where_that_was_not_chosen(lab, remote, hub, capfd):
    uri = host(lab)
    with remote.here():
        assert kcl.load_file(uri) is None
        assert kcl.load_file(uri, do_request=True) is None
        assert "KACHERY_RESOURCE_URL is not set" in capfd.readouterr().err
    remote.variables["KACHERY_RESOURCE_URL"] = f"{hub.url}/r/lab"
    with remote.here():
        assert kcl.load_file(uri, do_request=False) is None
        assert kcl.load_file(uri, local_only=True) is None
        assert kcl.load_file_info(uri) is None, "it only looks"
        with pytest.raises(kachery.NotFound):
            kachery.load_file(uri, local_only=True)
    assert kachery.URI(uri).digest not in "".join(lab.lines())


def test_a_miss_says_that_the_resource_was_asked_and_what_it_answered(lab, remote, hub, capfd):
    with remote.here():
        with pytest.raises(kachery.NotFound, match="the resource lab was asked, and does not have it"):
            kachery.load_file(NOWHERE, resource="lab")
    remote.variables["KACHERY_RESOURCE_URL"] = f"{hub.url}/r/lab"
    with remote.here():
        assert kcl.load_text(NOWHERE) is None
        assert "the resource lab was asked, and does not have it" in capfd.readouterr().err
    outcome = remote.run("load", NOWHERE).expect(MISSING)
    assert "the resource lab was asked" in outcome.stderr and str(remote.store) in outcome.stderr
    remote.variables["KACHERY_RESOURCE_URL"] = f"{hub.url}/r/gone"
    with remote.here(), pytest.raises(kachery.KacheryError, match="gone"):
        kachery.load_file(NOWHERE)


# --- The commands, and doctor


def test_a_name_is_registered_shown_and_taken_back(remote, hub, tmp_path):
    registered = json.loads(remote.run("resource", "register", "mine", "--json").expect(OK).stdout)
    assert registered["name"] == "mine" and registered["url"] == f"{hub.url}/r/mine" and not registered["connected"]
    assert json.loads(remote.run("resource", "show", "mine", "--json").expect(OK).stdout) == registered
    assert "mine\t" in remote.run("resource", "list").expect(OK).stdout.decode()
    other = Machine(remote.program, tmp_path / "other", hub.url)
    refused = other.run("resource", "register", "mine")
    assert refused.code != OK and "mine" in refused.stderr, "it is another node's"
    assert other.run("resource", "remove", "mine").code != OK
    remote.run("resource", "register", "mine", "--url", "https://proxy.example", "--older").expect(OK)
    changed = json.loads(remote.run("resource", "show", "mine", "--json").expect(OK).stdout)
    assert changed["url"] == "https://proxy.example/r/mine" and changed["older"]
    remote.run("resource", "register", "mine", "--url", "nonsense").expect(USAGE)
    remote.run("resource", "remove", "mine").expect(OK)
    missing = remote.run("resource", "show", "mine").expect(MISSING)
    assert "kachery resource register mine" in missing.stderr


def test_doctor_says_who_could_be_asked(lab, remote, hub):
    def resources(code: int, uri: str) -> list[dict]:
        checks = json.loads(remote.run("doctor", "--json", uri).expect(code).stdout)["checks"]
        return [check for check in checks if check["name"] == "resource"]

    remote.run("init").expect(OK)
    uri = host(lab)
    [check] = [check for check in resources(FAILED, uri) if "the resource lab " in check["what"]]
    assert check["status"] == "ok" and "--resource lab" in check["do"], check
    for name, status, says in (("lab", "ok", "is connected"), ("none", "error", "none of that name is registered")):
        remote.variables["KACHERY_RESOURCE_URL"] = f"{hub.url}/r/{name}"
        [check] = resources(FAILED, uri)
        assert check["status"] == status and says in check["what"], check
    remote.run("resource", "register", "idle").expect(OK)
    remote.variables["KACHERY_RESOURCE_URL"] = f"{hub.url}/r/idle"
    [check] = resources(FAILED, uri)
    assert check["status"] == "warning" and "kachery-resource share" in check["do"], check
    remote.run("resource", "remove", "idle").expect(OK)
    remote.variables["KACHERY_RESOURCE_URL"] = "nonsense"
    [check] = resources(FAILED, uri)
    assert check["status"] == "error" and "HUB/r/NAME" in check["do"], check
    del remote.variables["KACHERY_RESOURCE_URL"]
    remote.run("load", uri, "--resource", "lab").expect(OK)
    assert not resources(OK, uri), "what is there needs nobody"


# --- Hubs that go away, and many who ask


def test_whoever_asks_goes_on_asking_when_the_hub_is_started_anew(tmp_path, program):
    with running_hub(tmp_path, open=True, program=program) as hub:
        host_machine, remote = (Machine(program, tmp_path / name, hub.url) for name in ("host", "remote"))
        with hosting(host_machine, hub.url) as daemon:
            uri = large(daemon, 400)
            loading = remote.start("load", uri, "--resource", "lab")
            wait_until(lambda: count(daemon, "Starting upload") > 0, "it is uploaded", 30)
            hub.restart(signal.SIGKILL)
            stdout, stderr = loading.communicate(timeout=120)
            assert loading.returncode == OK, stderr
            assert remote.has(uri) and stdout


def peak_mib(pid: int) -> float:
    """The peak of a process's resident set, since its start; 0 for one that has ended."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return max((int(line.split()[1]) / 1024 for line in lines if line.startswith("VmHWM")), default=0)


def peak_mib_until_ended(processes: list[subprocess.Popen[bytes]]) -> float:
    """Of the largest, as they were seen last. (What wait4 gives counts the process that started them.)"""
    largest = 0.0

    def ended() -> bool:
        nonlocal largest
        largest = max([largest, *(peak_mib(process.pid) for process in processes)])
        # Not reaped before it was looked at.
        return all(os.waitid(os.P_PID, process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) for process in processes)

    wait_until(ended, "all clients end", 600)
    return largest


def test_many_askers_of_one_file_are_one_upload(tmp_path, program, campaign, outcome):
    """And nobody's memory grows with the file."""
    size = campaign("resource") << 20
    with running_hub(tmp_path, open=True, program=program) as hub:
        host_machine = Machine(program, tmp_path / "host", hub.url)
        with hosting(host_machine, hub.url) as daemon:
            path = host_machine.path / "large"
            with path.open("wb") as file:
                for _ in range(size >> 20):
                    file.write(os.urandom(1 << 20))
            with host_machine.here():
                uri = kcl.link_file(path)
            askers = [Machine(program, tmp_path / f"remote-{number}", hub.url) for number in range(ASKERS)]
            begun = time.monotonic()
            processes = [asker.start("load", "-q", uri, "--resource", "lab", stdout=subprocess.DEVNULL) for asker in askers]
            clients_mib = peak_mib_until_ended(processes)
            for process in processes:
                assert process.wait() == OK, process.stderr.read()
                process.stderr.close()
            seconds = time.monotonic() - begun
            assert all(asker.has(uri) for asker in askers)
            assert count(daemon, "Starting upload") == 1
            received = hub.metric("kachery_hub_received_bytes_total")
            assert size <= received < 1.05 * size + (1 << 20), f"{received / size:.2f} times the file came to the hub"
            memory = {"hub": peak_mib(hub.process.pid), "daemon": peak_mib(daemon.process.pid), "client": clients_mib}
            outcome(f"{ASKERS} askers of {size >> 20} MiB: one upload, {seconds:.1f} s, peak "
                    + ", ".join(f"{name} {mib:.0f} MiB" for name, mib in memory.items()))
            assert max(memory.values()) <= MEMORY_MIB_MAX, memory
