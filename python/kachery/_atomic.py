"""Files written whole and durable, or not at all: for the few that Python writes itself. Objects are the store's."""

from __future__ import annotations

import os
from types import TracebackType


class NewFile:
    """A file that nobody sees under a name that counts before `become`; without it, nothing is left behind.

    Used as a context manager. `write` takes all of the bytes it is given.

    Parameters
    ----------
    directory : str
        Where it will be; made if it is missing.
    mode : int
        Its permissions, as far as the umask allows.
    """

    def __init__(self, directory: str, mode: int = 0o644) -> None:
        _make_durably(directory)
        self._directory = directory
        self._path: str | None = os.path.join(directory, f".new-{os.urandom(8).hex()}")
        descriptor = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
        self._file = os.fdopen(descriptor, "wb")
        self.write = self._file.write

    def __enter__(self) -> NewFile:
        return self

    def become(self, name: str) -> str:
        """Take the place of whatever is called `name` in the directory; on return that survives a power cut."""
        assert self._path is not None
        path = os.path.join(self._directory, name)
        self._file.flush()
        os.fsync(self._file.fileno())
        os.replace(self._path, path)
        self._path = None
        _sync_directory(self._directory)
        return path

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._file.close()
        if self._path is not None:
            os.unlink(self._path)


def write(path: str, content: bytes, mode: int = 0o644) -> None:
    """Replace a small file, at once and durably."""
    with NewFile(os.path.dirname(os.path.abspath(path)), mode) as file:
        file.write(content)
        file.become(os.path.basename(path))


def _make_durably(directory: str) -> None:
    if os.path.isdir(directory):
        return
    parent = os.path.dirname(os.path.abspath(directory))
    _make_durably(parent)
    os.makedirs(directory, exist_ok=True)
    _sync_directory(parent)


def _sync_directory(directory: str) -> None:
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
