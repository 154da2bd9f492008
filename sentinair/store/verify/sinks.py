"""Whether the tables of the sinks are what the ledger makes of them, as far as it tells of them."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Sequence

import msgspec

from sentinair.model.delivery import MAX_LETTERS
from sentinair.store.sinks import PausedData, RefusedData, ReplayedData
from sentinair.store.verify.plan import Body, Kept

__all__ = ["check_letters", "check_sinks"]

Find = Callable[[str], None]
_refused = msgspec.json.Decoder(Body[RefusedData]).decode
_replayed = msgspec.json.Decoder(Body[ReplayedData]).decode
_paused = msgspec.json.Decoder(Body[PausedData]).decode
_Key = tuple[str, str, int]


def check_letters(connection: sqlite3.Connection, records: Sequence[Kept], find: Find) -> None:
    """Dead letters, from the records sink.* in order of seq."""
    wanted: dict[_Key, tuple[object, ...]] = {}
    for record in records:
        if record.kind == "sink.refused":
            told = _refused(record.body).data
            for a in told.letters:
                key = (told.sink, a.stream, a.seq)
                wanted[key] = (*key, a.tries, a.time_ns, a.why, record.seq)
            _cut(wanted, told.sink)
        elif record.kind == "sink.replayed":
            gone = _replayed(record.body).data
            for stream, seq in gone.keys:
                wanted.pop((gone.sink, stream, seq), None)
    query = "SELECT sink, stream, seq, tries, time, why, record FROM letters"
    for row in connection.execute(query):
        if wanted.pop(row[:3], None) != row:
            find(f"row {row[:3]!r} is not what the ledger says")
    for key in wanted:
        find(f"row {key!r} is missing")


def _cut(wanted: dict[_Key, tuple[object, ...]], sink: str) -> None:
    """The oldest of one sink go: by record, stream and seq."""
    own = sorted((row[6], *key[1:]) for key, row in wanted.items() if key[0] == sink)
    for _, stream, seq in own[: max(0, len(own) - MAX_LETTERS)]:
        wanted.pop((sink, stream, seq))


def check_sinks(
    connection: sqlite3.Connection, records: Sequence[Kept], head: int, find: Find
) -> None:
    """No sink beyond the end of the ledger, and paused as the last record says."""
    paused: dict[str, bool] = {}
    for record in records:
        if record.kind in ("sink.paused", "sink.resumed"):
            paused[_paused(record.body).data.sink] = record.kind == "sink.paused"
    (last,) = connection.execute("SELECT coalesce(max(id), 0) FROM events").fetchone()
    newest = max(last, _last_batch(connection))
    for name, seq, event, is_paused in connection.execute(
        "SELECT name, seq, event, paused FROM sinks"
    ):
        if type(seq) is not int or not 0 <= seq <= head:
            find(f"{name!r} is at record {seq!r}, the ledger ends at {head}")
        if type(event) is not int or not 0 <= event <= newest:
            find(f"{name!r} is at event {event!r}, the newest is {newest}")
        if is_paused != int(paused.pop(name, False)):
            find(f"{name!r}: whether it is paused is not what the ledger says")
    for name in (name for name, was in paused.items() if was):
        find(f"{name!r} is missing")


class _Batch(msgspec.Struct):
    last: int


_batch = msgspec.json.Decoder(Body[_Batch]).decode


def _last_batch(connection: sqlite3.Connection) -> int:
    """Id of the newest event as the ledger tells it: the rows themselves may be forgotten."""
    row = connection.execute(
        "SELECT body FROM ledger WHERE kind = 'events.batch' AND body IS NOT NULL ORDER BY seq DESC LIMIT 1"
    ).fetchone()
    return 0 if row is None else _batch(row[0]).data.last
