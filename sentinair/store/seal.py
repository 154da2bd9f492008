"""Signing as the ledger grows: the key change at each start and when it is due, and the checkpoints.

Each is a transaction of its own after the commit that made it due: the key may only be replaced once the record that
names its successor is on disk, and the checkpoint is then signed by the successor.
"""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from sentinair.model.record import Stamp
from sentinair.settings.types import StoreSettings
from sentinair.store.chain import CHAIN_AT
from sentinair.store.checkpoint import (
    Limits,
    Marks,
    after_checkpoint,
    after_epoch,
    due,
    next_due_ns,
)
from sentinair.store.keys import EPOCH_FILE, KeyRing
from sentinair.store.ledger import Draft
from sentinair.store.opening import Opened
from sentinair.store.payload import DamagedData
from sentinair.store.recover import names_aside
from sentinair.store.session import Session, all_data

__all__ = ["Sealer", "start_chain"]

_SECOND_NS: Final = 1_000_000_000


class Sealer:
    """The key ring, and when it was last used."""

    def __init__(self, ring: KeyRing, settings: StoreSettings) -> None:
        self.ring = ring
        self._limits = Limits(
            checkpoint_ns=settings.checkpoint_secs * _SECOND_NS,
            checkpoint_records=settings.checkpoint_records,
            epoch_ns=settings.epoch_secs * _SECOND_NS,
            epoch_records=settings.epoch_records,
        )
        self._marks = Marks(0, 0, 0, 0)
        self.last_checkpoint_ns: int | None = None  # wall clock
        self._previous: bytes | None = None  # leaf of the chain's last checkpoint

    def begin(self, session: Session, stamp: Stamp) -> None:
        """At a start: a chain begins with its enrolment key, and an old one goes on with a new key.

        Raises sqlite3.Error and StorageFault.
        """
        self._find_checkpoint(session)
        self._marks = Marks(stamp.mono_ns, session.head.seq, stamp.mono_ns, session.head.seq)
        if self.ring.new:
            self._enrol(session, stamp)
        else:
            self._rotate(session, stamp, at_start=True)

    def rejoin(self, session: Session, keys: Path) -> None:
        """After a failure: the ring as the file has it now; a key change that was cut short is finished."""
        self.ring = KeyRing.open(keys, session.known_epoch(), os.urandom)
        self._find_checkpoint(session)

    def seal_if_due(self, session: Session, stamp: Stamp) -> None:
        """Raises sqlite3.Error and StorageFault."""
        if self.ring.new:
            self._enrol(session, stamp)
        now = due(self._marks, stamp.mono_ns, session.head.seq, self._limits)
        if now.epoch:
            self._rotate(session, stamp)
        if now.checkpoint:
            self.checkpoint(session, stamp)

    def checkpoint(self, session: Session, stamp: Stamp) -> None:
        """Sign where the chain stands, unless it stands at a checkpoint already."""
        if session.head.seq == self._marks.checkpoint_seq and self._previous is not None:
            return
        with session.transaction(self.ring.chain, stamp) as draft:
            leaf = self._sign(session, draft)
        self._signed(leaf, draft)

    def add_to(self, session: Session, draft: Draft) -> Callable[[], None]:
        """Put a checkpoint that is due into a commit of its records, which saves a sync; call the answer after it.

        Not while a key change is due as well: the new key is to sign then.
        """
        now = due(self._marks, draft.stamp.mono_ns, draft.head.seq, self._limits)
        if not now.checkpoint or now.epoch or self.ring.new:
            return lambda: None
        leaf = self._sign(session, draft)
        return lambda: self._signed(leaf, draft)

    def _sign(self, session: Session, draft: Draft) -> bytes:
        counters = {"events": session.events.next_id - 1, "alerts": session.alerts.raised}
        data = self.ring.checkpoint(draft.head, draft.stamp.time_ns, counters, self._previous)
        return draft.append("checkpoint", data).leaf

    def _signed(self, leaf: bytes, draft: Draft) -> None:
        self._previous, self.last_checkpoint_ns = leaf, draft.stamp.time_ns
        self._marks = after_checkpoint(self._marks, draft.stamp.mono_ns, draft.head.seq)

    def next_due_ns(self) -> int:
        return next_due_ns(self._marks, self._limits)

    def _enrol(self, session: Session, stamp: Stamp) -> None:
        data = self.ring.enrolment(session.head)
        with session.transaction(self.ring.chain, stamp) as draft:
            draft.append("epoch", data)
        self.ring.recorded()
        self._previous = None
        self._marks = after_epoch(self._marks, stamp.mono_ns, session.head.seq)

    def _rotate(self, session: Session, stamp: Stamp, *, at_start: bool = False) -> None:
        data = msgspec.structs.replace(self.ring.stage(session.head), at_start=at_start)
        with session.transaction(self.ring.chain, stamp) as draft:
            draft.append("epoch", data)
        self.ring.promote()
        self._marks = after_epoch(self._marks, stamp.mono_ns, session.head.seq)

    def _find_checkpoint(self, session: Session) -> None:
        row = session.connection.execute(
            "SELECT leaf, body, time FROM ledger WHERE kind = 'checkpoint' AND kind <> 'events.batch'"
            " ORDER BY seq DESC LIMIT 1"
        ).fetchone()
        self._previous = None
        if row is not None:
            self.last_checkpoint_ns = row[2]
            if bytes(row[1][CHAIN_AT]) == self.ring.chain.encode():
                self._previous = row[0]


def start_chain(
    state: Path, session: Session, opened: Opened, settings: StoreSettings, stamp: Stamp
) -> Sealer:
    """The ring for this ledger, its first record of this life, and a word on every ledger set aside before.

    A new ledger never goes on with a key that an older one, now gone, may have used: two histories must not share a
    chain id.  Raises sqlite3.Error, StorageFault, PermissionFault.
    """
    keys = state / "keys"
    if opened.created:
        (keys / EPOCH_FILE).unlink(missing_ok=True)
    sealer = Sealer(KeyRing.open(keys, session.known_epoch()), settings)
    sealer.begin(session, stamp)
    said = {data["file"] for data in all_data(session.connection, "store.damaged")}
    untold = [name for name in names_aside(state) if name not in said]
    if untold:
        with session.transaction(sealer.ring.chain, stamp) as draft:
            for name in untold:
                now = opened.damaged is not None and opened.damaged.file == name
                found = (
                    opened.damaged
                    if now
                    else DamagedData(name, "set aside by a start that was cut short")
                )
                draft.append("store.damaged", found)
    return sealer
