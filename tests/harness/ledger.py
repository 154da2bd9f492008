"""A store with things in it: short makers for stamps, events, alerts, and a store in a directory of its own."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import msgspec

from sentinair.model.alert import Alert, AlertChange
from sentinair.model.event import WRITE, Event, FileEvent, FileState
from sentinair.model.process import Process
from sentinair.model.record import Stamp
from sentinair.settings.types import StoreSettings
from sentinair.store.events import LaneKey, Pending
from sentinair.store.read import Reader
from sentinair.store.writer import Store

__all__ = [
    "BULK",
    "DIRECTORY",
    "PLAIN",
    "alert",
    "changed",
    "file_event",
    "open_store",
    "pending",
    "raised",
    "record_data",
    "stamp",
]

BULK = LaneKey("sensor", b"\x01" * 8, "bulk")
PLAIN = 0o100644
DIRECTORY = 0o040755
BEGAN_NS = 1_800_000_000_000_000_000


def stamp(secs: float = 0) -> Stamp:
    """`secs` after a fixed moment, on both clocks."""
    return Stamp(BEGAN_NS + int(secs * 1e9), 10**12 + int(secs * 1e9), "b" * 32)


def open_store(state: Path, secs: float = 0, settings: StoreSettings | None = None) -> Store:
    return Store.open(state, settings or StoreSettings(reserve_bytes=1 << 20), stamp(secs))


def state_of(mode: int = PLAIN, size: int = 1) -> FileState:
    return FileState(mode, 0, 0, size, 7, 1, BEGAN_NS, BEGAN_NS)


def file_event(
    path: bytes,
    mode: int = PLAIN,
    *,
    size: int = 1,
    absent: bool = False,
    actions: int = WRITE,
    old: bytes | None = None,
    secs: float = 0,
) -> FileEvent:
    moment = stamp(secs)
    return FileEvent(
        seen_ns=moment.time_ns,
        mono_ns=moment.mono_ns,
        path=path,
        actions=actions,
        old_path=old,
        state=None if absent else state_of(mode, size),
        absent=absent,
    )


def pending(
    store: Store,
    events: Sequence[Event],
    *,
    kind: str = "file",
    source: str = "fanotify",
    lane: LaneKey = BULK,
    process: Process | None = None,
) -> list[Pending]:
    """Events as the engine hands them over; seq is the id."""
    first = store.allocate(len(events))
    return [
        Pending(number, kind, source, lane, number, event.seen_ns, event, process)
        for number, event in enumerate(events, first)
    ]


def alert(
    number: int, *, severity: str = "high", status: str = "open", secs: float = 0, **more: object
) -> Alert:
    moment = stamp(secs).time_ns
    made = Alert(
        id=f"{number:08x}-0000-7000-8000-000000000000",
        time_ns=moment,
        severity=severity,
        category="file",
        title=f"Protected file changed, case {number}",
        description="A file that is protected was changed.",
        source="sigma",
        rule_id="rule-1",
        fingerprint=f"{number:032x}",
        details={"number": number},
        status=status,
        first_seen_ns=moment,
        last_seen_ns=moment,
    )
    return msgspec.structs.replace(made, **more)


def raised(*alerts: Alert) -> list[AlertChange]:
    return [AlertChange("alert.raised", one) for one in alerts]


def changed(
    kind: str, one: Alert, by: str | None = "root", comment: str | None = None
) -> AlertChange:
    return AlertChange(kind, one, by, comment)


def record_data(path: Path, kind: str) -> list[dict[str, object]]:
    """What all records of this kind say, oldest first.  path: of a ledger or its state directory."""
    with Reader.open(path) as reader:
        found = [record.data for record in reader.records(kind, limit=100_000)]
    return [data for data in found if isinstance(data, dict)]
