"""Finding alerts by their words."""

from __future__ import annotations

import re
import sqlite3
from collections.abc import Sequence
from typing import Final

from sentinair.store.pages import Cursor, Interval

__all__ = ["search"]

_WORD: Final = re.compile(r"[^\W_]+\*?")  # what fts5's tokenizer unicode61 takes for one word


def search(
    connection: sqlite3.Connection,
    q: str,
    shelves: Sequence[int],
    interval: Interval,
    after: Cursor,
    limit: int,
) -> list[Cursor]:
    """Alerts on these shelves that hold all words of q, the last raised first.

    Ordered by row id, which fts5 walks without a sort; never by rank, which would read every match.
    Words are looked for one by one, since an index with detail=none knows no phrases; a word that ends in * is the
    beginning of one.
    """
    words = _WORD.findall(q)
    if not words:
        return []
    since, until = interval.bounds
    match = " ".join(f'"{word[:-1]}"*' if word.endswith("*") else f'"{word}"' for word in words)
    marks = ", ".join("?" * len(shelves))
    rows = connection.execute(
        "SELECT time, number FROM alert_search JOIN alerts ON number = alert_search.rowid"  # noqa: S608 — marks
        f" WHERE alert_search MATCH ? AND alert_search.rowid < ? AND +shelf IN ({marks})"
        " AND +time BETWEEN ? AND ? ORDER BY alert_search.rowid DESC LIMIT ?",
        (match, after.id, *shelves, since, until, limit),
    )
    return [Cursor(*row) for row in rows]
