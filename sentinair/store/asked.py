"""What a reader is asked, and the shapes in which it answers."""

from __future__ import annotations

import msgspec

from sentinair.model.alert import Alert
from sentinair.model.record import Stamp
from sentinair.store.events import StoredEvent
from sentinair.store.pages import Cursor

__all__ = [
    "AlertFilter",
    "AlertPage",
    "EventFilter",
    "EventPage",
    "LedgerHead",
    "ShelfCount",
    "StoredRecord",
    "StreamCount",
]


class EventFilter(msgspec.Struct, frozen=True):
    """Empty or None: any.  Times: when seen, wall clock, ns; since included, until not."""

    since_ns: int | None = None
    until_ns: int | None = None
    kind: tuple[str, ...] = ()
    source: tuple[str, ...] = ()


class AlertFilter(msgspec.Struct, frozen=True):
    """Empty or None: any.  Times: when first raised, wall clock, ns; since included, until not.

    q: words of title, description, file, process and user; all must occur; a* is a beginning.
    """

    since_ns: int | None = None
    until_ns: int | None = None
    severity: tuple[str, ...] = ()
    status: tuple[str, ...] = ()
    category: tuple[str, ...] = ()
    source: tuple[str, ...] = ()
    q: str | None = None


class EventPage(msgspec.Struct, frozen=True):
    """Newest first; next: where the next page begins, None: there is none."""

    rows: list[StoredEvent]
    next: Cursor | None


class AlertPage(msgspec.Struct, frozen=True):
    """Newest first; next: where the next page begins, None: there is none."""

    rows: list[Alert]
    next: Cursor | None


class StreamCount(msgspec.Struct, frozen=True):
    """How many events of one kind from one source are kept."""

    kind: str
    source: str
    count: int


class ShelfCount(msgspec.Struct, frozen=True):
    """How many alerts of one sort are kept."""

    severity: str
    status: str
    category: str
    source: str
    count: int


class StoredRecord(msgspec.Struct, frozen=True):
    """One record of the ledger."""

    seq: int
    kind: str
    stamp: Stamp
    data: object | None  # None: lawfully erased
    leaf: bytes
    link: bytes


class LedgerHead(msgspec.Struct, frozen=True):
    """Where the chain ends; times are wall clock, ns, None: no such record."""

    seq: int
    link: bytes
    time_ns: int | None
    checkpoint_seq: int | None
    checkpoint_ns: int | None
