"""The wheel in an empty virtual environment: it brings all that it needs, and stands in for the older packages."""

from __future__ import annotations

import subprocess
import sys
import venv
from importlib.metadata import version
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
PIP = [sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet"]
DEADLINE_S = 300

# A package of somebody else's that was written for both older programs.
OTHERS = """
[build-system]
requires = ["scikit-build-core>=1.0"]
build-backend = "scikit_build_core.build"
[project]
name = "others-analysis"
version = "1.0"
dependencies = ["kachery-cloud>=0.4", "kachery-client>=1.2"]
[tool.scikit-build]
wheel.cmake = false
wheel.packages = []
"""


def run(*command: str | Path, **options) -> str:
    ran = subprocess.run(command, capture_output=True, text=True, timeout=DEADLINE_S, **options)
    assert ran.returncode == 0, f"{command}: {ran.stdout}{ran.stderr}"
    return ran.stdout


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with our wheels and what they require, and nothing else; the build folder is used again."""
    pytest.importorskip("scikit_build_core", reason="needed to build wheels")
    folder = tmp_path_factory.mktemp("wheels")
    others = tmp_path_factory.mktemp("others")
    (others / "pyproject.toml").write_text(OTHERS)
    sources = [ROOT, ROOT / "python/compat/kachery-cloud", ROOT / "python/compat/kachery-client", others]
    run(*PIP, "wheel", "--no-build-isolation", "--no-deps", "-w", folder, *sources)
    required = [f"{name}=={version(name)}" for name in ("nanobind-backend", "simplejson")]
    fetch = subprocess.run([*PIP, "download", "--no-deps", "-d", folder, *required], capture_output=True, text=True)
    if fetch.returncode != 0:
        pytest.skip(f"what the wheel requires cannot be fetched: {fetch.stderr.strip()[-200:]}")
    return folder


class Environment:
    """A virtual environment with nothing in it, that can install from one folder only."""

    def __init__(self, place: Path, wheels: Path) -> None:
        venv.create(place, with_pip=False)
        self.bin, self.wheels = place / "bin", wheels
        self.environ = {"PATH": f"{self.bin}:/usr/bin:/bin", "HOME": str(place), "KACHERY_DIR": str(place / "store")}

    def pip(self, *arguments: str) -> None:
        run(*PIP, "--python", self.bin / "python", *arguments)

    def install(self, *names: str) -> None:
        self.pip("install", "--no-index", "--find-links", str(self.wheels), *names)

    @property
    def installed(self) -> set[str]:
        code = "from importlib.metadata import distributions\nfor one in distributions(): print(one.name)"
        return {name.lower().replace("_", "-") for name in self.python(code)}

    def run(self, *command: str, **options) -> str:
        return run(*command, env=self.environ, **options)

    def python(self, code: str) -> list[str]:
        return self.run(str(self.bin / "python"), "-I", "-c", code).splitlines()


@pytest.fixture
def empty(tmp_path: Path, wheels: Path) -> Environment:
    return Environment(tmp_path / "venv", wheels)


def test_the_wheel_works_where_nothing_else_is(empty, tmp_path):
    empty.install("kachery")
    assert empty.installed == {"kachery", "nanobind-backend", "simplejson"}
    assert empty.run("kachery", "--version").split()[-1] == (ROOT / "VERSION").read_text().strip()

    (tmp_path / "file.txt").write_text("from the shell")
    uri = empty.run("kachery-store", str(tmp_path / "file.txt")).strip()
    assert empty.run("kachery-link", str(tmp_path / "file.txt")).strip() == uri
    assert empty.run("kachery-cat", uri) == "from the shell"
    assert Path(empty.run("kachery-load", uri).strip()).read_text() == "from the shell"

    assert empty.python(f"""
import kachery, kachery_client, kachery_cloud
print(kachery.load_text({uri!r}), kachery.open({uri!r}, "r").read(4))
for module in (kachery, kachery_client, kachery_cloud):
    print(module.load_text(module.store_text("text")), module.load_json(module.store_json({{"a": [1]}})),
          module.load_pkl(module.store_pkl({{"a": (1, 2.5, b"x")}})))
try: kachery_client.store_npy([1, 2])
except ModuleNotFoundError as error: print(error)
""") == [
        "from the shell from",
        *["text {'a': [1]} {'a': (1, 2.5, b'x')}"] * 3,
        "store_npy needs numpy: pip install numpy",
    ]


def test_what_requires_the_older_packages_is_content(empty):
    """Else their files would be laid over ours, and which of the two runs would be a matter of chance."""
    empty.install("others-analysis")
    ours = {"kachery", "nanobind-backend", "simplejson"}
    assert empty.installed == ours | {"others-analysis", "kachery-cloud", "kachery-client"}
    look = "import kachery_client, kachery_cloud; print(kachery_cloud.load_text(kachery_client.store_text('text')))"
    assert empty.python(look) == ["text"]

    empty.pip("uninstall", "--yes", "others-analysis", "kachery-cloud", "kachery-client")
    assert empty.installed == ours
    assert empty.python(look) == ["text"]
