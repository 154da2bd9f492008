"""What makes two detections the same alert."""

from __future__ import annotations

import hashlib

from sentinair.model.alert import Detection, Joined
from sentinair.model.event import FileEvent, HashEvent

__all__ = ["fingerprint", "usual_group"]


def fingerprint(detection: Detection, joined: Joined) -> str:
    """32 hexadecimal digits over rule, severity and the fields the rule groups by.

    Without fields of its own a rule is grouped by program and path.  The severity is in it so that an alert
    already seen, and perhaps acknowledged as harmless, cannot swallow a graver one of the same rule.
    """
    digest = hashlib.sha256()
    parts = [_bytes(detection.rule_id), _bytes(detection.severity)]
    if detection.group:
        # In what order a rule names its fields must not make an alert of today another one tomorrow.
        parts += sorted(_bytes(part) for part in detection.group)
    else:
        parts += _usual(joined)
    for part in parts:
        digest.update(len(part).to_bytes(4, "big") + part)
    return digest.hexdigest()[:32]


def _bytes(text: str) -> bytes:
    return text.encode("utf-8", "surrogateescape")


def usual_group(joined: Joined) -> tuple[str, ...]:
    """Program and path as text: what a detection is grouped by that names no fields."""
    return tuple(part.decode("utf-8", "surrogateescape") for part in _usual(joined))


def _usual(joined: Joined) -> list[bytes]:
    event, process = joined.event, joined.actor
    exe = b"" if process is None or process.exe is None else process.exe
    path = event.path if isinstance(event, FileEvent | HashEvent) else b""
    return [exe, path]
