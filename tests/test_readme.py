"""The README's tour is run as it is printed, and so is what else the documents promise to work."""

from __future__ import annotations

import contextlib
import io
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent


def blocks(language: str) -> list[str]:
    text = (ROOT / "README.md").read_text()
    tour = text[text.index("## A tour") :]
    return re.findall(rf"```{language}\n(.*?)```", tour, re.DOTALL)


def test_the_python_of_the_tour_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "store"))
    source = "\n".join(blocks("python"))
    expected = [line[2:] for line in source.splitlines() if line.startswith("# ")]
    assert expected
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        exec(compile(source, "README.md", "exec"), {})
    assert printed.getvalue().splitlines() == expected


def test_the_console_of_the_tour_prints_what_it_says(tmp_path, monkeypatch):
    monkeypatch.setenv("KACHERY_DIR", str(tmp_path / "store"))
    monkeypatch.setenv("PATH", f"{Path(sys.executable).parent}:/usr/bin:/bin")
    script = "".join(blocks("console"))
    commands = [line[2:] for line in script.splitlines() if line.startswith("$ ")]
    expected = [line for line in script.splitlines() if not line.startswith("$ ")]
    assert commands
    monkeypatch.setenv("HOME", str(tmp_path))
    with (tmp_path / "printed").open("w+") as printed:
        # In a session of its own, so that a hub that it starts can be stopped whatever happens.
        shell = subprocess.Popen(["bash", "-ec", "\n".join(commands)], stdout=printed, stderr=subprocess.PIPE, text=True,
                                 cwd=tmp_path, start_new_session=True)
        try:
            shell.wait(60)
        finally:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(shell.pid, signal.SIGKILL)
        errors = shell.communicate()[1]
        printed.seek(0)
        assert printed.read().splitlines() == expected, errors


def test_every_link_in_the_documents_leads_somewhere():
    pages = [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("tests/*.md"), *ROOT.glob("bench/*.md")]
    missing = [
        f"{page.relative_to(ROOT)}: {target}"
        for page in pages
        for target in re.findall(r"\]\(([^)#]+)\)", page.read_text())
        if "://" not in target and not (page.parent / target).exists()
    ]
    assert missing == []
