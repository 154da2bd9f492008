"""Event batches of one span: the rows each one names are read in id order, beside the ledger, and digested."""

from __future__ import annotations

import bisect
import itertools
import sqlite3
from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from sentinair.store.payload import (
    BatchData,
    EventRow,
    LaneData,
    ProcessRow,
    StreamData,
    batch_digest,
)
from sentinair.store.verify.plan import UNDECODABLE, Body, Plan

__all__ = ["BatchSum", "Batches", "Gone"]

_EVENTS: Final = "SELECT id, stream, time, lane, seq, process, body FROM events"
_AHEAD: Final = 512  # rows read at once
_MAX_ID: Final = (1 << 63) - 1
_MAX_ROWS: Final = 1 << 20  # of a batch that goes the short way
_PROCESSES: Final = "SELECT id, time, body FROM processes"
_decode = msgspec.json.Decoder(Body[BatchData]).decode
Find = Callable[[int, str], None]


class Gone(msgspec.Struct):
    """The batches of one span whose events one retention record says were deleted, in order."""

    first: int  # event ids
    last: int
    count: int
    digests: bytes  # hex text


class BatchSum(msgspec.Struct):
    """What the batches of one span say together."""

    first_event: int | None = None  # None: no batch
    next_event: int | None = None  # the id that the next batch must begin with
    events: int = 0  # rows found in `events`
    processes: int = 0  # rows found in `processes`
    files: str | None = None  # digest of the files table after the last batch
    lanes: dict[int, LaneData] = msgspec.field(default_factory=dict)  # by row, the last one wins
    streams: list[StreamData] = msgspec.field(default_factory=list)
    gone: dict[int, Gone] = msgspec.field(default_factory=dict)  # by seq of the retention record


class Batches:
    """Used by one span.  find: told of what is wrong with a record."""

    def __init__(self, connection: sqlite3.Connection, plan: Plan, find: Find) -> None:
        self.sum = BatchSum()
        self._connection = connection
        self._find = find
        self._forgotten = [item for item in plan.forgotten if item.data.upto is not None]
        self._uptos = [item.data.upto or 0 for item in self._forgotten]
        floors = [item.data.processes for item in plan.forgotten if item.data.processes is not None]
        self._process_floor = max(floors, default=0)
        self._rows: sqlite3.Cursor | None = None  # after the last batch that was read by its ids
        self._ahead: list[EventRow] = []  # read from it already
        self._at = 0  # the first of them that no batch has named
        self._processes: Iterator[ProcessRow] | None = None

    def skip(self) -> None:
        """A batch record was erased: the next one may begin anywhere."""
        self.sum.next_event = None

    def take(self, seq: int, body: bytes) -> None:
        """One events.batch record."""
        try:
            data = _decode(body).data
        except UNDECODABLE as fault:
            self._find(seq, f"is no events.batch record: {fault}")
            return
        known, first, last, count = self.sum, data.first, data.last, data.count
        if first != known.next_event:
            self._begins_elsewhere(seq, first)
        known.next_event = last + 1
        known.files = data.files
        for lane in data.lanes:
            known.lanes[lane.id] = lane
        if data.streams:
            known.streams.extend(data.streams)
        if self._uptos and seq <= self._uptos[-1]:
            self._note_gone(data, self._forgotten[bisect.bisect_left(self._uptos, seq)].seq)
        elif not 0 < count == last - first + 1 <= _MAX_ROWS:
            self._check_events(seq, data)
        else:
            # The short way for what is in order; anything else goes the long way.
            at = self._at
            self._at = end = at + count
            rows = self._read_ahead(at, count) if end > len(self._ahead) else self._ahead[at:end]
            in_place = len(rows) == count and rows[0][0] == first
            if in_place and batch_digest(rows) == data.digest:
                known.events += count
            else:
                self._check_events(seq, data)
        if data.process_count and data.process_first >= self._process_floor:
            self._check_processes(seq, data)

    def _begins_elsewhere(self, seq: int, first: int) -> None:
        if self.sum.first_event is None:
            self.sum.first_event = first
        elif self.sum.next_event is not None:
            what = f"its events begin with {first}, {self.sum.next_event} follows the batch before"
            self._find(seq, what)

    def _note_gone(self, data: BatchData, retention: int) -> None:
        """Its events were deleted: what it says is held against what the retention record says."""
        gone = self.sum.gone.get(retention)
        if gone is None:
            gone = self.sum.gone[retention] = Gone(data.first, data.last, 0, b"")
        gone.last = data.last
        gone.count += data.count
        gone.digests += data.digest.encode()

    def _check_events(self, seq: int, data: BatchData) -> None:
        """Its rows asked for by their ids; the rows that follow are read ahead."""
        first, last, count = data.first, data.last, data.count
        if last - first + 1 != count:
            self._find(seq, f"names events {first} to {last} but counts {count}")
        if count <= 0 or not 0 < first <= last <= _MAX_ID:
            if count > 0:
                self._find(seq, f"names events {first} to {last}, which cannot be")
            return
        ask = self._connection.execute
        rows = ask(f"{_EVENTS} WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)).fetchall()
        self.sum.events += len(rows)
        if len(rows) != count or batch_digest(rows) != data.digest:
            self._find(seq, _difference("events", len(rows), count, first, last))
        self._rows = ask(f"{_EVENTS} WHERE id > ? ORDER BY id", (last,))
        self._ahead, self._at = [], 0

    def _read_ahead(self, at: int, count: int) -> list[EventRow]:
        """The next rows, if those from at on are too few."""
        if self._rows is None:  # the first batch says where to begin
            return []
        self._ahead = self._ahead[at:] + self._rows.fetchmany(count + _AHEAD)
        self._at = count
        return self._ahead[:count]

    def _check_processes(self, seq: int, data: BatchData) -> None:
        first, count = data.process_first, data.process_count
        last = first + count - 1
        if not 0 < count <= last <= _MAX_ID:
            self._find(seq, f"names {count} processes from {first} on, which cannot be")
            return
        if self._processes is None:
            self._processes = self._connection.execute(
                f"{_PROCESSES} WHERE id >= ? ORDER BY id", (first,)
            )
        rows = list(itertools.islice(self._processes, count))
        if len(rows) != count or rows[0][0] != first or rows[-1][0] != last:
            rows = self._connection.execute(
                f"{_PROCESSES} WHERE id BETWEEN ? AND ? ORDER BY id", (first, last)
            ).fetchall()
            self._processes = self._connection.execute(
                f"{_PROCESSES} WHERE id > ? ORDER BY id", (last,)
            )
        self.sum.processes += len(rows)
        if len(rows) != count or batch_digest(rows) != data.process_digest:
            self._find(seq, _difference("processes", len(rows), count, first, last))


def _difference(table: str, found: int, count: int, first: int, last: int) -> str:
    if found != count:
        return f"{table} {first} to {last}: {found} rows are there, {count} were committed"
    return f"{table} {first} to {last} are not what was committed"
