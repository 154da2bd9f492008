"""The only writer of the ledger: one commit is one transaction, durable when it returns.

After a failure nothing of the commit is in memory, and the next one begins with a new connection and what the file
says then.  A commit whose last fsync failed may all the same be in the file: the caller tries again with at least
the same items, first and in the same order, and what is found to be there already is made durable, not doubled.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

from sentinair.errors import RecordGone, SentinairError, StorageFault
from sentinair.model.alert import Alert, AlertChange, Closed
from sentinair.model.delivery import Position
from sentinair.model.event import FileState
from sentinair.model.record import Record, Stamp
from sentinair.settings.guarded import check_owned
from sentinair.settings.types import Retention, StoreSettings
from sentinair.store import retention
from sentinair.store.access import LEDGER, claim, make_state
from sentinair.store.alerts import closed_alerts
from sentinair.store.chain import Head
from sentinair.store.copy import write_copy
from sentinair.store.events import LaneKey, Pending
from sentinair.store.faults import is_full, write_fault
from sentinair.store.files import Found
from sentinair.store.gaps import GapRow, gap_rows
from sentinair.store.keys import KeyRing
from sentinair.store.opening import Opened, connect_checked, open_session
from sentinair.store.reserve import Reserve
from sentinair.store.schema import MIGRATIONS, VERSION, Migration
from sentinair.store.seal import Sealer, start_chain
from sentinair.store.session import Committed, Session, Unsure

__all__ = ["Committed", "LaneKey", "Pending", "Store"]


class Store:
    """Not thread-safe: the engine's one thread."""

    def __init__(
        self,
        state: Path,
        stamp: Stamp,
        session: Session,
        sealer: Sealer,
        opened: Opened,
        lock: int,
        settings: StoreSettings,
    ) -> None:
        """For open(), which does the checks."""
        self.path = state / LEDGER
        self.opened = opened
        self.seal_refusal: str | None = None  # why no checkpoint or key change could be written
        self._state = state
        self._stamp = stamp
        self._session: Session | None = session
        self._sealer = sealer
        self._lock = lock
        self._reserve = Reserve(state, settings.reserve_bytes)
        self._reserve.make()
        self._next_id = session.events.next_id
        self._unsure: Unsure | None = None

    @classmethod
    def open(
        cls,
        state: Path,
        settings: StoreSettings,
        stamp: Stamp,
        *,
        version: int = VERSION,
        migrations: dict[int, Migration] = MIGRATIONS,
    ) -> Store:
        """The store in this state directory, made if it is not there; takes the engine's lock until close().

        A damaged ledger is set aside whole and a new chain begins; `opened` says what was found.
        Raises PermissionFault (owner, mode, symlink), StorageFault (cannot be opened, another engine, newer version).
        """
        make_state(state)
        lock = claim(state)
        session: Session | None = None
        done = False
        try:
            session, opened = open_session(state, stamp, version=version, migrations=migrations)
            sealer = start_chain(state, session, opened, settings, stamp)
            store = cls(state, stamp, session, sealer, opened, lock, settings)
            done = True
        except sqlite3.Error as fault:
            raise write_fault(fault, state / LEDGER) from fault
        finally:
            if not done:
                if session is not None:
                    session.close()
                os.close(lock)
        return store

    @property
    def chain(self) -> str:
        """Chain id, 32 hexadecimal digits."""
        return self._sealer.ring.chain

    @property
    def ring(self) -> KeyRing:
        """What signs now."""
        return self._sealer.ring

    @property
    def last_event_id(self) -> int:
        """Of the events on disk; 0: there is none."""
        return self._live().events.next_id - 1

    @property
    def unclean(self) -> bool:
        """Whether the engine's last life on this ledger ended without a "stop" record."""
        return not self.opened.clean

    @property
    def last_checkpoint_ns(self) -> int | None:
        """Wall clock of the last checkpoint; None: there is none."""
        return self._sealer.last_checkpoint_ns

    @property
    def head(self) -> Head:
        """Where the chain ends."""
        return self._live().head

    def allocate(self, count: int) -> int:
        """The first of `count` new event ids.  They must be committed in this order, without a hole."""
        first = self._next_id
        self._next_id += count
        return first

    def commit(
        self,
        stamp: Stamp,
        events: Sequence[Pending],
        alerts: Sequence[AlertChange] = (),
        records: Sequence[Record] = (),
        committed: Mapping[LaneKey, int] | None = None,
        found: Sequence[Found] = (),
        positions: Mapping[str, Position] | None = None,
    ) -> Committed:
        """Write all of it durably, or nothing.

        committed: lane positions that are reached with it; a lane it does not name is taken to be at its last event
        here.  found: names a first listing found (state) or did not (None), applied before the events.
        Order in the ledger: events.batch, records, alerts.  positions: how far sinks are.
        Raises StorageFault: nothing was written, try the same again later; RecordGone: open the store again first.
        """
        with self._guard():
            session = self._live(stamp)
            session.check_there()  # again: it may have gone this moment
            done = self._settle(session)
            if done is not None:
                events, alerts = events[done.events :], alerts[done.alerts :]
                records, found = records[done.records :], found[done.found :]
            with session.transaction(self.chain, stamp) as draft:
                rest = (committed or {}, found, positions or {})
                result = session.write(draft, events, alerts, records, *rest)
                sealed = self._sealer.add_to(session, draft)
                counts = (len(events), len(alerts), len(records), len(found))
                self._unsure = Unsure(draft.head, *counts)
            self._unsure = None
            sealed()
        self.seal(stamp)
        return result

    def check_there(self) -> None:
        """Raise RecordGone if the ledger no longer has its name.  A session that the disk broke is not opened here."""
        if self._session is not None:
            with self._guard():
                self._session.check_there()

    def seal(self, stamp: Stamp) -> None:
        """Write the checkpoint and change the key if they are due, and take the reserve again if there is room.

        Called after each commit, and by the engine when it is idle.
        Never raises: what could not be sealed is tried again with the next commit, and seal_refusal says why.
        """
        self._reserve.make()
        try:
            with self._guard():
                self._sealer.seal_if_due(self._live(stamp), stamp)
            self.seal_refusal = None
        except StorageFault as fault:
            self.seal_refusal = str(fault)

    def next_seal_ns(self) -> int:
        """When something is due on the steady clock even if nothing is committed."""
        return self._sealer.next_due_ns()

    def retain(self, stamp: Stamp, limits: Retention) -> bool:
        """Forget one bounded portion of what is beyond its limits; True if there may be more.

        Raises StorageFault.
        """
        with self._guard():
            session = self._live(stamp)
            with session.transaction(self.chain, stamp) as draft:
                forgot = retention.step(session, draft, limits)
            if forgot:  # the log still holds the erased pages until it is begun anew
                session.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
            return forgot

    def known(
        self, directory: bytes, after: bytes | None = None, upto: bytes | None = None
    ) -> list[tuple[bytes, FileState]]:
        """Committed names n of a directory with after < n <= upto, in byte order, and what they were."""
        with self._guard():
            return self._live().files.known(directory, after, upto)

    def file(self, path: bytes) -> FileState | None:
        """What path was when last committed; None: not known."""
        with self._guard():
            return self._live().files.one(path)

    def lane(self, key: LaneKey) -> int | None:
        """Last committed seq of this lane; None: nothing of it was ever committed."""
        with self._guard():
            return self._live().events.lane(key)

    def last_run(self, sender: str) -> tuple[bytes, int] | None:
        """The sender's newest run with anything committed, and the time of its last event (wall clock, ns)."""
        with self._guard():
            return self._live().events.last_run(sender)

    def open_gaps(self) -> list[GapRow]:
        """Gaps without a gap.restored record, oldest first."""
        with self._guard():
            return gap_rows(self._live().connection, open_only=True)

    def unfinished_alerts(self, limit: int) -> list[Alert]:
        """The newest open and acknowledged alerts, oldest first."""
        with self._guard():
            return self._live().alerts.unfinished(limit)

    def closed_alerts(self, since_ns: int, limit: int) -> list[Closed]:
        """The alerts closed last, not before since_ns, at most `limit`; the longest closed first."""
        with self._guard():
            return closed_alerts(self._live().connection, since_ns, limit)

    def alert(self, alert_id: str) -> Alert | None:
        """One alert as last committed."""
        with self._guard():
            return self._live().alerts.one(alert_id)

    def backup(self, target: Path) -> dict[str, object]:
        """An exact copy of the database as of now (https://www.sqlite.org/backup.html); target must not exist.

        Returns {path, bytes, seq}.  Raises StorageFault; the record itself is not touched by what is wrong with target.
        """
        with self._guard():
            session = self._live()
        size = write_copy(session.connection, target)
        return {"path": str(target), "bytes": size, "seq": session.head.seq}

    def abandon(self) -> None:
        """Let go of file and lock as they are: for who opens it again."""
        self._drop()
        os.close(self._lock)

    def close(self, stamp: Stamp) -> None:
        """Seal what is unsealed, close the file, let go of the lock."""
        try:
            with self._guard():
                self._sealer.checkpoint(self._live(stamp), stamp)
        except StorageFault as fault:
            self.seal_refusal = str(fault)
        finally:
            self.abandon()

    @contextmanager
    def _guard(self) -> Iterator[None]:
        """Whatever goes wrong inside ends the session; errors of SQLite and the disk become StorageFault."""
        done = False
        try:
            yield
            done = True
        except OSError as fault:
            raise StorageFault(str(fault), where=str(self.path)) from fault
        except sqlite3.Error as fault:
            self._drop()
            self._give_way(fault)
            raise write_fault(fault, self.path) from fault
        finally:
            if not done:
                self._drop()

    def _drop(self) -> None:
        if self._session is not None:
            session, self._session = self._session, None
            with contextlib.suppress(sqlite3.Error):
                session.close()

    def _live(self, stamp: Stamp | None = None) -> Session:
        """The session, opened anew after a failure."""
        if stamp is not None:
            self._stamp = stamp
        if self._session is None:
            if not self.path.exists():
                raise RecordGone("was taken away while the engine wrote it", where=str(self.path))
            check_owned(self.path, directory=False)
            self._session = Session(connect_checked(self.path))
            self._sealer.rejoin(self._session, self._state / "keys")
            self._next_id = max(self._next_id, self._session.events.next_id)
        return self._session

    def _settle(self, session: Session) -> Unsure | None:
        """If the commit that failed last is in the file after all, make it durable and return what it held."""
        unsure = self._unsure
        if unsure is not None and session.head == unsure.head:
            # Copies every page of the log into the main file and syncs that: the log's own sync is not trusted again.
            busy, _, _ = session.connection.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
            if busy:
                raise StorageFault(
                    "a reader keeps the last commit from being made durable",
                    where=str(self.path),
                    remedy="it is tried again",
                )
            self._unsure = None
            return unsure
        self._unsure = None
        return None

    def _give_way(self, fault: sqlite3.Error) -> None:
        """On a full disk the reserve goes, and one record says so in the room it leaves."""
        if not is_full(fault, self._state) or not self._reserve.release():
            return
        with contextlib.suppress(sqlite3.Error, SentinairError, OSError):
            self._say_full()
            return
        self._drop()

    def _say_full(self) -> None:
        session = self._live()
        if self._unsure is not None and session.head == self._unsure.head:
            return  # the commit is there after all: the next one settles that first
        self._unsure = None
        with session.transaction(self.chain, self._stamp) as draft:
            said = {"why": "the disk is full", "reserve": "given up to write this"}
            draft.append("store.refused", said)
