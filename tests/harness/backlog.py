"""Records and events that are in the ledger before the agent starts, and what of them arrived at a receiver."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import time
import zlib
from array import array
from collections.abc import Collection, Iterable, Iterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from sentinair.model.event import CREATE, FileEvent
from sentinair.model.record import Record, Stamp
from sentinair.settings.types import StoreSettings
from sentinair.store.writer import Store
from tests.harness.ledger import pending

__all__ = ["Arrived", "fill", "lines_of"]

BOOT = "0" * 32
_AT_ONCE = 500


def fill(state: Path, count: int, size: int = 100, *, events: int = 0, fast: bool = False) -> None:
    """Records (and file events) written before the agent starts.  fast: no fsync, for very many."""
    before = os.umask(0o027)
    try:
        now = Stamp(time.time_ns(), time.monotonic_ns(), BOOT)
        store = Store.open(state, StoreSettings(), now)
        if fast:
            store._live().connection.execute("PRAGMA synchronous=OFF")
        for first in range(0, max(count, events), _AT_ONCE):
            records = [
                Record("rescan.asked", {"path": "00" * size, "by": f"number {number}"})
                for number in range(first, min(first + _AT_ONCE, count))
            ]
            files = [
                FileEvent(
                    seen_ns=time.time_ns(),
                    mono_ns=time.monotonic_ns(),
                    path=b"/srv/file-%d" % number,
                    actions=CREATE,
                )
                for number in range(first, min(first + _AT_ONCE, events))
            ]
            store.commit(now, pending(store, files) if files else [], [], [*records])
        store.commit(now, [], [], [Record("stop", {"events": 0})])
        store.close(Stamp(time.time_ns(), time.monotonic_ns(), BOOT))
    finally:
        os.umask(before)


def lines_of(
    folder: Path, stream: str = "record", chain: str = "*", without: Collection[Path] = ()
) -> Iterator[bytes]:
    """The lines of a drop's segments but those of without, by number; what is no segment is left out."""
    events = "-events" if stream == "event" else ""
    found = [
        path
        for path in folder.glob(f"*-{chain}{events}-*.ndjson")
        if ("-events-" in path.name) == bool(events)
        and path not in without
        and stat.S_ISREG(path.lstat().st_mode)
    ]
    for path in sorted(found, key=_first_of):
        with path.open("rb") as file:
            yield from (line.rstrip(b"\n") for line in file)


def _first_of(path: Path) -> tuple[int, str]:
    return int(path.name.removesuffix(".ndjson").split("-")[-2]), path.name


class Arrived:
    """Compares what a receiver has with the ledger, line by line in the order it came.

    first, last, count: of the seqs that came in their turn; repeated: those that came again, unchanged.
    wrong: every line that is not as it must be, and every hole.
    """

    def __init__(self, state: Path, *, first: int = 1, skips: Iterable[int] = ()) -> None:
        """skips: seqs that may be missing."""
        self._database = state / "ledger.db"
        self._skips = frozenset(skips)
        self.first, self.last, self.count, self.repeated = first, first - 1, 0, 0
        self.wrong: list[str] = []
        self._event_sums = array("L")  # of the events so far

    def records(self, lines: Iterable[bytes]) -> Arrived:
        """Lines of NDJSON, or of the tests' own codec."""
        with closing(self._connected()) as connection:
            rows = connection.execute(
                "SELECT seq, kind, time, body, link FROM ledger WHERE seq >= ? ORDER BY seq",
                (self.first,),
            )
            for line in lines:
                try:
                    told = json.loads(line)
                    self._take(connection, rows, told)
                except (ValueError, KeyError, TypeError) as fault:
                    self.wrong.append(f"after {self.last}: {fault}: {line[:80]!r}")
                if len(self.wrong) > 20:
                    break
        return self

    def _take(
        self, connection: sqlite3.Connection, rows: sqlite3.Cursor, told: dict[str, Any]
    ) -> None:
        seq = told["seq"]
        if seq <= self.last:
            self.repeated += 1
            one = connection.execute(
                "SELECT seq, kind, time, body, link FROM ledger WHERE seq = ?", (seq,)
            ).fetchone()
            self._compare(one, told)
            return
        while (row := rows.fetchone()) is not None and row[0] < seq:
            if row[0] not in self._skips:
                self.wrong.append(f"{row[0]} is missing before {seq}")
                if len(self.wrong) > 20:
                    return
        self.last, self.count = seq, self.count + 1
        self._compare(row, told)

    def _compare(self, row: tuple[Any, ...] | None, told: dict[str, Any]) -> None:
        if row is None:
            self.wrong.append(f"{told['seq']} is not in the ledger")
            return
        seq, kind, time_ns, body, link = row
        said = json.loads(body)
        same = (told["stream"], told["kind"], told["chain"]) == ("record", kind, said["chain"])
        if "link" in told:
            same = same and told["link"] == link.hex() and told["time"] == _shown(time_ns)
        if kind.startswith("alert."):
            same = same and said["data"]["alert"]["title"] in json.dumps(told, ensure_ascii=False)
        elif "link" in told:
            same = same and told["data"] == said["data"]
        else:
            same = same and told["data"] == {key: str(value) for key, value in said["data"].items()}
        if not same:
            self.wrong.append(f"{seq} is not as recorded: {str(told)[:200]}")

    def events(self, lines: Iterable[bytes]) -> Arrived:
        """The same of file events."""
        for line in lines:
            told = json.loads(line)
            seq = told["seq"]
            if seq <= self.last:
                self.repeated += 1
                self._same_event(seq, line)
                continue
            self._event_sums.append(zlib.crc32(line))
            if seq != self.last + 1 or told["stream"] != "event":
                self.wrong.append(f"event {self.last + 1} is missing before {seq}")
            self.last, self.count = seq, self.count + 1
        return self

    def _same_event(self, seq: int, line: bytes) -> None:
        at = seq - self.first
        if not 0 <= at < len(self._event_sums) or self._event_sums[at] != zlib.crc32(line):
            self.wrong.append(f"event {seq} came again, and is another one")

    def _connected(self) -> sqlite3.Connection:
        return sqlite3.connect(f"file:{self._database}?mode=ro", uri=True, timeout=5)


def _shown(time_ns: int) -> str:
    """RFC 3339, by the standard library alone."""
    secs, below = divmod(time_ns, 10**9)
    when = datetime.fromtimestamp(secs, UTC).replace(tzinfo=None)
    return f"{when.isoformat()}.{below // 1000:06d}Z"
