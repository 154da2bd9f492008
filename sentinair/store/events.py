"""Event rows, the streams that count them, lane positions and process facts: what one batch writes.

A process row is written once for many events of that process.  A row may be named again only until the cache that
knows it is emptied (hourly, when full, at each start); the batch record says from which row on (process_floor).
"""

from __future__ import annotations

import hashlib
import sqlite3
from collections import Counter
from collections.abc import Mapping, Sequence
from typing import Final, NamedTuple

import msgspec

from sentinair.model.event import (
    ClockEvent,
    Event,
    FileEvent,
    GapEvent,
    HashEvent,
    ProcessEvent,
    Scanned,
    SinkEvent,
    TamperEvent,
    WriterEvent,
)
from sentinair.model.process import Process, brief
from sentinair.model.record import Stamp
from sentinair.store.payload import (
    BatchData,
    EventRow,
    LaneData,
    ProcessRow,
    StreamData,
    batch_digest,
)
from sentinair.store.rows import insert

__all__ = [
    "Events",
    "LaneKey",
    "Pending",
    "Stored",
    "StoredEvent",
    "decode_event",
    "decode_process",
]

CACHED_PROCESSES: Final = 4096
HOUR_NS: Final = 3600 * 1_000_000_000
_encode = msgspec.msgpack.Encoder().encode
Stored = (
    FileEvent
    | ProcessEvent
    | GapEvent
    | HashEvent
    | WriterEvent
    | ClockEvent
    | TamperEvent
    | Scanned
    | SinkEvent
)
decode_event: Final = msgspec.msgpack.Decoder(Stored).decode
decode_process: Final = msgspec.msgpack.Decoder(Process).decode


class LaneKey(NamedTuple):
    """One lane of one life of one sender."""

    sender: str
    run: bytes
    name: str


class Pending(msgspec.Struct, frozen=True):
    """An event about to be committed."""

    id: int  # from Store.allocate; ids of one commit have no hole
    kind: str  # of model.event.KINDS
    source: str
    lane: LaneKey
    seq: int
    time_ns: int  # wall clock, what pages are ordered by
    event: Event
    process: Process | None  # who did it, where the event itself does not hold that


class StoredEvent(msgspec.Struct, frozen=True):
    """An event as a reader gets it back."""

    id: int
    kind: str
    source: str
    time_ns: int
    event: Event
    process: Process | None


class _LaneRow(NamedTuple):
    id: int
    committed: int
    time: int


def stream_totals(streams: Sequence[int], bodies: Sequence[bytes]) -> list[tuple[int, int, int]]:
    """For each stream of these rows: how many rows, how many bytes of bodies, stream."""
    sizes = dict.fromkeys(streams, 0)
    if len(sizes) == 1:
        return [(len(bodies), sum(map(len, bodies)), streams[0])]
    for stream, body in zip(streams, bodies, strict=True):
        sizes[stream] += len(body)
    counts = Counter(streams)
    return [(counts[stream], size, stream) for stream, size in sizes.items()]


class Events:
    """The writer's view of streams, lanes and processes; lives as long as one connection."""

    def __init__(self, connection: sqlite3.Connection, last: BatchData | None) -> None:
        """last: the newest events.batch record."""
        self._connection = connection
        self.next_id = 1 if last is None else last.last + 1
        self._next_process = 1 if last is None else last.process_first + last.process_count
        self.process_floor = self._next_process
        self._cache: dict[bytes, int] = {}
        self._hour = -1
        self._streams: dict[tuple[str, str], int] = {}
        self._lanes: dict[LaneKey, _LaneRow] = {}
        for number, kind, source in connection.execute("SELECT id, kind, source FROM streams"):
            self._streams[kind, source] = number
        for number, sender, run, lane, committed, time in connection.execute(
            "SELECT * FROM lanes ORDER BY id"
        ):
            self._lanes[LaneKey(sender, run, lane)] = _LaneRow(number, committed, time)

    def write(
        self, stamp: Stamp, pending: Sequence[Pending], committed: Mapping[LaneKey, int], files: str
    ) -> BatchData:
        """Insert one batch; returns what its record says.  files: digest of the files table after it.

        Raises ValueError if the ids have a hole or do not follow the last batch's.
        """
        first = self.next_id
        if pending and (pending[0].id != first or pending[-1].id - first + 1 != len(pending)):
            raise ValueError(f"event ids must go on from {first} without a hole")
        process_of, processes = self._processes(stamp, pending)
        named = [(p.kind, p.source) for p in pending]
        streams = self._new_streams(named)
        lanes = self._move_lanes(stamp, pending, committed)
        lane_of = {key: row.id for key, row in self._lanes.items()}
        bodies = [_encode(p.event) for p in pending]
        rows_streams = [*map(self._streams.__getitem__, named)]
        rows: list[EventRow] = [
            (p.id, stream, p.time_ns, lane_of[p.lane], p.seq, process_of[id(p.process)], body)
            for p, stream, body in zip(pending, rows_streams, bodies, strict=True)
        ]
        insert(self._connection, "INSERT OR FAIL INTO processes", processes)
        insert(self._connection, "INSERT OR FAIL INTO events", rows)
        self._connection.executemany(
            "UPDATE streams SET count = count + ?, bytes = bytes + ? WHERE id = ?",
            stream_totals(rows_streams, bodies),
        )
        self.next_id = first + len(rows)
        return BatchData(
            first=first,
            last=self.next_id - 1,
            count=len(rows),
            process_first=self._next_process - len(processes),
            process_count=len(processes),
            process_floor=self.process_floor,
            digest=batch_digest(rows),
            process_digest=batch_digest(processes),
            files=files,
            lanes=lanes,
            streams=streams,
        )

    def _processes(
        self, stamp: Stamp, pending: Sequence[Pending]
    ) -> tuple[dict[int, int | None], list[ProcessRow]]:
        """Which row each Process object of this batch has (by id()), and the rows that are new."""
        hour = stamp.mono_ns // HOUR_NS
        if hour != self._hour or len(self._cache) >= CACHED_PROCESSES:
            self._hour = hour
            self._cache.clear()
            self.process_floor = self._next_process
        numbers: dict[int, int | None] = {id(None): None}
        rows: list[ProcessRow] = []
        for mark, process in {id(p.process): p.process for p in pending}.items():
            if process is None:
                continue
            body = _encode(brief(process))
            key = hashlib.blake2b(body, digest_size=16).digest()
            number = self._cache.get(key)
            if number is None:
                number = self._cache[key] = self._next_process
                self._next_process += 1
                rows.append((number, stamp.time_ns, body))
            numbers[mark] = number
        return numbers, rows

    def _new_streams(self, named: Sequence[tuple[str, str]]) -> tuple[StreamData, ...]:
        new = []
        for kind, source in dict.fromkeys(named):
            if (kind, source) not in self._streams:
                number = self._streams[kind, source] = len(self._streams) + 1
                new.append(StreamData(number, kind, source))
        self._connection.executemany(
            "INSERT INTO streams VALUES(?, ?, ?, 0, 0)", [(s.id, s.kind, s.source) for s in new]
        )
        return tuple(new)

    def _move_lanes(
        self, stamp: Stamp, pending: Sequence[Pending], committed: Mapping[LaneKey, int]
    ) -> tuple[LaneData, ...]:
        """committed wins; a lane it does not name is committed up to its last event here."""
        last = {p.lane: p for p in pending}
        moved = []
        for key in {**last, **committed}:
            before = self._lanes.get(key)
            seq = committed[key] if key in committed else last[key].seq
            if key in last:
                time = last[key].time_ns
            else:
                time = stamp.time_ns if before is None else before.time
            row = _LaneRow(len(self._lanes) + 1 if before is None else before.id, seq, time)
            if row != before:
                self._lanes[key] = row
                moved.append(LaneData(row.id, key.sender, key.run.hex(), key.name, seq, time))
        self._connection.executemany(
            "INSERT OR REPLACE INTO lanes VALUES(?, ?, ?, ?, ?, ?)",
            [(m.id, m.sender, bytes.fromhex(m.run), m.lane, m.committed, m.time) for m in moved],
        )
        return tuple(moved)

    def lane(self, key: LaneKey) -> int | None:
        """Last committed seq of this lane; None: nothing of it was ever committed."""
        row = self._lanes.get(key)
        return None if row is None else row.committed

    def last_run(self, sender: str) -> tuple[bytes, int] | None:
        """The sender's newest run, and when its last committed event was seen (wall clock, ns)."""
        newest = max(
            ((row.id, key.run) for key, row in self._lanes.items() if key.sender == sender),
            default=None,
        )
        if newest is None:
            return None
        run = newest[1]
        return run, max(row.time for key, row in self._lanes.items() if key.run == run)
