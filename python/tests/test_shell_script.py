"""kachery_client.ShellScript: scripts in strings, run, waited for and stopped."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import kachery
import kachery_client as kc
import pytest


@pytest.fixture(autouse=True)
def temp_dir(tmp_path, monkeypatch):
    directory = tmp_path / "temp"
    monkeypatch.setenv("KACHERY_TEMP_DIR", str(directory))
    return directory


def ended_within(seconds, condition):
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.01)
    return True


def test_an_indented_script_runs_with_its_values_filled_in(capfd, temp_dir):
    script = kc.ShellScript("""

        #!/bin/bash
        set -e
        if true; then
            echo "hello {name}"
        fi
        exit 3
    """)
    script.substitute("{name}", 42)
    assert not script.isRunning() and not script.isFinished() and script.elapsedTimeSinceStart() is None
    script.start()
    assert script.wait() == 3
    assert script.returnCode() == 3 and script.isFinished() and not script.isRunning()
    assert 0 < script.elapsedTimeSinceStart() < 60
    assert capfd.readouterr().out == "hello 42\n"
    assert list(temp_dir.iterdir()) == [], "nothing of it is left"


def test_a_line_left_of_the_first_is_an_error_and_not_another_script():
    with pytest.raises(kachery.Invalid, match="First line must not be indented relative to others"):
        kc.ShellScript("\n    #!/bin/bash\n    echo a\n  echo b\n")


def test_what_a_script_prints_can_go_through_python(capsys):
    script = kc.ShellScript("#!/bin/bash\necho out\necho\necho err >&2\n", redirect_output_to_stdout=True)
    script.start()
    assert script.wait() == 0
    assert capsys.readouterr().out == "out\n\nerr\n"


def test_much_output_does_not_block_a_script_that_nobody_waits_for(capsys):
    script = kc.ShellScript("#!/bin/bash\nhead -c 1000000 /dev/zero | tr '\\0' x\n", redirect_output_to_stdout=True)
    script.start()
    assert ended_within(30, script.isFinished)
    assert len(capsys.readouterr().out) == 1_000_000


def test_a_script_is_written_where_it_is_asked_to_and_stays(tmp_path, capfd):
    script = kc.ShellScript("#!/bin/bash\necho hi\n", script_path=str(tmp_path / "x.sh"))
    script.write()
    assert (tmp_path / "x.sh").read_text() == "#!/bin/bash\necho hi\n"
    assert script.scriptPath() == str(tmp_path / "x.sh")
    script.start()
    assert script.wait() == 0
    assert (tmp_path / "x.sh").exists()
    other = kc.ShellScript("#!/bin/bash\n")
    other.write(str(tmp_path / "y.sh"))
    assert os.access(tmp_path / "y.sh", os.X_OK)
    with pytest.raises(kachery.Invalid, match="no path was given"):
        other.write()


def test_the_temporary_file_of_a_script_stays_if_it_is_asked_to(temp_dir):
    script = kc.ShellScript("#!/bin/bash\n", keep_temp_files=True)
    script.start()
    script.wait()
    assert len(list(temp_dir.glob("*/script.sh"))) == 1


def test_waiting_ends_after_its_time_and_the_script_goes_on():
    script = kc.ShellScript("#!/bin/bash\nsleep 60\n")
    script.start()
    assert script.wait(timeout=0.05) is None
    assert script.isRunning()
    script.kill()
    assert script.returnCode() == -signal.SIGKILL


def test_a_stopped_script_takes_what_it_has_started_with_it(tmp_path):
    """A signal to the shell alone would leave its children behind."""
    script = kc.ShellScript(f"#!/bin/bash\nsleep 60 &\necho $! > {tmp_path}/new\nmv {tmp_path}/new {tmp_path}/pid\nsleep 60\n")
    script.start()
    assert ended_within(10, (tmp_path / "pid").exists)
    child = int((tmp_path / "pid").read_text())
    assert script.stopWithSignal(signal.SIGTERM, 10) is True
    assert script.returnCode() == -signal.SIGTERM
    assert ended_within(10, lambda: not alive(child))


def alive(pid):
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return False
    return state != "Z"


def test_stop_ends_a_script_that_runs_a_program():
    script = kc.ShellScript("#!/bin/bash\nsleep 60\n")
    script.start()
    started = time.monotonic()
    script.stop()
    assert script.isFinished()
    assert time.monotonic() - started < 14, "the first signal was enough"


def test_a_script_that_does_not_end_is_reported_so():
    script = kc.ShellScript("#!/bin/bash\ntrap '' INT\nwhile true; do sleep 60; done\n")
    script.start()
    assert ended_within(10, lambda: ignores_interrupts(script))
    assert script.stopWithSignal(signal.SIGINT, 0.05) is False
    assert script.isRunning()
    script.kill()


def ignores_interrupts(script):
    status = Path(f"/proc/{script._process.pid}/status").read_text()
    ignored = next(line for line in status.splitlines() if line.startswith("SigIgn"))
    return int(ignored.split()[1], 16) & (1 << (signal.SIGINT - 1)) != 0


def test_the_result_of_a_script_that_has_not_ended_is_an_error():
    script = kc.ShellScript("#!/bin/bash\n")
    for ask in (script.returnCode, script.wait):
        with pytest.raises(kachery.Invalid, match="Cannot get return code before process is finished"):
            ask()
    script.stop()
    script.start()
    with pytest.raises(kachery.Invalid, match="started already"):
        script.start()
    script.wait()
