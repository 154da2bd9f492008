"""What the records say that the store itself writes, and how the digests in them are made.

Written with chain.encode_data (struct fields in this order), read by verifying and by retention.
Digests are 64 hexadecimal digits; a field may only ever be added at the end, with a default.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

import msgspec

__all__ = [
    "AlertData",
    "BatchData",
    "DamagedData",
    "EventRow",
    "FileRow",
    "GapData",
    "LaneData",
    "ProcessRow",
    "RestoredData",
    "RetentionData",
    "ShelfData",
    "StreamData",
    "batch_digest",
]

EventRow = tuple[int, int, int, int, int, int | None, bytes]
"""A row of `events`: id, stream, time, lane, seq, process, body."""
ProcessRow = tuple[int, int, bytes]
"""A row of `processes`: id, time, body."""
FileRow = tuple[bytes, bytes, bytes, int | None]
"""A row of `files`: directory, name, state, event."""

_encode = msgspec.msgpack.Encoder().encode


def batch_digest(rows: Sequence[ProcessRow] | Sequence[EventRow]) -> str:
    """SHA-256 over the new rows of one table as a msgpack array of arrays: framed, typed, every column."""
    return hashlib.sha256(_encode(rows)).hexdigest()


class StreamData(msgspec.Struct, frozen=True):
    """A stream that this batch was the first of."""

    id: int
    kind: str
    source: str


class LaneData(msgspec.Struct, frozen=True):
    """A lane's position after this batch: its row in `lanes`."""

    id: int
    sender: str
    run: str  # hex
    lane: str
    committed: int
    time: int


class BatchData(msgspec.Struct, frozen=True):
    """events.batch: the rows first..last (count of them, without hole) and what hangs on them.

    count 0: only lane positions moved (listings that changed nothing, a scan's end); then last = first - 1.
    process_first, process_count: the process rows written with it; process_floor: the lowest row of `processes` that
    this and any later batch may name, so all below may go once no earlier batch is left.
    digest: batch_digest of the event rows; process_digest: of the process rows, which outlive their batch's events.
    files: SHA-256 of meta files_sum after it.
    lanes: all positions this commit moved.  streams: new ones.
    """

    first: int
    last: int
    count: int
    process_first: int
    process_count: int
    process_floor: int
    digest: str
    process_digest: str
    files: str
    lanes: tuple[LaneData, ...]
    streams: tuple[StreamData, ...]


class AlertData(msgspec.Struct, frozen=True):
    """alert.*: the alert whole, as it stands after this record."""

    alert: msgspec.Raw  # JSON of model.alert.Alert, byte for byte the body in `alerts`
    by: str | None  # who answered; None: the agent itself
    comment: str | None
    previous: int | None  # seq of this alert's record before; None: this is its first


class GapData(msgspec.Struct, frozen=True):
    """gap: what was lost, as model.event.GapEvent tells it."""

    id: str  # gap_id, hex
    source: str
    reason: str
    lost: int | None
    since_ns: int
    until_ns: int
    sender: str | None = None  # whose events are missing: "sensor" or "execs"
    lane: str | None = None
    first: int | None = None
    last: int | None = None


class RestoredData(msgspec.Struct, frozen=True):
    """gap.restored: a scan has told the true state since."""

    id: str  # gap_id, hex
    scope: str | None = None  # "files" or "processes"; None: nothing had to be scanned
    directories: int = 0
    entries: int = 0
    unreadable: tuple[str, ...] = ()  # paths (escaped) where the truth is not restored


class ShelfData(msgspec.Struct, frozen=True):
    """One row of `shelves` without its count."""

    id: int
    severity: str
    status: str
    category: str
    source: str


class RetentionData(msgspec.Struct, frozen=True):
    """retention: what was forgotten, and nothing else may be missing.

    events: first and last id of the rows deleted (whole batches, always the oldest that were left); upto: seq of
    the last events.batch record among them; digest: SHA-256 over the digests (as ASCII hex) of those records in
    order.  processes: all rows below this id went too.
    records: ranges of seq whose salt and body were erased; columns: chain.columns_digest over them.
    alerts: numbers of the rows of `alerts` that went.
    shelves: with records, all shelves there are: the erased records can no longer say which there were.
    """

    why: str  # "age" or "size"
    events: tuple[int, int] | None = None
    count: int = 0
    digest: str | None = None
    upto: int | None = None
    processes: int | None = None
    records: tuple[tuple[int, int], ...] = ()
    columns: str | None = None
    alerts: int = 0
    shelves: tuple[ShelfData, ...] = ()


class DamagedData(msgspec.Struct, frozen=True):
    """store.damaged: the ledger before this one was set aside."""

    file: str  # its name now, in the state directory
    why: str
