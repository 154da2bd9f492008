"""What a failed write means for a person."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path
from typing import Final

from sentinair.errors import StorageFault

__all__ = ["is_full", "write_fault"]

_LITTLE: Final = 1 << 20  # bytes; SQLite's next write is of this order


def is_full(fault: sqlite3.Error, state: Path) -> bool:
    """Whether this is about room: SQLite says so, or an I/O error comes with next to no free blocks."""
    code = getattr(fault, "sqlite_errorcode", 0) & 0xFF
    if code == sqlite3.SQLITE_IOERR:
        with contextlib.suppress(OSError):
            space = os.statvfs(state)
            return space.f_bavail * space.f_frsize < _LITTLE
    return code == sqlite3.SQLITE_FULL


def write_fault(fault: sqlite3.Error, path: Path) -> StorageFault:
    """fault as one sentence on the ledger at path."""
    return StorageFault(
        f"the ledger cannot be written: {fault}",
        where=str(path),
        remedy="free space on its disk, or see the disk's health; it is tried again",
    )
