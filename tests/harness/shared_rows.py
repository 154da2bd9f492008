"""What the shared database must hold of a ledger, by the ledger's own bytes, and what it does hold."""

from __future__ import annotations

import contextlib
import json
import shutil
import sqlite3
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

from sentinair.model.event import FileEvent
from tests.harness.stored import Stored

__all__ = ["Rows", "expected", "mark", "read", "wrong_rows"]

_ALERTS: Final = (
    "SELECT id, timestamp, severity, category, title, description, source, details, status FROM shared_alerts"
    " ORDER BY rowid"
)
_EVENTS: Final = (
    "SELECT id, timestamp, event_type, source, data, processed FROM shared_events ORDER BY rowid"
)


class Rows(NamedTuple):
    """By id, in the order in which they first came; seqs: of the record each alert is of."""

    alerts: dict[str, tuple[object, ...]]
    events: dict[str, tuple[object, ...]]
    seqs: dict[str, int]
    processed: frozenset[str]


def expected(stored: Stored, upto: tuple[int, int] | None = None) -> Rows:
    """What a receiver of all records and file events has; upto: only of these first records and events."""
    seq, event = upto or stored.head()[::-1]
    alerts: dict[str, tuple[object, ...]] = {}
    seqs: dict[str, int] = {}
    chain = ""
    for number, kind, body in stored.query(
        "SELECT seq, kind, body FROM ledger WHERE seq <= ? ORDER BY seq", seq
    ):
        said = json.loads(body)
        chain = said["chain"]
        if kind.startswith("alert."):
            alert = said["data"]["alert"]
            alerts[alert["id"]], seqs[alert["id"]] = _alert(alert), number
    events = {
        f"{chain}-{row.id}": _event(row.time_ns, "file", row.source, row.event.path.decode())
        for row in stored.events("file")
        if isinstance(row.event, FileEvent) and row.id <= event
    }
    return Rows(alerts, events, seqs, frozenset())


def _alert(alert: Mapping[str, Any]) -> tuple[object, ...]:
    plain = ("severity", "category", "title", "description", "source", "details", "status", "count")
    return (alert["time_ns"] / 1e9, *(alert[name] for name in plain))


def _event(time_ns: int, kind: str, source: str, path: str) -> tuple[object, ...]:
    return time_ns / 1e9, kind, source, path


def read(file: Path) -> Rows:
    """What a reader finds who takes the file and its journal away and opens them elsewhere.

    Raises sqlite3.Error if it does not open, and AssertionError if it is not whole.
    """
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(shutil.copy(file, folder))
        journal = file.with_name(f"{file.name}-journal")
        if journal.exists():
            shutil.copy(journal, folder)
        with contextlib.closing(sqlite3.connect(copy)) as reader:
            assert reader.execute("PRAGMA integrity_check").fetchall() == [("ok",)], file
            if not reader.execute("SELECT count(*) FROM sqlite_schema").fetchone()[0]:
                return Rows({}, {}, {}, frozenset())
            return _read(reader.execute(_ALERTS).fetchall(), reader.execute(_EVENTS).fetchall())


def _read(alerts: Sequence[tuple[Any, ...]], events: Sequence[tuple[Any, ...]]) -> Rows:
    found: dict[str, tuple[object, ...]] = {}
    seqs: dict[str, int] = {}
    for name, time, *texts, details, status in alerts:
        told = json.loads(details)
        more = told.pop("alert")
        seqs[name] = more["seq"]
        found[name] = (time, *texts, told, status, more["count"])
    return Rows(
        found,
        {
            name: _shown(time, kind, source, json.loads(data))
            for name, time, kind, source, data, _ in events
        },
        seqs,
        frozenset(name for name, *_, processed in events if processed),
    )


def _shown(time: float, kind: str, source: str, data: Mapping[str, Any]) -> tuple[object, ...]:
    return time, kind, source, data["path"]


def wrong_rows(found: Rows, wanted: Rows) -> list[str]:
    """How what was found differs: rows that lack, are too many, are not as recorded or stand in another order."""
    wrong = []
    for what in ("alerts", "events"):
        here, there = getattr(found, what), getattr(wanted, what)
        if list(here) != list(there):
            wrong.append(f"{len(here)} {what}, in their order, are not the {len(there)} recorded")
        wrong += [f"{name} is not as recorded" for name in here if here[name] != there.get(name)]
    if found.seqs != wanted.seqs:
        wrong.append("alerts are not of their last record")
    return wrong[:10]


def mark(file: Path, names: Sequence[str]) -> None:
    """As a consumer does who is done with these events (docs/shared-database.md)."""
    with contextlib.closing(sqlite3.connect(file, isolation_level=None, timeout=10)) as consumer:
        consumer.execute("PRAGMA journal_mode = MEMORY")
        for name in names:
            consumer.execute("UPDATE shared_events SET processed = TRUE WHERE id = ?", (name,))
