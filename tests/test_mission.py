"""The documents that this project exists for, run as their readers would: real processes, a fresh store."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

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
