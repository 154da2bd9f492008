"""The tables, their version, and what changed between versions.

Page order everywhere is (time, row id), newest first.  One kind of event from one source is a `stream`, one
combination of severity, status, category and source of alerts a `shelf`: filters choose a set of them, and the one
index over (stream or shelf, time) serves every combination, as their counts serve every total.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sentinair.errors import VersionFault

__all__ = [
    "APPLICATION_ID",
    "MIGRATIONS",
    "SCHEMA",
    "VERSION",
    "Migration",
    "SchemaObject",
    "create",
    "expected_objects",
    "migrate",
    "stored_objects",
]

APPLICATION_ID: Final = (
    0x536E7441  # "SntA"; header offset 68, https://www.sqlite.org/fileformat2.html
)
VERSION: Final = 2

_SINKS: Final = (
    # seq, event: how far it is, as the forwarder says; paused: 0 or 1, as the last sink.paused or sink.resumed says.
    """CREATE TABLE sinks(
  name TEXT NOT NULL PRIMARY KEY, seq INTEGER NOT NULL, event INTEGER NOT NULL, paused INTEGER NOT NULL,
  time INTEGER NOT NULL) WITHOUT ROWID""",
    # What a sink will never take: stream and seq name the entry, record the sink.refused that tells of it.
    """CREATE TABLE letters(
  sink TEXT NOT NULL, stream TEXT NOT NULL, seq INTEGER NOT NULL, tries INTEGER NOT NULL, time INTEGER NOT NULL,
  why TEXT NOT NULL, record INTEGER NOT NULL, PRIMARY KEY(sink, stream, seq)) WITHOUT ROWID""",
)

SCHEMA: Final = (
    # The chain.  salt and body are NULL once lawfully erased; leaf and link stay.
    """CREATE TABLE ledger(
  seq INTEGER PRIMARY KEY, kind TEXT NOT NULL, time INTEGER NOT NULL, boot TEXT NOT NULL, mono INTEGER NOT NULL,
  salt BLOB, body BLOB, leaf BLOB NOT NULL, link BLOB NOT NULL)""",
    # Nearly all records are batches, and nobody asks for them by kind.  A query must repeat the condition to use it.
    "CREATE INDEX ledger_kind ON ledger(kind) WHERE kind <> 'events.batch'",
    # count: rows of this stream that are in `events` now; bytes: the length of their bodies together.
    """CREATE TABLE streams(
  id INTEGER PRIMARY KEY, kind TEXT NOT NULL, source TEXT NOT NULL, count INTEGER NOT NULL, bytes INTEGER NOT NULL)""",
    # committed: last seq on disk; time: of the last committed event.
    """CREATE TABLE lanes(
  id INTEGER PRIMARY KEY, sender TEXT NOT NULL, run BLOB NOT NULL, lane TEXT NOT NULL, committed INTEGER NOT NULL,
  time INTEGER NOT NULL)""",
    # body: msgpack of model.process.Process.  time: of the commit that wrote it.
    "CREATE TABLE processes(id INTEGER PRIMARY KEY, time INTEGER NOT NULL, body BLOB NOT NULL)",
    # body: msgpack of the event with its tag.  (lane, seq) is unique because lanes.committed only grows.
    """CREATE TABLE events(
  id INTEGER PRIMARY KEY, stream INTEGER NOT NULL, time INTEGER NOT NULL, lane INTEGER NOT NULL, seq INTEGER NOT NULL,
  process INTEGER, body BLOB NOT NULL)""",
    "CREATE INDEX events_page ON events(stream, time)",
    # state: msgpack of model.event.FileState; event: id of the event that told it, NULL: found by a first listing.
    # Covered as a whole by meta "files_sum" (files.py).
    """CREATE TABLE files(
  directory BLOB NOT NULL, name BLOB NOT NULL, state BLOB NOT NULL, event INTEGER,
  PRIMARY KEY(directory, name)) WITHOUT ROWID""",
    """CREATE TABLE shelves(
  id INTEGER PRIMARY KEY, severity TEXT NOT NULL, status TEXT NOT NULL, category TEXT NOT NULL, source TEXT NOT NULL,
  count INTEGER NOT NULL)""",
    # body: JSON of model.alert.Alert, byte for byte as in the ledger record `seq` that last changed it.
    """CREATE TABLE alerts(
  number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, shelf INTEGER NOT NULL, time INTEGER NOT NULL,
  seq INTEGER NOT NULL, body BLOB NOT NULL)""",
    "CREATE INDEX alerts_page ON alerts(shelf, time)",
    # rowid is alerts.number; contentless: the text is made again from the body (alerts.search_text).
    "CREATE VIRTUAL TABLE alert_search USING fts5(text, content='', detail=none, columnsize=0)",
    # seq, restored_seq: the records gap and gap.restored; the rest is what they say.  lost NULL: cannot be counted.
    """CREATE TABLE gaps(
  id BLOB NOT NULL PRIMARY KEY, source TEXT NOT NULL, reason TEXT NOT NULL, lost INTEGER, since INTEGER NOT NULL,
  until INTEGER NOT NULL, noticed INTEGER NOT NULL, seq INTEGER NOT NULL, restored INTEGER, restored_seq INTEGER)
  WITHOUT ROWID""",
    # files_sum: 256 bytes, big-endian (files.py).
    "CREATE TABLE meta(key TEXT NOT NULL PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID",
    *_SINKS,
)

Migration = Callable[[sqlite3.Connection], None]
"""Changes a database of the version before to its own; runs inside the caller's transaction."""


def _add_sinks(connection: sqlite3.Connection) -> None:
    for statement in _SINKS:
        connection.execute(statement)


MIGRATIONS: Final[dict[int, Migration]] = {2: _add_sinks}  # version to the step that leads to it


class SchemaObject(msgspec.Struct, frozen=True, order=True):
    """One row of sqlite_schema."""

    type: str
    name: str
    table: str
    sql: str | None


def stored_objects(connection: sqlite3.Connection) -> list[SchemaObject]:
    """Every table, index and shadow table of an open database, sorted; internal statistics excepted."""
    rows = connection.execute("SELECT type, name, tbl_name, sql FROM sqlite_schema").fetchall()
    return sorted((SchemaObject(*row) for row in rows), key=lambda item: (item.type, item.name))


def expected_objects() -> list[SchemaObject]:
    """What stored_objects gives for a database of VERSION that nobody has touched."""
    connection = sqlite3.connect(":memory:", isolation_level=None)
    try:
        create(connection)
        return stored_objects(connection)
    finally:
        connection.close()


def create(connection: sqlite3.Connection) -> None:
    """Make all tables in an empty database, and put its marks in the header."""
    for statement in SCHEMA:
        connection.execute(statement)
    connection.execute(f"PRAGMA application_id={APPLICATION_ID}")
    connection.execute(f"PRAGMA user_version={VERSION}")


def migrate(
    connection: sqlite3.Connection,
    *,
    to: int = VERSION,
    steps: dict[int, Migration] = MIGRATIONS,
) -> Sequence[int]:
    """Bring the database to version `to` within the caller's transaction; returns the versions gone through.

    Rolling the transaction back restores the file: the header's version lies in page 1, and is part of it.
    Raises VersionFault if the file is newer than this program, or a step is missing.
    """
    (found,) = connection.execute("PRAGMA user_version").fetchone()
    if found > to:
        raise VersionFault(
            f"the ledger has version {found}, this program knows up to {to}",
            remedy="use the newer program, or restore a backup made by this one",
        )
    path = range(found + 1, to + 1)
    for version in path:
        if version not in steps:
            raise VersionFault(
                f"the ledger has version {found}, and nothing leads from {version - 1} to {version}",
                remedy="use a program that knows that version, or set the file aside",
            )
        steps[version](connection)
        connection.execute(f"PRAGMA user_version={version}")
    return tuple(path)
