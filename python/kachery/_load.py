"""Loading, opening and printing, as `kachery` offers it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Literal, overload

from . import _content, _hub
from ._content import Path
from ._errors import Invalid
from ._file import ContentFile, ContentText
from ._progress import Progress, told

if TYPE_CHECKING:
    import numpy as np


def load_file(
    uri: str,
    *,
    dest: Path | None = None,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> str:
    """The path of a file with the content.

    Parameters
    ----------
    uri : str
        ``sha1://HASH``, with a label or not, ``sha256://HASH``, or the path of a file.
    dest : str, bytes or os.PathLike, optional
        Put a verified copy here, replacing a file at once, and return this path. Without it the path is that of the
        stored or linked file itself: read it, do not change it.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    channel : str, optional
        The channel of the zone to ask, and its nodes; not the zone. Default: the zone and all channels of this node.
    timeout : float, optional
        How many seconds those who are asked may take to upload it; that nobody has it is known within 3 s. Default: a day.
    local_only : bool
        Ask nobody else.
    progress : callable or bool, optional
        Called with (bytes done, bytes in all; 0 if unknown) about ten times a second; what it raises stops the work.
        True shows a bar, or prints a line every 10 s where there is no terminal or no tqdm.

    Returns
    -------
    str
        A path. What lies there was checked.

    Raises
    ------
    NotFound
        The message says where it was looked.
    Corrupt
        What is stored is damaged, and no linked file has the content.
    Invalid
        `uri` is neither a URI nor a path that can be read.
    Unavailable
        The hub cannot be reached, and so it is not known whether the zone has it; or a zone is named, and no hub is
        configured.
    Denied
        The hub refuses this node.
    """
    sources = _hub.sources(zone, local_only, resource, channel, timeout)
    with told(progress, "loading") as report:
        return _content.load_file(uri, dest, report, sources=sources)


def load_bytes(
    uri: str,
    start: int | None = None,
    end: int | None = None,
    *,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> bytes:
    """The content, or a part of it, as bytes.

    Parameters
    ----------
    uri : str
        As for `load_file`.
    start : int, optional
        The first byte, counted from 0. Default: the beginning.
    end : int, optional
        The byte behind the last one. Default: the end.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    channel : str, optional
        The channel of the zone to ask, and its nodes; not the zone. Default: the zone and all channels of this node.
    timeout : float, optional
        How many seconds those who are asked may take to upload it; that nobody has it is known within 3 s. Default: a day.
    local_only : bool
        Ask nobody else.
    progress : callable or bool, optional
        As for `load_file`.

    Returns
    -------
    bytes
        ``end - start`` of them.

    Raises
    ------
    Invalid
        The range goes beyond the content, or `uri` cannot be used.
    NotFound, Corrupt, Unavailable, Denied
        As for `load_file`.
    """
    sources = _hub.sources(zone, local_only, resource, channel, timeout)
    with told(progress, "loading") as report:
        return _content.load_bytes(uri, start, end, report, sources=sources)


def load_text(
    uri: str,
    *,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> str:
    """The content as text in UTF-8, with the line ends that it has.

    Parameters
    ----------
    uri : str
        As for `load_file`.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    channel : str, optional
        The channel of the zone to ask, and its nodes; not the zone. Default: the zone and all channels of this node.
    timeout : float, optional
        How many seconds those who are asked may take to upload it; that nobody has it is known within 3 s. Default: a day.
    local_only : bool
        Ask nobody else.
    progress : callable or bool, optional
        As for `load_file`.

    Returns
    -------
    str
        The text.

    Raises
    ------
    Corrupt
        The content is damaged, or it is not text in UTF-8.
    NotFound, Invalid, Unavailable, Denied
        As for `load_file`.
    """
    sources = _hub.sources(zone, local_only, resource, channel, timeout)
    with told(progress, "loading") as report:
        return _content.load_text(uri, report, sources=sources)


def load_json(
    uri: str,
    *,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> Any:
    """The object whose JSON text is the content.

    Parameters
    ----------
    uri : str
        As for `load_file`.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    channel : str, optional
        The channel of the zone to ask, and its nodes; not the zone. Default: the zone and all channels of this node.
    timeout : float, optional
        How many seconds those who are asked may take to upload it; that nobody has it is known within 3 s. Default: a day.
    local_only : bool
        Ask nobody else.
    progress : callable or bool, optional
        As for `load_file`.

    Returns
    -------
    object
        Made of dicts, lists, str, numbers, bool and None.

    Raises
    ------
    Corrupt
        The content is damaged, or it is not JSON.
    NotFound, Invalid, Unavailable, Denied
        As for `load_file`.
    """
    sources = _hub.sources(zone, local_only, resource, channel, timeout)
    with told(progress, "loading") as report:
        return _content.load_json(uri, report, sources=sources)


def load_npy(
    uri: str,
    *,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> np.ndarray[Any, Any]:
    """The numpy array whose npy form is the content.

    Parameters
    ----------
    uri : str
        As for `load_file`.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    channel : str, optional
        The channel of the zone to ask, and its nodes; not the zone. Default: the zone and all channels of this node.
    timeout : float, optional
        How many seconds those who are asked may take to upload it; that nobody has it is known within 3 s. Default: a day.
    local_only : bool
        Ask nobody else.
    progress : callable or bool, optional
        As for `load_file`.

    Returns
    -------
    numpy.ndarray
        It can be changed; the stored content stays.

    Raises
    ------
    Corrupt
        The content is damaged, or it is not an npy file.
    Denied
        It holds Python objects.
    ModuleNotFoundError
        numpy is not installed.
    NotFound, Invalid, Unavailable, Denied
        As for `load_file`.
    """
    sources = _hub.sources(zone, local_only, resource, channel, timeout)
    with told(progress, "loading") as report:
        array: np.ndarray[Any, Any] = _content.load_npy(uri, report, sources=sources)
    return array


def load_pkl(
    uri: str,
    *,
    allow_unsafe_pickle: bool = False,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> Any:
    """The plain data in a pickle, read by a decoder that can call nothing.

    Parameters
    ----------
    uri : str
        As for `load_file`.
    allow_unsafe_pickle : bool
        Give the content to Python's own ``pickle`` instead, **which runs whatever its author wants**: only for content
        of people that you trust.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    channel : str, optional
        The channel of the zone to ask, and its nodes; not the zone. Default: the zone and all channels of this node.
    timeout : float, optional
        How many seconds those who are asked may take to upload it; that nobody has it is known within 3 s. Default: a day.
    local_only : bool
        Ask nobody else.
    progress : callable or bool, optional
        As for `load_file`.

    Returns
    -------
    object
        Made of numbers, text, bytes, containers and numpy arrays.

    Raises
    ------
    Denied
        The pickle names anything else; the message says what.
    Corrupt
        The content is damaged, or it is not a pickle.
    NotFound, Invalid, Unavailable, Denied
        As for `load_file`.
    """
    sources = _hub.sources(zone, local_only, resource, channel, timeout)
    with told(progress, "loading") as report:
        return _content.load_pkl(uri, allow_unsafe_pickle, report, sources=sources)


def cat(
    uri: str,
    *,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
) -> None:
    """Write the content to standard output, as bytes.

    Parameters
    ----------
    uri : str
        As for `load_file`.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    channel : str, optional
        The channel of the zone to ask, and its nodes; not the zone. Default: the zone and all channels of this node.
    timeout : float, optional
        How many seconds those who are asked may take to upload it; that nobody has it is known within 3 s. Default: a day.
    local_only : bool
        Ask nobody else.

    Raises
    ------
    NotFound, Corrupt, Invalid, Unavailable, Denied
        As for `load_file`.
    """
    _content.cat(uri, sources=_hub.sources(zone, local_only, resource, channel, timeout))


@overload
def open(
    uri: str,
    mode: Literal["rb"] = "rb",
    *,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> ContentFile: ...


@overload
def open(
    uri: str,
    mode: Literal["r", "rt"],
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> ContentText: ...


def open(
    uri: str,
    mode: str = "rb",
    *,
    encoding: str | None = None,
    errors: str | None = None,
    newline: str | None = None,
    zone: str | None = None,
    resource: str | None = None,
    channel: str | None = None,
    timeout: float | None = None,
    local_only: bool = False,
    progress: Progress = None,
) -> ContentFile | ContentText:
    """The content as a file object: read-only and seekable, for whatever reads files.

    It reads from the very file whose hash was checked, so what is stored anew, moved or removed later does not matter.

    Parameters
    ----------
    uri : str
        ``sha1://HASH``, with a label or not, ``sha256://HASH``, or the path of a file.
    mode : {'rb', 'r', 'rt'}
        Bytes by default; text with ``r``.
    encoding : str, optional
        Of text. Default: UTF-8.
    errors : str, optional
        As for the built-in ``open``.
    newline : str, optional
        As for the built-in ``open``: by default every line end reads as ``\\n``.
    zone : str, optional
        The zone of the hub to ask, if the content is not on this machine. Default: the one that is configured.
    resource : str, optional
        The resource to ask, if the zone does not have it either. Default: the one that KACHERY_RESOURCE_URL names, if any.
    channel : str, optional
        The channel of the zone to ask, and its nodes; not the zone. Default: the zone and all channels of this node.
    timeout : float, optional
        How many seconds those who are asked may take to upload it; that nobody has it is known within 3 s. Default: a day.
    local_only : bool
        Ask nobody else.
    progress : callable or bool, optional
        As for `load_file`, while it is fetched, or the hash is checked.

    Returns
    -------
    ContentFile or ContentText
        A context manager with `uri` and `size`. It can be pickled, and is then opened anew by its URI.

    Raises
    ------
    NotFound, Corrupt, Unavailable, Denied
        As for `load_file`. A linked file that changes while it is read raises `Corrupt` from then on.
    Invalid
        The mode is another, or `uri` cannot be used.
    """
    if mode not in ("rb", "r", "rt"):
        raise Invalid(f'cannot open with mode "{mode}": content never changes, so there are "rb", "r" and "rt"')
    if mode == "rb" and (encoding, errors, newline) != (None, None, None):
        raise Invalid('encoding, errors and newline are for text: open with mode "r"')
    sources = _hub.sources(zone, local_only, resource, channel, timeout)
    with told(progress, "loading") as report:
        if mode == "rb":
            return ContentFile(uri, report, sources=sources)
        return ContentText(uri, report, sources=sources, encoding=encoding, errors=errors, newline=newline)
