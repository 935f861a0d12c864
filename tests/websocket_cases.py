"""What RFC 6455 demands of whoever receives, as cases: written from its text, and grouped and numbered as is usual, so that results
can be compared. 11 is left out there as well; 8 has what is not usual: masks, and lengths that are not as short as they can be."""

from __future__ import annotations

import struct
from dataclasses import replace
from typing import Callable, Iterable

from websocket_peer import BINARY, CLOSE, CONTINUATION, NO_CODE, PING, PONG, TEXT, Case, Frame, Message

PROTOCOL_ERROR, NOT_UTF8, TOO_BIG = 1002, 1007, 1009
MESSAGE_MAX = 1 << 20
"""docs/protocol/live.md."""

KINDS = {TEXT: "text", BINARY: "binary"}


def data(opcode: int, size: int) -> bytes:
    """In which nothing can change its place unseen."""
    pattern = bytes(range(33, 122)) if opcode == TEXT else bytes(range(251))
    return (pattern * (size // len(pattern) + 1))[:size]


def echo(name: str, *frames: Frame, piece: int = 0, before: Iterable[Message] = ()) -> Case:
    """The data of these frames, which are one message, come back, after `before`."""
    parts = [frame for frame in frames if frame.opcode < CLOSE]
    whole = Message(parts[0].opcode, b"".join(frame.payload for frame in parts))
    return Case(name, frames, (*before, whole), piece=piece)


def fails(name: str, *frames: Frame, code: int | tuple[int, ...] = PROTOCOL_ERROR, answers: tuple[Message, ...] = (),
          piece: int = 0) -> Case:
    """After `answers` the other side says farewell, with this code or one of these."""
    return Case(name, frames, answers, code if isinstance(code, tuple) else (code,), piece)


def fragments(opcode: int, payload: bytes, size: int) -> list[Frame]:
    """A message in frames of that size."""
    parts = [payload[at:at + size] for at in range(0, len(payload), size)] or [b""]
    return [Frame(CONTINUATION if i else opcode, part, fin=i == len(parts) - 1) for i, part in enumerate(parts)]


def close(code: int, reason: bytes = b"") -> Frame:
    return Frame(CLOSE, struct.pack(">H", code) + reason)


HELLO = Frame(TEXT, b"Hello")
HELLO_BACK = Message(TEXT, b"Hello")
PINGED, PONGED = Frame(PING, b"here?"), Message(PONG, b"here?")


# --- 1: framing


def framing() -> list[Case]:
    cases = []
    for opcode, kind in KINDS.items():
        for size in (0, 1, 125, 126, 127, 128, 65535, 65536):
            cases.append(echo(f"{kind}, {size} bytes", Frame(opcode, data(opcode, size))))
        for size, piece in ((126, 1), (65535, 997), (65536, 997)):
            cases.append(echo(f"{kind}, {size} bytes, {piece} at a time", Frame(opcode, data(opcode, size)), piece=piece))
    return cases


# --- 2: pings and pongs


def pings() -> list[Case]:
    cases = [Case(f"a ping with {len(data)} bytes", (Frame(PING, data),), (Message(PONG, data),))
             for data in (b"", b"Hello", b"\x00\xff\xfe\xfd\xfc\xfb\x00\xff", b"\xfe" * 125)]
    ten = [Frame(PING, b"payload-%d" % number) for number in range(10)]
    answers = tuple(Message(PONG, ping.payload) for ping in ten)
    return cases + [
        Case("a ping with 125 bytes, one at a time", (Frame(PING, b"\xfe" * 125),), (Message(PONG, b"\xfe" * 125),), piece=1),
        fails("a ping with 126 bytes", Frame(PING, b"\xfe" * 126)),
        Case("a pong that nobody asked for", (Frame(PONG),)),
        Case("a pong with bytes that nobody asked for", (Frame(PONG, b"unasked"),)),
        Case("a pong that nobody asked for, and a ping", (Frame(PONG, b"unasked"), Frame(PING, b"asked")), (Message(PONG, b"asked"),)),
        Case("ten pings", tuple(ten), answers),
        Case("ten pings, one byte at a time", tuple(ten), answers, piece=1),
    ]


# --- 3: reserved bits


def reserved_bits() -> list[Case]:
    return [
        fails("RSV3 of a text", Frame(TEXT, b"Hello", reserved=1)),
        fails("RSV2 of the second text", HELLO, Frame(TEXT, b"Hello", reserved=2), Frame(PING), answers=(HELLO_BACK,)),
        fails("RSV2 and 3, byte by byte", HELLO, Frame(TEXT, b"Hello", reserved=3), Frame(PING), answers=(HELLO_BACK,), piece=1),
        fails("RSV1: compression that nobody agreed on", Frame(TEXT, b"\xf2\x48\xcd\xc9\xc9\x07\x00", reserved=4)),
        fails("RSV1 and 3 of bytes", Frame(BINARY, b"\xff" * 8, reserved=5)),
        fails("RSV1 and 2 of a ping", Frame(PING, b"Hello", reserved=6)),
        fails("all of a farewell", Frame(CLOSE, b"", reserved=7)),
        fails("RSV1 of a pong", Frame(PONG, b"Hello", reserved=4)),
        fails("RSV1 of a continuation", Frame(TEXT, b"Hel", fin=False), Frame(CONTINUATION, b"lo", reserved=4)),
    ]


# --- 4: opcodes


def opcodes() -> list[Case]:
    cases = []
    for opcode in (3, 4, 5, 6, 7, 11, 12, 13, 14, 15):
        cases.append(fails(f"opcode {opcode}", Frame(opcode)))
        cases.append(fails(f"opcode {opcode}, with bytes, behind a text", HELLO, Frame(opcode, b"reserved"), Frame(PING), answers=(HELLO_BACK,)))
    return cases


# --- 5: fragments


def fragmentation() -> list[Case]:
    head, tail = Frame(TEXT, b"Hel", fin=False), Frame(CONTINUATION, b"lo")
    middle = Frame(CONTINUATION, b"l", fin=False)
    nothing = Frame(CONTINUATION, b"", fin=False)
    cases = [
        fails("a ping in two frames", Frame(PING, b"Hel", fin=False), Frame(CONTINUATION, b"lo")),
        fails("a pong in two frames", Frame(PONG, b"Hel", fin=False), Frame(CONTINUATION, b"lo")),
        fails("a farewell in two frames", Frame(CLOSE, b"\x03", fin=False), Frame(CONTINUATION, b"\xe8")),
    ]
    for piece in (0, 1):
        how = ", byte by byte" if piece else ""
        cases += [
            echo(f"two frames{how}", head, tail, piece=piece),
            echo(f"a ping between{how}", head, PINGED, tail, before=[PONGED], piece=piece),
            echo(f"frames with nothing{how}", Frame(TEXT, b"", fin=False), nothing, Frame(CONTINUATION, b"Hello"), piece=piece),
            echo(f"nothing at the end{how}", Frame(TEXT, b"Hello", fin=False), nothing, Frame(CONTINUATION), piece=piece),
            echo(f"nothing at all, in three frames{how}", Frame(TEXT, b"", fin=False), nothing, Frame(CONTINUATION), piece=piece),
            echo(f"pings and pongs between{how}", head, PINGED, middle, Frame(PONG, b"unasked"), PINGED, Frame(CONTINUATION, b"o"),
                 before=[PONGED, PONGED], piece=piece),
            fails(f"a continuation of nothing{how}", Frame(CONTINUATION, b"lo"), piece=piece),
            fails(f"a continuation of nothing, which goes on{how}", Frame(CONTINUATION, b"lo", fin=False), HELLO, piece=piece),
            fails(f"a continuation of what has ended{how}", HELLO, Frame(CONTINUATION, b"!"), HELLO, answers=(HELLO_BACK,), piece=piece),
            fails(f"a text inside a text{how}", head, HELLO, piece=piece),
            fails(f"bytes inside a text{how}", head, Frame(BINARY, b"lo"), piece=piece),
            fails(f"a text that begins inside a text{how}", head, Frame(TEXT, b"lo", fin=False), tail, piece=piece),
        ]
    again = tuple(frame for _ in range(3) for frame in (head, PINGED, tail))
    cases.append(Case("three messages of two frames, with pings", again, (PONGED, HELLO_BACK) * 3))
    return cases


# --- 6: UTF-8 (RFC 3629)

GREEK = "κόσμε".encode()
VALID = {
    "nothing but ASCII": b"Hello",
    "Greek": GREEK,
    "all lengths": "a\u00e9\u20ac\U0001f600z".encode(),
    "the same, the other way round": "\U0001f600\u20ac\u00e9a".encode(),
    "NUL": b"\x00",
    "NULs within": b"a\x00b\x00",
    "a byte order mark": b"\xef\xbb\xbfHello",
} | {f"U+{point:04X}": chr(point).encode() for point in (
    0x7F, 0x80, 0x7FF, 0x800, 0xFFF, 0x1000, 0xCFFF, 0xD000, 0xD7FF, 0xE000, 0xEE00, 0xFDD0, 0xFDEF, 0xFFFD, 0xFFFE, 0xFFFF, 0x10000,
    0x3FFFF, 0x40000, 0xFFFFF, 0x100000, *(plane << 16 | low for plane in range(1, 17) for low in (0xFFFE, 0xFFFF)))}

# What is wrong, and how many of the bytes are enough to see it.
INVALID = {
    "the lowest byte of continuation": (b"\x80", 1),
    "the highest byte of continuation": (b"\xbf", 1),
    "all bytes of continuation": (bytes(range(0x80, 0xC0)), 1),
    "FE": (b"\xfe", 1),
    "FF": (b"\xff", 1),
    "FE FE FF FF": (b"\xfe\xfe\xff\xff", 1),
    "C0, which begins nothing": (b"\xc0 ", 1),
    "C1, which begins nothing": (b"\xc1 ", 1),
    "/ in two bytes": (b"\xc0\xaf", 1),
    "/ in three bytes": (b"\xe0\x80\xaf", 2),
    "/ in four bytes": (b"\xf0\x80\x80\xaf", 2),
    "/ in five bytes": (b"\xf8\x80\x80\x80\xaf", 1),
    "/ in six bytes": (b"\xfc\x80\x80\x80\x80\xaf", 1),
    "NUL in two bytes": (b"\xc0\x80", 1),
    "NUL in three bytes": (b"\xe0\x80\x80", 2),
    "NUL in four bytes": (b"\xf0\x80\x80\x80", 2),
    "U+007F in two bytes": (b"\xc1\xbf", 1),
    "U+07FF in three bytes": (b"\xe0\x9f\xbf", 2),
    "U+FFFF in four bytes": (b"\xf0\x8f\xbf\xbf", 2),
    "U+1FFFFF": (b"\xf7\xbf\xbf\xbf", 1),
    "U+200000, in five bytes": (b"\xf8\x88\x80\x80\x80", 1),
    "U+3FFFFFF, in five bytes": (b"\xfb\xbf\xbf\xbf\xbf", 1),
    "U+4000000, in six bytes": (b"\xfc\x84\x80\x80\x80\x80", 1),
    "U+7FFFFFFF, in six bytes": (b"\xfd\xbf\xbf\xbf\xbf\xbf", 1),
    "U+110000": (b"\xf4\x90\x80\x80", 2),
    "U+13FFFF": (b"\xf4\xbf\xbf\xbf", 2),
    "U+140000": (b"\xf5\x80\x80\x80", 1),
    "two bytes where the second is none": (b"\xc3(", 2),
    "two bytes where the second begins something": (b"\xc3\xc3\xa9", 2),
    "three bytes where the second is none": (b"\xe2(\xa1", 2),
    "three bytes where the third is none": (b"\xe2\x82(", 3),
    "four bytes where the second is none": (b"\xf0(\x8c\xbc", 2),
    "four bytes where the third is none": (b"\xf0\x90(\xbc", 3),
    "four bytes where the fourth is none": (b"\xf0\x9f\x98(", 4),
    "a byte too many": (b"\xc3\xa9\xa9", 3),
    "a surrogate as UTF-16 has pairs of": (b"\xed\xa0\x80\xed\xb0\x80", 2),
} | {f"the surrogate U+{point:04X}": (chr(point).encode("utf-8", "surrogatepass"), 2)
     for point in (0xD800, 0xDB7F, 0xDB80, 0xDBFF, 0xDC00, 0xDF80, 0xDFFF)}

# What only lacks its end.
CUT = {"two bytes": b"\xc3", "three bytes": b"\xe2", "three bytes after the second": b"\xe2\x82", "U+0800": b"\xe0\xa0", "U+D7FF": b"\xed\x9f",
       "four bytes": b"\xf0", "four bytes after the second": b"\xf0\x9f", "four bytes after the third": b"\xf0\x9f\x98",
       "U+10FFFF": b"\xf4\x8f\xbf"}


def utf8() -> list[Case]:
    cases = []
    for name, text in VALID.items():
        cases.append(echo(f"{name}", Frame(TEXT, text)))
        if len(text) > 1:
            cases.append(echo(f"{name}, a byte in each frame", *fragments(TEXT, text, 1)))
    cases.append(echo("characters cut by TCP", Frame(TEXT, GREEK * 20), piece=1))
    pinged = tuple(part for frame in fragments(TEXT, GREEK, 1) for part in (PINGED, frame))
    cases.append(Case("characters cut by frames, and pings in them", pinged, (*(PONGED,) * len(GREEK), Message(TEXT, GREEK))))
    cases.append(Case("a text after one that ended within a frame", (*fragments(TEXT, GREEK, 3), HELLO), (Message(TEXT, GREEK), HELLO_BACK)))
    cases.append(echo("bytes that are no text need not be", Frame(BINARY, b"\xff\xfe\xc0\x80")))
    for name, (text, enough) in INVALID.items():
        cases.append(fails(f"{name}", Frame(TEXT, text), code=NOT_UTF8))
        cases.append(fails(f"{name}, behind Greek, a byte in each frame", *fragments(TEXT, GREEK + text + b"abc", 1), code=NOT_UTF8))
        # It must be seen at once, whatever is still to come (section 8.1; "fail fast").
        begun = GREEK + text[:enough]
        cases.append(fails(f"{name}, in a frame that never ends", Frame(TEXT, begun, missing=100), code=NOT_UTF8))
        cases.append(fails(f"{name}, in a message that never ends", Frame(TEXT, begun[:-1], fin=False), PINGED,
                           Frame(CONTINUATION, begun[-1:], fin=False), code=NOT_UTF8, answers=(PONGED,)))
    for name, text in CUT.items():
        cases.append(fails(f"{name} without the last one", Frame(TEXT, text), code=NOT_UTF8))
        cases.append(fails(f"{name} without the last one, behind Greek, in two frames", Frame(TEXT, GREEK, fin=False),
                           Frame(CONTINUATION, text), code=NOT_UTF8))
        cases.append(fails(f"{name} without the last one, and an empty frame", Frame(TEXT, GREEK + text, fin=False), Frame(CONTINUATION),
                           code=NOT_UTF8))
    return cases


# --- 7: farewells


def closing() -> list[Case]:
    cases = [
        fails("an empty farewell", Frame(CLOSE), code=(1000, NO_CODE)),
        fails("half a code", Frame(CLOSE, b"\x03")),
        fails("an ordinary one", close(1000), code=1000),
        fails("one with a reason", close(1000, b"gone home"), code=1000),
        fails("the longest reason", close(1000, b"*" * 123), code=1000),
        fails("one too long", close(1000, b"*" * 124)),
        fails("a reason that is Greek", close(1000, GREEK), code=1000),
        fails("a reason that is not UTF-8", close(1000, b"\xff"), code=(PROTOCOL_ERROR, NOT_UTF8)),
        fails("a reason with a surrogate", close(1000, GREEK + b"\xed\xa0\x80edited"), code=(PROTOCOL_ERROR, NOT_UTF8)),
        fails("a reason that ends within a character", close(1000, b"\xe2\x82"), code=(PROTOCOL_ERROR, NOT_UTF8)),
        fails("byte by byte", close(1001, b"gone home"), code=1001, piece=1),
        fails("behind a message", HELLO, close(1000), code=1000, answers=(HELLO_BACK,)),
        fails("behind a long message", Frame(TEXT, b"*" * 262_144), close(1000), code=1000, answers=(Message(TEXT, b"*" * 262_144),)),
        fails("within a message", Frame(TEXT, b"Hel", fin=False), close(1000), Frame(CONTINUATION, b"lo"), code=1000),
        fails("twice", close(1000), close(1000), code=1000),
        fails("a ping behind it", close(1000), Frame(PING, b"too late"), code=1000),
        fails("a message behind it", close(1000), HELLO, code=1000),
        fails("a long message behind it", close(1000), Frame(BINARY, b"*" * 1_000_000), code=1000),
        fails("nonsense behind it", close(1000), Frame(3, b"\xff" * 100, reserved=7), code=1000),
    ]
    for code in (1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 3000, 3999, 4000, 4999):
        cases.append(fails(f"the code {code}", close(code, b"why not"), code=code))
    for code in (0, 1, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999):
        cases.append(fails(f"the code {code}, which nobody may send", close(code, b"why not")))
    return cases


# --- 8: masks and lengths


def masks_and_lengths() -> list[Case]:
    cases = [
        fails("a text that is masked wrongly", Frame(TEXT, b"Hello", breaks_mask=True)),
        fails("an empty text that is masked wrongly", Frame(TEXT, breaks_mask=True)),
        fails("a ping that is masked wrongly", Frame(PING, b"here?", breaks_mask=True)),
        fails("a farewell that is masked wrongly", Frame(CLOSE, b"\x03\xe8", breaks_mask=True)),
        fails("a continuation that is masked wrongly", Frame(TEXT, b"Hel", fin=False), Frame(CONTINUATION, b"lo", breaks_mask=True)),
    ]
    for size, form in ((0, 2), (125, 2), (0, 8), (125, 8), (126, 8), (65535, 8)):
        cases.append(fails(f"a length of {size} in {form} bytes", Frame(TEXT, b"*" * size, length_bytes=form)))
    cases.append(fails("the length of a ping in 2 bytes", Frame(PING, b"Hello", length_bytes=2)))
    cases.append(fails("the length of a farewell in 8 bytes", Frame(CLOSE, b"\x03\xe8", length_bytes=8)))
    cases.append(fails("a length whose highest bit is set", Frame(BINARY, missing=1 << 63), code=(PROTOCOL_ERROR, TOO_BIG)))
    return cases


# --- 9: limits


def limits() -> list[Case]:
    cases = []
    for opcode, kind in KINDS.items():
        whole = data(opcode, MESSAGE_MAX)
        for size in (65_536, 262_144, MESSAGE_MAX - 1, MESSAGE_MAX):
            cases.append(echo(f"{kind}, {size} bytes", Frame(opcode, data(opcode, size))))
        for size in (64, 256, 1024, 4096, 16_384, 65_536, 262_144):
            cases.append(echo(f"{kind}, the longest, in frames of {size} bytes", *fragments(opcode, whole, size)))
        for piece in (64, 128, 256, 512, 1024, 2048):
            cases.append(echo(f"{kind}, the longest, {piece} bytes at a time", Frame(opcode, whole), piece=piece))
        for size in (0, 16, 64, 256, 1024):
            one = data(opcode, size)
            cases.append(Case(f"{kind}, 200 messages of {size} bytes", (Frame(opcode, one),) * 200, (Message(opcode, one),) * 200))
        cases.append(fails(f"{kind}, a byte too long, before it comes", Frame(opcode, missing=MESSAGE_MAX + 1), code=TOO_BIG))
        cases.append(fails(f"{kind}, a byte too long, and it comes", Frame(opcode, whole + b"!"), code=TOO_BIG))
        cases.append(fails(f"{kind}, a byte too long, in frames", *fragments(opcode, whole + b"!", 65_536), code=TOO_BIG))
        cases.append(fails(f"{kind}, as long as one can say", Frame(opcode, missing=(1 << 63) - 1), code=TOO_BIG))
        cases.append(fails(f"{kind}, as long as one can say, in the second frame", Frame(opcode, b"!", fin=False),
                           Frame(CONTINUATION, missing=(1 << 63) - 1), code=TOO_BIG))
    cases.append(echo("1000 frames with nothing", Frame(TEXT, fin=False), *(Frame(CONTINUATION, fin=False),) * 1000, Frame(CONTINUATION, b"!")))
    cases.append(Case("1000 pings", (PINGED,) * 1000, (PONGED,) * 1000))
    return cases


# --- 10: what comes back may be in frames of its own


def automatic_fragments() -> list[Case]:
    return [echo("64 KiB in frames of 1300 bytes", *fragments(TEXT, data(TEXT, 65_536), 1300))]


GROUPS: dict[str, Callable[[], list[Case]]] = {
    "1": framing,
    "2": pings,
    "3": reserved_bits,
    "4": opcodes,
    "5": fragmentation,
    "6": utf8,
    "7": closing,
    "8": masks_and_lengths,
    "9": limits,
    "10": automatic_fragments,
}


def all_cases() -> list[Case]:
    """Named by their groups, too."""
    return [replace(case, name=f"{group} {case.name}") for group, make in GROUPS.items() for case in make()]


def ways(opcode: int, payload: bytes, answer: Message | None) -> list[Case]:
    """One message in all the ways in which it may come; each must be understood in the same way."""
    answers = (answer,) if answer else ()
    whole, halves = Frame(opcode, payload), fragments(opcode, payload, len(payload) // 2 + 1)
    return [
        Case("whole", (whole,), answers),
        Case("byte by byte", (whole,), answers, piece=1),
        Case("a byte in each frame", tuple(fragments(opcode, payload, 1)), answers),
        Case("in two frames, with a ping between", (halves[0], PINGED, halves[1]), (PONGED, *answers)),
        Case("with empty frames around it", (Frame(opcode, fin=False), Frame(CONTINUATION, payload, fin=False), Frame(CONTINUATION)), answers),
    ]
