"""How long from close() to a readable row, and from a setuid file to a readable alert, on an idle host."""

from __future__ import annotations

import os
import random
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures, spread
from tests.harness.agent import Agent
from tests.harness.stored import ask

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES = {"small": 50, "full": 500}
ROUND = 125  # samples on one agent: of more than 200 alerts of one rule in an hour it makes one
PATIENCE_SECS = 5.0
LOOK_SECS = 0.0005  # between two looks at the database: what the figures can be wrong by


def run(size: str) -> Figures:
    """Milliseconds, as another local program would see them."""
    need_root()
    samples = SIZES[size]
    promises = Promises()
    rows: list[float] = []
    alerts: list[float] = []
    while len(rows) < samples:
        count = min(ROUND, samples - len(rows))
        with workplace() as folder:
            tree = folder / "tree"
            tree.mkdir()
            with Agent(folder / "agent", watch=[tree]) as agent:
                agent.settle()
                with closing(agent.stored.connect()) as database:
                    more = _measured(database, _row_of(database, tree), tree, count, 0o644)
                    alerts += _measured(database, _alert_of(database), tree, count, 0o4755)
        rows += more
        if len(more) < count:
            break
    promises.keep(len(rows) == samples, "each closed file becomes a row")
    promises.keep(len(alerts) == samples, "each setuid file becomes an alert")
    return promises.onto(
        {
            "row_ms": spread(rows),
            "alert_ms": spread(alerts),
            "row_p99_limit_ms": 150,
            "alert_p99_limit_ms": 300,
        }
    )


def _measured(
    database: sqlite3.Connection, seen: Callable[[bytes], bool], tree: Path, samples: int, mode: int
) -> list[float]:
    """Milliseconds of each sample that was seen in time; pauses vary, so that no rhythm of the agent is met."""
    chance = random.Random(samples)
    found = []
    for number in range(samples):
        path = tree / f"sample{mode:o}-{number}"
        time.sleep(chance.uniform(0.03, 0.12))
        opened = os.open(path, os.O_CREAT | os.O_WRONLY | os.O_CLOEXEC, 0o600)
        os.fchmod(opened, mode)
        os.write(opened, b"x")
        os.fchmod(opened, mode)  # a write takes the setuid bit away (inode(7))
        os.close(opened)
        closed = time.monotonic()
        if _wait(database, lambda name=bytes(path): seen(name)):  # type: ignore[misc]
            found.append((time.monotonic() - closed) * 1000)
    return found


def _wait(database: sqlite3.Connection, seen: Callable[[], bool]) -> bool:
    """Looks again only when another process has committed (PRAGMA data_version), so that looking costs little."""
    deadline = time.monotonic() + PATIENCE_SECS
    last = -1
    while time.monotonic() < deadline:
        ((version,),) = ask(database, "PRAGMA data_version")
        if version != last:
            last = version
            if seen():
                return True
        time.sleep(LOOK_SECS)
    return False


def _row_of(database: sqlite3.Connection, tree: Path) -> Callable[[bytes], bool]:
    """Whether an event on a path is stored; looks at new rows only."""
    last = [ask(database, "SELECT coalesce(max(id), 0) FROM events")[0][0]]

    def seen(path: bytes) -> bool:
        rows = ask(database, "SELECT id, body FROM events WHERE id > ? ORDER BY id", last[0])
        if rows:
            last[0] = rows[-1][0]
        return any(path in body for _, body in rows)  # msgpack carries a path as its own bytes

    return seen


def _alert_of(database: sqlite3.Connection) -> Callable[[bytes], bool]:
    """Whether an alert on a path is stored."""
    last = [ask(database, "SELECT coalesce(max(number), 0) FROM alerts")[0][0]]

    def seen(path: bytes) -> bool:
        rows = ask(
            database, "SELECT number, body FROM alerts WHERE number > ? ORDER BY number", last[0]
        )
        if rows:
            last[0] = rows[-1][0]
        return any(path in bytes(body) for _, body in rows)

    return seen
