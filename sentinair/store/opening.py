"""From a state directory to a session: create, check, migrate, or set a damaged file aside and begin anew."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import msgspec

from sentinair.errors import DataFault, StorageFault
from sentinair.model.record import Stamp
from sentinair.settings.guarded import check_owned, sync
from sentinair.store.access import LEDGER
from sentinair.store.payload import DamagedData
from sentinair.store.recover import check, set_aside
from sentinair.store.schema import Migration, create, migrate
from sentinair.store.session import Session, connect

__all__ = ["Opened", "connect_checked", "open_session"]


class Opened(msgspec.Struct, frozen=True):
    """What a start found."""

    created: bool  # there was no ledger, or only a damaged one
    damaged: DamagedData | None  # what was set aside
    migrated: tuple[int, ...]  # versions gone through
    clean: bool  # the last life of the engine ended with a "stop" record, or there was none
    last_time_ns: int | None  # wall clock of the last record


def open_session(
    state: Path, stamp: Stamp, *, version: int, migrations: dict[int, Migration]
) -> tuple[Session, Opened]:
    """The ledger of this state directory, ready to be written.

    Raises PermissionFault, StorageFault, VersionFault.
    """
    database = state / LEDGER
    damaged = None
    if os.path.lexists(database):
        check_owned(database, directory=False)
        try:
            return _open_existing(database, version, migrations)
        except DataFault as fault:
            why = str(fault)
        except sqlite3.DatabaseError as fault:
            if not _is_damage(fault):
                raise _cannot(database, fault) from fault
            why = f"SQLite says: {fault}"
        damaged = why
    # Also the -wal and -shm of a ledger that somebody took away: SQLite would take them for the new one's.
    aside = set_aside(database, stamp.time_ns)
    try:
        session = _create(database, version, migrations)
    except (OSError, sqlite3.Error) as fault:
        raise _cannot(database, fault) from fault
    told = None
    if aside is not None:
        told = DamagedData(aside.name, damaged or "the file was gone, its log was left")
    return session, Opened(created=True, damaged=told, migrated=(), clean=True, last_time_ns=None)


def _open_existing(
    database: Path, version: int, migrations: dict[int, Migration]
) -> tuple[Session, Opened]:
    connection = connect_checked(database)
    done = False
    try:
        steps = _migrate(connection, version, migrations)
        last = connection.execute("SELECT time FROM ledger ORDER BY seq DESC LIMIT 1").fetchone()
        opened = Opened(
            created=False,
            damaged=None,
            migrated=steps,
            clean=_ended_well(connection),
            last_time_ns=None if last is None else last[0],
        )
        session = Session(connection)
        done = True
    except (
        msgspec.DecodeError,
        TypeError,
        ValueError,
    ) as fault:  # a record that is not what its kind promises
        raise DataFault(f"a record cannot be read: {fault}", where=str(database)) from fault
    finally:
        if not done:
            connection.close()
    return session, opened


def connect_checked(database: Path) -> sqlite3.Connection:
    """A writing connection to an existing ledger whose header and tail are sound.

    Raises DataFault, sqlite3.Error.
    """
    if database.stat().st_size == 0:
        raise DataFault("is empty", where=str(database))
    connection = connect(database)
    done = False
    try:
        check(database, connection)
        done = True
        return connection
    finally:
        if not done:
            connection.close()


def _create(database: Path, version: int, migrations: dict[int, Migration]) -> Session:
    # Made by us with its mode: SQLite gives -wal and -shm the mode and owner of the main file.
    file = os.open(database, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
    os.fchmod(file, 0o640)
    os.close(file)
    connection = connect(database)
    done = False
    try:
        connection.execute("BEGIN IMMEDIATE")
        create(connection)
        migrate(connection, to=version, steps=migrations)
        connection.execute("COMMIT")
        sync(database.parent)
        session = Session(connection)
        done = True
        return session
    finally:
        if not done:
            connection.close()
            with contextlib.suppress(OSError):
                set_aside(database, 0)


def _migrate(
    connection: sqlite3.Connection, version: int, migrations: dict[int, Migration]
) -> tuple[int, ...]:
    connection.execute("BEGIN IMMEDIATE")
    steps = tuple(migrate(connection, to=version, steps=migrations))
    connection.execute("COMMIT")
    return steps


def _ended_well(connection: sqlite3.Connection) -> bool:
    """Whether no "start" is without its "stop"."""
    start, stop = connection.execute(
        "SELECT (SELECT coalesce(max(seq), 0) FROM ledger WHERE kind = 'start' AND kind <> 'events.batch'),"
        " (SELECT coalesce(max(seq), 0) FROM ledger WHERE kind = 'stop' AND kind <> 'events.batch')"
    ).fetchone()
    return bool(stop >= start)


def _is_damage(fault: sqlite3.DatabaseError) -> bool:
    """SQLITE_CORRUPT or SQLITE_NOTADB, or a statement that the tables do not fit (no code, or SQLITE_ERROR).

    A full disk, a missing permission or a lock is none: the file may be sound.
    """
    code = getattr(fault, "sqlite_errorcode", sqlite3.SQLITE_ERROR) & 0xFF
    return code in {sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR}


def _cannot(database: Path, fault: Exception) -> StorageFault:
    return StorageFault(
        f"the ledger cannot be opened: {fault}",
        where=str(database),
        remedy="see its owner, mode, and the disk's free space and health",
    )
