from __future__ import annotations

import sqlite3
from collections.abc import Iterator

import pytest

from sentinair.store.rows import ROWS, insert

FAIL = "INSERT OR FAIL INTO t"


@pytest.fixture
def connection() -> Iterator[sqlite3.Connection]:
    connection = sqlite3.connect(":memory:", isolation_level=None)
    connection.execute("CREATE TABLE t(id INTEGER PRIMARY KEY, word TEXT NOT NULL)")
    yield connection
    connection.close()


def stored(connection: sqlite3.Connection) -> list[tuple[int, str]]:
    return connection.execute("SELECT id, word FROM t ORDER BY id").fetchall()


@pytest.mark.parametrize("count", [0, 1, ROWS - 1, ROWS, ROWS + 1, 3 * ROWS, 3 * ROWS + 7])
def test_every_row_goes_in_once(connection: sqlite3.Connection, count: int) -> None:
    rows = [(number, str(number)) for number in range(count)]
    assert insert(connection, FAIL, rows) == count
    assert stored(connection) == rows


@pytest.mark.parametrize("known", [0, ROWS, 2 * ROWS + 1])
def test_a_row_that_is_there_already_is_an_error(
    connection: sqlite3.Connection, known: int
) -> None:
    insert(connection, FAIL, [(known, "old")])
    with pytest.raises(sqlite3.IntegrityError):
        insert(connection, FAIL, [(number, "new") for number in range(2 * ROWS + 2)])


def test_ignored_rows_are_not_counted_and_keep_what_they_said(
    connection: sqlite3.Connection,
) -> None:
    insert(connection, FAIL, [(3, "old"), (2 * ROWS, "old")])
    rows = [(number, "new") for number in range(2 * ROWS + 2)]
    assert insert(connection, "INSERT OR IGNORE INTO t", rows) == len(rows) - 2
    assert [row for row in stored(connection) if row[1] == "old"] == [(3, "old"), (2 * ROWS, "old")]
