"""Reading what leaves the host: records and events after a cursor, oldest first, bounded in rows and bytes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Final

import msgspec

from sentinair import __version__
from sentinair.codecs import event_json
from sentinair.model.delivery import Key
from sentinair.model.entry import Entry
from sentinair.model.standing import Loss, Standing
from sentinair.store.asked import AlertFilter, EventFilter
from sentinair.store.chain import CHAIN_AT
from sentinair.store.events import StoredEvent
from sentinair.store.exported import MAX_EPOCHS, EpochRow, epoch_rows
from sentinair.store.gaps import gap_rows
from sentinair.store.pages import END, Interval, keys
from sentinair.store.read import Reader
from sentinair.store.sinks import LetterRow, SinkRow, letter_rows, sink_rows

__all__ = ["MAX_BYTES", "STANDING", "OutgoingReader", "RawRecord", "event_entry"]

MAX_BYTES: Final = 1 << 20  # of bodies at once; one that is larger comes alone
STANDING: Final = 10  # alerts that standing() names
_COLUMNS: Final = "seq, kind, time, body, link"


class RawRecord(msgspec.Struct, frozen=True):
    """One record as it lies in the ledger."""

    seq: int
    kind: str
    time_ns: int  # wall clock
    body: bytes | None  # None: lawfully erased
    link: bytes


class OutgoingReader(Reader):
    """A reader for the forwarder.  Methods raise StorageFault."""

    def records_after(self, seq: int, limit: int) -> list[RawRecord]:
        """The next records, at least one if there is one, at most limit, and about MAX_BYTES."""
        found: list[RawRecord] = []
        size = 0
        with self._transaction() as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM ledger WHERE seq > ? ORDER BY seq LIMIT ?",  # noqa: S608
                (seq, limit),
            )
            for row in rows:
                found.append(RawRecord(*row))
                size += len(row[3] or b"")
                if size >= MAX_BYTES:
                    break
        return found

    def records_of(self, kinds: Sequence[str], after_seq: int, limit: int) -> list[RawRecord]:
        """As records_after, of these kinds only, by the index on kind (none of them events.batch)."""
        marks = ", ".join("?" * len(kinds))
        query = (
            f"SELECT {_COLUMNS} FROM ledger WHERE kind IN ({marks}) AND kind <> 'events.batch' AND seq > ?"  # noqa: S608
            " ORDER BY seq LIMIT ?"
        )
        with self._transaction() as connection:
            return [
                RawRecord(*row) for row in connection.execute(query, (*kinds, after_seq, limit))
            ]

    def record_at(self, seq: int) -> RawRecord | None:
        """That record; None: there is none."""
        found = self.records_after(seq - 1, 1)
        return found[0] if found and found[0].seq == seq else None

    def next_events(self, event_id: int, limit: int) -> list[StoredEvent]:
        """The next events of any kind.  Raises DataFault too."""
        return self.events_after(event_id, EventFilter(), limit)

    def sinks(self) -> list[SinkRow]:
        """How far each sink is, as last committed."""
        with self._transaction() as connection:
            return sink_rows(connection)

    def letters(self, sink: str, only: Sequence[Key] = ()) -> list[LetterRow]:
        """Its dead letters, oldest first; those of `only`, if any are named."""
        with self._transaction() as connection:
            return letter_rows(connection, sink, only)

    def standing(self) -> Standing:
        """What is open now: critical alerts that nobody has answered, and losses.  Raises DataFault too."""
        with self._transaction() as connection:
            shelves = self._alert_groups(AlertFilter(severity=("critical",), status=("open",)))
            when = Interval()
            newest = keys(connection, "alerts", shelves, when, END, STANDING)
            return Standing(
                critical=self._count(("shelves", "alerts", "shelf"), shelves, when, None),
                newest=tuple(self._alerts([key.id for key in newest])),
                losses=tuple(
                    Loss(row.id.hex(), row.source, row.reason, row.lost, row.since)
                    for row in gap_rows(connection, open_only=True)
                ),
            )

    def ends(self) -> tuple[int, int]:
        """Seq of the newest record and id of the newest event; 0: there is none."""
        with self._transaction() as connection:
            seq, event = connection.execute(
                "SELECT (SELECT coalesce(max(seq), 0) FROM ledger), (SELECT coalesce(max(id), 0) FROM events)"
            ).fetchone()
            return seq, event

    def chains(self) -> list[tuple[int, str]]:
        """Each chain id with the seq of its first key, oldest first: what was recorded from there on is of it."""
        with self._transaction() as connection:
            rows = connection.execute(
                "SELECT seq, body FROM ledger WHERE kind = 'epoch' AND kind <> 'events.batch' ORDER BY seq"
            ).fetchall()
        chains: list[tuple[int, str]] = []
        for seq, body in rows:
            chain = body[CHAIN_AT].decode("ascii", "replace")
            if not chains or chains[-1][1] != chain:
                chains.append((seq, chain))
        return chains

    def epochs(self, chain: str) -> Iterator[EpochRow]:
        """All of chain, in order, a page at a time.  Raises DataFault too."""
        epoch, seq = -1, 0
        while True:
            with self._transaction() as connection, self._decoding("an epoch"):
                page = epoch_rows(connection, chain, epoch, MAX_EPOCHS, seq)
            yield from page
            if len(page) < MAX_EPOCHS:
                return
            epoch, seq = page[-1].epoch, page[-1].seq


def event_entry(stored: StoredEvent, host: str, chain: str) -> Entry:
    """An event on its way out."""
    shape = event_json.render(stored.id, stored.event, stored.process, stored.source)
    data: dict[str, object] = shape["data"]
    data.setdefault("source", stored.source)
    return Entry(
        host=host,
        chain=chain,
        stream="event",
        seq=stored.id,
        kind=stored.kind,
        time_ns=stored.time_ns,
        version=__version__,
        data=data,
    )
