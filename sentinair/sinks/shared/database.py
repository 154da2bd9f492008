"""Rows into the shared database, and a cap on it; one connection for each delivery (see the package)."""

from __future__ import annotations

import contextlib
import logging
import sqlite3
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Final
from urllib.parse import quote

import msgspec

from sentinair.errors import SinkAway
from sentinair.sinks.shared.place import REFILL, SharedPlace
from sentinair.sinks.shared.rows import AlertRow, EventRow

__all__ = ["NAME", "TABLES", "SharedDatabase"]

log = logging.getLogger("sentinair.shared")

NAME: Final = "sentinair_integration.db"
TABLES: Final = {
    "shared_alerts": "CREATE TABLE shared_alerts (id TEXT PRIMARY KEY, timestamp REAL, severity TEXT, category TEXT,"
    " title TEXT, description TEXT, source TEXT, details TEXT, status TEXT, created_at REAL, updated_at REAL)",
    "shared_events": "CREATE TABLE shared_events (id TEXT PRIMARY KEY, timestamp REAL, event_type TEXT, source TEXT,"
    " data TEXT, processed BOOLEAN DEFAULT FALSE, created_at REAL)",
    "shared_about": "CREATE TABLE shared_about (name TEXT PRIMARY KEY, value INTEGER)",
}
"""shared_about: alerts_deleted and events_deleted, by the cap."""
BUSY_SECS: Final = 2.0
_LONGEST: Final = 64 << 20  # of one value, bytes: a row has MAX_ROW characters at most
_AT_ONCE: Final = 200  # rows deleted before the size is looked at again
_LOW_WATER: Final = 0.95  # of the cap: not each delivery has to delete
_JOURNAL: Final = 1 << 20  # of it stays on the disk; never 0 (see place)
_BUSY: Final = (sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED)
_DAMAGE: Final = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_TOOBIG)
_OLD: Final = (
    "SELECT timestamp, severity, category, title, description, source, details, status"
    " FROM shared_alerts WHERE id = ?"
)
_INSERT: Final = "INSERT INTO shared_alerts VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_UPDATE: Final = (
    "UPDATE shared_alerts SET timestamp = ?, severity = ?, category = ?, title = ?, description = ?, source = ?,"
    " details = ?, status = ?, updated_at = ? WHERE id = ?"
)
_EVENT: Final = (
    "INSERT INTO shared_events (id, timestamp, event_type, source, data, created_at) VALUES (?, ?, ?, ?, ?, ?)"
    " ON CONFLICT (id) DO UPDATE SET timestamp = excluded.timestamp, event_type = excluded.event_type,"
    " source = excluded.source, data = excluded.data"
    " WHERE (timestamp, event_type, source, data)"
    " IS NOT (excluded.timestamp, excluded.event_type, excluded.source, excluded.data)"
)


class _Order(msgspec.Struct):
    chain: str
    seq: int


class _Details(msgspec.Struct):
    alert: _Order


_details = msgspec.json.Decoder(_Details).decode


class SharedDatabase:
    """Methods raise SinkAway; used by one thread."""

    def __init__(self, place: SharedPlace, cap_bytes: int) -> None:
        self._place = place
        self._cap_bytes = cap_bytes
        self._checked = False  # in this life

    def check(self) -> None:
        """See that it is there, ours and whole."""
        with self._transaction() as connection:
            if not self._checked:
                found = connection.execute("PRAGMA quick_check(1)").fetchone()
                if found != ("ok",):
                    raise self._damaged(str(found[0]))
                self._checked = True

    def put(self, rows: Sequence[AlertRow | EventRow], now: float) -> bool:
        """All of them or none; now: seconds since 1970.  True: something has changed."""
        with self._transaction() as connection:
            before = connection.total_changes
            for row in rows:
                if isinstance(row, AlertRow):
                    _put_alert(connection, row, now)
                else:
                    connection.execute(_EVENT, (*msgspec.structs.astuple(row), now))
            if connection.total_changes == before:
                return False
            deleted = self._keep_cap(connection)
        for table, count in deleted.items():
            log.warning("%s: %d rows of %s deleted by its cap", self._place.path, count, table)
        return True

    def _keep_cap(self, connection: sqlite3.Connection) -> dict[str, int]:
        """Delete the oldest events, then the oldest alerts, until it is below its cap."""
        deleted: dict[str, int] = {}
        if _used(connection) <= self._cap_bytes:
            return deleted
        for table in ("shared_events", "shared_alerts"):
            query = f"DELETE FROM {table} WHERE rowid IN (SELECT rowid FROM {table} ORDER BY rowid LIMIT ?)"  # noqa: S608
            while _used(connection) > self._cap_bytes * _LOW_WATER:
                gone = connection.execute(query, (_AT_ONCE,)).rowcount
                if not gone:
                    break
                deleted[table] = deleted.get(table, 0) + gone
        for table, count in deleted.items():
            connection.execute(
                "INSERT INTO shared_about VALUES (?, ?)"
                " ON CONFLICT (name) DO UPDATE SET value = value + excluded.value",
                (f"{table.removeprefix('shared_')}_deleted", count),
            )
        return deleted

    # -- the file ------------------------------------------------------------------------------------------------

    @contextmanager
    def _transaction(self) -> Iterator[sqlite3.Connection]:
        is_new = self._place.ready()
        where = f"file:{quote(str(self._place.path))}?mode=rw"
        try:
            with contextlib.closing(
                sqlite3.connect(where, uri=True, timeout=BUSY_SECS, isolation_level=None)
            ) as connection:
                self._restrict(connection)
                connection.execute("BEGIN IMMEDIATE")
                # Now SQLite has taken back what a life that was killed had half written: of a new file, all of it.
                is_new = is_new or (not self._checked and self._place.begins_anew())
                self._agree(connection, is_new=is_new)
                yield connection
                connection.execute("COMMIT")
        except sqlite3.Error as fault:
            raise self._told(fault) from fault
        except UnicodeDecodeError as fault:  # of SQLite's own message, which quotes the file
            raise self._damaged("what it holds is no text") from fault
        self._place.written()

    def _restrict(self, connection: sqlite3.Connection) -> None:
        """What others may have written into the file can do nothing."""
        connection.text_factory = lambda raw: raw.decode("utf-8", "surrogateescape")
        connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, _LONGEST)
        for setting in (
            "locking_mode = EXCLUSIVE",
            "trusted_schema = OFF",
            "cell_size_check = ON",
            "mmap_size = 0",
            "temp_store = MEMORY",
            f"journal_size_limit = {_JOURNAL}",
        ):
            connection.execute(f"PRAGMA {setting}")
        # Readers open a journal that is not empty, and as root they change its owner to what it is already (os_unix.c,
        # robustFchown), which in the agent's own state is told as tampering: so it is emptied where it can be.
        kind = "persist" if self._place.is_written_by_others else "truncate"
        if connection.execute(f"PRAGMA journal_mode = {kind}").fetchone() != (kind,):
            raise self._damaged("its journal is of another kind")

    def _agree(self, connection: sqlite3.Connection, *, is_new: bool) -> None:
        """Have our tables in it, and nothing else but SQLite's own (sqlite_stat1, which a consumer's ANALYZE makes)."""
        if is_new:
            for table in TABLES.values():
                connection.execute(table)
            return
        found = connection.execute(
            "SELECT name, sql FROM sqlite_schema"
            " WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_stat[1-4]' LIMIT 20"
        ).fetchall()
        strange = [str(name)[:80] for name, _ in found if name not in TABLES]
        if strange:  # a person did this: a person decides
            what = f"holds {strange[0]!r}, which is not ours"
            raise SinkAway(what, where=str(self._place.path), remedy="move the file away")
        if dict(found) != TABLES:
            raise self._damaged("lacks a table, or has another one in its place")

    def _told(self, fault: sqlite3.Error) -> SinkAway:
        code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
        where = str(self._place.path)
        if code in _BUSY:
            return SinkAway(
                "another program holds a lock on it",
                where=where,
                remedy="have it end its transactions, reading ones too",
            )
        if code in _DAMAGE:
            return self._damaged(str(fault))
        return SinkAway(str(fault), where=where, remedy="see that its disk has room and works")

    def _damaged(self, why: str) -> SinkAway:
        self._place.set_aside()
        self._checked = False
        log.error("%s was damaged (%s): set aside, it begins anew", self._place.path, why)
        return SinkAway(
            f"was damaged ({why}): set aside as {self._place.damaged.name}, it begins anew",
            where=str(self._place.path),
            remedy=REFILL,
        )


def _used(connection: sqlite3.Connection) -> int:
    """Bytes of all pages that hold something."""
    count, free, size = (
        connection.execute(f"PRAGMA {name}").fetchone()[0]
        for name in ("page_count", "freelist_count", "page_size")
    )
    return int((count - free) * size)


def _put_alert(connection: sqlite3.Connection, row: AlertRow, now: float) -> None:
    """What came later stays, whatever comes again."""
    values = msgspec.structs.astuple(row)[1:9]
    old = connection.execute(_OLD, (row.id,)).fetchone()
    if old is None:
        connection.execute(_INSERT, (row.id, *values, now, now))
    elif old != values and not _is_later(old[6], row):
        connection.execute(_UPDATE, (*values, now, row.id))


def _is_later(details: object, row: AlertRow) -> bool:
    """Whether a row with these details is of a later record than row."""
    try:
        order = _details(details if isinstance(details, str) else b"").alert
    except (msgspec.DecodeError, UnicodeEncodeError, RecursionError):
        return False  # somebody else wrote it
    return order.chain == row.chain and order.seq > row.seq
