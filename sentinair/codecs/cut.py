"""Text made to fit: what was cut says how long it was and its hash."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["MARK_CHARACTERS", "fit", "fit_bytes", "fit_raw"]

MARK_CHARACTERS: Final = 48
"""What the mark takes at most: `…[1048576 bytes, sha256 0123456789abcdef]`."""


def _mark(raw: bytes) -> str:
    return f"…[{len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()[:16]}]"


def fit(text: str, characters: int) -> str:
    """text in at most so many characters; a cut one ends in its whole UTF-8 length and the first half of its SHA-256.

    characters: at least MARK_CHARACTERS.  Lone surrogates count as what backslashreplace makes of them.
    """
    if len(text) <= characters:
        return text
    mark = _mark(text.encode("utf-8", "backslashreplace"))
    return text[: characters - len(mark)] + mark


def fit_bytes(text: str, octets: int) -> str:
    """fit(), counted in bytes of UTF-8; never cuts within a character."""
    raw = text.encode("utf-8", "backslashreplace")
    if len(raw) <= octets:
        return text
    mark = _mark(raw)
    return raw[: octets - len(mark.encode())].decode("utf-8", "ignore") + mark


def fit_raw(raw: bytes, octets: int) -> bytes:
    """fit_bytes() of encoded UTF-8.  octets: at least MARK_CHARACTERS + 2."""
    if len(raw) <= octets:
        return raw
    mark = _mark(raw).encode()
    end = octets - len(mark)
    while end > 0 and raw[end] & 0xC0 == 0x80:  # within a character: RFC 3629, section 3
        end -= 1
    return raw[:end] + mark
