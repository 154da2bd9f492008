"""Text made to fit: what was cut says how long it was and its hash."""

from __future__ import annotations

import hashlib
from typing import Final

__all__ = ["MARK_CHARACTERS", "fit", "fit_bytes"]

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
