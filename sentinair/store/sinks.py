"""Where each sink is, and its dead letters.

`sinks.seq` and `event` are the forwarder's word, and no record: a record for each delivery would be delivered in its
turn, for ever.  That a sink is paused, and the dead letters, are projections of the records sink.*.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Mapping

import msgspec

from sentinair.model.delivery import MAX_LETTERS, Key, Letter, Position
from sentinair.model.record import Record
from sentinair.store.chain import Row

__all__ = [
    "KINDS",
    "LetterRow",
    "PausedData",
    "RefusedData",
    "ReplayedData",
    "SinkRow",
    "letter_rows",
    "project_sink",
    "sink_rows",
    "write_positions",
]

KINDS = ("sink.refused", "sink.replayed", "sink.paused", "sink.resumed")
"""Records that the tables are made from."""


class LetterData(msgspec.Struct, frozen=True):
    """One dead letter, as its record tells it."""

    stream: str
    seq: int
    tries: int
    time_ns: int
    why: str


class RefusedData(msgspec.Struct, frozen=True):
    """sink.refused: entries that a sink will never take."""

    sink: str
    letters: tuple[LetterData, ...]

    @classmethod
    def of(cls, sink: str, letters: Iterable[Letter]) -> RefusedData:
        told = (LetterData(a.stream, a.seq, a.tries, a.time_ns, a.why) for a in letters)
        return cls(sink, tuple(told))


class ReplayedData(msgspec.Struct, frozen=True):
    """sink.replayed: dead letters that were delivered after all."""

    sink: str
    keys: tuple[tuple[str, int], ...]


class PausedData(msgspec.Struct, frozen=True):
    """sink.paused, sink.resumed."""

    sink: str
    by: str


class SinkRow(msgspec.Struct, frozen=True):
    """One row of `sinks`."""

    name: str
    position: Position
    paused: bool
    letters: int  # how many dead letters are kept
    time_ns: int  # wall clock of the commit that last changed it

    def is_within(self, seq: int, event: int) -> bool:
        """Whether its position lies within a record that ends there: this table is no part of the chain."""
        ends = ((self.position.seq, seq), (self.position.event, event))
        return all(isinstance(at, int) and 0 <= at <= end for at, end in ends)


class LetterRow(msgspec.Struct, frozen=True):
    """One row of `letters`."""

    sink: str
    letter: Letter
    record: int  # seq of the sink.refused that tells of it


def write_positions(
    connection: sqlite3.Connection, positions: Mapping[str, Position], time_ns: int
) -> None:
    """Within the caller's transaction."""
    connection.executemany(
        "INSERT INTO sinks VALUES(?, ?, ?, 0, ?) ON CONFLICT(name)"
        " DO UPDATE SET seq = excluded.seq, event = excluded.event, time = excluded.time",
        [(name, at.seq, at.event, time_ns) for name, at in positions.items()],
    )


def project_sink(connection: sqlite3.Connection, record: Record, row: Row) -> None:
    """Bring the tables after one record.  Other kinds change nothing.  Raises msgspec.ValidationError."""
    match record.kind:
        case "sink.refused":
            refused = msgspec.convert(record.data, RefusedData, from_attributes=True)
            _add(connection, refused, row.seq)
        case "sink.replayed":
            replayed = msgspec.convert(record.data, ReplayedData, from_attributes=True)
            connection.executemany(
                "DELETE FROM letters WHERE sink = ? AND stream = ? AND seq = ?",
                [(replayed.sink, *key) for key in replayed.keys],
            )
        case "sink.paused" | "sink.resumed":
            paused = msgspec.convert(record.data, PausedData, from_attributes=True)
            connection.execute(
                "INSERT INTO sinks VALUES(?, 0, 0, ?, ?) ON CONFLICT(name)"
                " DO UPDATE SET paused = excluded.paused, time = excluded.time",
                (paused.sink, int(record.kind == "sink.paused"), row.time),
            )


def _add(connection: sqlite3.Connection, refused: RefusedData, record: int) -> None:
    connection.executemany(
        "INSERT OR REPLACE INTO letters VALUES(?, ?, ?, ?, ?, ?, ?)",
        [
            (refused.sink, a.stream, a.seq, a.tries, a.time_ns, a.why, record)
            for a in refused.letters
        ],
    )
    connection.execute(
        "DELETE FROM letters WHERE (sink, stream, seq) IN (SELECT sink, stream, seq FROM letters WHERE sink = ?"
        " ORDER BY record DESC, stream DESC, seq DESC LIMIT -1 OFFSET ?)",
        (refused.sink, MAX_LETTERS),
    )


def sink_rows(connection: sqlite3.Connection) -> list[SinkRow]:
    """All sinks there have been, by name."""
    rows = connection.execute(
        "SELECT name, seq, event, paused, time, (SELECT count(*) FROM letters WHERE sink = name) FROM sinks"
        " ORDER BY name"
    )
    return [
        SinkRow(name, Position(seq, event), bool(paused), letters, time)
        for name, seq, event, paused, time, letters in rows
    ]


def letter_rows(
    connection: sqlite3.Connection, sink: str, only: Iterable[Key] = ()
) -> list[LetterRow]:
    """The dead letters of one sink, oldest first.  only: of those; empty: all."""
    wanted = set(only)
    rows = connection.execute(
        "SELECT stream, seq, tries, time, why, record FROM letters WHERE sink = ? ORDER BY record, stream, seq",
        (sink,),
    )
    found = [LetterRow(sink, Letter(*row[:5]), row[5]) for row in rows]
    return [one for one in found if not wanted or one.letter.key in wanted]
