"""An entry in the few words that every SIEM format has a place for."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sentinair.codecs.any_json import to_json
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry
from sentinair.model.text import shown

__all__ = ["Summary", "severity_of", "summary"]


class Summary(msgspec.Struct, frozen=True, kw_only=True):
    """What an entry says, whatever its kind; None where it does not apply or is not known."""

    event_class: str  # static, never translated: the rule's id, or the kind of the record or event
    title: str
    severity: str  # of SEVERITIES
    category: str
    message: str
    action: str  # what became of it: "raised", "acknowledged", "recorded"
    occurred_ns: int  # wall clock: when what it tells of happened last
    first_ns: int | None = None
    count: int | None = None
    confidence: float | None = None  # 0 to 1
    user: str | None = None
    filename: str | None = None
    process: str | None = None  # its executable
    pid: int | None = None
    sha256: str | None = None  # of filename's content, or of the program
    source_address: str | None = None  # as the event has it: not checked to be an address
    target_address: str | None = None


_WORDS: Final[dict[str, tuple[str, str, str]]] = {
    # kind: title, severity, category
    "gap": ("Events were lost", "medium", "coverage"),
    "gap.restored": ("Truth restored after lost events", "low", "coverage"),
    "tamper": ("The record is not as it was written", "critical", "tamper"),
    "store.damaged": ("The record was damaged and set aside", "critical", "tamper"),
    "store.refused": ("The disk refused the record", "high", "health"),
    "unclean.stop": ("The agent ended without a stop", "medium", "health"),
    "rules.refused": ("Changed rules were refused", "medium", "health"),
    "sink.refused": ("Entries that a sink will never take", "medium", "delivery"),
    "sink.health": ("A sink's health changed", "medium", "delivery"),
    "detection.unplaced": ("A detection without its events", "medium", "health"),
}
_EVENTS: Final = {
    "file": "File activity",
    "process": "Process activity",
    "gap": "Events were lost",
    "hash": "File content hashed",
    "writer": "Writer of a file known",
    "clock": "Clock set",
    "tamper": "The record is not as it was written",
    "scanned": "Listing finished",
    "sink": "A sink does not deliver",
}
_encode = msgspec.json.Encoder(order="deterministic").encode


def summary(entry: Entry) -> Summary:
    """entry in few words.  Text is escaped (model.text.shown), not cut."""
    if entry.alert is not None:
        return _of_alert(entry, entry.alert)
    if entry.stream == "event":
        return _of_event(entry)
    title, severity, category = _WORDS.get(
        entry.kind, (entry.kind.replace(".", " ").capitalize(), "low", "record")
    )
    return Summary(
        event_class=entry.kind,
        title=title,
        severity=severity,
        category=category,
        message=_compact(entry.data),
        action="recorded",
        occurred_ns=entry.time_ns,
    )


def _of_alert(entry: Entry, alert: Alert) -> Summary:
    event = _event_of(alert.details)
    return Summary(
        event_class=alert.rule_id,
        title=alert.title,
        severity=alert.severity,
        category=alert.category,
        message=alert.description,
        action=entry.kind.removeprefix("alert."),
        occurred_ns=alert.last_seen_ns,
        first_ns=alert.first_seen_ns,
        count=alert.count,
        confidence=alert.confidence,
        user=alert.user,
        filename=alert.filename,
        process=alert.process,
        pid=alert.pid,
        sha256=_text(event.get("sha256")),
        source_address=_text(event.get("src")),
        target_address=_text(event.get("dst")),
    )


def _of_event(entry: Entry) -> Summary:
    data: dict[str, Any] = entry.data
    process = data if entry.kind == "process" else data.get("process")
    process = process if isinstance(process, dict) else {}
    return Summary(
        event_class=f"event.{entry.kind}",
        title=_EVENTS.get(entry.kind, entry.kind),
        severity=severity_of(entry),
        category="event",
        message=_compact(data),
        action=_action(data),
        occurred_ns=entry.time_ns,
        user=_text(process.get("uid")),
        filename=_text(data.get("path")),
        process=_text(process.get("exe")),
        pid=process.get("pid") if isinstance(process.get("pid"), int) else None,
        sha256=_text(data.get("sha256")),
        source_address=_text(data.get("src")),
        target_address=_text(data.get("dst")),
    )


def _action(data: dict[str, Any]) -> str:
    actions = data.get("actions")
    if isinstance(actions, list):
        return " ".join(shown(str(action)) for action in actions)
    return shown(str(data.get("action", "recorded")))


def _text(value: object) -> str | None:
    return None if value is None else shown(str(value))


def _compact(data: dict[str, object]) -> str:
    try:
        return shown(_encode(data).decode())
    except (ValueError, OverflowError, RecursionError):  # lone surrogates; what only Python writes
        return to_json(data).decode()


def _event_of(details: dict[str, object]) -> dict[str, Any]:
    event = details.get("event")
    data = event.get("data") if isinstance(event, dict) else None
    return data if isinstance(data, dict) else {}


def severity_of(entry: Entry) -> str:
    """The severity that summary() gives, without the rest of it."""
    if entry.alert is not None:
        return entry.alert.severity
    if entry.stream == "event":
        return "medium" if entry.kind in ("gap", "tamper", "sink") else "low"
    return _WORDS[entry.kind][1] if entry.kind in _WORDS else "low"
