"""Storing and loading, once, for all three import names. `kachery`, `kachery_client` and `kachery_cloud` differ in the
names and the labels they give, in what a miss is, and in nothing else."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable, Iterable
from typing import Any, Literal

from . import _extras, _json, _native, _session, _uri
from ._errors import Corrupt, Invalid, NotFound
from ._file import ContentFile

Path = str | bytes | os.PathLike[Any]
Progress = Callable[[int, int], object] | None
LabelStyle = Literal["path", "query"]


def uri_of(algorithm: str, hex_digest: str, label: str | None, style: LabelStyle) -> str:
    return _native.format_uri(algorithm, hex_digest, os.fsencode(label or ""), style)


def base_name(path: Path) -> str:
    return os.path.basename(os.fsdecode(path))


# --- Storing. Every function returns (hexadecimal digest, size in bytes).


def store_many(paths: Iterable[Path], algorithm: str, progress: Progress) -> list[tuple[str, int]]:
    return _session.current().store_many([os.fsencode(path) for path in paths], algorithm, progress)


def link_many(paths: Iterable[Path], algorithm: str, progress: Progress) -> list[tuple[str, int]]:
    return _session.current().link_many([os.fsencode(path) for path in paths], algorithm, progress)


def store_bytes(data: bytes, algorithm: str) -> tuple[str, int]:
    writer = _session.current().writer(algorithm)
    writer.write(data)
    return writer.commit()


def store_text(text: str, algorithm: str) -> tuple[str, int]:
    if not isinstance(text, str):
        raise Invalid(f"store_text takes a str, not {type(text).__name__}")
    return store_bytes(text.encode("utf-8"), algorithm)


def store_json(value: Any, algorithm: str, **options: Any) -> tuple[str, int]:
    return store_bytes(_json.dumps(value, **options), algorithm)


def store_npy(array: Any, algorithm: str) -> tuple[str, int]:
    _extras.require("numpy", "store_npy")
    from . import _npy

    writer = _session.current().writer(algorithm)
    _npy.save(array, writer)
    return writer.commit()


def store_pkl(value: Any, algorithm: str) -> tuple[str, int]:
    from . import _pickle

    def store(plain: Any) -> tuple[str, int]:
        writer = _session.current().writer(algorithm)
        _pickle.dump(plain, writer)
        return writer.commit()

    try:
        return store(value)
    except Invalid:
        without_uris = _uri.plain(value)
        if without_uris is value:
            raise
        return store(without_uris)


# --- Loading. A miss raises NotFound.


def load_file(name: str, dest: Path | None, progress: Progress) -> str:
    session = _session.current()
    if dest is None:
        return os.fsdecode(session.locate(os.fsencode(name), progress)[0])
    session.copy_to(os.fsencode(name), os.fsencode(dest), progress)
    return os.fsdecode(dest)


def load_bytes(name: str, start: int | None, end: int | None, progress: Progress = None) -> bytes:
    if start is None and end is None:
        return bytes(load_all(name, progress))
    return _session.current().read_range(os.fsencode(name), start, end, on_progress=progress)


def load_all(name: str, progress: Progress = None) -> bytearray:
    """The whole content; exactly these bytes were hashed."""
    return _session.current().read(os.fsencode(name), progress)


def load_text(name: str, progress: Progress = None) -> str:
    try:
        return load_all(name, progress).decode("utf-8")
    except UnicodeDecodeError as error:
        raise Corrupt(f"{name}: its content is not text in UTF-8 (byte {error.start})") from None


def load_json(name: str, progress: Progress = None) -> Any:
    return _json.loads(load_all(name, progress), name)


def load_npy(name: str, progress: Progress = None) -> Any:
    _extras.require("numpy", "load_npy")
    from . import _npy

    return _npy.load(load_all(name, progress))


def load_pkl(name: str, allow_unsafe_pickle: bool = False, progress: Progress = None) -> Any:
    data = load_all(name, progress)
    if allow_unsafe_pickle:
        import pickle

        return pickle.loads(data)
    from . import _pickle

    return _pickle.decode(data)


def cat(name: str) -> None:
    """Write the content to standard output, in pieces."""
    import shutil

    with ContentFile(name) as file:
        shutil.copyfileobj(file, sys.stdout.buffer, 1 << 20)
    sys.stdout.buffer.flush()


def write_out(content: bytes | None) -> None:
    """What `write_to_stdout` of the older names asks for."""
    if content is not None:
        sys.stdout.buffer.write(content)
        sys.stdout.buffer.flush()


# --- For the older import names


def none_if_missing(load: Callable[..., Any], *arguments: Any) -> Any:
    """What the older programs do on a miss: None, but with a line on standard error that says where it was looked."""
    try:
        return load(*arguments)
    except NotFound as error:
        print(f"kachery: {error}", file=sys.stderr)
        return None
