"""Entries for sinks that take them as they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal

from sentinair.model.alert import Alert
from sentinair.model.entry import Entry, Parcel
from tests.harness.ledger import alert

__all__ = ["CHAIN", "alert_entry", "event_entry", "parcels", "record_entry"]

CHAIN = "c0ffee" * 5 + "00"
_TIME_NS = 1_795_000_000_250_000_000


def record_entry(seq: int, kind: str = "heartbeat", **data: object) -> Entry:
    return _entry(seq, kind, CHAIN, data=data)


def alert_entry(
    seq: int, number: int, kind: str = "alert.raised", chain: str = CHAIN, **more: object
) -> Entry:
    """The record seq, of the alert number; more: fields of the alert."""
    return _entry(seq, kind, chain, alert=alert(number, **more))  # type: ignore[arg-type]


def event_entry(seq: int, kind: str = "file", chain: str = CHAIN, **data: object) -> Entry:
    shown = {"source": "fanotify", "path": f"/etc/{seq}", **data}
    return _entry(seq, kind, chain, stream="event", data=shown)


def _entry(
    seq: int,
    kind: str,
    chain: str,
    *,
    stream: Literal["record", "event"] = "record",
    alert: Alert | None = None,
    data: Mapping[str, object] | None = None,
) -> Entry:
    return Entry(
        host="bay 7",
        chain=chain,
        stream=stream,
        seq=seq,
        kind=kind,
        time_ns=_TIME_NS + seq,
        version="1",
        alert=alert,
        data=dict(data or {}),
    )


def parcels(*entries: Entry) -> list[Parcel]:
    return [Parcel(entry, b"") for entry in entries]
