"""Completions, in the shells themselves, and the manual, by groff: both are made from the program's own grammar."""

from __future__ import annotations

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from harness import MISSING, OK, USAGE, Program, clean_environment


@pytest.fixture(params=["bash", "zsh", "fish"])
def shell(request: pytest.FixtureRequest) -> str:
    if shutil.which(request.param) is None:
        pytest.skip(f"{request.param} is not installed")
    return request.param


# Each prints what the shell offers for the line in $1, one a line. zsh completes only on a terminal, so what its
# completion system gives to functions is set here, and compadd prints.
ASK = {
    "bash": """
        source "$2"
        [[ $(complete -p kachery) == *'-F _kachery kachery' ]] || exit 9
        read -ra COMP_WORDS <<< "$1"; [[ $1 == *' ' ]] && COMP_WORDS+=('')
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        _kachery; printf '%s\\n' "${COMPREPLY[@]}" """,
    "zsh": """
        autoload -Uz compinit && compinit -u -D
        source "$2"
        [[ $_comps[kachery] == _kachery ]] || exit 9
        compadd() { shift; print -rl -- "$@" }
        _files() { : }
        words=(${(z)1}); [[ $1 == *' ' ]] && words+=(''); CURRENT=$#words
        _kachery""",
    "fish": """source "$argv[2]"; complete -C "$argv[1]" """,
}


def offers(program: Program, shell: str, line: str, tmp_path: Path) -> set[str]:
    script = tmp_path / f"completion.{shell}"
    script.write_bytes(program.run("completion", shell).expect(OK).stdout)
    command = {"bash": ["bash", "--norc", "-c", ASK["bash"], "bash"], "zsh": ["zsh", "-f", "-c", ASK["zsh"], "zsh"],
               "fish": ["fish", "--no-config", "-c", ASK["fish"]]}[shell]
    done = subprocess.run([*command, line, script], capture_output=True, text=True, timeout=60, cwd=tmp_path,
                          env=clean_environment() | {"HOME": str(tmp_path), "TERM": "dumb"})
    assert done.returncode == 0, done
    assert "error" not in done.stderr.lower() and "unexpected" not in done.stderr.lower(), done.stderr
    return {offer.split("\t")[0].strip() for offer in done.stdout.splitlines()}


def test_commands_groups_options_and_choices_are_offered(program: Program, shell: str, tmp_path: Path) -> None:
    commands = offers(program, shell, "kachery ", tmp_path)
    assert {"store", "load", "context", "doctor"} <= commands
    assert "create" not in commands
    group = offers(program, shell, "kachery context ", tmp_path)
    assert {"list", "create", "use"} <= group
    assert "store" not in group
    assert {"bash", "zsh", "fish"} <= offers(program, shell, "kachery completion ", tmp_path)
    options = offers(program, shell, "kachery --version context create --zone z -", tmp_path)
    assert {"--gateway-url", "--json"} <= options
    assert "--show-origin" not in options


def test_a_beginning_narrows_what_is_offered(program: Program, tmp_path: Path) -> None:
    assert offers(program, "bash", "kachery st", tmp_path) == {"store"}
    assert offers(program, "bash", "kachery store --fr", tmp_path) == {"--from"}
    assert offers(program, "bash", "kachery store some/file", tmp_path) == {""}, "bash then offers files"


def test_only_known_shells_have_a_script(program: Program) -> None:
    assert "tcsh" in program.run("completion", "tcsh").expect(USAGE).stderr


def test_every_page_of_the_manual_is_good_roff(program: Program, tmp_path: Path) -> None:
    groff = shutil.which("groff")
    if groff is None:
        pytest.skip("groff is not installed")
    program.run("manual", "--into", tmp_path).expect(OK)
    pages = sorted(tmp_path.glob("*.1"))
    assert {"kachery.1", "kachery-store.1", "kachery-context.1", "kachery-context-create.1"} <= {p.name for p in pages}
    for page in pages:
        done = subprocess.run([groff, "-man", "-Tascii", "-ww", page], capture_output=True, text=True)
        assert (done.returncode, done.stderr) == (0, ""), page
    shown = subprocess.run([groff, "-man", "-Tascii", "-P-cbou", tmp_path / "kachery-store.1"], capture_output=True,
                           text=True, check=True).stdout
    assert "--null" in shown and "NUL byte" in shown and "PATH" in shown
    assert "COMMANDS" in (tmp_path / "kachery.1").read_text()


def test_a_page_of_what_is_no_command_is_a_miss(program: Program) -> None:
    assert "frobnicate" in program.run("manual", "frobnicate").expect(MISSING).stderr
    whole = program.run("manual").expect(OK).stdout
    assert whole.startswith(b".TH KACHERY 1 ")
    assert program.run("manual", "context", "list").expect(OK).stdout.startswith(b".TH KACHERY\\-CONTEXT\\-LIST 1 ")


def test_they_are_installed_where_shells_and_man_look() -> None:
    prefix = Path(sys.executable).parent.parent
    if not (prefix / "bin/kachery").exists():
        pytest.skip("the Python package is not installed beside this Python")
    for path in ("bash-completion/completions/kachery", "zsh/site-functions/_kachery",
                 "fish/vendor_completions.d/kachery.fish", "man/man1/kachery.1", "man/man1/kachery-store.1"):
        assert (prefix / "share" / path).stat().st_size > 0, path
