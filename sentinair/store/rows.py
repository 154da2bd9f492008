"""Many rows put into one table: several a statement, which takes SQLite half the time of one a statement."""

from __future__ import annotations

import functools
import itertools
import sqlite3
from collections.abc import Sequence
from typing import Any, Final

__all__ = ["insert"]

ROWS: Final = 25  # a statement: more gains nothing


@functools.cache
def _statement(head: str, columns: int, rows: int) -> str:
    one = f"({', '.join('?' * columns)})"
    return f"{head} VALUES {', '.join([one] * rows)}"


def insert(connection: sqlite3.Connection, head: str, rows: Sequence[tuple[Any, ...]]) -> int:
    """Put rows into a table; returns how many went in.

    head: constant text "INSERT OR FAIL INTO table", or IGNORE or REPLACE for FAIL.  Plain INSERT would have to be able
    to undo one statement alone, which costs what this saves (https://www.sqlite.org/tempfiles.html, section 2.5); a
    transaction of the store is undone as a whole anyway.
    Raises sqlite3.Error; then some of the rows may be in.
    """
    if not rows:
        return 0
    columns = len(rows[0])
    whole = len(rows) - len(rows) % ROWS
    flat = itertools.chain.from_iterable
    groups = (tuple(flat(rows[at : at + ROWS])) for at in range(0, whole, ROWS))
    done = 0
    if whole:
        done += connection.executemany(_statement(head, columns, ROWS), groups).rowcount
    if whole < len(rows):
        done += connection.executemany(_statement(head, columns, 1), rows[whole:]).rowcount
    return done
