"""Where gen2's names keep things: the store, and in a sandbox another one for a while."""

from __future__ import annotations

import os
import sys

from kachery import _native, _temporary

# (the sandbox that this process made, its process ID): a forked child must not remove it.
_made: tuple[str, int] | None = None


def get_kachery_cloud_dir(*, respect_sandbox: bool = True) -> str:
    """The directory of the store, or of the sandbox if one is used and `respect_sandbox`; made if it is missing."""
    directory = os.fsdecode(_native.directory(respect_sandbox))
    os.makedirs(directory, exist_ok=True)
    return directory


def use_sandbox(use: bool = True) -> None:
    """Work in a store of one's own, or no longer.

    Until this process ends, it and the processes that it starts keep everything in an empty directory inside the normal
    one, and find nothing else. Only the key pair is still the normal one. The directory goes when this process ends.
    """
    global _made
    if not use:
        os.environ["KACHERY_CLOUD_USE_SANDBOX"] = "0"
        return
    if not os.environ.get("KACHERY_CLOUD_SANDBOX_DIR"):
        import atexit
        import tempfile

        os.environ["KACHERY_CLOUD_USE_SANDBOX"] = "0"  # A sandbox without a directory is an error anywhere else.
        parent = os.path.join(get_kachery_cloud_dir(respect_sandbox=False), "sandbox")
        os.makedirs(parent, exist_ok=True)
        _made = (tempfile.mkdtemp(prefix="", dir=parent), os.getpid())
        atexit.register(_remove_sandbox)
        os.environ["KACHERY_CLOUD_SANDBOX_DIR"] = _made[0]
    os.environ["KACHERY_CLOUD_USE_SANDBOX"] = "1"


def _remove_sandbox() -> None:
    if _made is None or _made[1] != os.getpid():
        return
    import shutil

    print(f"kachery: removing the sandbox {_made[0]}", file=sys.stderr)
    shutil.rmtree(_made[0], ignore_errors=True)


class TemporaryDirectory(_temporary.Temporary):
    """A directory inside that of the store, for the time of a ``with`` block, whose value is its path.

    Parameters
    ----------
    remove : bool
        Whether it goes when the block ends; it stays in any case if KACHERY_CLOUD_KEEP_TEMP_FILES is 1.
    prefix : str
        What its name begins with.
    """

    def __init__(self, *, remove: bool = True, prefix: str = "tmp") -> None:
        keep = os.environ.get("KACHERY_CLOUD_KEEP_TEMP_FILES") == "1"
        super().__init__(get_kachery_cloud_dir(), prefix, remove and not keep)
