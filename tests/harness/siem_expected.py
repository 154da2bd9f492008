"""What CEF and LEEF must hold of a text, worked out from what docs/formats.md says and by nothing of the program's."""

from __future__ import annotations

import hashlib
import re

from tests.harness.expected import escaped

__all__ = ["cut_to", "escaped_but", "milliseconds"]


def escaped_but(text: str, keep: str) -> str:
    """text with what is unsafe written out, but for the characters in keep."""
    parts = re.split(f"([{keep}])", text)
    return "".join([part if part in keep else escaped(part) for part in parts])


def cut_to(rendered: str, whole: str, octets: int) -> str:
    """rendered if it has at most so many bytes, else as much of it as leaves room for the mark of what whole was."""
    if len(rendered.encode()) <= octets:
        return rendered
    raw = escaped(whole).encode()
    digest = hashlib.sha256(raw).hexdigest()
    mark = f"…[{len(raw)} {digest[:16]}]" if octets < 60 else f"…[{len(raw)} bytes, sha256 {digest[:16]}]"  # fmt: skip
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
