"""Rows a second through Store.commit beside what SQLite alone does with the same rows, and pages of a full ledger.

    python -m tests.bench.bench_store write [EVENTS] [ALERTS]       rates and their ratio to the bare limit
    python -m tests.bench.bench_store pages [EVENTS] [ALERTS]       the slowest page of each kind

Bare: the same schema, indices, search table, PRAGMAs and rows for each transaction; executemany of ready tuples taken
out of the ledger that the store has just written; no hashing, no signing, nothing made.  The few rows that each commit
writes anew (counts, lane positions, the files' sum) are written anew here as well.
"""

from __future__ import annotations

import contextlib
import itertools
import json
import random
import shutil
import sqlite3
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final, NamedTuple

from sentinair.model.alert import SEVERITIES, STATUSES, Alert, AlertChange
from sentinair.model.event import CREATE, WRITE, FileEvent, FileState
from sentinair.model.process import Parent, Process
from sentinair.model.record import Stamp
from sentinair.settings.types import StoreSettings
from sentinair.store.access import LEDGER
from sentinair.store.alerts import search_text
from sentinair.store.events import LaneKey, Pending
from sentinair.store.read import AlertFilter, EventFilter, Reader
from sentinair.store.schema import create
from sentinair.store.session import connect
from sentinair.store.writer import Store

BATCH: Final = 1000
DIRECTORY_FILES: Final = 25
Inserts = list[tuple[str, list[tuple[Any, ...]]]]
_LANE: Final = LaneKey("sensor", b"\x01" * 8, "bulk")
_WORDS: Final = [
    "change",
    "in",
    "protected",
    "path",
    "by",
    "process",
    "with",
    "elevated",
    "rights",
    "while",
    "baseline",
    "locked",
]


def stamp() -> Stamp:
    return Stamp(time.time_ns(), time.monotonic_ns(), "0" * 32)


def event_batches(count: int, store: Store) -> Iterator[list[Pending]]:
    """Batches of new files, 25 in a directory, by one of 100 processes."""
    processes = [
        Process(
            pid=1000 + i,
            start=i,
            ppid=1,
            exe=b"/usr/bin/tool%d" % i,
            argv=(b"tool", b"--number", b"%d" % i),
            uid=0,
            parents=(Parent(1, 0, b"/usr/lib/systemd/systemd"),),
        )
        for i in range(100)
    ]
    now = time.time_ns()
    for at in range(0, count, BATCH):
        size = min(BATCH, count - at)
        first = store.allocate(size)
        batch = []
        for number in range(first, first + size):
            process = processes[number // 40 % 100]
            event = FileEvent(
                seen_ns=now + number * 10_000,
                mono_ns=number * 10_000,
                path=b"/srv/data/project-%05d/part-%07d.dat" % (number // DIRECTORY_FILES, number),
                actions=CREATE | WRITE,
                state=FileState(0o100644, 0, 0, number, 100_000 + number, 64_769, now, now),
                pid=process.pid,
                start=process.start,
            )
            source = ("fanotify", "rescan", "inotify")[number % 50 // 24]
            batch.append(
                Pending(number, "file", source, _LANE, number, event.seen_ns, event, process)
            )
        yield batch


def alert_batches(count: int) -> Iterator[list[AlertChange]]:
    """Batches of new alerts of all severities and statuses."""
    chance = random.Random(7)
    now = time.time_ns()
    for at in range(0, count, BATCH):
        batch = []
        for number in range(at, min(at + BATCH, count)):
            time_ns = now + number * 1_000_000
            alert = Alert(
                id=f"{number:08x}-0000-7000-8000-{chance.getrandbits(48):012x}",
                time_ns=time_ns,
                severity=SEVERITIES[number % 97 % 4],
                category="file",
                title=f"Protected file changed: part-{number}.dat",
                description=" ".join(chance.choices(_WORDS, k=20)),
                source="sigma",
                rule_id=f"rule-{number % 40}",
                fingerprint=f"{number:032x}",
                details={"event": {"path": f"/srv/data/part-{number}.dat", "mode": 33188}},
                status=STATUSES[number % 89 % 4],
                first_seen_ns=time_ns,
                last_seen_ns=time_ns,
                why=("The path is protected.",),
                next_steps=("See who changed it.", "Compare it with the package."),
                user="root",
                filename=f"/srv/data/part-{number}.dat",
                process="/usr/bin/tool",
            )
            batch.append(AlertChange("alert.raised", alert))
        yield batch


class Tables(NamedTuple):
    """What one side writes: tables that grow, and those whose few rows every commit changes."""

    grown: tuple[str, ...]
    kept: tuple[str, ...]


class Ready(NamedTuple):
    """The rows of both."""

    grown: Inserts
    kept: Inserts


def _inserts(database: Path, tables: Tables) -> Ready:
    with contextlib.closing(sqlite3.connect(database)) as connection:
        grown = [_insert("INSERT", table, connection) for table in tables.grown]
        if "alerts" in tables.grown:
            texts = [(row[0], search_text(row[5])) for row in grown[-1][1]]
            grown.append(("INSERT INTO alert_search(rowid, text) VALUES(?, ?)", texts))
        return Ready(grown, [_insert("REPLACE", table, connection) for table in tables.kept])


def _insert(
    verb: str, table: str, connection: sqlite3.Connection
) -> tuple[str, list[tuple[Any, ...]]]:
    rows = connection.execute(f"SELECT * FROM {table}").fetchall()
    marks = ", ".join("?" * len(rows[0]))
    return f"{verb} INTO {table} VALUES({marks})", rows


class Bare:
    """SQLite alone, given ready rows."""

    def __init__(self, folder: Path, ready: Ready, commits: int) -> None:
        self._connection = connect(folder / "bare.db")
        create(self._connection)
        self._ready = ready
        self._commits = commits

    def commit(self, number: int) -> None:
        """The number'th of equal parts of all rows, in one transaction."""
        self._connection.execute("BEGIN IMMEDIATE")
        for sql, rows in self._ready.grown:
            part = slice(
                len(rows) * number // self._commits, len(rows) * (number + 1) // self._commits
            )
            self._connection.executemany(sql, rows[part])
        for sql, rows in self._ready.kept:
            self._connection.executemany(sql, rows)
        self._connection.execute("COMMIT")

    def close(self) -> None:
        self._connection.close()


def _event_commits(store: Store, count: int) -> Iterator[Callable[[], object]]:
    for batch in event_batches(count, store):
        yield partial(store.commit, stamp(), batch)


def _alert_commits(store: Store, count: int) -> Iterator[Callable[[], object]]:
    for batch in alert_batches(count):
        yield partial(store.commit, stamp(), (), batch)


_SIDES: Final = {
    "events": (
        _event_commits,
        Tables(("events", "processes", "files", "ledger"), ("streams", "lanes", "meta")),
    ),
    "alerts": (_alert_commits, Tables(("ledger", "alerts"), ("shelves",))),
}


def write(events: int, alerts: int) -> dict[str, float]:
    """Seconds of both sides, which take turns commit by commit so that other load hits both alike.

    Making a batch is its sender's work and not counted.
    """
    figures: dict[str, float] = {}
    for (what, (commits, tables)), count in zip(_SIDES.items(), (events, alerts), strict=True):
        with tempfile.TemporaryDirectory() as folder:
            ready = _ready_rows(Path(folder) / "first", commits, count, tables)
            store = Store.open(Path(folder) / "second", StoreSettings(), stamp())
            bare = Bare(Path(folder), ready, -(-count // BATCH))
            took = limit = 0.0
            for number, commit in enumerate(commits(store, count)):
                began = time.perf_counter()
                commit()
                between = time.perf_counter()
                bare.commit(number)
                limit += time.perf_counter() - between
                took += between - began
            store.close(stamp())
            bare.close()
        figures[f"{what}_per_sec"] = round(count / took)
        figures[f"{what}_us"] = round(took / count * 1e6, 2)
        figures[f"bare_{what}_per_sec"] = round(count / limit)
        figures[f"{what}_ratio"] = round(limit / took, 3)
    return figures


def _ready_rows(
    state: Path,
    commits: Callable[[Store, int], Iterator[Callable[[], object]]],
    count: int,
    tables: Tables,
) -> Ready:
    store = Store.open(state, StoreSettings(), stamp())
    for commit in commits(store, count):
        commit()
    store.close(stamp())
    return _inserts(state / LEDGER, tables)


def _median_ms(ask: Callable[..., object], *arguments: object) -> float:
    """Median milliseconds of five tries, after one to warm the cache."""
    took = []
    for _ in range(6):
        began = time.perf_counter()
        ask(*arguments)
        took.append((time.perf_counter() - began) * 1e3)
    return sorted(took[1:])[2]


def pages(events: int, alerts: int) -> dict[str, float]:
    """The slowest first, middle and last page of 100 for every combination of the filters the command line has."""
    folder = Path(tempfile.mkdtemp())
    try:
        store = Store.open(folder / "state", StoreSettings(), stamp())
        for batch in event_batches(events, store):
            store.commit(stamp(), batch)
        for changes in alert_batches(alerts):
            store.commit(stamp(), (), changes)
        store.close(stamp())
        with Reader.open(folder / "state") as reader:
            return {
                "events": events,
                "alerts": alerts,
                "event_page_ms": round(_event_pages(reader), 2),
                "alert_page_ms": round(_alert_pages(reader), 2),
                "search_page_ms": round(
                    _median_ms(reader.alerts, AlertFilter(q="baseline locked")), 2
                ),
                "event_by_id_ms": round(_median_ms(reader.event, events // 2), 2),
            }
    finally:
        shutil.rmtree(folder)


def _event_pages(reader: Reader) -> float:
    newest = reader.events(EventFilter(), limit=1).rows[0].time_ns
    first = reader.event(1)
    oldest = newest if first is None else first.time_ns
    middle = (newest + oldest) // 2
    worst = 0.0
    spans = [
        (None, None),
        (middle, None),
        (None, middle),
        (middle, middle + 10**9),
        (None, oldest + 10**6),
    ]
    for kind, source, (since, until) in itertools.product(
        ((), ("file",)), ((), ("fanotify",), ("inotify",)), spans
    ):
        wanted = EventFilter(since, until, kind, source)
        after = reader.events(wanted).next
        worst = max(worst, _median_ms(reader.events, wanted))
        worst = max(worst, _median_ms(reader.events, wanted, after))
    return worst


def _alert_pages(reader: Reader) -> float:
    newest = reader.alerts(AlertFilter(), limit=1).rows[0].time_ns
    total = sum(count.count for count in reader.alert_counts())
    middle = newest - total * 500_000
    worst = 0.0
    spans = [(None, None), (middle, None), (None, middle), (middle, middle + 10**9)]
    severities = ((), *((one,) for one in SEVERITIES))
    statuses = ((), *((one,) for one in STATUSES))
    for severity, status, (since, until) in itertools.product(severities, statuses, spans):
        wanted = AlertFilter(since, until, severity, status)
        after = reader.alerts(wanted).next
        worst = max(worst, _median_ms(reader.alerts, wanted))
        worst = max(worst, _median_ms(reader.alerts, wanted, after))
    return worst


def main(arguments: Sequence[str]) -> int:
    what, *sizes = arguments or ["write"]
    numbers = [int(size) for size in sizes] + [100_000, 20_000][len(sizes) :]
    measure = {"write": write, "pages": pages}[what]
    print(json.dumps({"bench": f"store {what}", **measure(*numbers)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
