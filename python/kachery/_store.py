"""Storing and linking, as `kachery` offers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from . import _content, _session
from ._content import Path
from ._progress import Progress, told
from ._uri import URI

if TYPE_CHECKING:
    from numpy.typing import ArrayLike

Algorithm = Literal["sha1", "sha256"]


def _uri(stored: tuple[str, int], label: str | None, algorithm: str) -> URI:
    return URI(_content.uri_of(algorithm, stored[0], label, "path"))


def _uris(stored: list[tuple[str, int]], paths: list[Path], label: str | None, algorithm: str) -> list[URI]:
    labels = [_content.base_name(path) if label is None else label for path in paths]
    return [_uri(one, name, algorithm) for one, name in zip(stored, labels, strict=True)]


def store_file(
    path: Path,
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    progress: Progress = None,
) -> URI:
    """Keep a copy of a file.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        A regular file of any size, or a pipe.
    label : str, optional
        What stands behind the hash in the URI. Default: the file's name.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        A zone of a hub that gets it too. Default: this machine only.
    progress : callable or bool, optional
        Called with (bytes done, bytes in all; 0 if unknown) about ten times a second; what it raises stops the work.
        True shows a bar, or prints a line every 10 s where there is no terminal or no tqdm.

    Returns
    -------
    URI
        A str. When it is returned, the copy is on the disk.

    Raises
    ------
    NotFound
        There is no such file.
    Corrupt
        Other content with the same hash is there already (a collision).
    Exhausted
        The disk is full; nothing was stored.
    Unavailable
        A zone is named, and no hub is configured or it cannot be reached.
    """
    return store_many([path], label=label, algorithm=algorithm, zone=zone, progress=progress)[0]


def store_many(
    paths: Iterable[Path],
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    progress: Progress = None,
) -> list[URI]:
    """Keep copies of many files as one batch, much faster than one by one: all are durable, or an error is raised.

    Parameters
    ----------
    paths : iterable of str, bytes or os.PathLike
        Regular files of any size, or pipes.
    label : str, optional
        What stands behind each hash. Default: each file's name.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        A zone of a hub that gets them too. Default: this machine only.
    progress : callable or bool, optional
        As for `store_file`, for all files together.

    Returns
    -------
    list of URI
        In the order of `paths`.

    Raises
    ------
    NotFound, Corrupt, Exhausted, Unavailable
        As for `store_file`.
    """
    _session.check_zone(zone)
    paths = list(paths)
    with told(progress, "storing") as report:
        stored = _content.store_many(paths, algorithm, report)
    return _uris(stored, paths, label, algorithm)


def link_file(
    path: Path,
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    progress: Progress = None,
) -> URI:
    """Note where a file is, without copying it.

    The file is hashed, once for each state of it. If it changes later it is not served under this URI any more; if it
    goes away, the URI is a miss.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        A regular file of any size.
    label : str, optional
        What stands behind the hash in the URI. Default: the file's name.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        A zone of a hub that learns of it too. Default: this machine only.
    progress : callable or bool, optional
        As for `store_file`.

    Returns
    -------
    URI
        A str. When it is returned, the link is on the disk.

    Raises
    ------
    NotFound, Corrupt, Exhausted, Unavailable
        As for `store_file`.
    """
    return link_many([path], label=label, algorithm=algorithm, zone=zone, progress=progress)[0]


def link_many(
    paths: Iterable[Path],
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    progress: Progress = None,
) -> list[URI]:
    """Note where many files are, as one batch.

    Parameters
    ----------
    paths : iterable of str, bytes or os.PathLike
        Regular files of any size.
    label : str, optional
        What stands behind each hash. Default: each file's name.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        A zone of a hub that learns of them too. Default: this machine only.
    progress : callable or bool, optional
        As for `store_file`, for all files together.

    Returns
    -------
    list of URI
        In the order of `paths`.

    Raises
    ------
    NotFound, Corrupt, Exhausted, Unavailable
        As for `store_file`.
    """
    _session.check_zone(zone)
    paths = list(paths)
    with told(progress, "linking") as report:
        linked = _content.link_many(paths, algorithm, report)
    return _uris(linked, paths, label, algorithm)


def store_bytes(
    data: bytes | bytearray | memoryview,
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
) -> URI:
    """Keep bytes.

    Parameters
    ----------
    data : bytes-like
        The content.
    label : str, optional
        What stands behind the hash in the URI.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        A zone of a hub that gets it too. Default: this machine only.

    Returns
    -------
    URI
        A str. When it is returned, the content is on the disk.

    Raises
    ------
    Corrupt, Exhausted, Unavailable
        As for `store_file`.
    """
    _session.check_zone(zone)
    return _uri(_content.store_bytes(bytes(data), algorithm), label, algorithm)


def store_text(
    text: str, *, label: str | None = "file.txt", algorithm: Algorithm = "sha1", zone: str | None = None
) -> URI:
    """Keep text, in UTF-8, exactly as it is.

    Parameters
    ----------
    text : str
        The content.
    label : str, optional
        What stands behind the hash in the URI.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        A zone of a hub that gets it too. Default: this machine only.

    Returns
    -------
    URI
        A str. When it is returned, the content is on the disk.

    Raises
    ------
    Corrupt, Exhausted, Unavailable
        As for `store_file`.
    """
    _session.check_zone(zone)
    return _uri(_content.store_text(text, algorithm), label, algorithm)


def store_json(
    value: Any,
    *,
    label: str | None = "file.json",
    algorithm: Algorithm = "sha1",
    sort_keys: bool = False,
    separators: tuple[str, str] = (",", ":"),
    indent: int | None = None,
    zone: str | None = None,
) -> URI:
    """Keep an object as JSON. Characters beyond ASCII are escaped.

    Parameters
    ----------
    value : object
        Made of dicts, lists, tuples, str, numbers, bool and None.
    label : str, optional
        What stands behind the hash in the URI.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    sort_keys : bool
        Sort the keys of every object. Default: as they come.
    separators : tuple of str
        Between members, and between a key and its value.
    indent : int, optional
        Spaces for each level, on lines of their own. Default: one line.
    zone : str, optional
        A zone of a hub that gets it too. Default: this machine only.

    Returns
    -------
    URI
        That of the JSON text. When it is returned, the content is on the disk.

    Raises
    ------
    ValueError
        There is a NaN or an infinity in it, or it contains itself.
    TypeError
        JSON has no form for something in it, such as ``numpy.int64``.
    Corrupt, Exhausted, Unavailable
        As for `store_file`.
    """
    _session.check_zone(zone)
    options = {"sort_keys": sort_keys, "separators": separators, "indent": indent}
    return _uri(_content.store_json(value, algorithm, **options), label, algorithm)


def store_npy(
    array: ArrayLike,
    *,
    label: str | None = "file.npy",
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
) -> URI:
    """Keep a numpy array in the npy format, as ``numpy.save`` writes it.

    Parameters
    ----------
    array : array_like
        Of numbers, text, times, or records of them.
    label : str, optional
        What stands behind the hash in the URI.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        A zone of a hub that gets it too. Default: this machine only.

    Returns
    -------
    URI
        A str. When it is returned, the content is on the disk.

    Raises
    ------
    Invalid
        It is an array of Python objects, or has a mask.
    ModuleNotFoundError
        numpy is not installed.
    Corrupt, Exhausted, Unavailable
        As for `store_file`.
    """
    _session.check_zone(zone)
    return _uri(_content.store_npy(array, algorithm), label, algorithm)


def store_pkl(
    value: Any, *, label: str | None = "file.pkl", algorithm: Algorithm = "sha1", zone: str | None = None
) -> URI:
    """Keep plain data as a pickle (protocol 4).

    Parameters
    ----------
    value : object
        Made of numbers, text, bytes, containers, and numpy arrays in them.
    label : str, optional
        What stands behind the hash in the URI.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        A zone of a hub that gets it too. Default: this machine only.

    Returns
    -------
    URI
        A str. When it is returned, the content is on the disk.

    Raises
    ------
    Invalid
        Something in it could not be read again without running code; the message names the place.
    Corrupt, Exhausted, Unavailable
        As for `store_file`.
    """
    _session.check_zone(zone)
    return _uri(_content.store_pkl(value, algorithm), label, algorithm)
