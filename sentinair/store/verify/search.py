"""Whether the search index finds what it should: it is made again in memory and compared term by term."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Final

from sentinair.store.alerts import search_text
from sentinair.store.schema import SCHEMA

__all__ = ["check_search", "compare", "rebuilt"]

_NAME: Final = "alert_search"
_SHADOWS: Final = ("data", "idx", "config")
_AVERAGES: Final = 1  # row of the shadow table `data` that counts rows and tokens (fts5_index.c)
_VOCABULARY: Final = "SELECT term, doc FROM temp.vocabulary"
_VOCABULARY_TABLE: Final = (
    f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, {_NAME}, instance)"
)


def check_search(connection: sqlite3.Connection, find: Callable[[str], None]) -> None:
    """Compare every (term, alert) of the index with one made from the alerts' bodies.

    Then let FTS5 check a copy of its own tables, since a read-only database cannot take that command
    (https://www.sqlite.org/fts5.html, sections 6.5 and 8).  Raises sqlite3.Error if the index cannot be read.
    """
    with closing(rebuilt(connection)) as memory:
        compare(connection, memory, find)


def rebuilt(connection: sqlite3.Connection) -> sqlite3.Connection:
    """A database in memory with the index as the alerts' bodies make it."""
    memory = sqlite3.connect(":memory:", isolation_level=None)
    _create(memory)
    alerts = connection.execute("SELECT number, body FROM alerts")
    memory.execute("BEGIN")
    memory.executemany(
        f"INSERT INTO {_NAME}(rowid, text) VALUES(?, ?)",
        ((number, search_text(body)) for number, body in alerts),
    )
    memory.execute("COMMIT")
    memory.execute(_VOCABULARY_TABLE)
    return memory


def compare(
    connection: sqlite3.Connection, memory: sqlite3.Connection, find: Callable[[str], None]
) -> None:
    """Hold the stored index against one that is rebuilt()."""
    _check_structure(connection, find)
    for table, where in (("config", ""), ("data", f"WHERE id = {_AVERAGES}")):
        query = f"SELECT * FROM {_NAME}_{table} {where}"  # noqa: S608 — constants
        if _rows(connection, query) != _rows(memory, query):
            find(f"its table {table} is not what the alerts make of it")
    connection.execute(
        "PRAGMA query_only=OFF"
    )  # or no temporary table; the file itself is open read-only
    connection.execute(_VOCABULARY_TABLE)
    try:
        pairs = itertools.zip_longest(connection.execute(_VOCABULARY), memory.execute(_VOCABULARY))
        for here, there in pairs:
            if here != there:
                find(f"finds {here!r} where the alerts say {there!r}")
                break
    finally:
        connection.execute("DROP TABLE temp.vocabulary")


def _rows(connection: sqlite3.Connection, query: str) -> list[tuple[object, ...]]:
    """Counts of nothing at all are written as zeros where there once was an alert, and as no bytes where never was."""
    return [
        tuple(b"" if type(value) is bytes and not value.strip(b"\0") else value for value in row)
        for row in connection.execute(query)
    ]


def _create(memory: sqlite3.Connection) -> None:
    for statement in SCHEMA:
        if _NAME in statement:
            memory.execute(statement)


def _check_structure(connection: sqlite3.Connection, find: Callable[[str], None]) -> None:
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as copy:
        _create(copy)
        copy.execute("BEGIN")
        for shadow in _SHADOWS:
            table = f"{_NAME}_{shadow}"
            copy.execute(f"DELETE FROM {table}")  # noqa: S608 — a constant
            rows = connection.execute(f"SELECT * FROM {table}")  # noqa: S608 — a constant
            marks = ", ".join("?" * len(rows.description))
            copy.executemany(f"INSERT INTO {table} VALUES({marks})", rows)
        copy.execute("COMMIT")
        try:
            copy.execute(f"INSERT INTO {_NAME}({_NAME}) VALUES('integrity-check')")
        except sqlite3.DatabaseError as fault:
            find(f"its own check says: {fault}")
