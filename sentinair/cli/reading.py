"""The database, read for one command; works whether or not the engine runs."""

from __future__ import annotations

import os
import re
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from sentinair.cli.places import Places
from sentinair.errors import SentinairError, UsageFault
from sentinair.model.alert import Alert
from sentinair.model.text import shown
from sentinair.store.access import open_read_only
from sentinair.store.events import StoredEvent
from sentinair.store.read import AlertFilter, Cursor, EventFilter, Reader

__all__ = ["connected", "find_alert", "newest_alerts", "newest_events", "reading"]

_NOBODY: Final = 65534  # owns nothing; the overflow uid of user_namespaces(7)
PAGE_ROWS: Final = 500  # of one look at the database: a look lasts milliseconds
_ALERT_ID: Final = re.compile(r"[0-9a-f-]{1,36}")


def reading(places: Places) -> Reader:
    """A reader of this state's database, to be used in a `with`.  Raises StorageFault, PermissionFault."""
    return Reader(places.database, connected(places.database))


def connected(database: Path) -> sqlite3.Connection:
    """The database for reading.  Raises StorageFault, PermissionFault.

    Root opens it with a mere reader's rights where that is enough: SQLite opens -wal and -shm for writing whenever it
    may, and chowns them for root (os_unix.c, robustFchown), which the agent would have to report as touching its state.
    """
    if os.geteuid() == 0 and database.is_file():
        try:
            with _mere_reader(database.stat().st_gid):
                return open_read_only(database)
        except (SentinairError, OSError):
            pass  # a directory above is closed, or no engine has left -shm: then with all rights
    return open_read_only(database)


@contextmanager
def _mere_reader(group: int) -> Iterator[None]:
    """As root: nobody's rights with this group, until the end; the saved ids of setresuid(2) lead back."""
    before = os.getegid()
    os.setegid(group)
    try:
        os.seteuid(_NOBODY)
        try:
            yield
        finally:
            os.seteuid(0)
    finally:
        os.setegid(before)


def newest_alerts(reader: Reader, wanted: AlertFilter) -> Iterator[Alert]:
    """All alerts that match, the newest first, a page at a time."""
    after: Cursor | None = None
    while True:
        page = reader.alerts(wanted, after, PAGE_ROWS)
        yield from page.rows
        after = page.next
        if after is None:
            return


def newest_events(reader: Reader, wanted: EventFilter) -> Iterator[StoredEvent]:
    """All events that match, the newest first, a page at a time."""
    after: Cursor | None = None
    while True:
        page = reader.events(wanted, after, PAGE_ROWS)
        yield from page.rows
        after = page.next
        if after is None:
            return


def find_alert(reader: Reader, prefix: str) -> Alert:
    """The alert with this id, or the only one whose id begins so.  Raises UsageFault if there is none or several."""
    wanted = prefix.strip().lower()
    alert = reader.alert(wanted) if _ALERT_ID.fullmatch(wanted) else None
    if alert is None:
        raise UsageFault(
            f"there is no alert {shown(prefix)!r}", remedy="`sentinair alerts list` shows their ids"
        )
    return alert
