"""Entries as lines of QRadar's Log Event Extended Format.

    LEEF:2.0|ZehraSec|Sentinair|<version>|<rule or kind>|x09|devTime=…<TAB>sev=…<TAB>cat=…<TAB>…

The format has no escape: a tab, pipe, caret, line break or delimiter in a value is sent as a space, other unsafe
characters are shown (model.text); spaces at either end go, what has no value has no key, what is longer than its limit
in bytes is cut (codecs.cut).  The full record keeps the value as it is.  docs/formats.md says which field goes where.
Source: IBM, QRadar LEEF guide, version 2.
"""

from __future__ import annotations

from typing import Final

from sentinair.codecs.siem import (
    PRODUCT,
    SEVERITIES,
    VENDOR,
    addresses,
    alert_texts,
    are_plain,
    base_name,
    external_id,
    fitted,
    milliseconds,
    outcome,
    whole_number,
)
from sentinair.codecs.summary import Summary, summary
from sentinair.errors import UsageFault
from sentinair.model.entry import Entry
from sentinair.model.text import shown

__all__ = ["LeefCodec"]

_LONG: Final = 2**63 - 1
_TEXT: Final = (
    1023  # bytes, where IBM names no limit: a line stays within what a syslog receiver takes
)
_NAME: Final = 255
_MILLISECOND_DIGITS: Final = 13  # devTime in another length is another unit, or needs a format
_KEYS: Final = (
    ("devTime=", _TEXT),
    ("sev=", _TEXT),
    ("cat=", _NAME),
    ("usrName=", _NAME),
    ("src=", _TEXT),
    ("dst=", _TEXT),
    ("resource=", _NAME),
    ("fileName=", _TEXT),
    ("filePath=", _TEXT),
    ("fileHash=", _NAME),
    ("processName=", _TEXT),
    ("processId=", _TEXT),
    ("action=", _NAME),
    ("outcome=", _NAME),
    ("externalId=", _NAME),
    ("chain=", _NAME),
    ("stream=", _NAME),
    ("sequence=", _TEXT),
    ("link=", _NAME),
)
_ALERT_KEYS: Final = (
    ("firstSeen=", _TEXT),
    ("lastSeen=", _TEXT),
    ("count=", _TEXT),
    ("confidence=", _TEXT),
    ("techniques=", _TEXT),
    ("why=", _TEXT),
    ("ruleAuthor=", _TEXT),
    ("ruleLicence=", _TEXT),
    ("ruleLink=", _TEXT),
    ("status=", _NAME),
    ("answeredBy=", _NAME),
    ("comment=", _TEXT),
)
_LAST: Final = (("title=", _TEXT), ("msg=", _TEXT))
_Layout = tuple[tuple[str, ...], tuple[int, ...]]  # what stands before each value; its limit


def _layout(*fields: tuple[str, int]) -> _Layout:
    return tuple(before for before, _ in fields), tuple(limit for _, limit in fields)


_OTHERS: Final = _layout(*_KEYS, *_LAST)
_ALERTS: Final = _layout(*_KEYS, *_ALERT_KEYS, *_LAST)
_NOT_DELIMITERS: Final = frozenset(
    " =|\\-.:,…[]"
)  # part of the format, of numbers, of the mark of a cut


class LeefCodec:
    """One entry, one line.

    delimiter: between attributes; a tab, or one printable character that is neither letter, digit, space nor one
    of `= | \\ - . : , … [ ]`, below U+10000; the caret is the guide's own other choice.
    version: "2.0", or "1.0", which knows the tab only and does not name it.
    Raises UsageFault for others.
    """

    name = "leef"
    suffix = ".leef"
    lines = True

    def __init__(self, *, delimiter: str = "\t", version: str = "2.0") -> None:
        if version not in ("1.0", "2.0"):
            raise UsageFault(f"LEEF has no version {version!r}", remedy='choose "1.0" or "2.0"')
        if delimiter != "\t" and (version == "1.0" or not _may_delimit(delimiter)):
            raise UsageFault(
                f"LEEF {version} cannot be delimited by {delimiter!r}",
                remedy="take the tab, or for 2.0 the caret",
            )
        self._start = f"LEEF:{version}|{VENDOR}|{PRODUCT}|"
        self._delimiter = delimiter
        self._named = "" if version == "1.0" else f"{_written(delimiter)}|"
        self._spaces = tuple({"\t", "|", "^", "\r", "\n", delimiter})
        self._plain = bytes(byte for byte in range(0x20, 0x7F) if chr(byte) not in self._spaces)

    def begin(self, time_ns: int) -> bytes:  # noqa: ARG002 — a file begins with nothing
        return b""

    def encode(self, entry: Entry) -> bytes:
        words = summary(entry)
        keys, limits = _OTHERS
        texts = _texts(entry, words)
        if entry.alert is not None:
            keys, limits = _ALERTS
            texts += alert_texts(entry.alert, _LONG)
        texts += (words.title, words.message)
        if not are_plain(texts, limits, self._plain):
            texts = list(map(self._value, texts, limits))
        attributes = [key + text for key, text in zip(keys, texts, strict=True) if text]
        version = self._value(entry.version, _NAME) or "-"
        event = self._value(words.event_class, _NAME) or "-"
        return f"{self._start}{version}|{event}|{self._named}{self._delimiter.join(attributes)}".encode()

    def between(self) -> bytes:
        return b"\n"

    def end(self, count: int) -> bytes:
        return b"\n" if count else b""

    def _value(self, text: str, limit: int) -> str:
        safe = text
        for character in self._spaces:
            safe = safe.replace(character, " ")
        safe = safe.strip(" ")
        if (
            not safe.isprintable()
        ):  # showing what is printable would change nothing and take ten times as long
            safe = shown(safe)
        return fitted(safe, text, limit)


def _may_delimit(delimiter: str) -> bool:
    return (
        len(delimiter) == 1
        and delimiter.isprintable()
        and not delimiter.isalnum()
        and delimiter not in _NOT_DELIMITERS
        and ord(delimiter) < 0x10000
    )


def _written(delimiter: str) -> str:
    """As the header names it: a character, or x and its number."""
    if delimiter == "\t":
        return "x09"
    return delimiter if delimiter.isascii() else f"x{ord(delimiter):04X}"


def _texts(entry: Entry, words: Summary) -> list[str]:
    """In the order of _KEYS; "" where there is nothing to say."""
    filename = words.filename or ""
    moment = milliseconds(entry.time_ns)
    return [
        moment if len(moment) == _MILLISECOND_DIGITS else "",
        SEVERITIES.get(words.severity, ""),
        words.category,
        words.user or "",
        "".join(addresses(words.source_address)),
        "".join(addresses(words.target_address)),
        entry.host,
        base_name(filename),
        filename,
        words.sha256 or "",
        words.process or "",
        whole_number(words.pid, _LONG),
        words.action,
        outcome(entry, words),
        external_id(entry),
        entry.chain,
        entry.stream,
        whole_number(entry.seq, _LONG),
        entry.link or "",
    ]
