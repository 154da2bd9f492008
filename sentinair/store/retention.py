"""Forgetting by age, size and severity, one bounded portion at a time, each said in a record.

Events go oldest first in whole batches, so that what is left can still be proved by the digests of its batches.
Alerts go once they are closed and old; their records keep leaf and link, so the chain stays whole.
"""

from __future__ import annotations

import hashlib
import itertools
from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from sentinair.settings.types import Retention
from sentinair.store.alerts import forget, search_text
from sentinair.store.chain import columns_digest
from sentinair.store.ledger import Draft
from sentinair.store.payload import BatchData, RetentionData
from sentinair.store.session import Session

__all__ = ["EVENT_OVERHEAD", "step"]

DAY_NS: Final = 86_400 * 1_000_000_000
MAX_EVENTS: Final = 5_000  # a portion: some 50 ms
MAX_RECORDS: Final = 2_000
MERGE_PAGES: Final = 500
EVENT_OVERHEAD: Final = 64  # bytes of a row beside its body: cells, index, page slack


class _Batch(msgspec.Struct):
    data: BatchData


class _Link(msgspec.Struct):
    previous: int | None = None


class _AlertBody(msgspec.Struct):
    data: _Link


_batch = msgspec.json.Decoder(_Batch).decode
_alert_body = msgspec.json.Decoder(_AlertBody).decode


def step(session: Session, draft: Draft, limits: Retention) -> bool:
    """Forget one portion within the caller's transaction; whether there was anything to forget."""
    now = draft.stamp.time_ns
    events = _forget_events(session, draft, now - limits.events_days * DAY_NS, limits.events_bytes)
    ordinary, critical = limits.alerts_days, max(limits.alerts_days, limits.critical_days)
    alerts = _forget_alerts(session, draft, now - ordinary * DAY_NS, now - critical * DAY_NS)
    if alerts:
        session.merge_pages = -MERGE_PAGES
        return True
    return _merge_search(session) or events


def _merge_search(session: Session) -> bool:
    """Forgotten words stay in the search index until its segments are merged: a portion of that; whether it goes on.

    Only in a transaction after the one that forgot, which writes its own segment when it commits.  A negative number
    begins to merge all segments, a positive one goes on, and no change says that it is done
    (https://www.sqlite.org/fts5.html, section 6.8).
    """
    if not session.merge_pages:
        return False
    before = session.connection.total_changes
    session.connection.execute(
        "INSERT INTO alert_search(alert_search, rank) VALUES('merge', ?)", (session.merge_pages,)
    )
    session.merge_pages = MERGE_PAGES if session.connection.total_changes - before >= 2 else 0
    return session.merge_pages > 0


def _events_bytes(session: Session) -> int:
    (size,) = session.connection.execute(
        "SELECT coalesce(sum(bytes + ? * count), 0) FROM streams", (EVENT_OVERHEAD,)
    ).fetchone()
    return int(size)


def _kept_batches(session: Session, after: int) -> Iterator[tuple[int, int, BatchData]]:
    """seq, time and data of the batch records after seq `after`, oldest first."""
    for seq, time, body in session.connection.execute(
        "SELECT seq, time, body FROM ledger WHERE kind = 'events.batch' AND seq > ? ORDER BY seq",
        (after,),
    ):
        yield seq, time, _batch(body).data


def _forget_events(session: Session, draft: Draft, before_ns: int, limit_bytes: int) -> bool:
    over = _events_bytes(session) - limit_bytes
    average = max(1, _events_bytes(session) // max(1, _count(session)))
    why = "age"
    gone: list[tuple[int, BatchData]] = []
    floor = session.events.process_floor
    total = 0
    for seq, time, data in _kept_batches(session, _last_forgotten(session)):
        old, large = time < before_ns, over > total * average
        if not (old or large) or total >= MAX_EVENTS:
            floor = data.process_floor
            break
        why = why if old else "size"
        gone.append((seq, data))
        total += data.count
    if not total:
        return False
    first, last = gone[0][1].first, gone[-1][1].last
    _delete_events(session, first, last)
    session.connection.execute("DELETE FROM processes WHERE id < ?", (floor,))
    digest = hashlib.sha256("".join([data.digest for _, data in gone]).encode()).hexdigest()
    draft.append(
        "retention",
        RetentionData(
            why, events=(first, last), count=total, digest=digest, upto=gone[-1][0], processes=floor
        ),
    )
    return True


def _count(session: Session) -> int:
    (count,) = session.connection.execute("SELECT coalesce(sum(count), 0) FROM streams").fetchone()
    return int(count)


def _last_forgotten(session: Session) -> int:
    """seq of the last batch whose events are gone; 0: none."""
    (seq,) = session.connection.execute(
        "SELECT json_extract(body, '$.data.upto') AS upto FROM ledger"
        " WHERE kind = 'retention' AND kind <> 'events.batch' AND upto IS NOT NULL"
        " ORDER BY seq DESC LIMIT 1"
    ).fetchone() or (0,)
    return int(seq)


def _delete_events(session: Session, first: int, last: int) -> None:
    totals = session.connection.execute(
        "SELECT count(*), sum(length(body)), stream FROM events WHERE id BETWEEN ? AND ? GROUP BY stream",
        (first, last),
    ).fetchall()
    session.connection.executemany(
        "UPDATE streams SET count = count - ?, bytes = bytes - ? WHERE id = ?", totals
    )
    session.connection.execute("DELETE FROM events WHERE id BETWEEN ? AND ?", (first, last))


def _forget_alerts(session: Session, draft: Draft, before_ns: int, critical_ns: int) -> bool:
    rows = session.connection.execute(
        "SELECT number, shelf, seq, alerts.body FROM shelves JOIN alerts ON shelf = shelves.id"
        " WHERE status IN ('resolved', 'false_positive')"
        " AND time < CASE severity WHEN 'critical' THEN ? ELSE ? END LIMIT 200",
        (critical_ns, before_ns),
    ).fetchall()
    records: list[int] = []
    texts: list[tuple[int, str]] = []
    for number, shelf, seq, body in rows:
        if len(records) >= MAX_RECORDS:
            break
        records += _records_of(session, seq)
        texts.append((number, search_text(body)))
        session.connection.execute("UPDATE shelves SET count = count - 1 WHERE id = ?", (shelf,))
    if not texts:
        return False
    forget(session.connection, texts)
    session.connection.executemany(
        "DELETE FROM alerts WHERE number = ?", [text[:1] for text in texts]
    )
    records.sort()
    columns = _erase(session, records)
    draft.append(
        "retention",
        RetentionData(
            "age",
            records=_ranges(records),
            columns=columns,
            alerts=len(texts),
            shelves=session.alerts.shelves(),
        ),
    )
    return True


def _records_of(session: Session, seq: int | None) -> list[int]:
    """All records of the alert that record seq is the last of."""
    found = []
    while seq is not None:
        found.append(seq)
        (body,) = session.connection.execute(
            "SELECT body FROM ledger WHERE seq = ?", (seq,)
        ).fetchone()
        seq = _alert_body(body).data.previous
    return found


def _erase(session: Session, records: Sequence[int]) -> str:
    rows = [
        session.connection.execute(
            "SELECT seq, kind, time, boot, mono FROM ledger WHERE seq = ?", (seq,)
        ).fetchone()
        for seq in records
    ]
    session.connection.executemany(
        "UPDATE ledger SET salt = NULL, body = NULL WHERE seq = ?", [(seq,) for seq in records]
    )
    return columns_digest(rows).hex()


def _ranges(numbers: Sequence[int]) -> tuple[tuple[int, int], ...]:
    """Ascending numbers as ranges, both ends included."""
    runs = itertools.groupby(enumerate(numbers), key=lambda item: item[1] - item[0])
    spans = [[number for _, number in run] for _, run in runs]
    return tuple((span[0], span[-1]) for span in spans)
