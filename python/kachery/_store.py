"""Storing and linking, as `kachery` offers it."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, Literal

from . import _content, _hub, _zone
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


def _keep(save: _content.Save, label: str | None, algorithm: str, zone: str | None, local: bool) -> URI:
    """Keep what `save` writes here and, unless it is to stay here, in a zone."""
    uploads = _hub.uploads(zone, local)
    uri = _uri(_content.store(save, algorithm), label, algorithm)
    if uploads:
        _zone.send_stored([uri], zone, None)
    return uri


def store_file(
    path: Path,
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    local: bool = False,
    progress: Progress = None,
) -> URI:
    """Keep a copy of a file here and, where a hub is configured, in a zone.

    Parameters
    ----------
    path : str, bytes or os.PathLike
        A regular file of any size, or a pipe.
    label : str, optional
        What stands behind the hash in the URI. Default: the file's name.
    algorithm : {'sha1', 'sha256'}
        The hash that names the content.
    zone : str, optional
        The zone of the hub that gets it too. Default: the one that is configured.
    local : bool
        Keep it here only. Without a hub it stays here anyway.
    progress : callable or bool, optional
        Called with (bytes done, bytes in all; 0 if unknown) about ten times a second; what it raises stops the work.
        True shows a bar, or prints a line every 10 s where there is no terminal or no tqdm.

    Returns
    -------
    URI
        A str. When it is returned, the copy is on the disk, and in the zone.

    Raises
    ------
    NotFound
        There is no such file.
    Corrupt
        Other content with the same hash is there already (a collision).
    Exhausted
        The disk is full, and nothing was stored; or the zone's quota is used up.
    Denied
        It was stored here, but this node may not upload to the zone.
    Unavailable
        It was stored here, as the message says, but the hub cannot be reached. Or a zone is named, and no hub is
        configured: then nothing was stored.
    """
    return store_many([path], label=label, algorithm=algorithm, zone=zone, local=local, progress=progress)[0]


def store_many(
    paths: Iterable[Path],
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    local: bool = False,
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
        The zone of the hub that gets them too. Default: the one that is configured.
    local : bool
        Keep them here only. Without a hub they stay here anyway.
    progress : callable or bool, optional
        As for `store_file`, for all files together: first how far they are stored, then how far they are uploaded.

    Returns
    -------
    list of URI
        In the order of `paths`.

    Raises
    ------
    NotFound, Corrupt, Exhausted, Denied, Unavailable
        As for `store_file`.
    """
    uploads = _hub.uploads(zone, local)
    paths = list(paths)
    with told(progress, "storing") as report:
        stored = _content.store_many(paths, algorithm, report)
    uris = _uris(stored, paths, label, algorithm)
    if uploads and uris:
        _zone.send_stored(uris, zone, progress)
    return uris


def link_file(
    path: Path,
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
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
    progress : callable or bool, optional
        As for `store_file`.

    Returns
    -------
    URI
        A str. When it is returned, the link is on the disk.

    Raises
    ------
    NotFound, Corrupt, Exhausted
        As for `store_file`.
    """
    return link_many([path], label=label, algorithm=algorithm, progress=progress)[0]


def link_many(
    paths: Iterable[Path],
    *,
    label: str | None = None,
    algorithm: Algorithm = "sha1",
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
    progress : callable or bool, optional
        As for `store_file`, for all files together.

    Returns
    -------
    list of URI
        In the order of `paths`.

    Raises
    ------
    NotFound, Corrupt, Exhausted
        As for `store_file`.
    """
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
    local: bool = False,
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
        The zone of the hub that gets it too. Default: the one that is configured.
    local : bool
        Keep it here only. Without a hub it stays here anyway.

    Returns
    -------
    URI
        A str. When it is returned, the content is on the disk, and in the zone.

    Raises
    ------
    Corrupt, Exhausted, Denied, Unavailable
        As for `store_file`.
    """
    return _keep(lambda sink: sink.write(bytes(data)), label, algorithm, zone, local)


def store_text(
    text: str,
    *,
    label: str | None = "file.txt",
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    local: bool = False,
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
        The zone of the hub that gets it too. Default: the one that is configured.
    local : bool
        Keep it here only. Without a hub it stays here anyway.

    Returns
    -------
    URI
        A str. When it is returned, the content is on the disk, and in the zone.

    Raises
    ------
    Corrupt, Exhausted, Denied, Unavailable
        As for `store_file`.
    """
    return _keep(_content.text_saver(text), label, algorithm, zone, local)


def store_json(
    value: Any,
    *,
    label: str | None = "file.json",
    algorithm: Algorithm = "sha1",
    sort_keys: bool = False,
    separators: tuple[str, str] = (",", ":"),
    indent: int | None = None,
    zone: str | None = None,
    local: bool = False,
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
        The zone of the hub that gets it too. Default: the one that is configured.
    local : bool
        Keep it here only. Without a hub it stays here anyway.

    Returns
    -------
    URI
        That of the JSON text. When it is returned, the content is on the disk, and in the zone.

    Raises
    ------
    ValueError
        There is a NaN or an infinity in it, or it contains itself.
    TypeError
        JSON has no form for something in it, such as ``numpy.int64``.
    Corrupt, Exhausted, Denied, Unavailable
        As for `store_file`.
    """
    saver = _content.json_saver(value, sort_keys=sort_keys, separators=separators, indent=indent)
    return _keep(saver, label, algorithm, zone, local)


def store_npy(
    array: ArrayLike,
    *,
    label: str | None = "file.npy",
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    local: bool = False,
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
        The zone of the hub that gets it too. Default: the one that is configured.
    local : bool
        Keep it here only. Without a hub it stays here anyway.

    Returns
    -------
    URI
        A str. When it is returned, the content is on the disk, and in the zone.

    Raises
    ------
    Invalid
        It is an array of Python objects, or has a mask.
    ModuleNotFoundError
        numpy is not installed.
    Corrupt, Exhausted, Denied, Unavailable
        As for `store_file`.
    """
    return _keep(_content.npy_saver(array), label, algorithm, zone, local)


def store_pkl(
    value: Any,
    *,
    label: str | None = "file.pkl",
    algorithm: Algorithm = "sha1",
    zone: str | None = None,
    local: bool = False,
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
        The zone of the hub that gets it too. Default: the one that is configured.
    local : bool
        Keep it here only. Without a hub it stays here anyway.

    Returns
    -------
    URI
        A str. When it is returned, the content is on the disk, and in the zone.

    Raises
    ------
    Invalid
        Something in it could not be read again without running code; the message names the place.
    Corrupt, Exhausted, Denied, Unavailable
        As for `store_file`.
    """
    return _keep(_content.pkl_saver(value), label, algorithm, zone, local)
