"""Feeds, under gen1's names. No daemon is needed; what is read was verified, always.

Messages come back as they were appended: 1.0 stays 1.0, keys keep their order, and any JSON value may be one.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import Any
from urllib.parse import quote, unquote

from kachery import Denied, NotFound, Unavailable, _feeds, _json, _native, _session

from ._files import load_json, store_text

_local = "*local*"
_everything = (1 << 53) - 1
_page_bytes = 64 << 20
_poll_msec = 5000
_noted: set[str] = set()


def create_feed(feed_name: str | None = None) -> Feed:
    """Create a feed. A name that another one has is this one's from now on."""
    return Feed(_session.current().feed_create(feed_name, True))


def load_feed(feed_name_or_uri: str, *, timeout_sec: float | None = None, create: bool = False) -> Feed:
    """Give a feed by its URI, that of a snapshot, or the name that it has here; `create` makes one of that name.

    Raises
    ------
    kachery.NotFound
        There is none of this name.
    """
    if "://" in feed_name_or_uri:
        return Feed(feed_name_or_uri, timeout_sec=timeout_sec)
    return Feed(get_feed_id(feed_name_or_uri, create=create))


def load_subfeed(subfeed_uri: str, *, channel: str | None = _local) -> Subfeed:
    """Give a subfeed by its URI: ``feed://ID/NAME``, or what a subfeed of a snapshot calls its URI."""
    if subfeed_uri.startswith("feed://"):
        feed, name = _native.parse_feed_uri(subfeed_uri)
        assert name is not None, f"{subfeed_uri} names a feed and none of its subfeeds"
        return Feed(feed).load_subfeed(name, channel=channel)
    uri, separator, name = subfeed_uri.partition("?subfeedName=")
    assert separator, f"{subfeed_uri} is not the URI of a subfeed"
    return Feed(uri).load_subfeed(unquote(name), channel=channel)


def get_feed_id(feed_name: str, *, create: bool = False) -> str:
    """The ID of a named feed; with `create`, of a new one if there is none.

    Raises
    ------
    kachery.NotFound
        There is none of this name.
    """
    try:
        return _session.current().feed_find(feed_name, create)
    except NotFound:
        raise NotFound(f"Unable to load feed with name: {feed_name}: there is none in this store") from None


def delete_feed(feed_name_or_uri: str) -> None:
    """Delete a feed for good: its messages, its names and its key.

    Raises
    ------
    kachery.NotFound
        It is not here.
    """
    _feeds.delete_feed(feed_name_or_uri)


def watch_for_new_messages(
    subfeed_watches: dict[str, dict[str, Any]], *, wait_msec: int, channel: str | None = _local, signed: bool = False
) -> dict[str, list[Any]]:
    """Wait until one of some subfeeds has messages, for up to `wait_msec` ms; all that they have then.

    A watch is a dict of ``feedId``, ``position``, and ``subfeedHash`` or ``subfeedName``. What is there already is given
    at once, and then only the watches that have something.
    """
    subfeeds = {
        name: Feed(watch["feedId"]).load_subfeed(
            f"~{watch['subfeedHash']}" if "subfeedHash" in watch else watch["subfeedName"],
            position=watch["position"], channel=channel,
        )
        for name, watch in subfeed_watches.items()
    }

    def read() -> dict[str, list[Any]]:
        return {name: subfeed.get_next_messages(wait_msec=0, signed=signed) for name, subfeed in subfeeds.items()}

    found = {name: messages for name, messages in read().items() if messages}
    if found or wait_msec <= 0:
        return found
    positions = [(subfeed._feed_uri, subfeed.position) for subfeed in subfeeds.values()]
    _session.current().feed_wait(positions, int(wait_msec))
    return read()


class Feed:
    """Some logs that are signed by one key, or a snapshot of them: messages without signatures, in one file.

    Parameters
    ----------
    uri : str
        ``feed://ID``, the ID alone, or ``sha1://HASH/feed.json``.
    timeout_sec : float, optional
        Without effect.
    """

    def __init__(self, uri: str, *, timeout_sec: float | None = None) -> None:
        self._snapshot: dict[str, Any] | None = None
        if uri.startswith("sha1://"):
            snapshot = load_json(uri)
            if snapshot is None:
                raise NotFound(f"Unable to load the snapshot of a feed: {uri} is not here")
            self._snapshot = snapshot["subfeeds"]
            self._uri = uri
            self._feed_id = ""
            return
        feed, subfeed = _native.parse_feed_uri(uri if "://" in uri else f"feed://{uri}")
        assert subfeed is None, f"{uri} is a subfeed: load_subfeed gives it"
        self._uri = _native.format_feed_uri(feed, None)
        self._feed_id = feed

    @property
    def uri(self) -> str:
        """``feed://ID``, or that of the snapshot."""
        return self._uri

    @property
    def feed_id(self) -> str:
        """The public key, 64 hexadecimal digits; empty for a snapshot."""
        return self._feed_id

    @property
    def is_writeable(self) -> bool:
        """Whether messages can be appended here."""
        return not self.is_snapshot and _session.current().feed_is_writable(self._feed_id)

    @property
    def is_snapshot(self) -> bool:
        """Whether it is a snapshot."""
        return self._snapshot is not None

    def load_subfeed(self, subfeed_name: Any, *, position: int = 0, channel: str | None = _local) -> Subfeed:
        """Give a subfeed by its name: a str, ``~HASH``, or anything that JSON has a form for."""
        return Subfeed(self, subfeed_name, position=position, channel=channel)

    def delete(self) -> None:
        """Delete it for good: its messages, its names and its key."""
        delete_feed(self._uri)

    def create_snapshot(self, subfeed_names: Sequence[Any]) -> Feed:
        """Keep the messages that some subfeeds have now as one file, which can be shared like any other."""
        if self._snapshot is not None:
            parts = {name: self.load_subfeed(name) for name in subfeed_names}
            kept = {s.subfeed_hash: {"subfeedHash": s.subfeed_hash, "messages": s._all()} for s in parts.values()}
            return Feed(store_text(_json.dumps({"subfeeds": kept}).decode(), basename="feed.json"))
        subfeeds = [_feeds.Subfeed(self.load_subfeed(name)._feed_uri) for name in subfeed_names]
        return Feed(store_text(_feeds.snapshot_of(subfeeds).decode(), basename="feed.json"))


class Subfeed:
    """A log of messages, and a position in it from which on it is read.

    Parameters
    ----------
    feed : Feed
        The feed that it belongs to.
    subfeed_name : object
        A str, ``~HASH``, or anything that JSON has a form for.
    position : int
        The number of the message that is next, counted from 0.
    channel : str
        Feeds of other machines are not asked for yet, so only what is here is read, whatever the channel.
    """

    def __init__(self, feed: Feed, subfeed_name: Any, *, position: int = 0, channel: str | None = _local) -> None:
        self._feed = feed
        self._name = subfeed_name
        self._position = position
        self._channel = channel
        self._uri_name = _feeds.subfeed_name(subfeed_name)
        self._hash = _native.subfeed_hash(self._uri_name)
        self._feed_uri = "" if feed.is_snapshot else _native.format_feed_uri(feed.feed_id, self._uri_name)

    @property
    def uri(self) -> str:
        """For `load_subfeed`, here and elsewhere."""
        if self.is_snapshot:
            return f"{self._feed.uri}?subfeedName={quote(self._uri_name)}"
        return self._feed_uri

    @property
    def position(self) -> int:
        """The number of the message that is next, counted from 0."""
        return self._position

    @property
    def subfeed_name(self) -> Any:
        """Its name, as it was given."""
        return self._name

    @property
    def subfeed_hash(self) -> str:
        """The SHA-1 of its name."""
        return self._hash

    @property
    def is_snapshot(self) -> bool:
        """Whether it is of a snapshot."""
        return self._feed.is_snapshot

    @property
    def is_writeable(self) -> bool:
        """Whether messages can be appended here."""
        return self._feed.is_writeable

    def set_position(self, position: int) -> None:
        """Say which message is next."""
        self._position = position

    def get_num_local_messages(self) -> int:
        """How many messages there are on this machine."""
        return len(self._all()) if self.is_snapshot else _session.current().feed_size(self._feed_uri)

    def get_next_messages(
        self, *, wait_msec: int = 10, signed: bool = False, max_num_messages: int = 0, advance_position: bool = True
    ) -> list[Any]:
        """The messages from the position on, `max_num_messages` at most (0: all).

        Where there is none, waits for up to `wait_msec` ms; [] then. With `signed`, ``{"body", "proof"}``: the message
        with its number and timestamp, and the text of a proof for ``kachery.check_proof``; of feeds that a daemon of the
        first generation wrote, ``{"body", "signature"}``.
        """
        messages = self._read(max_num_messages or _everything, signed)
        if not messages and wait_msec > 0 and not self.is_snapshot:
            self._check_is_here()
            if _session.current().feed_wait([(self._feed_uri, self._position)], int(wait_msec)):
                messages = self._read(max_num_messages or _everything, signed)
        if advance_position:
            self._position += len(messages)
        return messages

    def get_next_message(self, *, wait_msec: int, signed: bool = False, advance_position: bool = True) -> Any:
        """The message at the position, or None if there is none within `wait_msec` ms."""
        messages = self.get_next_messages(
            wait_msec=wait_msec, signed=signed, max_num_messages=1, advance_position=advance_position
        )
        return messages[0] if messages else None

    def message_stream(self, *, signed: bool = False) -> Iterator[Any]:
        """All messages from the position on, and then those that come; of a snapshot, until its end."""
        while True:
            messages = self.get_next_messages(wait_msec=_poll_msec, signed=signed, advance_position=False)
            for message in messages:
                self._position += 1
                yield message
            if self.is_snapshot:
                return

    def append_message(self, message: Any) -> None:
        """Append a message. It is on the disk when this returns."""
        self.append_messages([message])

    def append_messages(self, messages: Sequence[Any]) -> None:
        """Append messages side by side: all, or none.

        Raises
        ------
        kachery.Denied
            It is a snapshot, or somebody else's feed.
        """
        if not self.is_writeable:
            raise Denied(f"Cannot append messages to a readonly feed: {self.uri}")
        if messages:
            _session.current().feed_append(self._feed_uri, [_json.dumps(message) for message in messages])

    def print_messages(self) -> None:
        """Print all messages that are here."""
        for message in self._from_the_first(signed=False):
            print(message)

    def print_signed_messages(self) -> None:
        """Print all messages that are here, with their proofs."""
        for message in self._from_the_first(signed=True):
            print(message)

    def _from_the_first(self, signed: bool) -> Iterator[Any]:
        subfeed = Subfeed(self._feed, self._name, channel=self._channel)
        while messages := subfeed.get_next_messages(wait_msec=0, signed=signed, max_num_messages=1000):
            yield from messages

    def _all(self) -> list[Any]:
        assert self._feed._snapshot is not None
        return list(self._feed._snapshot.get(self._hash, {"messages": []})["messages"])

    def _read(self, count_max: int, signed: bool) -> list[Any]:
        if self.is_snapshot:
            return self._all()[self._position : self._position + count_max]
        found: list[Any] = []
        while len(found) < count_max:
            first = self._position + len(found)
            page = _session.current().feed_read(self._feed_uri, first, count_max - len(found), _page_bytes)
            if not page:
                break
            for number, timestamp_ms, text, entry in page:
                found.append(self._signed(number, timestamp_ms, text, entry) if signed else self._parse(number, text))
        return found

    def _parse(self, number: int, text: bytes) -> Any:
        return _json.loads(text, f"message {number} of {self.uri}")

    def _signed(self, number: int, timestamp_ms: int, text: bytes, entry: bytes) -> dict[str, Any]:
        if not entry.startswith(b'{"n":'):
            older: dict[str, Any] = self._parse(number, entry)
            return older
        body = {"n": number, "timestamp": timestamp_ms, "message": self._parse(number, text)}
        return {"body": body, "proof": _session.current().feed_prove(self._feed_uri, number)}

    def _check_is_here(self) -> None:
        """Say that nothing can come of a feed that is not here, instead of letting people wait and wonder."""
        session = _session.current()
        if session.feed_knows(self._feed.feed_id):
            return
        reason = f"{self._feed.uri} is not in this store, and feeds of other machines are not asked for yet"
        if self._channel not in (None, _local):
            raise Unavailable(f"{reason}: nobody in the channel {self._channel} is asked")
        if self._feed.feed_id not in _noted:
            _noted.add(self._feed.feed_id)
            print(f"kachery: {reason}", file=sys.stderr)
