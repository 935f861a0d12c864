"""kachery_cloud.use_sandbox: a store of one's own that goes when its process ends."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

# Every test runs a process of its own, because a sandbox lives as long as its process.
PROLOGUE = "import os, subprocess, sys\nimport kachery, kachery_client as kc, kachery_cloud as kcl\n"


@pytest.fixture
def run(store_dir):
    def run_script(script, **environment):
        ran = subprocess.run(
            [sys.executable, "-c", PROLOGUE + script], capture_output=True, text=True, env={**os.environ, **environment}
        )
        assert ran.returncode == 0, ran.stderr
        return ran.stdout.splitlines()

    return run_script


def sandboxes(store_dir):
    place = store_dir / "sandbox"
    return list(place.iterdir()) if place.exists() else []


def test_a_sandbox_is_empty_and_private_and_goes_with_its_process(run, store_dir):
    out = run("""
before = kcl.store_text('before')
kcl.use_sandbox()
print(kcl.get_kachery_cloud_dir())
print(kcl.get_kachery_cloud_dir(respect_sandbox=False))
print(kcl.load_text(before))
inside = kcl.store_text('inside')
kcl.set_mutable_local('k', 'v')
print(kcl.load_text(inside), kc.load_text(inside), kachery.load_text(inside), kcl.get_mutable_local('k'))
kcl.use_sandbox(False)
print(kcl.load_text(before), kcl.load_text(inside), kcl.get_mutable_local('k'))
kcl.use_sandbox()
print(kcl.load_text(inside))
""")
    assert Path(out[0]).parent == store_dir / "sandbox"
    assert out[1:] == [str(store_dir), "None", "inside inside inside v", "before None None", "inside"]
    assert sandboxes(store_dir) == []


def test_a_key_is_that_of_the_normal_directory(run, store_dir):
    """The older program made a new one in the sandbox, and failed."""
    out = run("""
kcl.use_sandbox()
print(kcl.get_client_id())
made = kcl.get_client_id(generate_if_missing=True)
kcl.use_sandbox(False)
print(kcl.get_client_id() == made, kc.main.get_node_id() == made)
""")
    assert out == ["None", "True True"]
    assert (store_dir / "private.pem").exists()


def test_a_program_that_is_started_in_a_sandbox_works_in_it_and_does_not_remove_it(run, store_dir):
    out = run("""
kcl.use_sandbox()
uri = kcl.store_text('inside')
code = f"import kachery_cloud as kcl; print(kcl.load_text({uri!r})); kcl.use_sandbox(); kcl.store_text('more')"
subprocess.run([sys.executable, '-c', code], check=True)
print(kcl.load_text(kcl.store_text_local('more')), os.path.isdir(kcl.get_kachery_cloud_dir()))
""")
    assert out == ["inside", "more True"]
    assert sandboxes(store_dir) == []


def test_a_forked_child_does_not_remove_the_sandbox_of_its_parent(run, store_dir):
    out = run("""
kcl.use_sandbox()
uri = kcl.store_text('inside')
child = os.fork()
if child == 0:
    text = kcl.load_text(uri)
    sys.exit(0 if text == 'inside' else 1)
print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
print(kcl.load_text(uri))
""")
    assert out == ["0", "inside"]
    assert sandboxes(store_dir) == []


def test_a_sandbox_that_was_given_is_used_and_kept(run, store_dir, tmp_path):
    out = run(
        "kcl.use_sandbox()\nprint(kcl.get_kachery_cloud_dir())\nkcl.store_text('t')",
        KACHERY_CLOUD_SANDBOX_DIR=str(tmp_path / "given"),
    )
    assert out == [str(tmp_path / "given")]
    assert (tmp_path / "given" / "sha1").is_dir()


def test_a_sandbox_that_was_asked_for_without_a_directory_gets_one(run, store_dir):
    out = run("kcl.use_sandbox()\nprint(kcl.load_text(kcl.store_text('t')))", KACHERY_CLOUD_USE_SANDBOX="1")
    assert out == ["t"]
    assert sandboxes(store_dir) == []
