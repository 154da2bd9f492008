"""Whether the tables beside the ledger are what the ledger makes of them: each is rebuilt and compared.

Functions take find(what), told of each difference; a sqlite3.Error is the caller's to report.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Mapping

import msgspec

from sentinair.store.alerts import Shelf
from sentinair.store.files import SUM_BYTES, files_digest, files_sum
from sentinair.store.payload import GapData, LaneData, RestoredData, StreamData
from sentinair.store.schema import APPLICATION_ID, VERSION, expected_objects, stored_objects
from sentinair.store.verify.plan import Body, Kept

__all__ = [
    "MAX_LINES",
    "Find",
    "check_alerts",
    "check_files",
    "check_gaps",
    "check_integrity",
    "check_lanes",
    "check_rows",
    "check_schema",
    "check_streams",
    "stream_sums",
    "sum_of_files",
]

Find = Callable[[str], None]
MAX_LINES = 20
_gap = msgspec.json.Decoder(Body[GapData]).decode
_restored = msgspec.json.Decoder(Body[RestoredData]).decode
GapTuple = tuple[bytes, str, str, int | None, int, int, int, int, int | None, int | None]


def check_integrity(connection: sqlite3.Connection, find: Find) -> None:
    """PRAGMA integrity_check: pages, orders, indices against their tables."""
    for (line,) in connection.execute(f"PRAGMA integrity_check({MAX_LINES})"):
        if line != "ok":
            find(f"the integrity check says: {line}")


def check_schema(connection: sqlite3.Connection, find: Find) -> None:
    """Every table and index as this program makes it; nothing beside them (a trigger would be)."""
    (mark,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if mark != APPLICATION_ID:
        find(f"application id {mark:#x} is not a ledger's")
    if version != VERSION:
        find(f"the schema has version {version}, this program knows {VERSION}")
    wanted, stored = expected_objects(), stored_objects(connection)
    for item in wanted:
        if item not in stored:
            find(f"{item.type} {item.name} is missing or changed")
    for item in stored:
        if item not in wanted:
            find(f"{item.type} {item.name} does not belong there")


def check_rows(connection: sqlite3.Connection, table: str, count: int, find: Find) -> None:
    """That table holds exactly the rows its batches name."""
    (stored,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()  # noqa: S608 — a constant
    if stored != count:
        find(f"holds {stored} rows, the ledger names {count}")


def stream_sums(connection: sqlite3.Connection) -> dict[int, tuple[int, int]]:
    """Rows of each stream, and the bytes of their bodies together.  Raises sqlite3.Error."""
    return {
        number: (count, size)
        for number, count, size in connection.execute(
            "SELECT stream, count(*), sum(length(body)) FROM events GROUP BY stream"
        )
    }


def check_streams(
    connection: sqlite3.Connection,
    streams: Iterable[StreamData],
    sums: Mapping[int, tuple[int, int]],
    find: Find,
) -> None:
    """Streams and their counts.  sums: stream_sums()."""
    wanted: dict[int | bytes, tuple[object, ...]] = {
        s.id: (s.id, s.kind, s.source, *sums.get(s.id, (0, 0))) for s in streams
    }
    _compare(connection, "SELECT id, kind, source, count, bytes FROM streams", wanted, find)


def check_lanes(connection: sqlite3.Connection, lanes: Mapping[int, LaneData], find: Find) -> None:
    """The last word of the ledger on each lane."""
    wanted: dict[int | bytes, tuple[object, ...]] = {
        lane.id: (
            lane.id,
            lane.sender,
            bytes.fromhex(lane.run),
            lane.lane,
            lane.committed,
            lane.time,
        )
        for lane in lanes.values()
    }
    query = "SELECT id, sender, run, lane, committed, time FROM lanes"
    _compare(connection, query, wanted, find)


def _compare(
    connection: sqlite3.Connection,
    query: str,
    wanted: Mapping[int | bytes, tuple[object, ...]],
    find: Find,
) -> None:
    left = dict(wanted)
    for row in connection.execute(query):
        if left.pop(row[0], None) != row or any(
            type(a) is not type(b) for a, b in zip(row, wanted.get(row[0], row), strict=True)
        ):
            find(f"row {row[0]!r} is not what the ledger says")
    for key in left:
        find(f"row {key!r} is missing")


def check_gaps(connection: sqlite3.Connection, records: Iterable[Kept], find: Find) -> None:
    """Gaps and their restoration, from the records of both kinds in order of seq."""
    wanted: dict[int | bytes, GapTuple] = {}
    for record in records:
        if record.kind == "gap":
            gap = _gap(record.body).data
            key = bytes.fromhex(gap.id)
            wanted[key] = (
                key, gap.source, gap.reason, gap.lost, gap.since_ns, gap.until_ns,
                record.time, record.seq, None, None,
            )  # fmt: skip
        elif record.kind == "gap.restored":
            key = bytes.fromhex(_restored(record.body).data.id)
            if key in wanted:
                wanted[key] = (*wanted[key][:8], record.time, record.seq)
    query = "SELECT id, source, reason, lost, since, until, noticed, seq, restored, restored_seq FROM gaps"
    _compare(connection, query, wanted, find)


def sum_of_files(connection: sqlite3.Connection) -> bytes:
    """The multiset hash of the baseline's rows as they are."""
    rows = connection.execute("SELECT directory, name, state, event FROM files")
    return files_sum(rows).to_bytes(SUM_BYTES, "big")


def check_files(
    connection: sqlite3.Connection, found: bytes, digest: str | None, find: Find
) -> None:
    """What sum_of_files() found against the stored sum and against the last batch's word (None: there is none)."""
    row = connection.execute("SELECT value FROM meta WHERE key = 'files_sum'").fetchone()
    stored = bytes(SUM_BYTES) if row is None else row[0]
    if stored != found:
        find("the rows are not those that were summed")
    if files_digest(int.from_bytes(found, "big")) != (
        files_digest(0) if digest is None else digest
    ):
        find("the rows are not those of the last batch")
    for (key,) in connection.execute("SELECT key FROM meta WHERE key <> 'files_sum'"):
        find(f"meta holds {key!r}, which does not belong there")


class _AlertKey(msgspec.Struct):
    """What the columns of `alerts` copy from the body."""

    id: str
    time_ns: int
    seq: int | None
    severity: str
    status: str
    category: str
    source: str


_alert = msgspec.json.Decoder(_AlertKey).decode
_DATA = b'"data":'


def check_alerts(
    connection: sqlite3.Connection,
    alerts: Mapping[str, int],
    shelves: Mapping[Shelf, int],
    find: Find,
) -> None:
    """Each alert as its last record says, on its shelf.

    alerts: id -> seq of the last record that is not erased. shelves: their ids.
    """
    counts: Counter[int] = Counter()
    found = 0
    for number, key, shelf, time, seq, body, record in connection.execute(
        "SELECT number, a.id, shelf, a.time, a.seq, a.body, l.body"
        " FROM alerts AS a LEFT JOIN ledger AS l ON l.seq = a.seq"
    ):
        found += 1
        counts[shelf] += 1
        if alerts.get(key) != seq or type(seq) is not int:
            find(f"row {number}: its last record is not {seq}")
        elif not _says(record, body):
            find(f"row {number} is not what record {seq} says")
        else:
            said = _alert(body)
            place = shelves.get((said.severity, said.status, said.category, said.source))
            if (said.id, said.time_ns, said.seq, place) != (key, time, seq, shelf) or type(
                time
            ) is not int:
                find(f"row {number}: its columns are not what its body says")
    if found != len(alerts):
        find(f"holds {found} alerts, the ledger {len(alerts)}")
    wanted: dict[int | bytes, tuple[object, ...]] = {
        n: (n, *shelf, counts.get(n, 0)) for shelf, n in shelves.items()
    }
    query = "SELECT id, severity, status, category, source, count FROM shelves"
    _compare(connection, query, wanted, lambda what: find(f"shelves: {what}"))


def _says(record: object, body: object) -> bool:
    """Whether a ledger body's alert is, byte for byte, this body."""
    if type(record) is not bytes or type(body) is not bytes:
        return False
    start = record.find(_DATA) + len(_DATA)
    alert = b'{"alert":' + body
    return record.startswith(alert + b",", start)
