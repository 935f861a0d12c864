"""Feeds: signed logs of messages, as `kachery` offers them."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator, Iterable, Iterator, Sequence
from typing import Any, NamedTuple, overload

from . import _json, _native, _session
from ._errors import Invalid, NotFound
from ._uri import URI

# One page of what is read: so many bytes are in memory at once.
_page_bytes = 16 << 20
_everything = (1 << 53) - 1
# Whoever waits looks so often whether it is still wanted.
_slice_s = 0.5


class Entry(NamedTuple):
    """A message of a subfeed, with its place in it.

    Parameters
    ----------
    number : int
        Counted from 0.
    timestamp_ms : int
        When it was appended, by the writer's clock: milliseconds since 1970, UTC.
    message : object
        Made of dicts, lists, str, numbers, bool and None.
    """

    number: int
    timestamp_ms: int
    message: Any


class Proved(NamedTuple):
    """What a proof says, once it was checked.

    Parameters
    ----------
    subfeed : str
        Of which subfeed it is: ``feed://ID/~HASH``.
    size : int
        How many messages that had when it was signed.
    number : int
        The message that is proved.
    timestamp_ms : int
        When it was appended, by the writer's clock: milliseconds since 1970, UTC.
    message : object
        The message; None where it is so long that the proof has its hash only.
    entry : bytes
        What was signed, byte for byte.
    """

    subfeed: str
    size: int
    number: int
    timestamp_ms: int
    message: Any
    entry: bytes


def read_entries(uri: str, start: int, stop: int | None) -> Iterator[tuple[int, int, bytes, bytes]]:
    """Number, timestamp, text and signed bytes of the messages from `start` on, page by page."""
    session = _session.current()
    position = start
    end = _everything if stop is None else stop
    while position < end:
        page = session.feed_read(uri, position, end - position, _page_bytes)
        if not page:
            return
        yield from page
        position += len(page)


def subfeed_name(name: Any) -> str:
    """How a subfeed's name stands in a URI: a str as it is, anything else by its hash, as the first generation made it."""
    if isinstance(name, str):
        return name
    import hashlib
    import json

    text = json.dumps(name, sort_keys=True, separators=(",", ":"))
    return "~" + hashlib.sha1(text.encode("ascii")).hexdigest()


class Subfeed:
    """A log of messages, which only grows at its end. Whatever is read was signed by its feed's key.

    ``for message in subfeed`` gives the messages that are there, `tail` also those that come, ``subfeed[5]`` and
    ``subfeed[-3:]`` some of them. Messages are whatever JSON has a form for, and come back as they were appended.

    Parameters
    ----------
    uri : str
        ``feed://ID/NAME``.
    """

    def __init__(self, uri: str) -> None:
        feed, name = _native.parse_feed_uri(uri)
        if name is None:
            raise Invalid(f"{uri} names a feed and none of its subfeeds: feed://ID/NAME does")
        self._uri = _native.format_feed_uri(feed, name)
        self._feed = feed
        self._name = name

    def __repr__(self) -> str:
        return f"kachery.Subfeed({self._uri!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Subfeed) and (self._feed, self.hash) == (other._feed, other.hash)

    def __hash__(self) -> int:
        return hash((self._feed, self.hash))

    @property
    def uri(self) -> str:
        """``feed://ID/NAME``: for whoever is to read it."""
        return self._uri

    @property
    def name(self) -> str:
        """Its name in the feed; ``~HASH`` where that is no str."""
        return self._name

    @property
    def hash(self) -> str:
        """The SHA-1 of its name, 40 hexadecimal digits: what it is known by."""
        return _native.subfeed_hash(self._name)

    @property
    def feed(self) -> Feed:
        """The feed that it belongs to."""
        return Feed(f"feed://{self._feed}")

    @property
    def writable(self) -> bool:
        """Whether messages can be appended to it here."""
        return _session.current().feed_is_writable(self._feed)

    def append(self, message: Any) -> int:
        """Append a message. It is on the disk when this returns.

        Parameters
        ----------
        message : object
            What JSON has a form for, up to 8 MiB of it.

        Returns
        -------
        int
            The number of the message, counted from 0.

        Raises
        ------
        Denied
            It is somebody else's feed.
        Corrupt
            What is here is not what was signed, or an older copy of it.
        TypeError
            JSON has no form for something in it.
        """
        return self.extend([message])

    def extend(self, messages: Iterable[Any]) -> int:
        """Append messages side by side: all, or none. One signature, one write; much faster than one by one.

        Parameters
        ----------
        messages : iterable of object
            What JSON has a form for, each up to 8 MiB of it.

        Returns
        -------
        int
            The number of the first one, counted from 0.

        Raises
        ------
        Denied, Corrupt, TypeError
            As for `append`.
        """
        texts = [_json.dumps(message) for message in messages]
        return _session.current().feed_append(self._uri, texts)[0]

    def __len__(self) -> int:
        return _session.current().feed_size(self._uri)

    def __bool__(self) -> bool:
        return True

    def __iter__(self) -> Iterator[Any]:
        for entry in self.entries():
            yield entry.message

    @overload
    def __getitem__(self, index: int) -> Any: ...
    @overload
    def __getitem__(self, index: slice) -> list[Any]: ...
    def __getitem__(self, index: int | slice) -> Any:
        size = len(self)
        if isinstance(index, slice):
            start, stop, step = index.indices(size)
            if step != 1:
                return [self[i] for i in range(start, stop, step)]
            return [entry.message for entry in self.entries(start, max(start, stop))]
        number = index + size if index < 0 else index
        for entry in self.entries(number, number + 1) if number >= 0 else ():
            return entry.message
        raise IndexError(f"{self._uri} has {size} messages, and not one of number {index}")

    def entries(self, start: int = 0, stop: int | None = None) -> Iterator[Entry]:
        """Read messages with their numbers and times.

        Parameters
        ----------
        start : int
            The number of the first one.
        stop : int, optional
            The number behind the last one. Default: all that are there.

        Yields
        ------
        Entry
            One after the other, each verified.
        """
        for number, timestamp_ms, text, _ in read_entries(self._uri, start, stop):
            yield Entry(number, timestamp_ms, _json.loads(text, f"message {number} of {self._uri}"))

    def wait(self, number: int, timeout: float | None = None) -> bool:
        """Wait until there is a message of some number.

        Parameters
        ----------
        number : int
            Counted from 0.
        timeout : float, optional
            Seconds. Default: for ever.

        Returns
        -------
        bool
            Whether there is one now.
        """
        import time

        deadline = None if timeout is None else time.monotonic() + timeout
        while True:
            left = 3600.0 if deadline is None else max(0.0, deadline - time.monotonic())
            if _session.current().feed_wait([(self._uri, number)], int(left * 1000)):
                return True
            if deadline is not None and time.monotonic() >= deadline:
                return False

    def tail(self, start: int | None = None, timeout: float | None = None) -> Iterator[Entry]:
        """Read messages as they come.

        Parameters
        ----------
        start : int, optional
            The number of the first one: 0 for all, ``last.number + 1`` to go on where one was. Default: what is appended
            from now on.
        timeout : float, optional
            End when nothing has come for so many seconds. Default: never.

        Yields
        ------
        Entry
            One after the other, each verified.
        """
        position = len(self) if start is None else start
        while True:
            for entry in self.entries(position):
                yield entry
                position = entry.number + 1
            if not self.wait(position, timeout):
                return

    async def tail_async(self, start: int | None = None, timeout: float | None = None) -> AsyncIterator[Entry]:
        """Read messages as they come, in asyncio: the event loop runs meanwhile.

        Parameters
        ----------
        start : int, optional
            As for `tail`.
        timeout : float, optional
            As for `tail`.

        Yields
        ------
        Entry
            One after the other, each verified.
        """
        import asyncio
        import time

        position = await asyncio.to_thread(len, self) if start is None else start
        quiet_since = time.monotonic()
        while True:
            for entry in await asyncio.to_thread(lambda first: list(self.entries(first, first + 1000)), position):
                yield entry
                position = entry.number + 1
                quiet_since = time.monotonic()
            # In slices, so that nothing is left behind when the task is cancelled.
            if await asyncio.to_thread(self.wait, position, _slice_s):
                continue
            if timeout is not None and time.monotonic() - quiet_since >= timeout:
                return

    @property
    def verifier_key(self) -> str:
        """The key that verifies its checkpoints, as other programs read it (c2sp.org/signed-note)."""
        return _native.feed_vkey(self._uri)

    def checkpoint(self) -> str:
        """What the feed's key has signed last about it (c2sp.org/tlog-checkpoint).

        Returns
        -------
        str
            A signed note. Whoever keeps it can later be shown that nothing was changed.

        Raises
        ------
        NotFound
            There are no messages.
        """
        return _session.current().feed_checkpoint(self._uri)

    def prove(self, number: int) -> str:
        """Make a proof that a message is in it, for anybody: `check_proof` needs no network and no store.

        Parameters
        ----------
        number : int
            The message's, counted from 0.

        Returns
        -------
        str
            The text of a file (c2sp.org/tlog-proof).

        Raises
        ------
        NotFound
            There is no such message.
        """
        return _session.current().feed_prove(self._uri, number)

    def prove_since(self, size: int) -> str:
        """Make a proof that it begins with what it had at an earlier size.

        Parameters
        ----------
        size : int
            How many messages the older checkpoint has; at least 1.

        Returns
        -------
        str
            The text of a file, for `check_history`.

        Raises
        ------
        Invalid
            It never had so many.
        """
        return _session.current().feed_prove_since(self._uri, size)


class Feed:
    """Some subfeeds that are signed by one key. Whoever has that key writes them; anybody may read them.

    Parameters
    ----------
    uri : str
        ``feed://ID``.
    """

    def __init__(self, uri: str) -> None:
        feed, name = _native.parse_feed_uri(uri)
        if name is not None:
            raise Invalid(f"{uri} is a subfeed; load_subfeed gives it")
        self._id = feed

    def __repr__(self) -> str:
        return f"kachery.Feed({self.uri!r})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Feed) and self._id == other._id

    def __hash__(self) -> int:
        return hash(self._id)

    @property
    def id(self) -> str:
        """The public key, 64 hexadecimal digits."""
        return self._id

    @property
    def uri(self) -> str:
        """``feed://ID``."""
        return _native.format_feed_uri(self._id, None)

    @property
    def writable(self) -> bool:
        """Whether messages can be appended to it here."""
        return _session.current().feed_is_writable(self._id)

    def subfeed(self, name: Any) -> Subfeed:
        """Give a subfeed, which need not have any messages yet.

        Parameters
        ----------
        name : object
            A str, or anything that JSON has a form for; ``~HASH`` for one whose hash is known.

        Returns
        -------
        Subfeed
            That of this name.
        """
        return Subfeed(_native.format_feed_uri(self._id, subfeed_name(name)))

    __getitem__ = subfeed

    def subfeeds(self) -> list[Subfeed]:
        """Give those that have messages here.

        Returns
        -------
        list of Subfeed
            In the order in which they came.
        """
        for feed, _, _, _, subfeeds in _session.current().feed_list():
            if feed == self._id:
                names = [name if name is not None else f"~{digest}" for digest, name, _ in subfeeds]
                return [self.subfeed(name) for name in names]
        return []

    def snapshot(self, names: Sequence[Any]) -> URI:
        """Keep what some subfeeds have now as one file, without signatures.

        Parameters
        ----------
        names : sequence of object
            Names of subfeeds.

        Returns
        -------
        URI
            ``sha1://HASH/feed.json``; the file has the messages of each, by the hash of its name.
        """
        from ._store import store_bytes

        return store_bytes(snapshot_of([self.subfeed(name) for name in names]), label="feed.json")

    def delete(self) -> None:
        """Delete it for good: messages, names and key.

        Raises
        ------
        NotFound
            It is not here.
        """
        delete_feed(self.uri)


def snapshot_of(subfeeds: Iterable[Subfeed]) -> bytes:
    """What `Feed.snapshot` keeps: the messages as they were appended, byte for byte."""
    parts = []
    for subfeed in subfeeds:
        messages = b",".join(text for _, _, text, _ in read_entries(subfeed.uri, 0, None))
        digest = subfeed.hash.encode()
        parts.append(b'"%b":{"subfeedHash":"%b","messages":[%b]}' % (digest, digest, messages))
    return b'{"subfeeds":{%b}}' % b",".join(parts)


def create_feed(name: str | None = None) -> Feed:
    """Create a feed, with a key of its own.

    Parameters
    ----------
    name : str, optional
        What it is called on this machine.

    Returns
    -------
    Feed
        The new one.

    Raises
    ------
    Exists
        Another feed is called so; `load_feed` with ``create=True`` gives that one.
    """
    return Feed(f"feed://{_session.current().feed_create(name, False)}")


def load_feed(name: str, *, create: bool = False) -> Feed:
    """Give a feed of this machine.

    Parameters
    ----------
    name : str
        ``feed://ID``, or what it is called here.
    create : bool
        Create one of this name, if there is none.

    Returns
    -------
    Feed
        Of older stores, too.

    Raises
    ------
    NotFound
        There is no such feed here.
    """
    session = _session.current()
    feed = session.feed_find(name, create)
    if not session.feed_knows(feed):
        raise NotFound(f"the feed feed://{feed} is not in this store")
    return Feed(f"feed://{feed}")


def load_subfeed(uri: str) -> Subfeed:
    """Give a subfeed of a feed of this machine.

    Parameters
    ----------
    uri : str
        ``feed://ID/NAME``.

    Returns
    -------
    Subfeed
        It may have no messages yet.

    Raises
    ------
    NotFound
        The feed is not here.
    """
    subfeed = Subfeed(uri)
    load_feed(subfeed.feed.uri)
    return subfeed


def list_feeds() -> list[Feed]:
    """Give all feeds of this machine.

    Returns
    -------
    list of Feed
        In the order in which they came.

    Raises
    ------
    Corrupt
        What keeps them is damaged.
    """
    return [Feed(f"feed://{feed}") for feed, *_ in _session.current().feed_list()]


def delete_feed(name: str) -> None:
    """Delete a feed for good: messages, names and key.

    Parameters
    ----------
    name : str
        ``feed://ID``, or what it is called here.

    Raises
    ------
    NotFound
        There is no such feed here.
    """
    session = _session.current()
    feed = session.feed_find(name, False)
    if not session.feed_delete(feed):
        raise NotFound(f"there is no feed feed://{feed} in this store")


def check_proof(proof: str, *, of: str | None = None) -> Proved:
    """Check a proof that a message is in a subfeed, with no network and no store.

    Parameters
    ----------
    proof : str
        What `Subfeed.prove` gave, anywhere.
    of : str, optional
        The subfeed that it has to be of. Without it, look at ``subfeed`` of what you get: anybody can prove something of
        a feed of their own.

    Returns
    -------
    Proved
        The message, and what it is a part of.

    Raises
    ------
    Corrupt
        It proves nothing, or something of another subfeed.
    """
    uri, size, number, timestamp_ms, entry = _native.check_feed_proof(os.fsencode(proof))
    _compare(uri, of)
    message = _json.loads(entry, "the entry of the proof").get("message")
    return Proved(uri, size, number, timestamp_ms, message, entry)


def check_history(proof: str, old_checkpoint: str, *, of: str | None = None) -> int:
    """Check a proof that a subfeed still begins with what an older checkpoint has, with no network and no store.

    Parameters
    ----------
    proof : str
        What `Subfeed.prove_since` gave.
    old_checkpoint : str
        What `Subfeed.checkpoint` gave, before.
    of : str, optional
        The subfeed that it has to be of.

    Returns
    -------
    int
        How many messages it has, of which the older ones are the first.

    Raises
    ------
    Corrupt
        Its history was rewritten, or the proof is of something else.
    """
    uri, size = _native.check_feed_history(os.fsencode(proof), os.fsencode(old_checkpoint))
    _compare(uri, of)
    return size


def _compare(uri: str, of: str | None) -> None:
    from ._errors import Corrupt

    if of is not None and Subfeed(of) != Subfeed(uri):
        raise Corrupt(f"the proof is of {uri}, not of {of}")
