"""Sigma's corner cases, by hand: what the specification says of one detection and one event.

Clauses are headings of the Sigma specification 2.1.0: "Rules" is sigma-rules-specification, "Modifiers" its appendix
sigma-appendix-modifiers.  A case for which `oracle` is set is one where pySigma's SQLite backend says otherwise, with
the reason why it is not followed.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

import msgspec

__all__ = ["CASES", "PLACEHOLDERS", "SigmaCase"]

PLACEHOLDERS: Final = {"admins": ("root", "ann*"), "one": ("x",), "b_c-": ()}
_GENERAL: Final = "Rules: General"
_WILDCARD: Final = "Rules: String Wildcard"
_ESCAPING: Final = "Rules: Escaping"
_LISTS: Final = "Rules: Lists"
_MAPS: Final = "Rules: Maps"
_SPECIAL: Final = "Rules: Special Field Values"
_EXISTS: Final = "Rules: Field Existence"
_CHAIN: Final = "Rules: Value Modifiers"
_PLACE: Final = "Rules: Placeholders"
_KEYWORDS: Final = "Rules: Keywords search"
_CONDITION: Final = "Rules: Condition"
_GENERIC: Final = "Modifiers: Generic Modifiers"
_STRING: Final = "Modifiers: String Modifiers"
_REGEX: Final = "Modifiers: Regular Expression"
_ENCODING: Final = "Modifiers: Encoding"
_NUMERIC: Final = "Modifiers: Numeric Modifiers"
_IP: Final = "Modifiers: IP Modifiers"
_SPECIFIC: Final = "Modifiers: Specific Modifiers"


class SigmaCase(msgspec.Struct, frozen=True):
    """One detection, one event, one verdict."""

    body: str  # under `detection:`
    fields: Mapping[str, str]
    holds: bool
    clause: str
    oracle: str = ""  # why the oracle, which says otherwise or cannot say, is not followed

    def __str__(self) -> str:
        return f"{self.clause} / {self.body.strip()} / {dict(self.fields)}"


def _one(line: str, value: str | None, holds: bool, clause: str, oracle: str = "") -> SigmaCase:
    """A line on CommandLine (written `=`), and that field's text; None: the field is absent."""
    fields = {} if value is None else {"CommandLine": value}
    body = f"  s:\n    {line.replace('=', 'CommandLine', 1)}\n  condition: s\n"
    return SigmaCase(body, fields, holds, clause, oracle)


def _net(line: str, holds: bool, clause: str, oracle: str = "", **fields: str) -> SigmaCase:
    return SigmaCase(f"  s:\n    {line}\n  condition: s\n", fields, holds, clause, oracle)


def _whole(body: str, holds: bool, clause: str, oracle: str = "", **fields: str) -> SigmaCase:
    return SigmaCase(body, fields, holds, clause, oracle)


_ASCII_ONLY: Final = "SQLite folds ASCII letters only; the specification makes no such exception"
_AS_TEXT: Final = "the backend compares addresses as text"
_NUMBERS_AS_TEXT: Final = "the backend leaves it to the column whether numbers compare as numbers"

_TEXT: Final = (
    _one("=: abc", "abc", True, _GENERAL),
    _one("=: abc", "ABC", True, _GENERAL),
    _one("=: ABC", "aBc", True, _GENERAL),
    _one("=: abc", "abcd", False, _GENERAL),
    _one("=: abc", " abc", False, _GENERAL),
    _one("=: abc", None, False, _GENERAL),
    _one("=: 'a.c'", "abc", False, _GENERAL),
    _one("=: 'a%c'", "abc", False, _GENERAL),
    _one("=: 'a%c'", "a%c", True, _GENERAL),
    _one("=: 'a_c'", "abc", False, _GENERAL),
    _one("=: '[a-c]'", "b", False, _GENERAL),
    _one("=: '[a-c]'", "[A-C]", True, _GENERAL),
    _one("=: 'it''s'", "it's", True, _GENERAL),
    _one("=: ÄÖÜ", "äöü", True, _GENERAL, _ASCII_ONLY),
    _one("=: straße", "STRAßE", True, _GENERAL),
    _one("=: straße", "strasse", False, _GENERAL),
    _one("=: ΟΔΟΣ", "οδος", True, _GENERAL, _ASCII_ONLY),
    _one("=|contains: ΟΔΟΣ", "οδοσα", True, _GENERAL, _ASCII_ONLY),
    _one("=: MASK", "MAS\u212a", True, _GENERAL, _ASCII_ONLY),  # the Kelvin sign is a K
    _one("=: 日本", "日本", True, _GENERAL),
    _one("=: 'a?b'", "a😀b", True, _WILDCARD),
    _one("=: 'a?b'", "aßB", True, _WILDCARD),
    _one("=: 'a?b'", "ab", False, _WILDCARD),
    _one("=: 'a?b'", "axxb", False, _WILDCARD),
    _one("=: 'a*b'", "ab", True, _WILDCARD),
    _one("=: 'a*b'", "a\nx\nb", True, _WILDCARD),
    _one("=: 'a*b'", "xab", False, _WILDCARD),
    _one("=: '*'", "", True, _WILDCARD),
    _one("=: '*'", None, False, _WILDCARD),
    _one("=: '?*'", "", False, _WILDCARD),
    _one("=: '?*'", "x", True, _WILDCARD),
    _one("=: 'a**b'", "axb", True, _WILDCARD),
    _one("=: '*a*b*'", "xbxaxx", False, _WILDCARD),
    _one("=: '*a?c*b'", "aac abc xb", True, _WILDCARD),
    _one("=: 'ab*ba'", "aba", False, _WILDCARD),
    _one(r"=: 'a\*b'", "a*b", True, _ESCAPING),
    _one(r"=: 'a\*b'", "axb", False, _ESCAPING),
    _one(r"=: 'a\?b'", "a?b", True, _ESCAPING),
    _one(r"=: 'a\?b'", "axb", False, _ESCAPING),
    _one(r"=: 'a\b'", r"a\b", True, _ESCAPING),
    _one(r"=: 'a\\b'", r"a\b", True, _ESCAPING),
    _one(r"=: 'a\\b'", r"a\\b", False, _ESCAPING),
    _one(r"=: 'a\\*'", r"a\xyz", True, _ESCAPING),
    _one(r"=: 'a\\*'", "a*", False, _ESCAPING),
    _one(r"=: 'a\\\*'", r"a\*", True, _ESCAPING),
    _one(r"=: 'a\\\*'", r"a\x", False, _ESCAPING),
    _one(r"=: 'a\\\b'", r"a\\b", True, _ESCAPING),
    _one(r"=: 'a\\\\b'", r"a\\b", True, _ESCAPING),
    _one("=: 'a\\'", "a\\", True, _ESCAPING),
    _one(r"=|endswith: '\x'", r"y\x", True, _ESCAPING),
    _one(r"=|contains: '\%'", r"y\%x", True, _ESCAPING),
)
_VALUES: Final = (
    _one("=: ''", "", True, _SPECIAL),
    _one("=: ''", "x", False, _SPECIAL),
    _one("=: ''", None, False, _SPECIAL),
    _one("=: null", None, True, _SPECIAL),
    _one("=: null", "", False, _SPECIAL),
    _one("=: null", "null", False, _SPECIAL),
    _one("=: 'null'", "null", True, _SPECIAL),
    _one("=:", None, True, _SPECIAL),
    _one("=: [a, null]", None, True, _SPECIAL),
    _one("=: [a, null]", "a", True, _SPECIAL),
    _one("=: [a, null]", "b", False, _SPECIAL),
    _whole("  s:\n    Image: x\n  f:\n    User: null\n  condition: s and not f\n", True, _SPECIAL, Image="x", User="u"),
    _whole("  s:\n    Image: x\n  f:\n    User: null\n  condition: s and not f\n", False, _SPECIAL, Image="x"),
    _one("=|exists: true", "", True, _EXISTS),
    _one("=|exists: true", None, False, _EXISTS),
    _one("=|exists: false", "", False, _EXISTS),
    _one("=|exists: false", None, True, _EXISTS),
    _one("=|exists: yes", "x", True, _EXISTS),
    _one("=: 5", "5", True, _MAPS),
    _one("=: 5", "05", False, _MAPS),
    _one("=: '5'", "5", True, _MAPS),
    _one("=: -1", "-1", True, _MAPS),
    _one("=: 4294967295", "4294967295", True, _MAPS),
    _one("=: [5, 7]", "7", True, _MAPS),
    _one("=: 1.5", "1.5", True, _MAPS),
    _one("=: true", "true", True, _MAPS),
    _one("=: true", "TRUE", True, _MAPS, "the backend compares truth by case"),
    _one("=: 'true'", "true", True, _MAPS),
    _one("=: false", None, False, _MAPS),
    _one("=|contains: 5", "1528", True, _MAPS, "pySigma takes no number for contains"),
)  # fmt: skip
_MODIFIERS: Final = (
    _one("=|contains: B", "abc", True, _GENERIC),
    _one("=|contains: ''", "abc", True, _GENERIC),
    _one("=|contains: ''", None, False, _GENERIC),
    _one("=|contains: 'a*c'", "xabcx", True, _GENERIC),
    _one("=|contains: '*b*'", "abc", True, _GENERIC),
    _one(r"=|contains: '\*'", "a*b", True, _GENERIC),
    _one(r"=|contains: '\*'", "ab", False, _GENERIC),
    _one("=|contains|all: [a, c]", "abc", True, _GENERIC),
    _one("=|contains|all: [a, d]", "abc", False, _GENERIC),
    _one("=|all|contains: [a, c]", "abc", True, _GENERIC),
    _one("=|contains|all: [a]", "xax", True, _GENERIC),
    _one("=|all: ['a*', '*c']", "abc", True, _GENERIC),
    _one("=|startswith: aB", "Abc", True, _GENERIC),
    _one("=|startswith: b", "abc", False, _GENERIC),
    _one("=|startswith: 'a?c'", "abcd", True, _GENERIC),
    _one("=|startswith: [x, a]", "abc", True, _GENERIC),
    _one("=|endswith: BC", "abc", True, _GENERIC),
    _one("=|endswith: b", "abc", False, _GENERIC),
    _one("=|endswith: '*c'", "abc", True, _GENERIC),
    _one("=|endswith|all: [c, bc]", "abc", True, _GENERIC),
    _one("=|cased: aBc", "aBc", True, _GENERIC),
    _one("=|cased: aBc", "abc", False, _GENERIC),
    _one("=|cased: 'a*C'", "abC", True, _GENERIC),
    _one("=|cased: 'a*C'", "abc", False, _GENERIC),
    _one("=|contains|cased: B", "aBc", True, _GENERIC),
    _one("=|contains|cased: B", "abc", False, _GENERIC),
    _one("=|startswith|cased: A", "abc", False, _GENERIC),
    _one("=|endswith|cased: [C, c]", "abc", True, _GENERIC),
    _one("=|neq: a", "b", True, _GENERIC),
    _one("=|neq: a", "A", False, _GENERIC),
    _one("=|neq: [a, b]", "b", False, _GENERIC),
    _one("=|neq: [a, b]", "c", True, _GENERIC),
    _one("=|neq: a", None, True, _GENERIC),
    _one("=|contains|neq: a", "bcd", True, _GENERIC),
    _one("=|windash|contains: ' -f'", "x /f", True, _STRING),
    _one("=|windash|contains: ' -f'", "x -f", True, _STRING),
    _one("=|windash|contains: ' -f'", "x \N{EN DASH}f", True, _STRING),
    _one("=|windash|contains: ' /f'", "x \N{EM DASH}f", True, _STRING),
    _one("=|windash|contains: ' /f'", "x \N{HORIZONTAL BAR}f", True, _STRING),
    _one("=|windash|contains: ' –f'", "x -f", True, _STRING, "pySigma changes - and / only"),
    _one("=|windash|contains: ' -f'", "x f", False, _STRING),
    _one("=|windash|contains: 'a-b'", "a/b", False, _STRING),
    _one("=|windash: '-a -b'", "/a \N{EN DASH}b", True, _STRING),
    _one("=|windash|cased: '-A'", "/A", True, _STRING),
    _one("=|windash|cased: '-A'", "/a", False, _STRING),
    _one("=|windash|contains: '-a*-b'", "x/a y -b", True, _STRING),
    _one("=|re: '^a.c$'", "abc", True, _REGEX),
    _one("=|re: '^a.c$'", "ABC", False, _REGEX),
    _one("=|re: b", "abc", True, _REGEX),
    _one("=|re: 'a*'", "", True, _REGEX),
    _one("=|re: 'a'", None, False, _REGEX),
    _one("=|re: 'a.c'", "a\nc", False, _REGEX),
    _one("=|re|s: 'a.c'", "a\nc", True, _REGEX),
    _one("=|re|i: '^A.C$'", "abc", True, _REGEX),
    _one("=|re: '(?i)^A'", "abc", True, _REGEX),
    _one("=|re: '^b'", "a\nb", False, _REGEX),
    _one("=|re|m: '^b$'", "a\nb\nc", True, _REGEX),
    _one("=|re|i|m|s: '^B.C'", "a\nb\nc", True, _REGEX),
    _one("=|re: ['x', 'b']", "abc", True, _REGEX),
    _one("=|re|all: ['a', 'x']", "abc", False, _REGEX),
    _one(r"=|re: '\d{2,3}'", "a12", True, _REGEX),
    _one(r"=|re: 'a\*b'", "a*b", True, _REGEX),
    _one(r"=|re: '[^a-z]'", "abc", False, _REGEX),
    _one("=|re: 'ä.ü'", "äöü", True, _REGEX),
    _one("=|re: '^a.c$'", "a\udcffc", True, _REGEX, "SQLite holds no text that is not UTF-8"),
    _one("=|re: 'a$'", "a\n", False, _REGEX, "Python's $ holds before a last newline, RE2's does not"),
)  # fmt: skip


def _b64(raw: bytes) -> str:
    return base64.b64encode(raw).decode()


_CHANGED: Final = (
    _one("=|base64|contains: whoami", f"x {_b64(b'whoami')} y", True, _ENCODING),
    _one("=|base64|contains: whoami", "x whoami y", False, _ENCODING),
    _one("=|base64: ü", _b64("ü".encode()), True, _ENCODING),
    _one("=|base64offset|contains: whoami", _b64(b"whoami"), True, _ENCODING),
    _one("=|base64offset|contains: whoami", _b64(b"xwhoami;"), True, _ENCODING),
    _one("=|base64offset|contains: whoami", _b64(b"xxwhoami;;"), True, _ENCODING),
    _one("=|base64offset|contains: whoami", _b64(b"id;whoami;;;"), True, _ENCODING),
    _one("=|base64offset|contains: whoami", _b64(b"xxwhoam"), False, _ENCODING),
    _one("=|base64offset|contains: '/bin/sh'", _b64(b"x/bin/sh -c"), True, _ENCODING),
    _one("=|utf16le|base64offset|contains: ab", _b64("xab".encode("utf-16-le")), True, _ENCODING,
         "this pySigma knows `wide` only"),
    _one("=|wide|base64offset|contains: ab", _b64("xaby".encode("utf-16-le")), True, _ENCODING),
    _one("=|wide|base64offset|contains: ab", _b64(b"xaby"), False, _ENCODING),
    _one("=|utf16be|base64offset|contains: ab", _b64("xab".encode("utf-16-be")), True, _ENCODING),
    _one("=|utf16|base64: ab", _b64(b"\xff\xfe" + "ab".encode("utf-16-le")), True, _ENCODING),
    _one("=|wide|base64: ü", _b64("ü".encode("utf-16-le")), True, _ENCODING,
         "pySigma widens ASCII only"),
    _one("=|windash|base64|contains: ' -e'", _b64(b" /e"), True, _CHAIN),
    _one("=|base64|base64: a", _b64(_b64(b"a").encode()), True, _CHAIN),
    _one("=|base64|cased: whoami", _b64(b"whoami").lower(), False, _CHAIN),
    _one(r"=|base64: 'a\*'", _b64(b"a*"), True, _CHAIN),
    _one("=|expand: '%admins%'", "root", True, _PLACE),
    _one("=|expand: '%admins%'", "anna", True, _PLACE),
    _one("=|expand: '%admins%'", "bob", False, _PLACE),
    _one("=|expand|contains: 'u=%admins%;'", "x u=root; y", True, _PLACE),
    _one("=|contains|expand: 'u=%admins%;'", "x u=root; y", True, _PLACE),
    _one("=|expand: '%one%%one%'", "xx", True, _PLACE),
    _one(r"=|expand: '\%one%one%'", "%onex", True, _PLACE,
         "pySigma begins a placeholder at an escaped percent"),
    _one("=|expand: ['%admins%', bob]", "bob", True, _PLACE),
    _one("=: '%admins%'", "%admins%", True, _PLACE),
    _one("=: '%admins%'", "root", False, _PLACE),
    _one("=|lt: 5", "4", True, _NUMERIC),
    _one("=|lt: 5", "5", False, _NUMERIC),
    _one("=|lte: 5", "5", True, _NUMERIC),
    _one("=|gt: 5", "10", True, _NUMERIC, _NUMBERS_AS_TEXT),
    _one("=|gt: 5", "5.5", True, _NUMERIC),
    _one("=|gte: 5", "4.9", False, _NUMERIC),
    _one("=|gte: -1", "-1", True, _NUMERIC),
    _one("=|gt: 5", "many", False, _NUMERIC, _NUMBERS_AS_TEXT),
    _one("=|gt: 5", "", False, _NUMERIC),
    _one("=|lt: 5", None, False, _NUMERIC),
    _one("=|gt: 9007199254740992", "9007199254740993", True, _NUMERIC),
    _one("=|gt: 5", "inf", False, _NUMERIC, _NUMBERS_AS_TEXT),
    _one("=|gt: 5", "1_0", False, _NUMERIC),
    _one("=|neq: 5", "6", True, _NUMERIC),
    _one("=|neq: 5", "5", False, _NUMERIC),
    _net("DestinationIp|cidr: 10.0.0.0/8", True, _IP, DestinationIp="10.255.255.255"),
    _net("DestinationIp|cidr: 10.0.0.0/8", False, _IP, DestinationIp="11.0.0.0"),
    _net("DestinationIp|cidr: 10.0.0.0/9", False, _IP, DestinationIp="10.128.0.0"),
    _net("DestinationIp|cidr: 10.0.0.0/8", False, _IP, _AS_TEXT, DestinationIp="10.x"),
    _net("DestinationIp|cidr: 10.0.0.0/8", False, _IP),
    _net("DestinationIp|cidr: 10.1.2.3/32", True, _IP, DestinationIp="10.1.2.3"),
    _net("DestinationIp|cidr: [10.0.0.0/8, '::1/128']", True, _IP, DestinationIp="::1"),
    _net("DestinationIp|cidr: '::1/128'", True, _IP, _AS_TEXT, DestinationIp="0:0:0:0:0:0:0:1"),
    _net("DestinationIp|cidr: fe80::/10", True, _IP, DestinationIp="fe80::1"),
    _net("DestinationIp|cidr: fe80::/10", True, _IP, DestinationIp="FEBF::1"),
    _net("DestinationIp|cidr: fe80::/10", False, _IP, DestinationIp="fec0::1"),
    _net("DestinationIp|cidr: 10.0.0.0/8", True, _IP, _AS_TEXT, DestinationIp="::ffff:10.0.0.1"),
    _net("SourceIp|fieldref: DestinationIp", True, _SPECIFIC, SourceIp="a", DestinationIp="A"),
    _net("SourceIp|fieldref: DestinationIp", False, _SPECIFIC, SourceIp="a", DestinationIp="b"),
    _net("SourceIp|fieldref: DestinationIp", False, _SPECIFIC, SourceIp="a"),
    _net("SourceIp|fieldref: DestinationIp", False, _SPECIFIC),
    _net("Image|fieldref|endswith: User", True, _SPECIFIC, Image="/home/ann", User="Ann"),
    _net("Image|fieldref|startswith: User", False, _SPECIFIC, Image="/home/ann", User="ann"),
    _net("Image|fieldref|contains: User", True, _SPECIFIC, Image="/h/ann/x", User="ann"),
    _net("Image|fieldref|contains: User", False, _SPECIFIC, Image="/h/ann/x", User="a%x"),
    _net("SourceIp|fieldref|neq: DestinationIp", True, _SPECIFIC, SourceIp="a", DestinationIp="b"),
)  # fmt: skip
_TWO: Final = "  a1:\n    Image: x\n  a2:\n    Image: y\n  b:\n    User: u\n  _h:\n    Image: x\n"
_SHAPES: Final = (
    _whole("  s:\n    - Image: a\n      User: u\n    - Image: b\n  condition: s\n", True, _LISTS, Image="b"),
    _whole("  s:\n    - Image: a\n      User: u\n    - Image: b\n  condition: s\n", False, _LISTS, Image="a"),
    _whole("  s:\n    Image: a\n    User: u\n  condition: s\n", True, _MAPS, Image="a", User="u"),
    _whole("  s:\n    Image: a\n    User: u\n  condition: s\n", False, _MAPS, Image="a"),
    _whole("  s: [foo, bar]\n  condition: s\n", True, _KEYWORDS, Image="/x/BAR/y"),
    _whole("  s: [foo, bar]\n  condition: s\n", True, _KEYWORDS, Image="x", User="foo"),
    _whole("  s: [foo, bar]\n  condition: s\n", False, _KEYWORDS, Image="fo", User="o"),
    _whole("  s: ['f*o']\n  condition: s\n", True, _KEYWORDS, Image="a f12o b"),
    _whole(r"  s: ['f\*o']" "\n  condition: s\n", False, _KEYWORDS, Image="a f12o b"),
    _whole("  s:\n    '|all': [foo, bar]\n  condition: s\n", True, _KEYWORDS, Image="foo", User="bar"),
    _whole("  s:\n    '|all': [foo, bar]\n  condition: s\n", False, _KEYWORDS, Image="foo"),
    _whole("  s:\n    '|re': 'f.o'\n  condition: s\n", True, _KEYWORDS, Image="x", User="fao"),
    _whole("  s: [517]\n  condition: s\n", True, _KEYWORDS, ProcessId="15170"),
    _whole("  s:\n    - foo\n    - Image: b\n  condition: s\n", True, _LISTS, Image="b"),
    _whole("  s: foo\n  condition: not s\n", True, _KEYWORDS, Image="b"),
    _whole(f"{_TWO}  condition: a1 or a2 and b\n", True, _CONDITION, Image="x"),
    _whole(f"{_TWO}  condition: (a1 or a2) and b\n", False, _CONDITION, Image="x"),
    _whole(f"{_TWO}  condition: not a1 or a1\n", True, _CONDITION, Image="x"),
    _whole(f"{_TWO}  condition: not (a1 or a2)\n", False, _CONDITION, Image="x"),
    _whole(f"{_TWO}  condition: not a1 and not a2\n", True, _CONDITION, User="u"),
    _whole(f"{_TWO}  condition: 1 of a*\n", True, _CONDITION, Image="y"),
    _whole(f"{_TWO}  condition: all of a*\n", False, _CONDITION, Image="y"),
    _whole(f"{_TWO}  condition: any of a*\n", True, _CONDITION, Image="y"),
    _whole(f"{_TWO}  condition: not 1 of a*\n", True, _CONDITION, Image="z"),
    _whole(f"{_TWO}  condition: 1 of them\n", False, _CONDITION, Image="z"),
    _whole("  _h:\n    Image: x\n  a:\n    Image: y\n  condition: 1 of them\n", False, _CONDITION, Image="x"),
    _whole("  _h:\n    Image: x\n  a:\n    Image: y\n  condition: _h\n", True, _CONDITION, Image="x"),
    _whole("  a:\n    Image: x\n  b:\n    User: u\n  condition: all of them\n", True, _CONDITION, Image="x", User="u"),
    _whole(f"{_TWO}  condition: 1 of *1\n", True, _CONDITION, Image="x"),
    _whole(f"{_TWO}  condition: b and not 1 of a*\n", True, _CONDITION, User="u"),
    _whole(f"{_TWO}  condition: [a1, b]\n", True, _CONDITION, "the oracle gives a query for each", User="u"),
)  # fmt: skip

CASES: Final = (*_TEXT, *_VALUES, *_MODIFIERS, *_CHANGED, *_SHAPES)
