"""The database file as a file: whole or not, copied, replaced."""

from __future__ import annotations

import os
import shutil
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Final

from sentinair.errors import StorageFault
from sentinair.settings.guarded import sync
from sentinair.store.access import claim, open_as_reader
from sentinair.store.recover import set_aside
from sentinair.store.schema import APPLICATION_ID, expected_objects, stored_objects

__all__ = ["copy", "damage", "held", "replace"]

MAX_FINDINGS: Final = 20


def damage(database: Path) -> list[str]:
    """What is wrong with the file, at most some MAX_FINDINGS of it; empty: it is whole.

    Raises StorageFault or PermissionFault if it cannot be opened at all.
    """
    with closing(open_as_reader(database)) as connection:
        found = []
        try:
            (mark,) = connection.execute("PRAGMA application_id").fetchone()
            if mark != APPLICATION_ID:
                found.append(f"application id {mark:#x} is not that of a Sentinair record")
            if stored_objects(connection) != expected_objects():
                found.append("tables or indices are not as this version makes them")
            lines = [
                row[0] for row in connection.execute(f"PRAGMA integrity_check({MAX_FINDINGS})")
            ]
        except sqlite3.DatabaseError as fault:
            return [*found, str(fault)]
        return found + ([] if lines == ["ok"] else lines)


def copy(database: Path, target: Path) -> None:
    """A consistent copy by SQLite's own backup, mode 0600; target appears whole or not at all.

    Raises StorageFault or PermissionFault.
    """
    part = target.with_name(f".{target.name}.{os.getpid()}.part")
    with closing(open_as_reader(database)) as source:
        try:
            # Made first, so that nobody reads what sqlite3_open would make with the umask's mode.
            os.close(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600))
            with closing(sqlite3.connect(part)) as made:
                source.backup(made)  # in one step: one view of the file
            sync(part)
            part.rename(target)
            sync(target.parent)
        except (sqlite3.Error, OSError) as fault:
            raise StorageFault(
                f"the copy cannot be written: {getattr(fault, 'strerror', None) or fault}",
                where=str(target),
                remedy="see space and rights there",
            ) from fault
        finally:
            part.unlink(missing_ok=True)


@contextmanager
def held(state: Path) -> Iterator[None]:
    """Keeps an engine from starting on this state meanwhile.  Raises StorageFault if one runs."""
    lock = claim(state)
    try:
        found = state.stat()
        if os.geteuid() == 0:
            os.fchown(
                lock, found.st_uid, found.st_gid
            )  # if we made it: the engine must open it too
        yield
    finally:
        os.close(lock)


def replace(database: Path, source: Path, state: Path) -> Path | None:
    """Put a copy of source in place; returns where the old one is now, None if there was none.

    The old file goes aside with its -wal and -shm, so that it stays readable.  Raises StorageFault.
    """
    part = database.with_name(f".{database.name}.{os.getpid()}.part")
    owner = database.stat() if database.exists() else state.stat()
    try:
        shutil.copyfile(source, part)
        part.chmod(0o640)
        if os.geteuid() == 0:
            os.chown(part, owner.st_uid, owner.st_gid)
        sync(part)
        aside = set_aside(database, time.time_ns(), "replaced")
        part.rename(database)
        sync(database.parent)
    except OSError as fault:
        raise StorageFault(
            f"cannot be replaced: {fault.strerror}",
            where=str(database),
            remedy="see space and rights there",
        ) from fault
    finally:
        part.unlink(missing_ok=True)
    return aside
