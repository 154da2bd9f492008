"""An entry as a row of the shared database: texts escaped, times in seconds since 1970, the rest as JSON text."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sentinair.codecs.alert_json import render_any
from sentinair.codecs.any_json import to_json
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry
from sentinair.model.text import shown

__all__ = ["MAX_ROW", "AlertRow", "EventRow", "row_of"]

MAX_ROW: Final = 8 << 20
"""Characters of one row."""
_OWN_COLUMNS: Final = frozenset(
    ("id", "timestamp", "severity", "category", "title", "description", "source", "details", "status")
)  # fmt: skip
_HIGH: Final = (1 << 63) - 1


class AlertRow(msgspec.Struct, frozen=True):
    """One alert as it is after the record seq of chain."""

    id: str
    timestamp: float | None  # None: a time that no number of 64 bits holds
    severity: str
    category: str
    title: str
    description: str
    source: str
    details: str  # JSON object
    status: str
    chain: str
    seq: int


class EventRow(msgspec.Struct, frozen=True):
    """One event, which never changes."""

    id: str  # chain and number: an event's own number begins again with a new chain
    timestamp: float | None
    event_type: str
    source: str | None
    data: str  # JSON object


def row_of(entry: Entry) -> AlertRow | EventRow | None:
    """None: it has no table.  Raises ValueError if it has more than MAX_ROW characters."""
    row: AlertRow | EventRow
    if entry.alert is not None:
        row = _alert(entry, entry.alert)
    elif entry.stream == "event":
        row = _event(entry)
    else:
        return None
    size = sum(len(value) for value in msgspec.structs.astuple(row) if isinstance(value, str))
    if size > MAX_ROW:
        raise ValueError(f"has {size} characters, a row takes {MAX_ROW}")
    return row


def _alert(entry: Entry, alert: Alert) -> AlertRow:
    shape = render_any(alert)
    more: dict[str, Any] = {key: shape[key] for key in shape if key not in _OWN_COLUMNS}
    more |= {"kind": entry.kind, "chain": entry.chain, "seq": entry.seq}
    return AlertRow(
        id=shown(alert.id),
        timestamp=_secs(alert.time_ns),
        severity=shown(alert.severity),
        category=shown(alert.category),
        title=shown(alert.title),
        description=shown(alert.description),
        source=shown(alert.source),
        details=to_json({**alert.details, "alert": more}).decode(),
        status=shown(alert.status),
        chain=shown(entry.chain),
        seq=min(entry.seq, _HIGH),
    )


def _event(entry: Entry) -> EventRow:
    source = entry.data.get("source")
    return EventRow(
        id=shown(f"{entry.chain}-{entry.seq}"),
        timestamp=_secs(entry.time_ns),
        event_type=shown(entry.kind),
        source=shown(source) if isinstance(source, str) else None,
        data=to_json(entry.data).decode(),
    )


def _secs(time_ns: int) -> float | None:
    try:
        return time_ns / 1e9
    except OverflowError:
        return None
