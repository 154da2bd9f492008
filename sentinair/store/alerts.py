"""Alerts as the ledger's alert records leave them: the last record of each wins.

A shelf is one combination of severity, status, category and source; moving an alert between shelves keeps the counts.
The search index is contentless: what it held for an alert is made again from the body when the text changes.
"""

from __future__ import annotations

import sqlite3
from collections import Counter
from collections.abc import Sequence
from typing import Final

import msgspec

from sentinair.model.alert import Alert, AlertChange, Closed
from sentinair.store.ledger import Draft
from sentinair.store.payload import AlertData, ShelfData
from sentinair.store.rows import insert

__all__ = ["Alerts", "Shelf", "closed_alerts", "decode_alert", "search_text"]

Shelf = tuple[str, str, str, str]
"""severity, status, category, source."""

_encode = msgspec.json.Encoder(order="deterministic").encode
decode_alert: Final = msgspec.json.Decoder(Alert).decode


class _Searched(msgspec.Struct):
    """The fields of an alert that are searched."""

    title: str
    description: str
    filename: str | None = None
    process: str | None = None
    user: str | None = None


_searched = msgspec.json.Decoder(_Searched).decode


def search_text(body: bytes) -> str:
    """What the search index holds for an alert, made from its JSON body."""
    return _text(_searched(body))


def _text(found: _Searched | Alert) -> str:
    words = (found.title, found.description, found.filename, found.process, found.user)
    return "\n".join([word for word in words if word])


class _Row(msgspec.Struct):
    """One alert's row while a commit changes it."""

    number: int
    shelf: int
    time: int
    seq: int
    body: bytes
    text: str  # what the index is to hold
    fresh: bool  # not in the table yet
    old_text: str | None = None  # what the index holds; None: nothing


class Alerts:
    """The writer's view of alerts and shelves; lives as long as one connection."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection
        rows: list[tuple[int, str, str, str, str]] = connection.execute(
            "SELECT id, severity, status, category, source FROM shelves"
        ).fetchall()
        self._shelves: dict[Shelf, int] = {
            (severity, status, category, source): number
            for number, severity, status, category, source in rows
        }
        (newest,) = connection.execute("SELECT coalesce(max(number), 0) FROM alerts").fetchone()
        self._next: int = newest + 1

    def write(self, draft: Draft, changes: Sequence[AlertChange]) -> None:
        """Append one record for each change and bring table, counts and search index after them."""
        rows: dict[str, _Row] = {}
        counts: Counter[int] = Counter()
        for change in changes:
            seq = draft.head.seq + 1
            alert = msgspec.structs.replace(change.alert, seq=seq)
            body = _encode(alert)
            row = rows.get(alert.id) or self._stored(alert.id, change.kind)
            previous = None if row is None else row.seq
            data = AlertData(msgspec.Raw(body), change.by, change.comment, previous)
            draft.append(change.kind, data)
            shelf = self._shelf((alert.severity, alert.status, alert.category, alert.source))
            if row is None:
                row = _Row(self._next, shelf, alert.time_ns, seq, body, _text(alert), fresh=True)
                rows[alert.id] = row
                self._next += 1
            else:
                counts[row.shelf] -= 1
                row.shelf, row.time, row.seq = shelf, alert.time_ns, seq
                row.body, row.text = body, _text(alert)
                rows[alert.id] = row
            counts[shelf] += 1
        self._write_rows(rows)
        self._connection.executemany(
            "UPDATE shelves SET count = count + ? WHERE id = ?",
            [(n, shelf) for shelf, n in counts.items() if n],
        )

    def _write_rows(self, rows: dict[str, _Row]) -> None:
        execute = self._connection.executemany
        fresh = [
            (row.number, key, row.shelf, row.time, row.seq, row.body)
            for key, row in rows.items()
            if row.fresh
        ]
        insert(self._connection, "INSERT OR FAIL INTO alerts", fresh)
        changed = [row for row in rows.values() if not row.fresh]
        execute(
            "UPDATE alerts SET shelf = ?, time = ?, seq = ?, body = ? WHERE number = ?",
            [(row.shelf, row.time, row.seq, row.body, row.number) for row in changed],
        )
        texts = [
            (row.number, row.text, row.old_text)
            for row in rows.values()
            if row.text != row.old_text
        ]
        forget(self._connection, [(number, old) for number, _, old in texts if old is not None])
        execute(
            "INSERT INTO alert_search(rowid, text) VALUES(?, ?)",
            [(number, text) for number, text, _ in texts],
        )

    def _stored(self, alert_id: str, kind: str) -> _Row | None:
        if kind == "alert.raised":  # ids are new then
            return None
        found = self._connection.execute(
            "SELECT number, shelf, time, seq, body FROM alerts WHERE id = ?", (alert_id,)
        ).fetchone()
        if found is None:
            return None
        number, shelf, time, seq, body = found
        text = search_text(body)
        return _Row(number, shelf, time, seq, body, text, fresh=False, old_text=text)

    def _shelf(self, shelf: Shelf) -> int:
        known = self._shelves.get(shelf)
        number = len(self._shelves) + 1 if known is None else known
        if known is None:
            self._shelves[shelf] = number
            self._connection.execute(
                "INSERT INTO shelves VALUES(?, ?, ?, ?, ?, 0)", (number, *shelf)
            )
        return number

    @property
    def raised(self) -> int:
        """How many alerts there have been."""
        return self._next - 1

    def one(self, alert_id: str) -> Alert | None:
        """One alert as last committed."""
        row = self._connection.execute(
            "SELECT body FROM alerts WHERE id = ?", (alert_id,)
        ).fetchone()
        return None if row is None else decode_alert(row[0])

    def shelves(self) -> tuple[ShelfData, ...]:
        """All shelves there are, by id."""
        return tuple(
            ShelfData(number, *shelf)
            for shelf, number in sorted(self._shelves.items(), key=lambda item: item[1])
        )

    def unfinished(self, limit: int) -> list[Alert]:
        """Open and acknowledged alerts, the newest `limit` of them, oldest first: what merging goes on with."""
        rows = self._connection.execute(
            "SELECT body FROM alerts WHERE shelf IN (SELECT id FROM shelves WHERE status IN ('open', 'acknowledged'))"
            " ORDER BY time DESC LIMIT ?",
            (limit,),
        ).fetchall()
        return [decode_alert(body) for (body,) in reversed(rows)]


class _Ended(msgspec.Struct):
    """What is asked of an alert that may be closed."""

    id: str
    fingerprint: str
    status: str
    closed_at_ns: int | None = None


_ended = msgspec.json.Decoder(_Ended).decode
_CLOSED: Final = ("resolved", "false_positive")


def closed_alerts(connection: sqlite3.Connection, since_ns: int, limit: int) -> list[Closed]:
    """The alerts closed last, not before since_ns (wall clock), at most `limit`; the longest closed first.

    Found by the records of closing, of which there is an index; an alert opened again since is not among them.
    """
    found: dict[str, Closed] = {}
    for status in _CLOSED:
        rows = connection.execute(
            "SELECT l.time, a.body FROM ledger AS l"
            " JOIN alerts AS a ON a.id = json_extract(l.body, '$.data.alert.id')"
            " WHERE l.kind = ? AND l.kind <> 'events.batch' AND l.body IS NOT NULL"
            " ORDER BY l.seq DESC LIMIT ?",
            (f"alert.{status}", limit),
        )
        for time, body in rows:
            if time < since_ns:
                break
            end = _ended(body)
            if end.status == status and end.closed_at_ns is not None:
                found[end.id] = Closed(end.id, end.fingerprint, status, end.closed_at_ns)
    return sorted(found.values(), key=lambda one: one.closed_ns)[-limit:]


def forget(connection: sqlite3.Connection, texts: Sequence[tuple[int, str]]) -> None:
    """Take alerts (number, the text indexed) out of the search index.

    A contentless index must be told the very text it holds (https://www.sqlite.org/fts5.html, section 6.4).
    """
    connection.executemany(
        "INSERT INTO alert_search(alert_search, rowid, text) VALUES('delete', ?, ?)", texts
    )
