"""Bytes from the kernel as text a person, a terminal and a parser can take."""

from __future__ import annotations

import re
from collections.abc import Sequence

__all__ = ["quoted", "shown", "shown_argv"]

# C0, DEL, C1, and the bidi and zero-width marks that make text lie about itself (Unicode TR 36, section 2.10).
_UNSAFE = re.compile(
    "[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff\ud800-\udfff]"
)

_APART = re.compile("[ '\"$`]")


def _escape(match: re.Match[str]) -> str:
    code = ord(match.group())
    if 0xDC80 <= code <= 0xDCFF:  # an undecodable byte, as surrogateescape (PEP 383) carries it
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


def shown(raw: bytes | str) -> str:
    r"""raw as one line of safe text: control, bidi and undecodable bytes become \xNN or \uNNNN.

    The backslash itself is left alone, so the text of an ordinary path is the path; whoever needs the exact
    bytes takes the raw hex that stands beside it.
    """
    text = raw.decode("utf-8", "surrogateescape") if isinstance(raw, bytes) else raw
    if text.isascii() and text.isprintable():  # nearly all: a tenth of what the search costs
        return text
    return _UNSAFE.sub(_escape, text)


def shown_argv(argv: tuple[bytes, ...]) -> str:
    """An argument vector as one command line; arguments with spaces or quotes are quoted so that they stay apart."""
    return quoted([shown(raw) for raw in argv])


def quoted(words: Sequence[str]) -> str:
    """shown_argv() of arguments that are safe text already."""
    return " ".join(
        [
            word if word and not _APART.search(word) else "'" + word.replace("'", "'\\''") + "'"
            for word in words
        ]
    )
