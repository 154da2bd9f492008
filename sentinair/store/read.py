"""Reading the ledger: alerts, events, counts, gaps and records.  Never writes; a transaction lasts at most a second."""

from __future__ import annotations

import itertools
import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import TracebackType
from typing import Any, Final, Self

import msgspec

from sentinair.errors import DataFault, StorageFault, UsageFault
from sentinair.model.alert import Alert
from sentinair.model.event import FileState
from sentinair.model.record import Stamp
from sentinair.store.access import LEDGER, open_read_only
from sentinair.store.alerts import decode_alert
from sentinair.store.asked import (
    AlertFilter,
    AlertPage,
    EventFilter,
    EventPage,
    LedgerHead,
    ShelfCount,
    StoredRecord,
    StreamCount,
)
from sentinair.store.events import StoredEvent, decode_event, decode_process
from sentinair.store.files import Files
from sentinair.store.gaps import GapRow, gap_rows
from sentinair.store.ledger import of_kind, read_head
from sentinair.store.pages import END, Cursor, Interval, keys, rows_of
from sentinair.store.search import search

__all__ = [
    "AlertFilter",
    "AlertPage",
    "Cursor",
    "EventFilter",
    "EventPage",
    "GapRow",
    "LedgerHead",
    "Reader",
    "ShelfCount",
    "StoredEvent",
    "StoredRecord",
    "StreamCount",
]

MAX_SECS: Final = 1.0
COUNT_CAP: Final = 10_000
_OPERATIONS: Final = (
    10_000  # of SQLite's machine between two looks at the clock: under a millisecond
)


class _Body(msgspec.Struct):
    data: object


_body = msgspec.json.Decoder(_Body).decode


class Reader:
    """One read-only connection.  Not thread-safe.

    Methods raise StorageFault if the file cannot be read, DataFault for bytes that are not what their column promises.
    """

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        """For open()."""
        self.path = path
        self._connection = connection

    @classmethod
    def open(cls, path: Path) -> Self:
        """path: a state directory or a ledger file.  Raises StorageFault, PermissionFault."""
        database = path / LEDGER if os.path.isdir(path) else path
        return cls(database, open_read_only(database))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        self._connection.close()

    def events(
        self, wanted: EventFilter, after: Cursor | None = None, limit: int = 100
    ) -> EventPage:
        """The next `limit` events below the cursor `after`, newest first."""
        with self._transaction() as connection:
            groups = self._groups("streams", kind=wanted.kind, source=wanted.source)
            when = Interval(wanted.since_ns, wanted.until_ns)
            found = keys(connection, "events", groups, when, after or END, limit)
            items = self._events([key.id for key in found])
        return EventPage(items, found[-1] if found and len(found) == limit else None)

    def event(self, event_id: int) -> StoredEvent | None:
        """One event; None: never was, or is forgotten."""
        with self._transaction():
            return next(iter(self._events([event_id])), None)

    def last_event_id(self) -> int:
        """Of the newest event; 0: there is none."""
        with self._transaction() as connection:
            newest: int
            (newest,) = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
            return newest

    def events_after(
        self, event_id: int, wanted: EventFilter, limit: int = 1000
    ) -> list[StoredEvent]:
        """The next `limit` events committed after event_id that match, oldest first; times are not looked at."""
        with self._transaction() as connection:
            groups = self._groups("streams", kind=wanted.kind, source=wanted.source)
            marks = ", ".join("?" * len(groups))
            rows = connection.execute(
                f"SELECT id FROM events WHERE id > ? AND +stream IN ({marks}) ORDER BY id LIMIT ?",  # noqa: S608
                (event_id, *groups, limit),
            ).fetchall()
            return self._events([row[0] for row in rows])

    def alerts(
        self, wanted: AlertFilter, after: Cursor | None = None, limit: int = 100
    ) -> AlertPage:
        """The next `limit` alerts below the cursor `after`, newest first (with q: last raised first)."""
        with self._transaction() as connection:
            groups = self._alert_groups(wanted)
            when = Interval(wanted.since_ns, wanted.until_ns)
            if wanted.q is None:
                found = keys(connection, "alerts", groups, when, after or END, limit)
            else:
                found = search(connection, wanted.q, groups, when, after or END, limit)
            items = self._alerts([key.id for key in found])
        return AlertPage(items, found[-1] if found and len(found) == limit else None)

    def alert(self, prefix: str) -> Alert | None:
        """The alert with this id or this unique beginning of one; None if there is none.

        Raises UsageFault if several begin so.
        """
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT id, body FROM alerts WHERE id >= ? AND id < ? LIMIT 2",
                (prefix, prefix + "\x7f"),
            ).fetchall()
        if len(rows) > 1:
            raise UsageFault(
                f"several alerts begin with {prefix!r}", remedy="give more characters of the id"
            )
        if not rows:
            return None
        with self._decoding("an alert"):
            return decode_alert(rows[0][1])

    def event_counts(self) -> list[StreamCount]:
        """From counters, whatever the number of rows."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT kind, source, count FROM streams ORDER BY kind, source"
            ).fetchall()
        return [StreamCount(*row) for row in rows]

    def alert_counts(self) -> list[ShelfCount]:
        """From counters, whatever the number of rows."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT severity, status, category, source, count FROM shelves WHERE count > 0 ORDER BY id"
            ).fetchall()
        return [ShelfCount(*row) for row in rows]

    def count_events(self, wanted: EventFilter, cap: int | None = COUNT_CAP) -> int:
        """How many match, counted up to cap (None: all); without times from counters, and then never capped."""
        with self._transaction():
            groups = self._groups("streams", kind=wanted.kind, source=wanted.source)
            when = Interval(wanted.since_ns, wanted.until_ns)
            return self._count(("streams", "events", "stream"), groups, when, cap)

    def count_alerts(self, wanted: AlertFilter, cap: int | None = COUNT_CAP) -> int:
        """How many match (q is not looked at), counted up to cap (None: all); without times from counters."""
        with self._transaction():
            when = Interval(wanted.since_ns, wanted.until_ns)
            return self._count(
                ("shelves", "alerts", "shelf"), self._alert_groups(wanted), when, cap
            )

    def gaps(self, *, open_only: bool = False) -> list[GapRow]:
        """Gaps in the order in which they were noticed."""
        with self._transaction() as connection:
            return gap_rows(connection, open_only=open_only)

    def records(
        self, kind: str | None = None, since_seq: int = 1, limit: int = 100
    ) -> list[StoredRecord]:
        """Records from since_seq on, oldest first."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT seq, kind, time, mono, boot, body, leaf, link FROM ledger"  # noqa: S608 — constants
                f" WHERE {of_kind(kind)} AND seq >= ?2 ORDER BY seq LIMIT ?3",
                (kind, since_seq, limit),
            ).fetchall()
        return [self._record(row) for row in rows]

    def last_record(self, kind: str) -> StoredRecord | None:
        """The newest record of this kind."""
        with self._transaction() as connection:
            row = connection.execute(
                "SELECT seq, kind, time, mono, boot, body, leaf, link FROM ledger"  # noqa: S608 — constants
                f" WHERE {of_kind(kind)} ORDER BY seq DESC LIMIT 1",
                (kind,),
            ).fetchone()
        return None if row is None else self._record(row)

    def head(self) -> LedgerHead:
        """Where the chain ends, and its last checkpoint."""
        with self._transaction() as connection:
            head = read_head(connection)
            newest = connection.execute(
                "SELECT time FROM ledger WHERE seq = ?", (head.seq,)
            ).fetchone()
            seal = connection.execute(
                "SELECT seq, time FROM ledger WHERE kind = 'checkpoint' AND kind <> 'events.batch'"
                " ORDER BY seq DESC LIMIT 1"
            ).fetchone() or (None, None)
        return LedgerHead(head.seq, head.link, None if newest is None else newest[0], *seal)

    def known(self, directory: bytes) -> list[tuple[bytes, FileState]]:
        """Names of a directory in byte order, and what they were when last seen."""
        with self._transaction() as connection:
            return Files(connection).known(directory)

    def file(self, path: bytes) -> FileState | None:
        """What path was when last seen; None: not known."""
        with self._transaction() as connection:
            return Files(connection).one(path)

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        """One view of the file for all inside, ended after MAX_SECS."""
        end = time.monotonic() + MAX_SECS
        self._connection.set_progress_handler(lambda: time.monotonic() > end, _OPERATIONS)
        try:
            self._connection.execute("BEGIN")
            yield self._connection
        except sqlite3.Error as fault:
            late = getattr(fault, "sqlite_errorcode", 0) == sqlite3.SQLITE_INTERRUPT
            what = f"reading took more than {MAX_SECS:g} s" if late else f"cannot be read: {fault}"
            remedy = "ask for less at once" if late else "run sentinair verify"
            raise StorageFault(what, where=str(self.path), remedy=remedy) from fault
        finally:
            self._connection.set_progress_handler(None, 0)
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")

    def _groups(self, table: str, **wanted: tuple[str, ...]) -> list[int]:
        """Ids of the streams or shelves whose columns hold one of what is wanted, where anything is."""
        given = {column: values for column, values in wanted.items() if values}
        tests = [
            f"{column} IN ({', '.join('?' * len(values))})" for column, values in given.items()
        ]
        query = f"SELECT id FROM {table} WHERE {' AND '.join(['count > 0', *tests])}"  # noqa: S608 — our own names
        return [
            row[0] for row in self._connection.execute(query, [*itertools.chain(*given.values())])
        ]

    def _alert_groups(self, wanted: AlertFilter) -> list[int]:
        return self._groups(
            "shelves",
            severity=wanted.severity,
            status=wanted.status,
            category=wanted.category,
            source=wanted.source,
        )

    def _count(
        self, names: tuple[str, str, str], groups: Sequence[int], when: Interval, cap: int | None
    ) -> int:
        counters, table, column = names
        marks = ", ".join("?" * len(groups))
        total: int
        if when == Interval():
            query = f"SELECT coalesce(sum(count), 0) FROM {counters} WHERE id IN ({marks})"  # noqa: S608
            (total,) = self._connection.execute(query, tuple(groups)).fetchone()
            return total
        query = (
            f"SELECT count(*) FROM (SELECT 1 FROM {table} WHERE {column} IN ({marks})"  # noqa: S608 — our own names
            " AND time BETWEEN ? AND ? LIMIT ?)"
        )
        arguments = (*groups, *when.bounds, -1 if cap is None else cap)
        (total,) = self._connection.execute(query, arguments).fetchone()
        return total

    def _events(self, wanted: Sequence[int]) -> list[StoredEvent]:
        rows = rows_of(
            self._connection,
            "SELECT e.id, s.kind, s.source, e.time, e.body, p.body FROM events AS e"
            " JOIN streams AS s ON s.id = e.stream LEFT JOIN processes AS p ON p.id = e.process"
            " WHERE e.id IN ({})",
            wanted,
        )
        with self._decoding("an event"):
            return [
                StoredEvent(
                    row[0],
                    row[1],
                    row[2],
                    row[3],
                    decode_event(row[4]),
                    None if row[5] is None else decode_process(row[5]),
                )
                for row in rows
            ]

    def _alerts(self, wanted: Sequence[int]) -> list[Alert]:
        rows = rows_of(
            self._connection, "SELECT number, body FROM alerts WHERE number IN ({})", wanted
        )
        with self._decoding("an alert"):
            return [decode_alert(row[1]) for row in rows]

    def _record(self, row: tuple[Any, ...]) -> StoredRecord:
        seq, kind, time_ns, mono_ns, boot, body, leaf, link = row
        with self._decoding(f"record {seq}"):
            data = None if body is None else _body(body).data
        return StoredRecord(seq, kind, Stamp(time_ns, mono_ns, boot), data, leaf, link)

    @contextmanager
    def _decoding(self, what: str) -> Iterator[None]:
        try:
            yield
        except (msgspec.DecodeError, UnicodeDecodeError, TypeError, RecursionError) as fault:
            raise DataFault(
                f"{what} cannot be decoded: {fault}",
                where=str(self.path),
                remedy="run sentinair verify",
            ) from fault
