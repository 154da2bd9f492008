r"""Entries as lines of ArcSight's Common Event Format.

    CEF:0|ZehraSec|Sentinair|<version>|<rule or kind>|<title>|<severity>|rt=… externalId=… dvchost=… …

Unsafe characters are shown (model.text) but for CR and LF, which an extension writes as `\r` and `\n` and the header
as a space; spaces at either end go; what has no value has no key; what is longer than the dictionary allows, counted
in bytes, is cut (codecs.cut).  docs/formats.md says which field goes where.
Source: OpenText, Implementing ArcSight CEF, document version 27; keys and lengths are its extension dictionary's.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final

from sentinair.codecs.cef_usual import UsualAlerts
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

__all__ = ["CefCodec"]

_INT: Final = 2**31 - 1  # what CEF calls integer
_LONG: Final = 2**63 - 1
_FREE: Final = 1 << 30  # a limit that is none: numbers and what this program itself chose
_VERSION, _CLASS, _NAME = 31, 1023, 512  # bytes in the header

# The text before each value, and the most bytes of the value.  A custom field brings its label along, or neither.
_HEAD_FIELDS: Final = (
    (" rt=", _FREE),
    (" externalId=", 40),
    (" dvchost=", 100),
    (" deviceExternalId=", 255),
    (" cn2Label=Sequence cn2=", _FREE),
    (" ZehraSecSentinairStream=", _FREE),
    (" ZehraSecSentinairLink=", 64),
    (" cat=", 1023),
    (" act=", 63),
    (" outcome=", _FREE),
    (" suser=", 1023),
    (" suid=", 1023),
    (" sproc=", 1023),
    (" spid=", _FREE),
    (" src=", _FREE),
    (" dst=", _FREE),
    (" c6a2Label=Source IPv6 address c6a2=", _FREE),
    (" c6a3Label=Destination IPv6 address c6a3=", _FREE),
    (" fname=", 1023),
    (" filePath=", 1023),
    (" fileHash=", 255),
)
_ALERT_FIELDS: Final = (
    (" start=", _FREE),
    (" end=", _FREE),
    (" cnt=", _FREE),
    (" cn1Label=Confidence cn1=", _FREE),
    (" cs1Label=ATT&CK techniques cs1=", 4000),
    (" cs2Label=Why cs2=", 4000),
    (" cs3Label=Rule author cs3=", 4000),
    (" cs4Label=Rule licence cs4=", 4000),
    (" cs5Label=Rule link cs5=", 4000),
    (" cs6Label=Status cs6=", 4000),
    (" ZehraSecSentinairAnsweredBy=", 1023),
    (" reason=", 1023),
)
_MESSAGE: Final = (" msg=", 1023)
_TECHNIQUE: Final = (" frameworkName=MITRE ATT&CK threatAttackID=", 32)  # CEF 1.2

_PLAIN: Final = bytes(byte for byte in range(0x20, 0x7F) if byte not in b"\\=")
_BREAKS: Final = re.compile("([\r\n])")
_Layout = tuple[tuple[str, ...], tuple[int, ...]]  # what stands before each value; its limit


def _layout(*fields: tuple[str, int]) -> _Layout:
    return tuple(before for before, _ in fields), tuple(limit for _, limit in fields)


_OTHERS: Final = _layout(*_HEAD_FIELDS, _MESSAGE)
_ALERTS: Final = _layout(*_HEAD_FIELDS, *_ALERT_FIELDS, _MESSAGE)
_ALERTS_1: Final = _layout(*_HEAD_FIELDS, *_ALERT_FIELDS, _TECHNIQUE, _MESSAGE)


class CefCodec:
    """One entry, one line.

    version: 0 (the specification's 0.1, read by everything) or 1 (its 1.x: the ATT&CK technique in its own field).
    Raises UsageFault for another version.
    """

    name = "cef"
    suffix = ".cef"
    lines = True

    def __init__(self, *, version: int = 0) -> None:
        if version not in (0, 1):
            raise UsageFault(f"CEF has no version {version}", remedy="choose 0 or 1")
        self._version = version
        self._usual = UsualAlerts()

    def begin(self, time_ns: int) -> bytes:  # noqa: ARG002 — a file begins with nothing
        return b""

    def encode(self, entry: Entry) -> bytes:
        if entry.alert is not None and self._version == 0:
            line = self._usual.line(entry, entry.alert)
            if line is not None:
                return line
        return self.any_entry(entry)

    def any_entry(self, entry: Entry) -> bytes:
        """encode() without the short cut."""
        words = summary(entry)
        keys, limits = _OTHERS
        texts = _texts(entry, words)
        if entry.alert is not None:
            keys, limits = _ALERTS_1 if self._version else _ALERTS
            texts += alert_texts(entry.alert, _INT)
            if self._version:
                texts.append(entry.alert.techniques[0] if entry.alert.techniques else "")
        texts.append(words.message)
        extension = "".join(_fields(keys, texts, limits))
        severity = SEVERITIES.get(words.severity, "Unknown")
        version = _header(entry.version, _VERSION)
        event_class = _header(words.event_class, _CLASS)
        name = _header(words.title, _NAME)
        start = f"CEF:{self._version}|{VENDOR}|{PRODUCT}|{version}|{event_class}|{name}|{severity}|"
        return f"{start}{extension[1:]}".encode()

    def between(self) -> bytes:
        return b"\n"

    def end(self, count: int) -> bytes:
        return b"\n" if count else b""


def _texts(entry: Entry, words: Summary) -> list[str]:
    """In the order of _HEAD_FIELDS; "" where there is nothing to say."""
    src, src6 = addresses(words.source_address)
    dst, dst6 = addresses(words.target_address)
    user = words.user or ""
    numeric = user.isdecimal() and user.isascii()
    filename = words.filename or ""
    return [
        milliseconds(entry.time_ns),
        external_id(entry),
        entry.host,
        entry.chain,
        whole_number(entry.seq, _LONG),
        entry.stream,
        entry.link or "",
        words.category,
        words.action,
        outcome(entry, words),
        "" if numeric else user,
        user if numeric else "",
        words.process or "",
        whole_number(words.pid, _INT),
        src,
        dst,
        src6,
        dst6,
        base_name(filename),
        filename,
        words.sha256 or "",
    ]


def _header(text: str, limit: int) -> str:
    safe = text.replace("\r", " ").replace("\n", " ").strip(" ") or "-"
    if not safe.isprintable():
        safe = shown(safe)
    return fitted(safe, text, limit).replace("\\", "\\\\").replace("|", "\\|")


def _fields(keys: Sequence[str], texts: Sequence[str], limits: Sequence[int]) -> list[str]:
    """Each text that says something, behind its key.  A message of many words is often the only one to need care."""
    if are_plain(texts, limits, _PLAIN):
        return [key + text for key, text in zip(keys, texts, strict=True) if text]
    if are_plain(texts[:-1], limits, _PLAIN):
        fields = [key + text for key, text in zip(keys[:-1], texts[:-1], strict=True) if text]
        return [*fields, _field(keys[-1], texts[-1], limits[-1])]
    return [_field(*field) for field in zip(keys, texts, limits, strict=True) if field[1]]


def _field(before: str, text: str, limit: int) -> str:
    safe = text.strip(" ")
    if (
        not safe.isprintable()
    ):  # showing what is printable would change nothing and take ten times as long
        safe = "".join([part if part in "\r\n" else shown(part) for part in _BREAKS.split(safe)])
    safe = fitted(safe, text, limit).replace("\\", "\\\\").replace("=", "\\=")
    safe = safe.replace("\n", "\\n").replace("\r", "\\r")
    return before + safe if safe else ""
