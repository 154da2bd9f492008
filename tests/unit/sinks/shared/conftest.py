"""A shared database in a directory of its own, and its reader."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from sentinair.model.entry import Entry
from sentinair.sinks.shared.database import NAME, SharedDatabase
from sentinair.sinks.shared.place import SharedPlace
from sentinair.sinks.shared.sink import SharedSink
from tests.harness.entries import parcels

__all__ = ["Desk", "desk"]

CAP = 256 << 20


class Desk:
    """The sink, its directory, and what lies in there."""

    def __init__(self, directory: Path, *, mode: int = 0o640, cap_bytes: int = CAP) -> None:
        directory.mkdir(mode=0o750, exist_ok=True)
        directory.chmod(0o750)
        self.directory, self.file = directory, directory / NAME
        self.mode, self.cap_bytes = mode, cap_bytes
        self.now_ns = 2_000_000_000_000_000_000
        self.sink = self.fresh()

    def fresh(self) -> SharedSink:
        """The sink of a new life."""
        database = SharedDatabase(SharedPlace(self.file, self.mode), self.cap_bytes)
        return SharedSink("shared", database, None, lambda: self.now_ns, lambda: 0)

    def send(self, *entries: Entry) -> None:
        self.sink.open()
        self.sink.deliver(parcels(*entries))

    def ask(self, query: str, *values: object) -> list[dict[str, Any]]:
        with contextlib.closing(sqlite3.connect(f"file:{self.file}?mode=ro", uri=True)) as reader:
            reader.row_factory = sqlite3.Row
            return [dict(row) for row in reader.execute(query, values)]

    def alerts(self) -> list[dict[str, Any]]:
        return self.ask("SELECT * FROM shared_alerts ORDER BY rowid")

    def events(self) -> list[dict[str, Any]]:
        return self.ask("SELECT * FROM shared_events ORDER BY rowid")

    def writing(self) -> sqlite3.Connection:
        """A consumer as docs/shared-database.md tells it to write."""
        consumer = sqlite3.connect(self.file, isolation_level=None, timeout=0)
        consumer.execute("PRAGMA journal_mode = MEMORY")
        return consumer


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    return Desk(tmp_path / "shared", mode=0o660)
