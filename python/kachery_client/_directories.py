"""Where gen1's names keep things."""

from __future__ import annotations

import os

from kachery import Denied, _native, _temporary


def _kachery_storage_dir() -> str:
    """The directory of the store."""
    return os.fsdecode(_native.directory())


def _kachery_temp_dir() -> str:
    """KACHERY_TEMP_DIR, else a directory of this user among the system's temporary ones."""
    named = os.environ.get("KACHERY_TEMP_DIR")
    if named:
        os.makedirs(named, exist_ok=True)
        return named
    import tempfile

    # One per user: what another user made could not be written, or not be trusted.
    path = os.path.join(tempfile.gettempdir(), f"kachery-tmp-{os.getuid()}")
    os.makedirs(path, mode=0o700, exist_ok=True)
    if os.stat(path, follow_symlinks=False).st_uid != os.getuid():
        raise Denied(f"{path} belongs to somebody else; set KACHERY_TEMP_DIR to a directory of yours")
    return path


class TemporaryDirectory(_temporary.Temporary):
    """A directory for the time of a ``with`` block, whose value is its path.

    Parameters
    ----------
    remove : bool
        Whether it goes when the block ends; it stays in any case if KACHERY_KEEP_TEMP_FILES is 1.
    prefix : str
        What its name begins with.
    """

    def __init__(self, *, remove: bool = True, prefix: str = "tmp") -> None:
        keep = os.environ.get("KACHERY_KEEP_TEMP_FILES") == "1"
        super().__init__(_kachery_temp_dir(), prefix, remove and not keep)
