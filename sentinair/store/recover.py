"""A damaged ledger is set aside whole and said so; nothing is mended, since mending would destroy evidence."""

from __future__ import annotations

import os
import sqlite3
import time
from pathlib import Path
from typing import Final

from sentinair.errors import DataFault, StorageFault
from sentinair.settings.guarded import sync
from sentinair.store.ledger import check_tail
from sentinair.store.schema import APPLICATION_ID

__all__ = ["check", "names_aside", "set_aside"]

_MAGIC: Final = b"SQLite format 3\0"
_DAMAGED: Final = "damaged"
_PARTS: Final = ("", "-wal", "-shm")


def check(database: Path, connection: sqlite3.Connection) -> None:
    """Header, marks, and the chain since the last checkpoint of a ledger that is not empty.

    Raises DataFault (not ours, or broken) and sqlite3.DatabaseError as SQLite tells it.
    """
    with database.open("rb") as file:
        if file.read(len(_MAGIC)) != _MAGIC:
            raise DataFault("has no SQLite header", where=str(database))
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    if mark != APPLICATION_ID:
        raise DataFault(f"application id {mark:#x} is not a ledger's", where=str(database))
    check_tail(connection)


def set_aside(database: Path, now_ns: int, why: str = _DAMAGED) -> Path | None:
    """Rename the file with its -wal and -shm to ledger.<why>-<UTC time>; returns its new path, None if none was there.

    Raises StorageFault if that fails.
    """
    stamp = time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(now_ns // 1_000_000_000))
    name = f"ledger.{why}-{stamp}"
    aside = database.with_name(name)
    number = 1
    while os.path.lexists(aside):
        number += 1
        aside = database.with_name(f"{name}-{number}")
    moved = False
    try:
        for part in _PARTS:
            source = database.with_name(database.name + part)
            if os.path.lexists(source):
                source.rename(aside.with_name(aside.name + part))
                moved = True
        sync(database.parent)
    except OSError as fault:
        raise StorageFault(
            f"the ledger cannot be set aside: {fault.strerror}",
            where=str(database),
            remedy="move it away by hand",
        ) from fault
    return aside if moved else None


def names_aside(state: Path) -> list[str]:
    """The damaged ledgers that set_aside() has put here, oldest first."""
    names = {
        path.name.removesuffix("-wal").removesuffix("-shm")
        for path in state.glob(f"ledger.{_DAMAGED}-*")
    }
    return sorted(names)
