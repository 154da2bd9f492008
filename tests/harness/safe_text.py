"""What a text becomes on its way out, worked out anew and one character at a time, to hold codecs to."""

from __future__ import annotations

import hashlib
import unicodedata
from typing import Final

__all__ = ["expected_text"]

_LYING: Final = {
    0x61C,
    *range(0x200B, 0x2010),
    *range(0x2028, 0x202F),
    *range(0x2060, 0x206A),
    0xFEFF,
}


def expected_text(text: str, characters: int) -> str:
    r"""text with control, bidi and undecodable ones as \xNN or \uNNNN; what is too long ends in its length and hash."""
    safe = "".join(map(_one, text))
    if len(safe) <= characters:
        return safe
    raw = safe.encode()
    mark = f"…[{len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()[:16]}]"
    return safe[: characters - len(mark)] + mark


def _one(character: str) -> str:
    code = ord(character)
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    if unicodedata.category(character) == "Cc":
        return f"\\x{code:02x}"
    if code in _LYING or unicodedata.category(character) == "Cs":
        return f"\\u{code:04x}"
    return character
