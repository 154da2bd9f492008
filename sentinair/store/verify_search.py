"""Whether the search index finds what it should: it is made again in memory and compared term by term."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable
from contextlib import closing
from typing import Final

from sentinair.store.alerts import search_text
from sentinair.store.schema import SCHEMA

__all__ = ["check_search"]

_NAME: Final = "alert_search"
_SHADOWS: Final = ("data", "idx", "config")
_AVERAGES: Final = 1  # row of the shadow table `data` that counts rows and tokens (fts5_index.c)
_VOCABULARY: Final = "SELECT term, doc FROM temp.vocabulary"


def check_search(connection: sqlite3.Connection, find: Callable[[str], None]) -> None:
    """Compare every (term, alert) of the index with one made from the alerts' bodies.

    Then let FTS5 check a copy of its own tables, since a read-only database cannot take that command
    (https://www.sqlite.org/fts5.html, sections 6.5 and 8).  Raises sqlite3.Error if the index cannot be read.
    """
    with closing(sqlite3.connect(":memory:", isolation_level=None)) as memory:
        _create(memory)
        memory.execute("BEGIN")
        memory.executemany(
            f"INSERT INTO {_NAME}(rowid, text) VALUES(?, ?)",
            (
                (number, search_text(body))
                for number, body in connection.execute("SELECT number, body FROM alerts")
            ),
        )
        memory.execute("COMMIT")
        _compare_terms(connection, memory, find)
        for table, where in (("config", ""), ("data", f"WHERE id = {_AVERAGES}")):
            query = f"SELECT * FROM {_NAME}_{table} {where}"  # noqa: S608 — constants
            if connection.execute(query).fetchall() != memory.execute(query).fetchall():
                find(f"its table {table} is not what the alerts make of it")
    _check_structure(connection, find)


def _create(memory: sqlite3.Connection) -> None:
    for statement in SCHEMA:
        if _NAME in statement:
            memory.execute(statement)


def _compare_terms(
    connection: sqlite3.Connection, memory: sqlite3.Connection, find: Callable[[str], None]
) -> None:
    connection.execute(
        "PRAGMA query_only=OFF"
    )  # or no temporary table; the file itself is open read-only
    for database in (connection, memory):
        database.execute("DROP TABLE IF EXISTS temp.vocabulary")
        database.execute(
            f"CREATE VIRTUAL TABLE temp.vocabulary USING fts5vocab(main, {_NAME}, instance)"
        )
    stored, wanted = connection.execute(_VOCABULARY), memory.execute(_VOCABULARY)
    for here, there in itertools.zip_longest(stored, wanted):
        if here != there:
            find(f"finds {here!r} where the alerts say {there!r}")
            break
    connection.execute("DROP TABLE temp.vocabulary")


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
