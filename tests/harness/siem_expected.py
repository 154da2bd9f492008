"""What CEF and LEEF must hold of a text, computed character by character from what docs/formats.md says."""

from __future__ import annotations

import functools
import hashlib
import unicodedata
from typing import Final

__all__ = ["cut_to", "milliseconds", "shown_by_table"]

# Bidirectional controls and characters without width: docs/formats.md, "What is replaced".
_MARKS: Final = frozenset(
    (0x061C, *range(0x200B, 0x2010), *range(0x2028, 0x202F), *range(0x2060, 0x206A), 0xFEFF)
)


def shown_by_table(text: str, keep: str = "") -> str:
    """text with what is unsafe written out, but for the characters in keep."""
    return "".join([one if one in keep else _shown(one) for one in text])


@functools.cache
def _shown(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code < 0xDD00:  # a byte that is no UTF-8
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) == "Cc":
        return f"\\x{code:02x}"
    if code in _MARKS or unicodedata.category(character) == "Cs":
        return f"\\u{code:04x}"
    return character


def cut_to(rendered: str, whole: str, octets: int) -> str:
    """rendered if it has at most so many bytes, else as much of it as leaves room for the mark of what whole was."""
    if len(rendered.encode()) <= octets:
        return rendered
    raw = whole.encode("utf-8", "backslashreplace")
    digest = hashlib.sha256(raw).hexdigest()
    mark = f"…[{len(raw)} {digest[:16]}]" if octets < 50 else f"…[{len(raw)} bytes, sha256 {digest[:16]}]"  # fmt: skip
    room, kept = octets - len(mark.encode()), []
    for character in rendered:
        room -= len(character.encode())
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + mark


def milliseconds(time_ns: int) -> str | None:
    """None before 1970 and from the year 10000 on."""
    return str(time_ns // 10**6) if 0 <= time_ns < 253_402_300_800 * 10**9 else None
