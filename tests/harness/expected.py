"""What text codecs must make of an entry, worked out here from what the manual says and by nothing of the program's.

docs/formats-text.md is the source; tables are by code point, cuts by slice and hashlib, times by strftime.
"""

from __future__ import annotations

import hashlib
import math
import unicodedata
from datetime import datetime, timedelta
from typing import Any, Final

from sentinair.model.alert import Alert
from sentinair.model.entry import Entry

__all__ = [
    "cut_text", "escaped", "formula_starts", "guarded", "json_entry", "json_value", "raw_bytes", "time_text", "unsafe",
]  # fmt: skip

_RANGES: Final = (
    (0x00, 0x1F), (0x7F, 0x9F), (0x61C, 0x61C), (0x200B, 0x200F), (0x2028, 0x202E), (0x2060, 0x2069),
    (0xFEFF, 0xFEFF), (0xD800, 0xDFFF),
)  # fmt: skip


def _escape(code: int) -> str:
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 256 else f"\\u{code:04x}"


_ESCAPES: Final = {c: _escape(c) for first, last in _RANGES for c in range(first, last + 1)}


def escaped(text: str) -> str:
    return text.translate(_ESCAPES)


def unsafe(text: str) -> list[str]:
    """The characters of text that no output may hold as they are."""
    return sorted({c for c in text if ord(c) in _ESCAPES})


def raw_bytes(text: str) -> bytes:
    raw = bytearray()
    for character in text:
        code = ord(character)
        if 0xDC80 <= code <= 0xDCFF:
            raw.append(code - 0xDC00)
        else:
            raw += character.encode("utf-8", "surrogatepass")
    return bytes(raw)


def time_text(time_ns: int | None) -> str | None:
    if time_ns is None:
        return None
    try:
        when = datetime(1970, 1, 1) + timedelta(microseconds=time_ns // 1000)  # noqa: DTZ001
    except OverflowError:
        return None
    return f"{when.year:04d}" + when.strftime("-%m-%dT%H:%M:%S.%fZ")


def cut_text(text: str, characters: int, whole: str | None = None) -> str:
    """text, or its beginning with the length and hash of the whole; characters: at least 60."""
    if len(text) <= characters:
        return text
    raw = (text if whole is None else whole).encode("utf-8", "backslashreplace")
    mark = f"…[{len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()[:16]}]"
    return text[: characters - len(mark)] + mark


def json_value(value: Any) -> Any:
    """A value as a JSON reader must find it."""
    if isinstance(value, str):
        return escaped(value)
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, list | tuple):
        return [json_value(one) for one in value]
    if not isinstance(value, dict):
        return value
    found = {}
    for key, one in value.items():
        name = escaped(key)
        found[name] = json_value(one)
        if name != key:
            found[f"{name}_key_hex"] = raw_bytes(key).hex()
        if isinstance(one, str) and escaped(one) != one:
            found[f"{name}_hex"] = raw_bytes(one).hex()
        if isinstance(one, list | tuple) and any(
            isinstance(x, str) and escaped(x) != x for x in one
        ):
            found[f"{name}_hex"] = [raw_bytes(x).hex() if isinstance(x, str) else None for x in one]
    return found


def _timed(shape: dict[str, Any], name: str, time_ns: int | None) -> None:
    shape[name] = time_text(time_ns)
    if time_ns is not None and shape[name] is None:
        shape[f"{name}_ns"] = time_ns


def _alert(alert: Alert) -> dict[str, Any]:
    plain = [
        "id",
        "severity",
        "category",
        "title",
        "description",
        "source",
        "details",
        "status",
        "acknowledged_by",
        "comment",
        "rule_id",
        "rule_author",
        "rule_license",
        "rule_link",
        "fingerprint",
        "confidence",
        "count",
        "user",
        "filename",
        "pid",
        "process",
        "host",
        "techniques",
        "tactics",
        "why",
        "next_steps",
        "event_ids",
        "seq",
        "assignee",
        "gathered",
    ]
    shape: dict[str, Any] = {name: getattr(alert, name) for name in plain}
    _timed(shape, "timestamp", alert.time_ns)
    for name in [
        "first_seen",
        "last_seen",
        "acknowledged_at",
        "escalated_at",
        "closed_at",
        "reopened_at",
    ]:
        _timed(shape, name, getattr(alert, f"{name}_ns"))
    shape["held"] = alert.held_since_ns is not None
    shape["notes"] = []
    for note in alert.notes:
        written: dict[str, Any] = {"by": note.by, "text": note.text}
        _timed(written, "time", note.time_ns)
        shape["notes"].append(written)
    return shape


def json_entry(entry: Entry) -> Any:
    """What NDJSON must say of entry."""
    names = ["host", "chain", "stream", "seq", "kind", "version", "link"]
    shape: dict[str, Any] = {name: getattr(entry, name) for name in names}
    _timed(shape, "time", entry.time_ns)
    if entry.alert is None:
        shape["data"] = entry.data
    else:
        shape["alert"] = _alert(entry.alert)
    return json_value(shape)


def formula_starts() -> str:
    """= + - @, the minus sign, and all that normalises to one of them."""
    codes = (c for c in range(0x110000) if not 0xD800 <= c <= 0xDFFF)
    return "".join(
        chr(c) for c in codes if unicodedata.normalize("NFKC", chr(c))[:1] in tuple("=+-@−")
    )


def guarded(text: str, signs: str) -> str:
    """text with an apostrophe before each place where a spreadsheet could begin a formula."""
    out: list[str] = []
    begins = True  # begins: nothing but blanks and quotes since the cell's start
    start = 0  # where the apostrophe goes
    for character in text:
        if begins and character in signs:
            out.insert(start, "'")
        out.append(character)
        if character == ";":
            begins, start = True, len(out)
        elif not (character.isspace() or character == '"'):
            begins = False
    return "".join(out)
