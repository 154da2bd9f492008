"""What is next for a sink: records and events after its position, as entries."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

import msgspec

from sentinair import __version__
from sentinair.model.alert import Alert
from sentinair.model.delivery import Key, Position
from sentinair.model.entry import Entry
from sentinair.sinks.choose import Chooser
from sentinair.store.events import StoredEvent
from sentinair.store.outgoing import OutgoingReader, RawRecord, event_entry

__all__ = ["Item", "Supply"]

_URGENT: Final = ("alert.raised", "alert.reopened", "alert.escalated")
_UNDECODABLE: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)


class Item(msgspec.Struct, frozen=True):
    """One entry, and where the sink is once it is done with; entry None: nothing of it goes there."""

    entry: Entry | None
    after: Position


class _Body(msgspec.Struct):
    chain: str
    data: msgspec.Raw


class _AlertData(msgspec.Struct):
    alert: Alert
    by: str | None = None
    comment: str | None = None


_body = msgspec.json.Decoder(_Body).decode
_alert = msgspec.json.Decoder(_AlertData).decode
_data = msgspec.json.Decoder(dict[str, object]).decode


class Supply:
    """One sink's own reader on the ledger.  Methods raise StorageFault, DataFault or PermissionFault."""

    def __init__(self, state: Path, host: str, chooser: Chooser) -> None:
        self.chain = ""  # that events belong to; given by the engine
        self._state = state
        self._host = host
        self._chooser = chooser
        self._reader: OutgoingReader | None = None

    def close(self) -> None:
        """The next look opens the ledger anew."""
        if self._reader is not None:
            self._reader.close()
            self._reader = None

    def _open(self) -> OutgoingReader:
        if self._reader is None:
            self._reader = OutgoingReader.open(self._state)
        return self._reader

    def ends(self) -> Position:
        """Of the newest record and the newest event."""
        with self._reading() as reader:
            return Position(*reader.ends())

    def next(self, at: Position, limit: int) -> list[Item]:
        """What follows `at`: records before events; empty: nothing."""
        with self._reading() as reader:
            raw = reader.records_after(at.seq, limit)
            if raw or not self._chooser.wants_events:
                return [self._record_item(one, at.event) for one in raw]
            events = reader.next_events(at.event, limit)
        return [self._event_item(one, at.seq) for one in events]

    def urgent(self, after_seq: int, limit: int) -> tuple[list[Entry], int]:
        """Critical alerts raised after that record which the sink takes, and how far was looked."""
        with self._reading() as reader:
            raw = reader.records_of(_URGENT, after_seq, limit)
        found = [self._record(one) for one in raw]
        chosen = [
            entry
            for entry in found
            if entry.alert is not None
            and entry.alert.severity == "critical"
            and self._chooser.wants(entry)
        ]
        return chosen, raw[-1].seq if raw else after_seq

    def one(self, key: Key) -> Entry | None:
        """That entry; None: it is forgotten."""
        stream, seq = key
        with self._reading() as reader:
            if stream == "record":
                record = reader.record_at(seq)
                return None if record is None else self._record(record)
            event = reader.event(seq)
            return None if event is None else self._event(event)

    @contextmanager
    def _reading(self) -> Iterator[OutgoingReader]:
        done = False
        try:
            yield self._open()
            done = True
        finally:
            if not done:
                self.close()

    def _record_item(self, raw: RawRecord, event: int) -> Item:
        after = Position(raw.seq, event)
        if not self._chooser.may_want(raw.kind):
            return Item(None, after)
        entry = self._record(raw)
        return Item(entry if self._chooser.wants(entry) else None, after)

    def _event_item(self, stored: StoredEvent, seq: int) -> Item:
        entry = self._event(stored)
        return Item(entry if self._chooser.wants(entry) else None, Position(seq, stored.id))

    def _record(self, raw: RawRecord) -> Entry:
        alert: Alert | None = None
        data: dict[str, object] = {}
        chain = self.chain
        if raw.body is None:
            data = {"erased": True}
        else:
            try:
                body = _body(raw.body)
                chain = body.chain
                if raw.kind.startswith("alert."):
                    told = _alert(body.data)
                    alert = told.alert
                    data = {"by": told.by, "comment": told.comment}
                else:
                    data = _data(body.data)
            except _UNDECODABLE as fault:  # it goes all the same: a hole would say something else
                data = {"undecodable": str(fault)}
        return Entry(
            host=self._host,
            chain=chain,
            stream="record",
            seq=raw.seq,
            kind=raw.kind,
            time_ns=raw.time_ns,
            version=__version__,
            alert=alert,
            data=data,
            link=raw.link.hex(),
        )

    def _event(self, stored: StoredEvent) -> Entry:
        return event_entry(stored, self._host, self.chain)
