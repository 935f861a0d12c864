"""ShellScript: a script in a string, run in a process of its own."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import threading
import time
from typing import IO, Any

from kachery import Invalid, _temporary

from ._directories import _kachery_temp_dir

# How long `stop` waits after each signal before it sends the next.
_patience_seconds = 15
# How long its output is read on after it ended.
_last_words_seconds = 1


class ShellScript:
    """A script that is written to a file, run, and waited for or stopped.

    Parameters
    ----------
    script : str
        The text. Blank lines before it, and the indentation of its first line everywhere, are taken away; it should
        begin with ``#!`` and an interpreter.
    script_path : str, optional
        Where to write it. Default: a temporary file, which goes with the process.
    keep_temp_files : bool
        Keep that temporary file.
    verbose : bool
        Say on standard error what is run.
    label : str
        A name for the script in messages.
    redirect_output_to_stdout : bool
        Pass everything that it prints through Python's ``sys.stdout``, into a notebook, say.
    """

    def __init__(
        self,
        script: str,
        script_path: str | None = None,
        keep_temp_files: bool = False,
        verbose: bool = False,
        label: str = "",
        redirect_output_to_stdout: bool = False,
    ) -> None:
        self._script = _without_indentation(script)
        self._script_path = script_path
        self._keep = keep_temp_files or os.environ.get("KACHERY_KEEP_TEMP_FILES") == "1"
        self._verbose = verbose
        self._label = label
        self._redirect = redirect_output_to_stdout
        self._process: subprocess.Popen[bytes] | None = None
        self._directory: _temporary.Temporary | None = None
        self._reader: threading.Thread | None = None
        self._started = 0.0
        self._ended: float | None = None

    def substitute(self, old: str, new: Any) -> None:
        """Replace a text in the script by another, or by ``str`` of whatever `new` is."""
        self._script = self._script.replace(old, str(new))

    def write(self, script_path: str | None = None) -> None:
        """Write the script, executable, to `script_path`, or to the path that was given at first."""
        path = script_path or self._script_path
        if path is None:
            raise Invalid("a shell script cannot be written: no path was given, neither here nor at first")
        with open(path, "w", encoding="utf-8") as file:
            file.write(self._script)
        os.chmod(path, 0o744)

    def start(self) -> None:
        """Run the script in the current directory, with this process's environment. Returns at once."""
        if self._process is not None:
            raise Invalid("the shell script was started already")
        path = self._script_path
        if path is None:
            self._directory = _temporary.Temporary(_kachery_temp_dir(), "tmp_shellscript", not self._keep)
            path = os.path.join(self._directory.__enter__(), "script.sh")
        self.write(path)
        if self._verbose:
            print(f"kachery: running shell script {self._label or path}", file=sys.stderr)
        self._started = time.monotonic()
        # A session of its own, so that a signal reaches what the script has started too.
        self._process = subprocess.Popen(
            [os.path.abspath(path)],
            stdout=subprocess.PIPE if self._redirect else None,
            stderr=subprocess.STDOUT if self._redirect else None,
            start_new_session=True,
        )
        if self._redirect:
            self._reader = threading.Thread(target=_pass_on, args=(self._process.stdout,), daemon=True)
            self._reader.start()

    def wait(self, timeout: float | None = None) -> int | None:
        """Wait for the end, at most `timeout` seconds; the return code, or None if it still runs."""
        process = self._running_or_ended()
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return None
        except KeyboardInterrupt:
            self.stop()
            raise
        self._clean_up()
        return process.returncode

    def stop(self) -> None:
        """Interrupt the script, then terminate it, then kill it, with 15 s for it to end after each."""
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            if self.stopWithSignal(number, _patience_seconds):
                return

    def kill(self) -> None:
        """Kill the script, and what it has started."""
        self.stopWithSignal(signal.SIGKILL, _patience_seconds)

    def stopWithSignal(self, sig: int, timeout: float) -> bool:
        """Send a signal to the script, and to what it has started; whether it ended within `timeout` seconds."""
        if not self.isRunning():
            return True
        process = self._running_or_ended()
        os.killpg(process.pid, sig)
        try:
            process.wait(timeout)
        except subprocess.TimeoutExpired:
            return False
        self._clean_up()
        return True

    def elapsedTimeSinceStart(self) -> float | None:
        """Seconds since the start, up to the end if it has ended; None before."""
        if self._process is None:
            return None
        return (time.monotonic() if self.isRunning() else self._ended or 0.0) - self._started

    def isRunning(self) -> bool:
        """Whether it was started and has not ended."""
        if self._process is None:
            return False
        if self._process.poll() is None:
            return True
        self._clean_up()
        return False

    def isFinished(self) -> bool:
        """Whether it has ended."""
        return self._process is not None and not self.isRunning()

    def returnCode(self) -> int | None:
        """What it ended with; minus the signal that ended it."""
        if not self.isFinished():
            raise Invalid("Cannot get return code before process is finished.")
        return self._running_or_ended().returncode

    def scriptPath(self) -> str | None:
        """The path that was given at first."""
        return self._script_path

    def _running_or_ended(self) -> subprocess.Popen[bytes]:
        if self._process is None:
            raise Invalid("Cannot get return code before process is finished. It was not even started")
        return self._process

    def _clean_up(self) -> None:
        if self._ended is None:
            self._ended = time.monotonic()
        if self._reader is not None:
            # What the script has left running may hold its output open for ever.
            self._reader.join(_last_words_seconds)
            self._reader = None
        if self._directory is not None:
            self._directory.__exit__(None, None, None)
            self._directory = None


def _pass_on(output: IO[bytes]) -> None:
    for line in output:
        sys.stdout.write(line.decode("utf-8", "replace"))


def _without_indentation(script: str) -> str:
    lines = script.split("\n")
    while lines and not lines[0].strip():
        del lines[0]
    if not lines:
        return ""
    first = len(lines[0]) - len(lines[0].lstrip(" "))
    for line in lines:
        if line.strip() and not line.startswith(" " * first):
            raise Invalid("Problem in script. First line must not be indented relative to others")
    return "\n".join(line[first:] for line in lines)
