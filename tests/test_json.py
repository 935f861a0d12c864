"""Every command's --json, against its schema in docs/formats/json: what programs read must not change its shape."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest
from harness import REPOSITORY, Program, clean_environment, sha1
from hub import running_hub
from hub_node import Node

SCHEMAS = REPOSITORY / "docs/formats/json"
HERE = f"sha1://{sha1(b'content')}/f"
NOWHERE = "sha1://" + "0" * 40

# What is run for each command, in a home with the file f, whose content is stored; and what of that fails.
CALLS: dict[str, list[list[str]]] = {
    "store": [["f"], ["--sha256", "f", "f"]],
    "link": [["f"]],
    "load": [[HERE], ["f"]],
    "info": [[], [HERE], ["f"]],
    "verify": [[], [HERE]],
    "ls": [[], ["--objects"], ["--links"]],
    "du": [[]],
    "rm": [[HERE]],
    "gc": [[], ["--max-size", "0", "--own", "--min-age", "0"], ["--dry-run", "--max-size", "0", "--own", "--min-age", "0"]],
    "config": [[], ["zone"]],
    "context list": [[]],
    "context create": [["x", "--directory", "/d"], ["y", "--zone", "z"]],
    "context show": [["lab"]],
    "context use": [["lab"], ["--none"]],
    "context remove": [["lab"]],
    "mutable get": [["key"], ["@a/file"]],
    "mutable set": [["key", "value"], ["--parse", '{"a":1}', "[1, null]"], ["@a/file", "text"]],
    "mutable delete": [["key"], ["@a/file"], ["--folder", "@a"]],
    "mutable list": [[], ["--file"]],
    "doctor": [[]],
    "hub routes": [[]],
    "completion": [["bash"], ["zsh"], ["fish"]],
    "manual": [[], ["context", "list"]],
}
# What needs a hub: HUB stands for the address of one that takes everybody, NODE for our node.
HUB_CALLS: dict[str, list[list[str]]] = {
    "init": [["HUB", "--label", "here"], []],
    "whoami": [[], ["--zone", "other"]],
    "node list": [[]],
    "node revoke": [["NODE"]],
    "store": [["f"]],
    "load": [[HERE]],
    "info": [[HERE]],
    "ls": [["--mine"], ["--mine", "--zone", "default"]],
    "rm": [["--zone", "default", HERE], ["--zone", "default", HERE, NOWHERE]],
    "doctor": [[], [HERE]],
}
# In this order, by one node.
RESOURCE_CALLS: dict[str, list[list[str]]] = {
    "resource register": [["lab"], ["other", "--url", "https://proxy.example", "--older"]],
    "resource list": [[], ["--zone", "default"]],
    "resource show": [["lab"], ["other"]],
    "resource remove": [["other"]],
    "find-file": [[HERE], [NOWHERE, "--zone", "default"]],
}
# In this order, by one node.
DAEMON_CALLS: dict[str, list[list[str]]] = {
    "daemon install": [[]],
    "daemon start": [["--background", "--uploads", "2", "--upload-rate", "10M"]],
    "daemon status": [[]],
    "daemon stop": [[]],
}
# Likewise. CODE and INVITATION are those of the last invitation.
CHANNEL_CALLS: list[tuple[str, list[str]]] = [
    ("channel create", ["rats", "--description", "Recordings"]), ("channel describe", ["rats", "Others"]),
    ("channel invite", ["rats", "request"]), ("channel join", ["rats", "CODE"]),
    ("channel invite", ["rats", "provideFiles", "--passcode", "open-sesame", "--uses", "3", "--days", "2"]),
    ("channel list", []), ("channel show", ["rats"]), ("channel grant", ["rats", "me", "all"]),
    ("channel set-roles", ["rats", "requestFiles", "provideFiles"]), ("store", ["f", "--upload-to-channel", "rats"]),
    ("ls", ["--mine"]), ("load", [HERE, "--channel", "rats"]), ("channel set-roles", ["rats", "none"]),
    ("channel uninvite", ["rats", "INVITATION"]), ("channel revoke", ["rats", "OTHER", "provide"]),
    ("channel leave", ["rats"]), ("channel delete", ["rats"]),
]
# Likewise, without a hub. Texts for files are kept in the files `proof` and `checkpoint`.
FEED_CALLS: list[tuple[str, list[str]]] = [
    ("feed create", ["rats"]), ("feed create", []), ("feed append", ["rats/x", "1", '{"a": [1.0]}']), ("feed checkpoint", ["rats/x"]),
    ("feed append", ["rats/x", "--text", "b"]), ("feed read", ["rats/x"]), ("feed tail", ["rats/x", "-n", "1"]), ("feed ls", []),
    ("feed vkey", ["rats/x"]), ("feed prove", ["rats/x", "--message", "1"]), ("feed verify", ["proof"]),
    ("feed prove", ["rats/x", "--since", "2"]), ("feed verify", ["proof", "--since", "checkpoint"]), ("feed verify", ["rats/x"]),
    ("feed export", ["rats/x", "files"]), ("feed delete", ["rats"]),
]
# What the administrator of a hub runs, in this order. A hub that serves prints one line and goes on: see tests/test_hub.py.
ADMIN_CALLS: dict[str, list[list[str]]] = {
    "hub admin user create": [["alice"]],
    "hub admin user disable": [["alice"]],
    "hub admin user enable": [["alice"]],
    "hub admin user list": [[]],
    "hub admin invite": [["alice"], ["bob", "--uses", "2", "--hours", "1", "--zone", "default", "--upload", "--download"]],
    "hub admin invitation list": [[]],
    "hub admin invitation revoke": [["INVITATION"]],
    "hub admin node approve": [["CODE", "--user", "alice"]],
    "hub admin node list": [[], ["--user", "alice"]],
    "hub admin node revoke": [["APPROVED"]],
    "hub admin zone create": [["lab"], ["hers", "--owner", "alice"]],
    "hub admin zone list": [[]],
    "hub admin zone settings": [["lab"], ["lab", "--export"]],
    "hub admin zone delete": [["hers"]],
    "hub admin quota set": [["lab"], ["lab", "--bytes", "1000"], ["lab", "--user", "alice", "--objects", "3"]],
    "hub admin usage": [[], ["--zone", "lab", "--from", "2026-01-01", "--to", "2026-01-31"]],
    "hub admin audit": [[], ["--verify", "AUDIT"]],
    "hub admin proxy": [[]],
}
FAILURES: list[tuple[str, list[str]]] = [
    ("hub serve", []), ("proxy", []), ("hub admin zone list", []), ("hub admin audit", ["--verify", "nowhere"]),
    ("store", ["nowhere"]), ("link", ["nowhere"]), ("load", [NOWHERE]), ("cat", ["f"]), ("info", ["sha1://x"]),
    ("verify", ["sha1://x"]), ("config", ["frobnicate"]), ("rm", ["x"]), ("gc", ["--max-size", "much"]),
    ("context create", ["lab"]), ("context show", ["gone"]),
    ("context use", ["gone"]), ("context remove", ["gone"]), ("mutable get", ["gone"]), ("mutable delete", ["@a/gone"]),
    ("mutable set", ["--parse", "key", "value"]), ("manual", ["gone"]), ("init", ["nonsense"]), ("whoami", []), ("node list", []),
    ("node approve", ["ABCD2345"]), ("node revoke", ["nonsense"]), ("ls", ["--mine"]), ("rm", ["--zone", "default", HERE]),
    ("resource register", ["lab"]), ("resource list", []), ("resource show", ["lab"]), ("resource remove", ["lab"]),
    ("channel create", ["rats"]), ("channel list", []), ("channel show", ["rats"]), ("channel join", ["rats", "x"]),
    ("channel grant", ["rats", "me", "all"]), ("channel invite", ["rats", "request"]), ("channel leave", ["rats"]),
    ("channel describe", ["rats", "x"]), ("channel delete", ["rats"]), ("channel revoke", ["rats", "me"]),
    ("channel uninvite", ["rats", "x"]), ("channel set-roles", ["rats", "all"]),
    ("load", [HERE, "--channel", "rats"]), ("load", [HERE, "--local", "--channel", "rats"]), ("store", ["f", "--upload-to-channel", "rats"]),
    ("feed append", ["rats/x", "1"]), ("feed read", [f"feed://{'0' * 64}/x"]), ("feed tail", [f"feed://{'0' * 64}/x"]),
    ("feed prove", ["rats/x"]), ("feed verify", ["f"]), ("feed checkpoint", ["rats/x"]), ("feed delete", ["rats"]),
    ("load", [HERE, "--local", "--resource", "lab"]), ("store", ["f", "--zone", "lab"]), ("load", [HERE, "--local", "--zone", "lab"]),
]


@pytest.fixture
def run(program: Program, tmp_path: Path):
    (tmp_path / "f").write_bytes(b"content")
    (tmp_path / ".config/kachery").mkdir(parents=True)
    (tmp_path / ".config/kachery/config.yaml").write_text("contexts: {lab: {zone: lab}}\n")

    def call(command: str, arguments: list[str], **variables: str):
        environment = clean_environment() | {"HOME": str(tmp_path)} | variables
        return program.run(*command.split(), "--json", *arguments, env=environment, cwd=tmp_path)

    call("store", ["f"]).expect()
    call("mutable set", ["key", "value"]).expect()
    call("mutable set", ["@a/file", "text"]).expect()
    return call


def schema(name: str) -> dict:
    found = json.loads((SCHEMAS / f"{name.replace(' ', '-')}.schema.json").read_text())
    jsonschema.Draft202012Validator.check_schema(found)
    return found


def validate(name: str, stdout: bytes) -> None:
    assert stdout.count(b"\n") == 1, stdout
    jsonschema.validate(json.loads(stdout), schema(name))


@pytest.mark.parametrize(("command", "arguments"), [(name, call) for name, calls in CALLS.items() for call in calls])
def test_a_result_is_what_its_schema_says(run, command: str, arguments: list[str]) -> None:
    validate(command, run(command, arguments).expect(0).stdout)


@pytest.fixture(scope="module")
def hub(tmp_path_factory, program: Program):
    with running_hub(tmp_path_factory.mktemp("hub"), open=True, program=program) as hub:
        yield hub


@pytest.fixture
def run_with_hub(run, hub):
    """As `run`, where f is in the zone, too."""

    def call(command: str, arguments: list[str]):
        node = json.loads(run("whoami", [], KACHERY_GATEWAY_URL=hub.url).expect().stdout)["node"] if "NODE" in arguments else ""
        words = {"HUB": hub.url, "NODE": node}
        return run(command, [words.get(word, word) for word in arguments], KACHERY_GATEWAY_URL=hub.url)

    call("store", ["f"]).expect()
    return call


@pytest.mark.parametrize(("command", "arguments"), [(name, call) for name, calls in HUB_CALLS.items() for call in calls])
def test_a_result_with_a_hub_is_what_its_schema_says(run_with_hub, command: str, arguments: list[str]) -> None:
    outcome = run_with_hub(command, arguments)
    assert outcome.code in (0, 3), outcome
    validate(command, outcome.stdout)


def test_what_is_said_of_resources_is_what_its_schema_says(run_with_hub) -> None:
    for command, calls in (RESOURCE_CALLS | DAEMON_CALLS).items():
        for arguments in calls:
            validate(command, run_with_hub(command, arguments).expect(0).stdout)


def test_what_is_said_of_feeds_is_what_its_schema_says(run, tmp_path: Path) -> None:
    for command, arguments in FEED_CALLS:
        stdout = run(command, arguments).expect(0).stdout
        validate(command, stdout)
        for name in ("proof", "checkpoint"):
            if name in json.loads(stdout):
                (tmp_path / name).write_text(json.loads(stdout)[name])


def test_what_is_said_of_channels_is_what_its_schema_says(run_with_hub, hub) -> None:
    other = Node()
    assert other.call(hub.url, "/v1/nodes/whoami", {"zone": "default"}).code == "ok"
    words = {"OTHER": other.id}
    for command, arguments in CHANNEL_CALLS:
        stdout = run_with_hub(command, [words.get(word, word) for word in arguments]).expect(0).stdout
        validate(command, stdout)
        if command == "channel invite":
            said = json.loads(stdout)
            words |= {"INVITATION": said["id"], "CODE": said["code"] or words["CODE"]}


def test_an_approval_is_what_its_schema_says(run, tmp_path_factory, program: Program) -> None:
    with running_hub(tmp_path_factory.mktemp("hub"), program=program) as hub:
        invitation = hub.admin("invite", "alice")["token"]
        run("init", [hub.url, "--invitation", invitation]).expect(0)
        waiting = Node().call(hub.url, "/v1/nodes/register", {"label": "new", "user": None, "invitation": None})
        validate("node-approve", run("node approve", [waiting.message["code"]]).expect(0).stdout)


def test_what_an_administrator_gets_is_what_its_schema_says(tmp_path: Path, program: Program) -> None:
    with running_hub(tmp_path, program=program) as hub:
        key = Node()
        waiting = key.call(hub.url, "/v1/nodes/register", {"label": "new", "user": None, "invitation": None})
        for command, calls in ADMIN_CALLS.items():
            for arguments in calls:
                known = hub.admin("invitation", "list")["invitations"]
                words = {"CODE": waiting.message["code"], "APPROVED": key.id, "AUDIT": str(hub.directory / "audit"),
                         "INVITATION": known[0]["id"] if known else ""}
                outcome = hub.run_admin(*command.split()[2:], "--json", *(words.get(word, word) for word in arguments))
                validate(command, outcome.expect(0).stdout)


@pytest.mark.parametrize(("command", "arguments"), FAILURES)
def test_a_failure_is_an_error_object(run, command: str, arguments: list[str]) -> None:
    outcome = run(command, arguments)
    assert outcome.code not in (0, 3)
    validate("error", outcome.stdout)


def test_damage_is_a_result_and_not_an_error(run, tmp_path: Path) -> None:
    (stored,) = (tmp_path / ".kachery/sha1").glob("??/??/??/*")
    stored.chmod(0o644)
    stored.write_bytes(b"contemt")
    outcome = run("verify", []).expect(7)
    validate("verify", outcome.stdout)
    assert json.loads(outcome.stdout)["damaged"]


def commands(program: Program) -> set[str]:
    """All there are, as --help names them."""

    def below(*words: str) -> set[str]:
        text = program.run(*words, "--help").expect(0).stdout.decode()
        names = re.findall(r"^  ([a-z-]+) ", text.partition("Subcommands:\n")[2], re.MULTILINE)
        return {name for sub in names for name in below(*words, sub)} if names else {" ".join(words)}

    return below()


def test_every_command_has_a_schema_and_is_tried_here(program: Program) -> None:
    found = commands(program) - {"cat"}  # Its result is the content.
    assert found == {*CALLS, *HUB_CALLS, *RESOURCE_CALLS, *DAEMON_CALLS, *(name for name, _ in CHANNEL_CALLS + FEED_CALLS), *ADMIN_CALLS,
                     "node approve", "hub serve", "proxy"}
    assert {path.name for path in SCHEMAS.iterdir()} == {
        f"{name.replace(' ', '-')}.schema.json" for name in found | {"error"}}


def test_the_schemas_refuse_what_they_should(run) -> None:
    """So that the tests above can fail."""
    result = json.loads(run("load", [HERE]).stdout)
    for wrong in (result | {"kind": "other"}, result | {"more": 1}, {k: v for k, v in result.items() if k != "size"}):
        with pytest.raises(jsonschema.ValidationError):
            jsonschema.validate(wrong, schema("load"))
