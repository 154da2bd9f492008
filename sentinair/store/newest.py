"""All that matches, the newest first: a page at a time, so that memory and each look at the database stay small."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from sentinair.model.alert import Alert
from sentinair.store.read import AlertFilter, Cursor, EventFilter, Reader, StoredEvent

__all__ = ["newest_alerts", "newest_events"]

PAGE_ROWS: Final = 500  # of one look at the database: a look lasts milliseconds


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
