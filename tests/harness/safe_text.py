"""What a text becomes in ECS and OCSF, worked out anew and one character at a time, to hold codecs to."""

from __future__ import annotations

import hashlib

from tests.harness.expected import escaped

__all__ = ["expected_text"]


def expected_text(text: str, characters: int) -> str:
    """text with what is unsafe written out; what is then too long ends in length and hash of what it was."""
    safe = escaped(text)
    if len(safe) <= characters:
        return safe
    raw = safe.encode()
    mark = f"…[{len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()[:16]}]"
    return safe[: characters - len(mark)] + mark
