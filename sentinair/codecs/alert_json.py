"""A stored alert in the shape users rely on."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from sentinair.codecs.times import rfc3339, rfc3339_or_none
from sentinair.model.alert import Alert

__all__ = ["AlertShape", "render", "render_any", "shape"]


class AlertShape(msgspec.Struct, frozen=True, gc=False):
    """The fields of an alert, named and ordered as users see them; times are RFC 3339 in UTC, None is unknown.

    A struct and not a dict, because that halves the time from alert to JSON.
    """

    id: str
    timestamp: str | None
    severity: str
    category: str
    title: str
    description: str
    source: str
    details: dict[str, object]
    status: str
    acknowledged_by: str | None
    acknowledged_at: str | None
    comment: str | None
    rule_id: str
    rule_author: str | None
    rule_license: str | None
    rule_link: str | None
    fingerprint: str
    confidence: float
    count: int
    first_seen: str | None
    last_seen: str | None
    user: str | None
    filename: str | None
    pid: int | None
    process: str | None
    host: str
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]
    why: tuple[str, ...]
    next_steps: tuple[str, ...]
    event_ids: tuple[int, ...]
    seq: int | None
    assignee: str | None
    notes: list[dict[str, str | None]]
    gathered: bool
    escalated_at: str | None
    closed_at: str | None
    reopened_at: str | None
    held: bool


_TIMES: Final = (
    ("timestamp", "time_ns"),
    ("first_seen", "first_seen_ns"),
    ("last_seen", "last_seen_ns"),
    ("acknowledged_at", "acknowledged_at_ns"),
    ("escalated_at", "escalated_at_ns"),
    ("closed_at", "closed_at_ns"),
    ("reopened_at", "reopened_at_ns"),
)


def shape(alert: Alert, time_text: Callable[[int], str | None] = rfc3339) -> AlertShape:
    """alert as users see it.  Its text is escaped already, when it is built.

    Raises what time_text raises: OverflowError for years outside 1 to 9999.
    """
    raised = time_text(alert.time_ns)
    # Seen once, as most are, it has one time: each text that need not be made again is a tenth of the whole.
    first = raised if alert.first_seen_ns == alert.time_ns else time_text(alert.first_seen_ns)
    last = first if alert.last_seen_ns == alert.first_seen_ns else time_text(alert.last_seen_ns)
    acknowledged, escalated = alert.acknowledged_at_ns, alert.escalated_at_ns
    closed, reopened = alert.closed_at_ns, alert.reopened_at_ns
    return AlertShape(
        alert.id,
        raised,
        alert.severity,
        alert.category,
        alert.title,
        alert.description,
        alert.source,
        alert.details,
        alert.status,
        alert.acknowledged_by,
        None if acknowledged is None else time_text(acknowledged),
        alert.comment,
        alert.rule_id,
        alert.rule_author,
        alert.rule_license,
        alert.rule_link,
        alert.fingerprint,
        alert.confidence,
        alert.count,
        first,
        last,
        alert.user,
        alert.filename,
        alert.pid,
        alert.process,
        alert.host,
        alert.techniques,
        alert.tactics,
        alert.why,
        alert.next_steps,
        alert.event_ids,
        alert.seq,
        alert.assignee,
        [{"time": time_text(n.time_ns), "by": n.by, "text": n.text} for n in alert.notes]
        if alert.notes
        else [],
        alert.gathered,
        None if escalated is None else time_text(escalated),
        None if closed is None else time_text(closed),
        None if reopened is None else time_text(reopened),
        alert.held_since_ns is not None,
    )


def render(alert: Alert) -> dict[str, Any]:
    """shape() as JSON-able dict.  Raises OverflowError for years outside 1 to 9999."""
    return _dict_of(shape(alert))


def render_any(alert: Alert) -> dict[str, Any]:
    """render(), also of times outside years 1 to 9999: null, and the nanoseconds beside them as `<name>_ns`."""
    shown = _dict_of(shape(alert, rfc3339_or_none))
    for name, field in _TIMES:
        if shown[name] is None and (time_ns := getattr(alert, field)) is not None:
            shown[f"{name}_ns"] = time_ns
    for note, written in zip(alert.notes, shown["notes"], strict=True):
        if written["time"] is None:
            written["time_ns"] = note.time_ns
    return shown


def _dict_of(alert: AlertShape) -> dict[str, Any]:
    fields = msgspec.structs.asdict(alert)
    return {k: list(v) if isinstance(v, tuple) else v for k, v in fields.items()}
