"""An exact copy of the database, by SQLite's own backup (https://www.sqlite.org/backup.html)."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

from sentinair.errors import StorageFault

__all__ = ["write_copy"]


def write_copy(source: sqlite3.Connection, target: Path) -> int:
    """target, which must not exist, as source is now; returns its size in bytes.  Raises StorageFault."""
    try:
        file = os.open(target, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o640)
        os.close(file)
        with contextlib.closing(sqlite3.connect(target)) as copy:
            source.backup(copy)
        return target.stat().st_size
    except (OSError, sqlite3.Error) as fault:
        raise StorageFault(
            f"the copy cannot be written: {getattr(fault, 'strerror', None) or fault}",
            where=str(target),
            remedy="see space and rights there",
        ) from fault
