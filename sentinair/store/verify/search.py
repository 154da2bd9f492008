"""Whether the search index finds what it should: it is made again in memory and compared term by term."""

from __future__ import annotations

import itertools
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing
from typing import Final

from sentinair.store.alerts import search_text
from sentinair.store.schema import SCHEMA

__all__ = ["check_search", "compare", "rebuilt"]

_NAME: Final = "alert_search"
_SHADOWS: Final = ("data", "idx", "config")
_STRUCTURE: Final = 10  # row of it that lists the segments
_COOKIE_BYTES: Final = 4  # changes with every setting of the index
_MAX_LEVELS, _MAX_SEGMENTS = 64, 2000  # FTS5_MAX_LEVEL, FTS5_MAX_SEGMENT
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
    _check_segments(connection, find)
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


def _check_segments(connection: sqlite3.Connection, find: Callable[[str], None]) -> None:
    """The list of segments: its settings were never changed, and each segment begins at a page.

    How often it was written decides when FTS5 merges and nothing else; that number alone nobody can tell.
    Source: fts5_index.c, "structure record".
    """
    query = f"SELECT block FROM {_NAME}_data WHERE id = {_STRUCTURE}"  # noqa: S608 — constants
    for (block,) in connection.execute(query):
        numbers = _varints(bytes(block[_COOKIE_BYTES:]))
        levels, segments, _writes = next(numbers), next(numbers), next(numbers)
        whole = not any(block[:_COOKIE_BYTES]) and levels <= _MAX_LEVELS
        for _ in range(min(levels, _MAX_LEVELS)):
            _merged, count = next(numbers), next(numbers)
            whole = whole and count <= segments
            for _ in range(min(count, _MAX_SEGMENTS)):
                _id, first, last = next(numbers), next(numbers), next(numbers)
                whole = whole and 0 < first <= last
        if not whole:
            find("its list of segments was changed")


def _varints(raw: bytes) -> Iterator[int]:
    """SQLite's variable-length integers below 2^56; zeros behind the end."""
    number = 0
    for byte in raw:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            yield number
            number = 0
    while True:
        yield 0


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
