"""Settings as docs/guide/configuration.md describes them, by the program."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from harness import MISSING, OK, USAGE, FAILED, Outcome, Program, clean_environment


class Home:
    """A user with a home of their own."""

    def __init__(self, program: Program, path: Path):
        self.program = program
        self.path = path
        self.file = path / ".config/kachery/config.yaml"

    def run(self, *arguments, **variables: str) -> Outcome:
        return self.program.run(*arguments, env=clean_environment() | {"HOME": str(self.path)} | variables)

    def json(self, *arguments, **variables: str) -> dict:
        return json.loads(self.run(*arguments, "--json", **variables).expect(OK).stdout)

    def setting(self, name: str, *flags, **variables: str) -> tuple:
        item = self.json("config", name, *flags, **variables)["settings"][name]
        return item["value"], item["origin"]

    def write(self, text: str) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        self.file.write_text(text)


@pytest.fixture
def home(program: Program, tmp_path: Path) -> Home:
    return Home(program, tmp_path)


def test_config_says_what_holds_and_who_said_so(home: Home) -> None:
    assert home.setting("directory") == (f"{home.path}/.kachery", "default")
    assert home.setting("zone", KACHERY_ZONE="z") == ("z", "KACHERY_ZONE")
    assert home.setting("directory", "--dir", "/d", KACHERY_DIR="/e") == ("/d", "--dir")
    home.write("zone: mine\nmaxCacheSizeGiB: 2.5\n")
    assert home.setting("zone") == ("mine", str(home.file))
    assert home.setting("maxCacheSizeGiB") == (2.5, str(home.file))
    assert home.setting("configDirectory", KACHERY_CONFIG_DIR="/c") == ("/c", "KACHERY_CONFIG_DIR")
    assert home.setting("stateDirectory", XDG_STATE_HOME="/s") == ("/s/kachery", "XDG_STATE_HOME")
    lines = home.run("config", "--show-origin").expect(OK).stdout.decode().splitlines()
    assert f"zone:              mine  ({home.file})" in lines
    assert home.run("config", "zone").expect(OK).stdout == b"mine\n"
    assert "gatewayUrl" in home.run("config", "frobnicate").expect(USAGE).stderr
    assert not (home.path / ".kachery").exists() and not (home.path / ".local").exists(), "asking makes nothing"


def test_damaged_settings_stop_every_command_and_unknown_ones_none(home: Home) -> None:
    home.write("zone: [a")
    for command in (["info"], ["store", "/etc/hosts"], ["config"]):
        assert str(home.file) in home.run(*command).expect(USAGE).stderr
    assert home.run("config", KACHERY_CONFIG_DIR="/nowhere").expect(OK)
    home.write("frobnicate: {yes: [no]}")
    home.run("info").expect(OK)


def test_contexts_are_made_used_and_removed(home: Home) -> None:
    assert home.json("context", "list") == {"contexts": []}
    home.run("context", "create", "lab", "--directory", home.path / "lab", "--zone", "7").expect(OK)
    home.run("context", "create", "field", "--gateway-url", "https://hub.example/").expect(OK)
    assert "--replace" in home.run("context", "create", "lab").expect(FAILED).stderr
    assert home.setting("zone") == ("default", "default"), "made is not used"
    home.run("context", "use", "lab").expect(OK)
    assert home.setting("directory") == (str(home.path / "lab"), "context lab")
    assert home.setting("zone") == ("7", "context lab")
    assert home.setting("directory", KACHERY_DIR="/d") == ("/d", "KACHERY_DIR"), "a variable is nearer"
    assert home.setting("directory", "--context", "lab", KACHERY_DIR="/d") == (str(home.path / "lab"), "context lab")
    assert home.setting("gatewayUrl", KACHERY_CONTEXT="field") == ("https://hub.example", "context field")
    assert home.run("context", "list").stdout == b"  field\n* lab\n"
    shown = {"name": "lab", "current": True, "directory": str(home.path / "lab"), "gatewayUrl": None, "zone": "7"}
    assert home.json("context", "show") == shown
    home.run("context", "remove", "lab").expect(OK)
    assert home.setting("context") == (None, "default")
    home.run("context", "remove", "lab").expect(MISSING)
    home.run("context", "show", "lab").expect(MISSING)


def test_a_context_that_is_gone_is_named_and_can_be_left(home: Home) -> None:
    home.write("context: gone\nzone: kept\n")
    assert "gone" in home.run("info").expect(USAGE).stderr
    home.run("context", "use", "--none").expect(OK)
    assert home.setting("zone")[0] == "kept"


def test_a_sandbox_is_another_store(home: Home) -> None:
    refused = home.run("info", KACHERY_CLOUD_USE_SANDBOX="1").expect(USAGE)
    assert "KACHERY_CLOUD_SANDBOX_DIR" in refused.stderr
    sandbox = {"KACHERY_CLOUD_USE_SANDBOX": "1", "KACHERY_CLOUD_SANDBOX_DIR": str(home.path / "sand")}
    uri = home.run("store", "/etc/hosts", **sandbox).expect(OK).uri
    home.run("load", uri).expect(MISSING)
    assert home.run("load", uri, **sandbox).expect(OK).stdout.startswith(bytes(home.path / "sand"))
    assert home.setting("keyDirectories", **sandbox)[0] == [str(home.path / ".kachery")]
