"""A user of both generations who sets no variable: what lies in ~/.kachery-cloud and ~/kachery-storage is found there,
and nothing is ever written there."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from compare import Scripts, differences, state, uris_of
from harness import clean_environment


@pytest.fixture
def lived_in(cloud: Scripts, client: Scripts, files: Path) -> tuple[Path, dict[str, str], dict[str, str]]:
    """A home directory with what both older programs wrote into their default directories, and the URIs."""
    home = cloud.home
    of_cloud = {**uris_of(cloud.run("cloud_store", files)), **uris_of(cloud.run("cloud_link", files))}
    of_client = uris_of(client.run("client_store", files))
    assert (home / ".kachery-cloud/sha1").is_dir() and (home / "kachery-storage/sha1").is_dir()
    return home, of_cloud, of_client


def states(home: Path) -> list[dict[str, tuple]]:
    return [state(home / name) for name in (".kachery-cloud", "kachery-storage")]


def test_older_directories_are_found_and_never_written_to(lived_in, cloud, client, ours, files):
    home, of_cloud, of_client = lived_in
    ours = replace(ours, home=home)
    by_theirs = cloud.run("cloud_load", input=of_cloud), client.run(
        "client_load", input=of_client, KACHERY_OFFLINE_STORAGE_DIR=home / "kachery-storage")
    before = states(home)
    by_ours = ours.run("cloud_load", input=of_cloud), ours.run("client_load", input=of_client)
    assert differences(by_theirs[0], by_ours[0]) == {}
    assert {name for name in differences(by_theirs[1], by_ours[1]) if not name.endswith(": parsed")} == set()
    assert states(home) == before
    ours.run("cloud_store", files)
    ours.run("cloud_link", files)
    ours.run("client_store", files)
    assert states(home) == before, "what is stored goes into ~/.kachery only"
    assert (home / ".kachery/sha1").is_dir()


def test_the_program_finds_them_too(lived_in, program):
    home, of_cloud, of_client = lived_in
    environment = clean_environment() | {"HOME": str(home)}
    before = states(home)
    for uri in [*of_cloud.values(), *of_client.values()]:
        if "location=" not in uri:
            assert program.run("load", uri.partition("?")[0], env=environment).expect().stdout
    program.run("verify", env=environment)
    assert states(home) == before


def test_the_keys_of_kachery_cloud_are_used(cloud, ours):
    made = cloud.run("cloud_keys", "generate")
    before = state(cloud.home / ".kachery-cloud")
    assert replace(ours, home=cloud.home).run("cloud_keys") == made
    assert state(cloud.home / ".kachery-cloud") == before
