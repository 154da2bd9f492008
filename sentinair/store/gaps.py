"""What was lost and whether the truth was restored: a projection of gap and gap.restored records."""

from __future__ import annotations

import sqlite3

import msgspec

from sentinair.model.event import GapEvent, Scanned
from sentinair.model.record import Record
from sentinair.model.text import shown
from sentinair.store.chain import Row
from sentinair.store.payload import GapData, RestoredData

__all__ = ["GapRow", "gap_record", "gap_rows", "project", "restored_record"]

COLUMNS = "id, source, reason, lost, since, until, noticed, seq, restored, restored_seq"


class GapRow(msgspec.Struct, frozen=True):
    """One row of `gaps`; times are wall clock, ns."""

    id: bytes
    source: str
    reason: str
    lost: int | None  # None: cannot be counted
    since: int
    until: int
    noticed: int  # when its record was written
    seq: int
    restored: int | None  # when the record that it is restored was written; None: it is not
    restored_seq: int | None


def gap_record(gap: GapEvent, sender: str | None) -> Record:
    """The record of a loss.  sender: whose events are missing."""
    data = GapData(
        id=gap.gap_id.hex(),
        source=gap.source,
        reason=gap.reason,
        lost=gap.lost,
        since_ns=gap.since_ns,
        until_ns=gap.until_ns,
        sender=sender,
        lane=gap.lane,
        first=gap.first,
        last=gap.last,
    )
    return Record("gap", data)


def restored_record(gap_id: bytes, scanned: Scanned | None) -> Record:
    """The record that the truth is told again since this gap.  scanned None: nothing had to be looked at."""
    if scanned is None:
        return Record("gap.restored", RestoredData(gap_id.hex()))
    data = RestoredData(
        id=gap_id.hex(),
        scope=scanned.scope,
        directories=scanned.directories,
        entries=scanned.entries,
        unreadable=tuple(shown(path) for path in scanned.unreadable),
    )
    return Record("gap.restored", data)


def project(connection: sqlite3.Connection, record: Record, row: Row) -> None:
    """Bring the table after one record.  row: the record as built.  Other kinds change nothing.

    data may be the struct or any mapping of its form; raises msgspec.ValidationError if it is neither.
    """
    if record.kind == "gap":  # an id told twice stands for the later one, as verify reads it
        gap = msgspec.convert(record.data, GapData, from_attributes=True)
        connection.execute(
            "INSERT OR REPLACE INTO gaps VALUES(?, ?, ?, ?, ?, ?, ?, ?, NULL, NULL)",
            (
                bytes.fromhex(gap.id),
                gap.source,
                gap.reason,
                gap.lost,
                gap.since_ns,
                gap.until_ns,
                row.time,
                row.seq,
            ),
        )
    elif record.kind == "gap.restored":
        restored = msgspec.convert(record.data, RestoredData, from_attributes=True)
        connection.execute(
            "UPDATE gaps SET restored = ?, restored_seq = ? WHERE id = ?",
            (row.time, row.seq, bytes.fromhex(restored.id)),
        )


def gap_rows(connection: sqlite3.Connection, *, open_only: bool) -> list[GapRow]:
    """Gaps in the order in which they were noticed."""
    where = "WHERE restored IS NULL" if open_only else ""
    query = f"SELECT {COLUMNS} FROM gaps {where} ORDER BY seq"  # noqa: S608 — constants
    return [GapRow(*row) for row in connection.execute(query)]
