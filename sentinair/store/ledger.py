"""Appends records to the chain: rows are built against a head in memory and written in one go."""

from __future__ import annotations

import os
import sqlite3

from sentinair.errors import DataFault
from sentinair.model.record import Stamp
from sentinair.store.chain import (
    CHAIN_AT,
    EMPTY,
    SALT_BYTES,
    Head,
    Row,
    build,
    leaf_of,
    link_of,
    prefix_of,
)
from sentinair.store.rows import insert

__all__ = ["Draft", "check_tail", "of_kind", "read_head"]


class Draft:
    """The records of one transaction.  head moves as they are built; nothing is stored before write()."""

    def __init__(self, head: Head, chain: str, stamp: Stamp) -> None:
        self.head = head
        self.chain = chain
        self.stamp = stamp
        self.rows: list[Row] = []

    def append(self, kind: str, data: object) -> Row:
        """Build the next record.  data: JSON-able.  Raises TypeError if it is not."""
        row = build(self.head, self.chain, self.stamp, kind, data, os.urandom(SALT_BYTES))
        self.head = Head(row.seq, row.link)
        self.rows.append(row)
        return row

    def write(self, connection: sqlite3.Connection) -> None:
        """Insert what was built since the last write, within the caller's transaction."""
        insert(connection, "INSERT OR FAIL INTO ledger", self.rows)
        self.rows = []


def of_kind(kind: str | None) -> str:
    """Condition on records of the kind in ?1, by the index where there is one; None: on all records."""
    if kind is None:
        return "?1 IS NULL"
    return "kind = ?1" if kind == "events.batch" else "kind = ?1 AND kind <> 'events.batch'"


def read_head(connection: sqlite3.Connection) -> Head:
    """Where the stored chain ends."""
    row = connection.execute("SELECT seq, link FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
    return EMPTY if row is None else Head(*row)


def check_tail(connection: sqlite3.Connection) -> int:
    """Recompute the chain from the last checkpoint (or the beginning) to the head; returns how many records.

    Raises DataFault at the first record that does not follow its predecessor or whose columns are not its body's.
    Signatures are verify's business: this finds damage, quickly.
    """
    (since,) = connection.execute(
        "SELECT coalesce(max(seq), 0) FROM ledger WHERE kind = 'checkpoint' AND kind <> 'events.batch'"
    ).fetchone()
    before = connection.execute("SELECT seq, link FROM ledger WHERE seq = ?", (since,)).fetchone()
    seq, link = before or (EMPTY.seq, EMPTY.link)
    count = 0
    for row in connection.execute("SELECT * FROM ledger WHERE seq > ? ORDER BY seq", (since,)):
        _check(Row(*row), seq, link)
        seq, link = row[0], row[8]
        count += 1
    return count


def _check(row: Row, seq: int, link: bytes) -> None:
    # SQLite keeps a type with each value: a flipped bit can make text or a number of it.
    if any(not isinstance(value, bytes | None) for value in row[5:]) or row.leaf is None:
        raise DataFault("a value has another type", where=f"record {row.seq}")
    if row.seq != seq + 1:
        raise DataFault("records are missing from the ledger", where=f"record {seq + 1}")
    if row.salt is not None and row.body is not None:
        chain = row.body[CHAIN_AT].decode("ascii", "replace")
        prefix = prefix_of(chain, row.seq, row.kind, row.time, row.boot, row.mono)
        if not row.body.startswith(prefix):
            raise DataFault("the columns are not what the body says", where=f"record {row.seq}")
        if leaf_of(row.salt, row.body) != row.leaf:
            raise DataFault("the body is not what was hashed", where=f"record {row.seq}")
    if link_of(link, row.leaf) != row.link:
        raise DataFault("the record does not follow its predecessor", where=f"record {row.seq}")
