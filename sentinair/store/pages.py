"""Pages over rows kept in groups (streams or shelves), newest first, without a sort and without an offset.

Each chosen group is walked backwards through its part of the index over (group, time); the walks are merged, and
only as many rows are read as the page shows, plus one for each group.
"""

from __future__ import annotations

import heapq
import itertools
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Final

import msgspec

__all__ = ["END", "Cursor", "Interval", "keys", "rows_of"]

_BODIES: Final = 500  # rows fetched by one statement
_LAST: Final = (1 << 63) - 1


class Cursor(msgspec.Struct, frozen=True, order=True):
    """Where a page ended; the next one begins just below."""

    time_ns: int
    id: int


END: Final = Cursor(_LAST, _LAST)


class Interval(msgspec.Struct, frozen=True):
    """since_ns <= time < until_ns; None: no bound."""

    since_ns: int | None = None
    until_ns: int | None = None

    @property
    def bounds(self) -> tuple[int, int]:
        """Both ends included."""
        since = -_LAST if self.since_ns is None else self.since_ns
        return since, _LAST if self.until_ns is None else self.until_ns - 1


_WALKS: Final = {
    table: (
        f"SELECT time, {key} FROM {table} WHERE {group} = ? AND time BETWEEN ? AND ?"  # noqa: S608 — constants
        f" AND (time, {key}) < (?, ?) ORDER BY time DESC, {key} DESC"
    )
    for table, group, key in (("events", "stream", "id"), ("alerts", "shelf", "number"))
}


def keys(
    connection: sqlite3.Connection,
    table: str,
    groups: Sequence[int],
    interval: Interval,
    after: Cursor,
    limit: int,
) -> list[Cursor]:
    """(time, row id) of the next `limit` rows of these groups below `after`, newest first.

    table: "events" or "alerts".
    """
    since, until = interval.bounds
    until = min(until, after.time_ns)
    walks: list[Iterable[tuple[int, int]]] = [
        _walk(connection, _WALKS[table], (group, since, until, after.time_ns, after.id))
        for group in groups
    ]
    merged = walks[0] if len(walks) == 1 else heapq.merge(*walks, reverse=True)
    return [Cursor(*row) for row in itertools.islice(merged, limit)]


def _walk(
    connection: sqlite3.Connection, query: str, arguments: tuple[int, ...]
) -> Iterator[tuple[int, int]]:
    cursor = connection.cursor()
    cursor.arraysize = 1
    try:
        yield from cursor.execute(query, arguments)
    finally:
        cursor.close()


def rows_of(
    connection: sqlite3.Connection, query: str, wanted: Sequence[int]
) -> list[tuple[Any, ...]]:
    """Rows of these ids (first column) in the order asked for; what is not there is left out.

    query: has {} where the ids go.
    """
    rows: dict[int, tuple[Any, ...]] = {}
    for at in range(0, len(wanted), _BODIES):
        part = wanted[at : at + _BODIES]
        for row in connection.execute(query.format(", ".join("?" * len(part))), tuple(part)):
            rows[row[0]] = row
    return [rows[number] for number in wanted if number in rows]
