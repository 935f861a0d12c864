"""Storing and loading, once, for all three import names. `kachery`, `kachery_client` and `kachery_cloud` differ in the
names and the labels they give, in what a miss is, and in nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Literal, Protocol, TypeVar

from . import _extras, _hub, _json, _native, _session, _uri
from ._errors import Corrupt, Invalid, NotFound
from ._file import ContentFile
from ._hub import ANYWHERE, Sources

Path = str | bytes | os.PathLike[Any]
Progress = Callable[[int, int], object] | None
LabelStyle = Literal["path", "query"]
T = TypeVar("T")


class Sink(Protocol):
    """Takes all of the bytes it is given."""

    def write(self, data: bytes, /) -> object: ...


# Writes some content into a sink.
Save = Callable[[Sink], object]


def uri_of(
    algorithm: str,
    hex_digest: str,
    label: str | None,
    style: LabelStyle,
    manifest: str | None = None,
    location: bytes | None = None,
) -> str:
    return _native.format_uri(algorithm, hex_digest, os.fsencode(label or ""), style, manifest, location)


def names_of(uris: Iterable[str]) -> list[bytes]:
    """As the native module takes them."""
    return [os.fsencode(uri) for uri in uris]


def base_name(path: Path) -> str:
    return os.path.basename(os.fsdecode(path))


# --- Storing. Every function returns (hexadecimal digest, size in bytes).


def store_many(paths: Iterable[Path], algorithm: str, progress: Progress) -> list[tuple[str, int]]:
    return _session.current().store_many([os.fsencode(path) for path in paths], algorithm, progress)


def link_many(paths: Iterable[Path], algorithm: str, progress: Progress) -> list[tuple[str, int]]:
    return _session.current().link_many([os.fsencode(path) for path in paths], algorithm, progress)


def store(save: Save, algorithm: str) -> tuple[str, int]:
    writer = _session.current().writer(algorithm)
    save(writer)
    return writer.commit()


def store_text(text: str, algorithm: str) -> tuple[str, int]:
    return store(text_saver(text), algorithm)


def store_json(value: Any, algorithm: str, **options: Any) -> tuple[str, int]:
    return store(json_saver(value, **options), algorithm)


def store_npy(array: Any, algorithm: str) -> tuple[str, int]:
    return store(npy_saver(array), algorithm)


def store_pkl(value: Any, algorithm: str) -> tuple[str, int]:
    return store(pkl_saver(value), algorithm)


# --- The bytes of each type of content, for whatever takes bytes.


def text_saver(text: str) -> Save:
    if not isinstance(text, str):
        raise Invalid(f"store_text takes a str, not {type(text).__name__}")
    data = text.encode("utf-8")
    return lambda sink: sink.write(data)


def json_saver(value: Any, **options: Any) -> Save:
    data = _json.dumps(value, **options)
    return lambda sink: sink.write(data)


def npy_saver(array: Any) -> Save:
    _extras.require("numpy", "store_npy")
    from . import _npy

    return lambda sink: _npy.save(array, sink)


def pkl_saver(value: Any) -> Save:
    from . import _pickle

    def save(sink: Sink) -> None:
        try:
            _pickle.dump(value, sink)
        except Invalid as refused:
            without_uris = _uri.plain(value)
            # Where the stack was too small, some of it may be written already.
            if without_uris is value or isinstance(refused.__cause__, RecursionError):
                raise
            _pickle.dump(without_uris, sink)

    return save


# --- Loading. A miss raises NotFound. `sources` says where to look.


def load_file(name: str, dest: Path | None, progress: Progress, *, sources: Sources = ANYWHERE) -> str:
    session = _session.current()
    if dest is None:
        return os.fsdecode(session.locate(os.fsencode(name), progress, sources)[0])
    session.copy_to(os.fsencode(name), os.fsencode(dest), progress, sources)
    return os.fsdecode(dest)


def load_bytes(
    name: str, start: int | None, end: int | None, progress: Progress = None, *, sources: Sources = ANYWHERE
) -> bytes:
    if start is None and end is None:
        return bytes(load_all(name, progress, sources=sources))
    return _session.current().read_range(os.fsencode(name), start, end, progress, sources)


def load_all(name: str, progress: Progress = None, *, sources: Sources = ANYWHERE) -> bytearray:
    """The whole content; exactly these bytes were hashed."""
    return _session.current().read(os.fsencode(name), progress, sources)


def load_text(name: str, progress: Progress = None, *, sources: Sources = ANYWHERE) -> str:
    try:
        return load_all(name, progress, sources=sources).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Corrupt(f"{name}: its content is not text in UTF-8 (byte {error.start})") from None


def load_json(name: str, progress: Progress = None, *, sources: Sources = ANYWHERE) -> Any:
    return _json.loads(load_all(name, progress, sources=sources), name)


def load_npy(name: str, progress: Progress = None, *, sources: Sources = ANYWHERE) -> Any:
    _extras.require("numpy", "load_npy")
    from . import _npy

    return _npy.load(load_all(name, progress, sources=sources))


def load_pkl(
    name: str, allow_unsafe_pickle: bool = False, progress: Progress = None, *, sources: Sources = ANYWHERE
) -> Any:
    data = load_all(name, progress, sources=sources)
    if allow_unsafe_pickle:
        import pickle

        return pickle.loads(data)
    from . import _pickle

    return _pickle.decode(data)


def cat(name: str, *, sources: Sources = ANYWHERE) -> None:
    """Write the content to standard output, in pieces."""
    import shutil

    with ContentFile(name, sources=sources) as file:
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
    sys.stdout.buffer.flush()


def write_out(content: bytes | None) -> None:
    """What `write_to_stdout` of the older names asks for."""
    if content is not None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


# --- For the older import names


def none_if_missing(load: Callable[..., T], *arguments: Any, hub: bool = False) -> T | None:
    """What the older programs do on a miss: None, but with a line on standard error that says where it was looked.

    With `hub` the line also says if there is none that could have been asked.
    """
    try:
        return load(*arguments)
    except NotFound as error:
        reason = _hub.why_none() if hub else None
        print(f"kachery: {error}" + (f"; {reason}" if reason else ""), file=sys.stderr)
        return None
