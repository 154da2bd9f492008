"""What the agent's database holds, read as any other local program would: sqlite3, read-only, in short transactions."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import Any, Final

import msgspec

from sentinair.kernel.rights import mere_reader
from sentinair.model.alert import Alert
from sentinair.model.event import (
    ClockEvent,
    Event,
    FileEvent,
    FileState,
    GapEvent,
    HashEvent,
    ProcessEvent,
    Scanned,
    WriterEvent,
)
from sentinair.model.process import Process

__all__ = ["Gap", "Row", "Stored", "ask"]

TRIES: Final = 20
_STORED = FileEvent | ProcessEvent | GapEvent | HashEvent | WriterEvent | ClockEvent | Scanned
_events = msgspec.msgpack.Decoder(_STORED)
_processes = msgspec.msgpack.Decoder(Process)
_states = msgspec.msgpack.Decoder(FileState)
_alerts = msgspec.json.Decoder(Alert)

_ROWS = """SELECT e.id, s.source, e.time, e.lane, e.seq, e.body, p.body FROM events e
  JOIN streams s ON s.id = e.stream LEFT JOIN processes p ON p.id = e.process
  WHERE s.kind = ? AND e.id > ? ORDER BY e.id"""


def ask(connection: sqlite3.Connection, sql: str, *values: object) -> list[tuple[Any, ...]]:
    """All rows of one statement, asked again where the look fell into the writer's change of the WAL index.

    A reader that may not write -shm cannot tell a half-written header from a broken one once the writer has let
    go of it, and says SQLITE_READONLY_RECOVERY (walIndexReadHdr() in wal.c).
    """
    for _ in range(TRIES):
        try:
            return connection.execute(sql, values).fetchall()
        except sqlite3.OperationalError as fault:
            if fault.sqlite_errorcode & 0xFF != sqlite3.SQLITE_READONLY:
                raise
            time.sleep(0.001)
    return connection.execute(sql, values).fetchall()


class Row(msgspec.Struct, frozen=True):
    """One stored event."""

    id: int
    source: str
    time_ns: int
    lane: int  # row of `lanes`
    seq: int
    event: Event
    process: Process | None


class Gap(msgspec.Struct, frozen=True):
    """One row of `gaps`."""

    id: bytes
    source: str
    reason: str
    lost: int | None
    since: int
    until: int
    noticed: int
    seq: int  # ledger record that said so
    restored: int | None
    restored_seq: int | None


class Stored:
    """Opens the database anew for each question, so that it can be asked while the engine dies and comes back."""

    def __init__(self, path: Path) -> None:
        self.path = path

    def connect(self) -> sqlite3.Connection:
        """A read-only connection, as a member of the database's group opens it.

        Not as root: SQLite opens -wal and -shm of a read-only connection for writing where it may, and as root
        gives -wal to the owner of the main file each time (unixOpen() in os_unix.c).  Both are changes in the
        state directory by a stranger, which the agent rightly tells.
        """
        if os.geteuid() != 0:
            return self._opened()
        try:
            with mere_reader(self.path.stat().st_gid):
                return self._opened()
        except (
            sqlite3.OperationalError,
            FileNotFoundError,
        ):  # no engine that keeps -shm: nobody will be told
            return self._opened()

    def _opened(self) -> sqlite3.Connection:
        where = f"file:{self.path}?mode=ro"
        connection = sqlite3.connect(where, uri=True, isolation_level=None, timeout=5)
        try:
            # Only now are the files opened.
            ask(connection, "SELECT count(*) FROM sqlite_schema")
        except sqlite3.OperationalError:
            connection.close()
            raise
        return connection

    def query(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """All rows of one statement."""
        with closing(self.connect()) as connection:
            return ask(connection, sql, *values)

    def _number(self, sql: str, *values: object) -> int:
        found = self.query(sql, *values)[0][0]
        assert found is None or isinstance(found, int)
        return found or 0

    def head(self) -> tuple[int, int]:
        """Last event id and last ledger seq; zeros while there is no database."""
        try:
            return self.last_event(), self._number("SELECT max(seq) FROM ledger")
        except sqlite3.OperationalError:
            return 0, 0

    def last_event(self) -> int:
        return self._number("SELECT max(id) FROM events")

    def told_of_files(self) -> int:
        """How many events tell of files or of the search for them; -1 while there is no database."""
        kinds = "('file', 'hash', 'writer', 'scanned', 'gap')"
        try:
            return self._number(f"SELECT sum(count) FROM streams WHERE kind IN {kinds}")
        except sqlite3.OperationalError:
            return -1

    def holds(self, kind: str, word: bytes, after: int) -> bool:
        """Whether a row of this kind with id > after has word in its body."""
        return any(word in row[5] for row in self._raw(kind, after))

    def count(self, table: str) -> int:
        return self._number(f"SELECT count(*) FROM {table}")

    def events(self, kind: str, after: int = 0) -> Iterator[Row]:
        """Stored events of one kind with id > after, in order of id."""
        shared: dict[bytes, Process] = {}
        for number, source, time_ns, lane, seq, body, facts in self._raw(kind, after):
            process = None
            if facts is not None:
                process = shared.get(facts)
                if process is None:
                    process = shared[facts] = _processes.decode(facts)
            yield Row(number, source, time_ns, lane, seq, _events.decode(body), process)

    def _raw(
        self, kind: str, after: int
    ) -> Sequence[tuple[int, str, int, int, int, bytes, bytes | None]]:
        return self.query(_ROWS, kind, after)

    def files(self, root: bytes) -> dict[bytes, FileState]:
        """Known state of everything below root: path to state."""
        sql = "SELECT directory, name, state FROM files WHERE directory = ? OR directory BETWEEN ? AND ?"
        rows = self.query(sql, root, root + b"/", root + b"0")  # "0" follows "/"
        return {bytes(d) + b"/" + bytes(n): _states.decode(s) for d, n, s in rows}

    def gaps(self) -> list[Gap]:
        """All gaps, in the order in which they were recorded."""
        fields = ", ".join(Gap.__struct_fields__)
        rows = self.query(f"SELECT {fields} FROM gaps ORDER BY seq")
        return [msgspec.convert(row, Gap, strict=False) for row in map(_by_name, rows)]

    def alerts(self) -> list[Alert]:
        """All alerts, oldest first."""
        return [
            _alerts.decode(body)
            for (body,) in self.query("SELECT body FROM alerts ORDER BY number")
        ]

    def records(self, kind: str) -> list[tuple[int, int, dict[str, object]]]:
        """(seq, time_ns, body) of the ledger records of one kind."""
        rows = self.query("SELECT seq, time, body FROM ledger WHERE kind = ? ORDER BY seq", kind)
        return [(int(s), int(t), msgspec.json.decode(b)) for s, t, b in rows]


def _by_name(row: tuple[Any, ...]) -> dict[str, object]:
    return dict(zip(Gap.__struct_fields__, row, strict=True))
