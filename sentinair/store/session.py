"""One open connection of the writer with everything it keeps in memory of the file.

After any failure a session is thrown away and the next one reads all of it anew: a failed fsync may have lost
pages that the kernel reports clean (fsync(2), ERRORS, EIO).
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import RecordGone
from sentinair.model.alert import AlertChange
from sentinair.model.delivery import Position
from sentinair.model.record import Record, Stamp
from sentinair.store.alerts import Alerts
from sentinair.store.chain import Head
from sentinair.store.events import Events, LaneKey, Pending
from sentinair.store.files import Files, Found, files_digest
from sentinair.store.gaps import project
from sentinair.store.keys import Known
from sentinair.store.ledger import Draft, of_kind, read_head
from sentinair.store.payload import BatchData
from sentinair.store.sinks import project_sink, write_positions

__all__ = ["Committed", "Session", "Unsure", "all_data", "connect", "last_data"]

PRAGMAS: Final = (
    "journal_mode=WAL",
    "synchronous=FULL",
    "secure_delete=ON",  # what retention erases is really gone from the file
    "cell_size_check=ON",
    "trusted_schema=OFF",
    "temp_store=MEMORY",
    "cache_size=-2048",  # KiB; the working set is the right edge of a few trees
    "journal_size_limit=33554432",
)


class Committed(msgspec.Struct, frozen=True):
    """What one commit wrote; first > last: none."""

    first_seq: int
    last_seq: int
    first_id: int
    last_id: int


class Unsure(msgspec.Struct, frozen=True):
    """A commit that failed in its last step: where the chain ends if it is in the file, and what it was given."""

    head: Head
    events: int
    alerts: int
    records: int
    found: int


class _Body(msgspec.Struct):
    chain: str
    data: msgspec.Raw


class _Epoch(msgspec.Struct):
    epoch: int
    public_key: str


_body = msgspec.json.Decoder(_Body).decode


def connect(database: Path) -> sqlite3.Connection:
    """A writing connection.  Raises sqlite3.Error."""
    connection = sqlite3.connect(database, isolation_level=None, timeout=2.0, cached_statements=256)
    for pragma in PRAGMAS:
        connection.execute(f"PRAGMA {pragma}")
    return connection


def last_data(connection: sqlite3.Connection, kind: str) -> tuple[str, bytes] | None:
    """Chain and data (JSON) of the last record of this kind."""
    row = connection.execute(
        f"SELECT body FROM ledger WHERE {of_kind(kind)} AND body IS NOT NULL"  # noqa: S608 — constants
        " ORDER BY seq DESC LIMIT 1",
        (kind,),
    ).fetchone()
    if row is None:
        return None
    body = _body(row[0])
    return body.chain, bytes(body.data)


def all_data(connection: sqlite3.Connection, kind: str) -> list[dict[str, object]]:
    """Data of all records of this kind that are not erased, oldest first."""
    rows = connection.execute(
        f"SELECT body FROM ledger WHERE {of_kind(kind)} AND body IS NOT NULL ORDER BY seq",  # noqa: S608
        (kind,),
    )
    return [msgspec.json.decode(_body(body).data, type=dict[str, object]) for (body,) in rows]


def _identity(path: str) -> tuple[int, int] | None:
    try:
        found = os.stat(path)
    except OSError:
        return None
    return found.st_dev, found.st_ino


def _identities(connection: sqlite3.Connection) -> dict[str, tuple[int, int] | None]:
    """What lies at the names of the database and its log now; nothing for a database in memory."""
    path = connection.execute(
        "SELECT file FROM pragma_database_list WHERE name = 'main'"
    ).fetchone()
    names = (path[0], f"{path[0]}-wal") if path and path[0] else ()
    return {name: _identity(name) for name in names}


class Session:
    """Not thread-safe: the store's thread only."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        """connection: of a database whose schema is current."""
        self.connection = connection
        self.head: Head = read_head(connection)
        self._files = _identities(connection)
        batch = last_data(connection, "events.batch")
        self.events = Events(
            connection, None if batch is None else msgspec.json.decode(batch[1], type=BatchData)
        )
        self.files = Files(connection)
        self.alerts = Alerts(connection)
        self.merge_pages = (
            0  # how retention goes on to merge forgotten words out of the search index
        )

    def check_there(self) -> None:
        """Raise RecordGone if database or log no longer have their names: what is written then is lost to all."""
        for path, was in self._files.items():
            if was is not None and _identity(path) != was:
                raise RecordGone(
                    "was taken away or replaced while the engine wrote it",
                    where=path,
                    remedy="find out who did it",
                )

    def known_epoch(self) -> Known | None:
        """What the last epoch record says: which key must be held."""
        found = last_data(self.connection, "epoch")
        if found is None:
            return None
        data = msgspec.json.decode(found[1], type=_Epoch)
        return Known(found[0], data.epoch, data.public_key)

    @contextmanager
    def transaction(self, chain: str, stamp: Stamp) -> Iterator[Draft]:
        """BEGIN IMMEDIATE … COMMIT; the draft's remaining rows are written before the commit.

        Raises sqlite3.Error; then the session must not be used any more.
        """
        self.connection.execute("BEGIN IMMEDIATE")
        draft = Draft(self.head, chain, stamp)
        yield draft
        draft.write(self.connection)
        self.connection.execute("COMMIT")
        self.head = draft.head

    def write(
        self,
        draft: Draft,
        events: Sequence[Pending],
        alerts: Sequence[AlertChange],
        records: Sequence[Record],
        committed: Mapping[LaneKey, int],
        found: Sequence[Found],
        positions: Mapping[str, Position],
    ) -> Committed:
        """One commit's rows and records, within transaction()."""
        first_seq, first_id = draft.head.seq + 1, self.events.next_id
        changed = self.files.apply(found, events)
        batch = self.events.write(draft.stamp, events, committed, files_digest(self.files.total))
        if batch.count or batch.lanes or changed:
            draft.append("events.batch", batch)
        for record in records:
            row = draft.append(record.kind, record.data)
            project(self.connection, record, row)
            project_sink(self.connection, record, row)
        self.alerts.write(draft, alerts)
        if positions:
            write_positions(self.connection, positions, draft.stamp.time_ns)
        return Committed(first_seq, draft.head.seq, first_id, batch.last)

    def close(self) -> None:
        self.connection.close()
