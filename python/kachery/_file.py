"""Content as a file object: nothing is read but what is asked for, from the very file whose hash was checked."""

from __future__ import annotations

import io
import os
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from . import _native, _session
from ._hub import ANYWHERE, Sources

if TYPE_CHECKING:
    from _typeshed import WriteableBuffer

# Enough for small reads in a row to cost little, little enough for scattered ones.
_BUFFER_BYTES = 64 * 1024


class _RawContent(io.RawIOBase):
    """Without a buffer. It has no descriptor, so that nobody comes to need one: content may be far away."""

    mode = "rb"

    def __init__(
        self, name: str, progress: Callable[[int, int], object] | None, sources: Sources
    ) -> None:
        self._reader = _session.current().open(os.fsencode(name), progress, sources)
        self._position = 0
        self.name = name
        self.sources = sources

    @property
    def size(self) -> int:
        return self._reader.size

    @property
    def kind(self) -> str:
        return self._reader.kind

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: WriteableBuffer) -> int:
        self._checkClosed()
        view = memoryview(buffer)
        if view.nbytes == 0:
            return 0
        count = self._reader.read_into(self._position, view.cast("B"))
        self._position += count
        return count

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._checkClosed()
        if whence not in (os.SEEK_SET, os.SEEK_CUR, os.SEEK_END):
            raise ValueError(f"whence is 0, 1 or 2, not {whence}")
        position = offset + (0, self._position, self.size)[whence]
        if position < 0:
            raise ValueError(f"cannot go to byte {position}: it is before the beginning")
        self._position = position
        return position

    def tell(self) -> int:
        self._checkClosed()
        return self._position

    def close(self) -> None:
        if not self.closed:
            self._reader.close()
        super().close()


class ContentFile(io.BufferedReader):
    """Content, open for reading bytes; `kachery.open` makes it.

    It can be pickled: it is then opened anew, by its URI, where the pickle is loaded. Threads that read at different
    places each want an object of their own.

    Parameters
    ----------
    uri : str
        ``sha1://HASH``, ``sha256://HASH``, or the path of a file.
    progress : callable, optional
        Told how far it was fetched, or the hash was checked, if that must be done first.
    sources : Sources
        Where to look for it.
    """

    raw: _RawContent

    def __init__(
        self,
        uri: str,
        progress: Callable[[int, int], object] | None = None,
        *,
        sources: Sources = ANYWHERE,
    ) -> None:
        super().__init__(_RawContent(uri, progress, sources), _BUFFER_BYTES)

    @property
    def uri(self) -> str:
        """What it was opened by; also its `name`."""
        return self.raw.name

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.raw.size

    def read(self, size: int | None = -1, /) -> bytes:
        """Up to `size` bytes, or all that follow; fewer only at the end."""
        if size is None or size < 0:
            size = max(self.size - self.tell(), 0)  # The size is known: one piece of memory, filled once.
        return super().read(size)

    def __reduce__(self) -> tuple[Any, ...]:
        return _reopen, (type(self), _name_elsewhere(self), {"sources": self.raw.sources}, self.tell())

    def __reduce_ex__(self, protocol: Any, /) -> tuple[Any, ...]:
        return self.__reduce__()


class ContentText(io.TextIOWrapper):
    """Content, open for reading text; `kachery.open` makes it. It can be pickled like `ContentFile`.

    Parameters
    ----------
    uri : str
        ``sha1://HASH``, ``sha256://HASH``, or the path of a file.
    progress : callable, optional
        Told how far it was fetched, or the hash was checked, if that must be done first.
    sources : Sources
        Where to look for it.
    encoding, errors, newline : str, optional
        As for the built-in ``open``; UTF-8 by default.
    """

    mode = "r"
    buffer: ContentFile

    def __init__(
        self,
        uri: str,
        progress: Callable[[int, int], object] | None = None,
        *,
        sources: Sources = ANYWHERE,
        encoding: str | None = None,
        errors: str | None = None,
        newline: str | None = None,
    ) -> None:
        super().__init__(ContentFile(uri, progress, sources=sources), encoding or "utf-8", errors, newline)
        self._newline = newline

    @property
    def uri(self) -> str:
        """What it was opened by; also its `name`."""
        return self.buffer.uri

    @property
    def size(self) -> int:
        """The number of bytes."""
        return self.buffer.size

    def __reduce__(self) -> tuple[Any, ...]:
        sources = self.buffer.raw.sources
        options = {"sources": sources, "encoding": self.encoding, "errors": self.errors, "newline": self._newline}
        return _reopen, (type(self), _name_elsewhere(self.buffer), options, self.tell())

    def __reduce_ex__(self, protocol: Any, /) -> tuple[Any, ...]:
        return self.__reduce__()


def _name_elsewhere(file: ContentFile) -> str:
    return os.path.abspath(file.uri) if file.raw.kind == "path" else file.uri


def _reopen(
    kind: type[ContentFile] | type[ContentText], uri: str, options: dict[str, Any], position: int
) -> ContentFile | ContentText:
    file = kind(uri, **options)
    file.seek(position)
    return file
