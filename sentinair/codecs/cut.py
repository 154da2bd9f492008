"""Text made to fit: what was cut says how long it was and its hash."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["MARK_CHARACTERS", "NARROW", "NARROW_MARK", "fit", "fit_bytes", "fit_raw"]

MARK_CHARACTERS: Final = 48
"""What the mark takes at most: `…[1048576 bytes, sha256 0123456789abcdef]`."""

NARROW: Final = 60
"""Below this room the mark has no words: `…[1048576 0123456789abcdef]`."""

NARROW_MARK: Final = 31
"""The room that the mark without words takes at most; in bytes as well."""


def _raw(text: str) -> bytes:
    return text.encode("utf-8", "backslashreplace")


def _mark(raw: bytes, room: int) -> str:
    digest = hashlib.sha256(raw).hexdigest()[:16]
    return f"…[{len(raw)} {digest}]" if room < NARROW else f"…[{len(raw)} bytes, sha256 {digest}]"


def fit(text: str, characters: int, whole: str | None = None) -> str:
    """text in at most so many characters; a cut one ends in its UTF-8 length and the first 16 digits of its SHA-256.

    characters: at least NARROW_MARK.  whole: what length and hash are of, where text is already a rendering of
    something else.  Lone surrogates count as what backslashreplace makes of them.
    """
    if len(text) <= characters:
        return text
    mark = _mark(_raw(text if whole is None else whole), characters)
    return text[: characters - len(mark)] + mark


def fit_bytes(text: str, octets: int, whole: str | None = None) -> str:
    """fit(), counted in bytes of UTF-8; never cuts within a character."""
    if text.isascii() and len(text) <= octets:
        return text
    raw = _raw(text)
    if len(raw) <= octets:
        return text
    mark = _mark(raw if whole is None else _raw(whole), octets)
    return raw[: octets - len(mark.encode())].decode("utf-8", "ignore") + mark


def fit_raw(raw: bytes, octets: int) -> bytes:
    """fit_bytes() of encoded UTF-8.  octets: at least NARROW_MARK."""
    if len(raw) <= octets:
        return raw
    mark = _mark(raw, octets).encode()
    end = octets - len(mark)
    while end > 0 and raw[end] & 0xC0 == 0x80:  # within a character: RFC 3629, section 3
        end -= 1
    return raw[:end] + mark
