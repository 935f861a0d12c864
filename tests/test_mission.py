"""The documents that this project exists for, run as their readers would: real processes, a fresh store."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path

from harness import sha1, write
from hub import running_hub
from machine import Machine

MISSION = Path(__file__).resolve().parent / "mission"


def test_sharing_data_static_content(tmp_path):
    """Stored and loaded in one process, and loaded again by another that knows only the URI."""
    environment = {"KACHERY_DIR": str(tmp_path / "store"), "PATH": "/usr/bin:/bin"}
    script = [sys.executable, str(MISSION / "sharing_data_files.py")]
    first = subprocess.run(script, env=environment, capture_output=True, text=True)
    assert first.returncode == 0, first.stderr
    assert first.stdout == "sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt\nsome-random-text\n"
    assert first.stderr == ""

    later = (
        "import kachery_client as kc\n"
        "print(kc.load_text('sha1://6af826b3d648ccba6b4bbe58e93e22add640d728/file.txt'))\n"
        "print(kc.load_json('sha1://b8168a5eeb57ccf366f07c5768bfb169f46cb6d4/file.json'))\n"
        "print(kc.load_npy('sha1://31c37639082af94ff5e6210b81983aed168411e2/file.npy').sum())\n"
        "print(kc.load_pkl('sha1://f831b1e56c9d4c68c998ae3fc890962356abe374/file.pkl')['x'].shape)\n"
    )
    second = subprocess.run([sys.executable, "-c", later], env=environment, capture_output=True, text=True)
    assert second.stdout == "some-random-text\n{'a': [1, 2, {'b': 3}]}\n200.0\n(30, 40)\n", second.stderr


def test_sharing_data_feeds(tmp_path):
    """Written by one process, read by another that knows only the URI; no server runs."""
    environment = {"KACHERY_DIR": str(tmp_path / "store"), "PATH": "/usr/bin:/bin"}
    writer = subprocess.run([sys.executable, MISSION / "sharing_data_feed_writer.py"], env=environment, capture_output=True, text=True)
    assert writer.returncode == 0 and writer.stderr == "", writer.stderr
    said, uri = writer.stdout.splitlines()
    assert said == "Found 25 prime numbers less than 100"
    assert re.fullmatch("feed://[0-9a-f]{64}/primes", uri)
    reader = subprocess.run([sys.executable, MISSION / "sharing_data_feed_reader.py", uri], env=environment, capture_output=True, text=True)
    assert reader.returncode == 0 and reader.stderr == "", reader.stderr
    lines = reader.stdout.splitlines()
    assert len(lines) == 25 and lines[:3] == ["Prime 1: 2", "Prime 2: 3", "Prime 3: 5"] and lines[-1] == "Prime 25: 97"


def test_two_machines(tmp_path, program):
    """Stored on one under each older name, loaded on the other under the other one; the machines share the hub only."""
    files = [write(tmp_path / name, os.urandom(size)) for name, size in (("small.dat", 3_000_000), ("large.dat", 30_000_000))]

    def run(machine, script, *arguments):
        environment = {"KACHERY_DIR": str(tmp_path / machine), "KACHERY_GATEWAY_URL": hub.url, "PATH": "/usr/bin:/bin",
                       "HOME": str(tmp_path)}
        done = subprocess.run([sys.executable, MISSION / script, *arguments], env=environment, capture_output=True, text=True,
                              timeout=120)
        assert done.returncode == 0, done.stderr
        assert done.stderr == ""
        return done.stdout.splitlines()

    with running_hub(tmp_path, open=True, program=program) as hub:
        uris = run("one", "two_machines_store.py", *files)
        assert uris[0].startswith(f"sha1://{sha1(files[0].read_bytes())}/small.dat")
        assert uris[1] == f"sha1://{sha1(files[1].read_bytes())}"
        assert len(run("two", "two_machines_load.py", uris[0], files[0], uris[1], files[1])) == 2


def test_sharing_data_remotely(tmp_path, program):
    """The document's remote script, which names no channel: its machine and another one that has the text are in a common one."""
    with running_hub(tmp_path, open=True, program=program) as hub:
        owner, provider, remote = (Machine(program, tmp_path / name, hub.url) for name in ("owner", "provider", "remote"))
        alone = {"KACHERY_DIR": str(provider.store), "PATH": "/usr/bin:/bin", "HOME": str(provider.path)}
        stored = subprocess.run([sys.executable, MISSION / "sharing_data_files.py"], env=alone, capture_output=True, text=True)
        assert stored.returncode == 0, stored.stderr
        owner.run("channel", "create", "lab").expect()
        owner.run("channel", "set-roles", "lab", "all").expect()
        for machine in (provider, remote):
            code = json.loads(owner.run("channel", "invite", "lab", "all", "--json").expect().stdout)["code"]
            machine.run("channel", "join", "lab", code).expect()
        script = [sys.executable, MISSION / "sharing_data_remote.py"]

        def load():
            return subprocess.run(script, env=remote.environment, capture_output=True, text=True, timeout=60)

        missing = load()
        assert missing.stdout == "None\n" and "in the channel lab: no node that provides files there" in missing.stderr
        with owner.daemon(), provider.daemon():
            missing = load()
            assert missing.stdout == "None\n" and "in the channel lab: 1 node" in missing.stderr, missing.stderr
            provider.run("channel", "set-roles", "lab", "provideFiles").expect()
            done = load()
            assert (done.returncode, done.stdout, done.stderr) == (0, "some-random-text\n", "")
