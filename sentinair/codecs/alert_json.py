"""A stored alert in the shape users rely on."""

from __future__ import annotations

from typing import Any

from sentinair.codecs.times import rfc3339
from sentinair.model.alert import Alert

__all__ = ["render"]


def render(alert: Alert) -> dict[str, Any]:
    """alert as JSON-able dict: times as RFC 3339 in UTC, None for what is unknown.

    The text in an alert is escaped already, when it is built.
    """
    return {
        "id": alert.id,
        "timestamp": rfc3339(alert.time_ns),
        "severity": alert.severity,
        "category": alert.category,
        "title": alert.title,
        "description": alert.description,
        "source": alert.source,
        "details": alert.details,
        "status": alert.status,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": _moment(alert.acknowledged_at_ns),
        "comment": alert.comment,
        "rule_id": alert.rule_id,
        "rule_author": alert.rule_author,
        "rule_license": alert.rule_license,
        "rule_link": alert.rule_link,
        "fingerprint": alert.fingerprint,
        "confidence": alert.confidence,
        "count": alert.count,
        "first_seen": rfc3339(alert.first_seen_ns),
        "last_seen": rfc3339(alert.last_seen_ns),
        "user": alert.user,
        "filename": alert.filename,
        "pid": alert.pid,
        "process": alert.process,
        "host": alert.host,
        "techniques": list(alert.techniques),
        "tactics": list(alert.tactics),
        "why": list(alert.why),
        "next_steps": list(alert.next_steps),
        "event_ids": list(alert.event_ids),
        "seq": alert.seq,
        "assignee": alert.assignee,
        "notes": [
            {"time": rfc3339(note.time_ns), "by": note.by, "text": note.text}
            for note in alert.notes
        ],
        "gathered": alert.gathered,
        "escalated_at": _moment(alert.escalated_at_ns),
        "closed_at": _moment(alert.closed_at_ns),
        "reopened_at": _moment(alert.reopened_at_ns),
        "held": alert.held_since_ns is not None,
    }


def _moment(time_ns: int | None) -> str | None:
    return None if time_ns is None else rfc3339(time_ns)
