"""Strings that programs trip over, our own list, and ways to say "somewhere else" to whoever makes a path of them (A19).

All are str; bytes that are not UTF-8 stand as surrogates, as in file names.
"""

from __future__ import annotations

import itertools
import random


def naughty() -> list[str]:
    """About 600: each distinct, each for a reason that its group names."""
    found: dict[str, None] = {}
    for group in (_controls, _spaces_and_marks, _words, _numbers, _shell, _markup, _templates, _sql, _paths, _devices,
                  _scripts, _bytes, _uris, _long):
        found.update(dict.fromkeys(group()))
    return list(found)


def _controls():
    for code in [*range(0x20), *range(0x7F, 0xA0)]:
        yield chr(code)
        yield f"a{chr(code)}b"


def _spaces_and_marks():
    for code in [0xA0, 0xAD, 0x34F, 0x61C, 0x115F, 0x1680, 0x180E, *range(0x2000, 0x2010), *range(0x2028, 0x2030), 0x205F,
                 *range(0x2060, 0x2070), 0x3000, 0xFE0F, 0xFEFF, *range(0xFFF9, 0xFFFE), 0xFFFE, 0xFFFF, 0xE0001, 0x10FFFF]:
        yield f"a{chr(code)}b"
    yield from ("\u202egpj.exe", "\u2066\u2067\u202b", "a\u0300" * 40, "\u0301", "Z\u0351\u036b\u0343algo" * 5)


def _words():
    yield from ("undefined", "undef", "null", "NULL", "(null)", "nil", "NIL", "None", "true", "True", "TRUE", "false", "hasOwnProperty",
                "then", "constructor", "__proto__", "prototype", "toString", "\\", "\\\\", "self", "__class__", "__init__",
                "index.db", "tmp", "quarantine", "sha1", "sha256", "linked_files", "mutables", "private.pem", "feedConfig",
                "con.link", ".link", "x.link", ".tmp", "lost+found", ".git", ".DS_Store", "Thumbs.db", "core", "a.out", "*", "-", "--")


def _numbers():
    yield from ("0", "1", "1.00", "$1.00", "1/2", "1E2", "1E02", "1E+02", "-1", "-1.00", "-1/2", "1/0", "0/0", "NaN", "Infinity", "-Infinity",
                "INF", "1#INF", "-1#IND", "1#QNAN", "0x0", "0xffffffff", "0xffffffffffffffff", "0xabad1dea", "999999999999999999999999",
                "2147483648", "-2147483649", "9223372036854775808", "18446744073709551616", "1,000.00", "1'000.00", "1 000.00", "01000",
                "08", "0.0.0", "0,0", "--1", "+1", ".", "..0", "1e1000", "-0", "-0.0", "0b1", "0o7", "1_000", "٣", "１２３", "Ⅷ", "½")


def _shell():
    yield from ("$HOME", "${HOME}", "$(id)", "`id`", "$((1+1))", ";id", "|id", "||id", "&&id", "&", "> x", "< /etc/passwd", ">> canary",
                "$(touch canary2)", "`touch canary2`", "; touch canary2 #", "| tee canary2", "\ntouch canary2\n", "' ; touch canary2 '",
                '" ; touch canary2 "', "-rf", "--help", "--version", "--dir", "--dir=x", "-o x", "-0", "--json", "@file", "@/etc/passwd",
                "~", "~root", "~/canary2", "{a,b}", "[a-z]", "?", "!", "!!", "^", "%PATH%", "$IFS", "$'\\x41'", "#", "\\x41", "\\u0041", "\\0",
                "() { :;}; touch canary2", "$@", "$*", "'", '"', "''", '""', "'\"'", "\"'\"'\"", "`", "a b", " a", "a ", "=", "a=b", "LD_PRELOAD=x")


def _markup():
    for tag in ("script", "img src=x onerror=alert(1)", "svg/onload=alert(1)", "iframe", "a href=javascript:alert(1)", "style", "!--", "?xml",
                "!DOCTYPE a [<!ENTITY x SYSTEM 'file:///etc/passwd'>]", "math", "body onload=x", "input autofocus", "video", "object"):
        yield from (f"<{tag}>", f"'\"><{tag}>", f"</{tag}>", f"&lt;{tag}&gt;", f"\\x3c{tag}\\x3e", f"%3C{tag}%3E")
    yield from ("javascript:alert(1)", "data:text/html,x", "]]>", "<![CDATA[", "&#60;", "&nbsp;", "\u2028alert(1)", "<\x00script>")


def _templates():
    yield from ("%s", "%n", "%x%x%x%n", "%d" * 50, "%99999999s", "%*d", "%(x)s", "{}", "{0}", "{0.__class__}", "{{7*7}}", "${7*7}", "#{7*7}",
                "<%= 7*7 %>", "{%if 1%}", "${jndi:ldap://127.0.0.1/a}", "{{config}}", "%", "%%", "%2", "%zz", "%u0041", "%00", "%0a", "%0d%0a",
                "%25", "%2525", "%ff", "%c3%28", "%ed%a0%80", "%F4%90%80%80", "&amp;", "a&b", "a+b", "a;b", "a:b", "a,b", "a|b", "!!python/object:os.system")


def _sql():
    yield from ("'", "' OR 1=1 --", "'; DROP TABLE mutables; --", '"; DROP TABLE hashed; --', "1;DROP TABLE feeds", "' UNION SELECT key,value FROM mutables --",
                "admin'--", "x' AND 1=(SELECT COUNT(*) FROM sqlite_master); --", "\\'; --", "%' --", "_", "x'; ATTACH DATABASE 'canary2' AS c; --",
                "'); VACUUM INTO 'canary2'; --", "$1", ":1", "?1", "@1", "\x00' OR 1=1", "ROWID", "NULL; --")


def _paths():
    yield from ("/", "//", "///", ".", "..", "...", "....", "./", "../", "/.", "/..", "./.", "../..", "a/", "/a", "a//b", "a/./b", "a/../b", "a/..",
                ".hidden", "..hidden", "a.", "a..", "/etc/passwd", "//etc/passwd", "/proc/self/environ", "/proc/self/fd/0", "/dev/stdin",
                "/dev/null", "/dev/zero", "/dev/fd/1", "/sys", "file:///etc/passwd", "file:canary", "C:\\x", "c:/x", "\\\\host\\share", "\\\\?\\C:\\x",
                "a\\..\\b", "a:b", "a::$DATA", "canary", "./canary", "../canary", "../../canary", "../cwd/canary", "sha1/../canary", "@../canary",
                "@a/../canary", "@a/@../canary", "@../@../canary", "@a/@b/../../canary", "@", "@@", "@/", "@/@", "/@a", "@a//b", "@./a", "@a/.")


def _devices():
    for name in ("CON", "PRN", "AUX", "NUL", "COM1", "LPT1", "CLOCK$", "CONIN$", "nul.txt", "con.tar.gz", "aux ", "$MFT"):
        yield from (name, name.lower(), f"a/{name}")


def _scripts():
    yield from ("田中さん", "和製漢語", "社會科學院", "울란바토르", "Ṱ̺̺̕o͞ ̷i̲̬", "الكل في", "בְּרֵאשִׁית", "ЁЂЃЄЅІ", "ไทย", "𝕳𝖊𝖑𝖑𝖔", "ﬁ", "ǅ", "ß", "İ", "ı", "Å", "Å", "Å",
                "é", "é", "ﷺ", "﷽", "👩‍👩‍👧", "🏳️‍🌈", "👍🏿", "🇦🇶", "０", "．．／", "‥", "…", "／", "∕", "⁄", "＼", "％２ｅ", "․․", "𐀀", "𠜎", "Ⓐ", "ⒶⒷ", "¯\\_(ツ)_/¯", "( ͡° ͜ʖ ͡°)",
                "Ω≈ç√∫", "œ∑´®†¥", "¡™£¢∞§¶", "⁰⁴⁵", "₀₁₂", "ด้้้้้็็็็็้้้้้", "社" * 80, "ü", "\u0130\u0131", "K", "ſ")


def _bytes():
    for data in (b"\xff", b"\xfe\xff", b"\xff\xfe", b"\x80", b"\xc0\xae", b"\xc0\xaf", b"\xe0\x80\xaf", b"\xed\xa0\x80", b"\xf0\x80\x80\xaf",
                 b"\xf4\x90\x80\x80", b"\xf8\x88\x80\x80\x80", b"\xc3\x28", b"\xa0\xa1", b"a\xffb", b"\xff" * 100, b"\xc0\xae\xc0\xae/canary",
                 b"..\xc0\xafcanary", b"\xe2\x82", b"\xf0\x9f\x92", b"\xef\xbb\xbfbom", b"\xfc\x80\x80\x80\x80\xaf", bytes(range(128, 256))):
        yield data.decode("utf-8", "surrogateescape")
    yield from ("\ud800", "\udfff", "\ud83d", "a\udc00b")


def _uris():
    digest = "0" * 40
    yield from (f"sha1://{digest}", f"sha1://{digest}/x", f"SHA1://{digest}", f"sha1:/{digest}", f"sha1:///{digest}", f"sha1://{digest}?",
                f"sha1://{digest}?label=", f"sha1://{digest}?label=a&label=b", f"sha1://{digest}#x", f"sha1://u:p@h/{digest}", "sha1://", "sha1:", "://",
                f"sha1://{digest}?manifest={digest}", f"sha1://{digest}?location=/etc/passwd", f"sha1://{digest}?chunkOf={digest}~0~1",
                "feed://x", "http://127.0.0.1:9/", "https://[::1]:9/", "gh://a/b/c", "zenodo://1/x", "ipfs://x", "sha1-enc://x.ag_y", "sha1dir://x/y",
                "?label=x", "&location=/etc/passwd", "?manifest=../canary", "#fragment", "?", "&", "&&", "=", "?=", "??", "?a=b?c=d", "%3Flabel=x", ";p=1")


def _long():
    for length in (255, 256, 1023, 4096, 65_536):
        yield from ("n" * length, "/" * length, "../" * (length // 3), "%2e" * (length // 3))
    yield from ("ü" * 128, "(" * 5000, "[" * 5000, "{" * 5000, "a/" * 2000, "@a/" * 1500 + "b", "\n" * 1000)


def traversals(count: int, seed: int = 19) -> list[str]:
    """`count` of the ways to leave a directory: dots, separators, depths, what is to be reached, and what is around."""
    dots = ("..", "%2e%2e", "%2E.", ".%2e", "%252e%252e", "%c0%ae%c0%ae", "．．", "‥", "..%00", "..;", "....", "..\x00", ". .", "@..", "\udcc0\udcae.")
    separators = ("/", "//", "/./", "\\", "%2f", "%5c", "%252f", "%c0%af", "／", "∕", "/\x00/", "/@", "\udcc0\udcaf")
    targets = ("canary", "cwd/canary", "outside/canary", "etc/passwd", "made")
    around = (("", ""), ("/", ""), ("a/", ""), ("@a/", ""), ("", "%00.txt"), ("", "\x00"), ("", "?x"), ("file://", ""), ("./", "/."), ("sha1/", ""), ("", "/"))
    every = [before + separator.join([dot] * depth + [target]) + after
             for dot, separator, depth, target, (before, after)
             in itertools.product(dots, separators, (1, 2, 3, 4, 9), targets, around)]
    plain = [text for text in every if set(text) <= set("./@abcdefghijklmnopqrstuvwxyz")]
    others = sorted(set(every) - set(plain))
    return plain[:count // 4] + random.Random(seed).sample(others, count - len(plain[:count // 4]))
