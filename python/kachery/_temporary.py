"""The temporary directories of the older names."""

from __future__ import annotations

import os
from types import TracebackType

from ._errors import Invalid


class Temporary:
    """A directory for the time of a ``with`` block, whose value is its path; nobody else may look into it.

    Parameters
    ----------
    parent : str
        Where it is made; made itself if it is missing.
    prefix : str
        What its name begins with.
    remove : bool
        Whether it goes, with everything in it, when the block ends.
    """

    def __init__(self, parent: str, prefix: str, remove: bool) -> None:
        self._parent = parent
        self._prefix = prefix
        self._remove = remove
        self._path: str | None = None

    def __enter__(self) -> str:
        import tempfile

        os.makedirs(self._parent, exist_ok=True)
        self._path = tempfile.mkdtemp(prefix=self._prefix + "_", dir=self._parent)
        return self._path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        import shutil

        if self._remove:
            shutil.rmtree(self.path(), ignore_errors=True)

    def path(self) -> str:
        """Where it is."""
        if self._path is None:
            raise Invalid("the temporary directory is made when its with block begins")
        return self._path
