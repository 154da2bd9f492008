"""Group commit: what one transaction will hold, when it is due, and what to do when the disk refuses.

At once when nothing more waits, else within MAX_AGE_NS or at MAX_EVENTS; a critical alert alone and at once.
While the disk refuses, nothing is acknowledged and nothing is read: the senders' lanes hold what comes, and what
does not fit there becomes a gap of theirs.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from sentinair.errors import RecordGone, StorageFault
from sentinair.model.alert import Alert, AlertChange
from sentinair.model.delivery import Position
from sentinair.model.event import RENAME, Event, FileEvent, FileState
from sentinair.model.process import Process
from sentinair.model.record import Record, Stamp
from sentinair.roles.engine.totals import Totals
from sentinair.store.events import LaneKey, Pending
from sentinair.store.writer import Committed, Store

__all__ = ["Commits"]

MAX_AGE_NS: Final = 100_000_000
MAX_EVENTS: Final = 4096
MAX_FOUND: Final = (
    1024  # a first listing is in no hurry, and what a larger group takes is never given back
)
SPACING_NS: Final = (
    20_000_000  # between commits while input keeps coming: larger groups cost less each
)
POSITION_NS: Final = (
    1_000_000_000  # how far sinks are waits so long for a commit that has more to write
)
RETRY_NS: Final = 30_000_000_000
_URGENT: Final = frozenset({"alert.raised", "alert.reopened", "alert.escalated"})


class Commits:
    """Everything waiting for the next transaction.  on_commit is told which lanes were committed up to where."""

    def __init__(
        self,
        store: Store,
        stamp: Callable[[], Stamp],
        on_commit: Callable[[dict[LaneKey, int]], None],
        totals: Totals | None = None,
    ) -> None:
        """totals: of the engine's life, which may outlast this; None: new ones."""
        self.store = store
        self.totals = Totals() if totals is None else totals
        self.refusal: str | None = None  # why the disk does not take our writes
        self.refused_commits = 0
        self.last: Committed | None = None
        self._stamp = stamp
        self._on_commit = on_commit
        self._events: list[Pending] = []
        self._alerts: list[AlertChange] = []
        self._records: list[Record] = []
        self._found: list[tuple[bytes, FileState | None]] = []
        self._committed: dict[LaneKey, int] = {}
        self._positions: dict[str, Position] = {}
        self._positions_ns = 0
        self._touched: set[bytes] = set()
        self._oldest_ns = 0
        self._done_ns = 0
        self._retry_ns = 0
        self._urgent = False

    @property
    def waiting(self) -> int:
        return len(self._events) + len(self._alerts) + len(self._records) + len(self._found)

    @property
    def full(self) -> bool:
        """Whether no more may be taken in before a commit has succeeded."""
        waits = len(self._events) >= 2 * MAX_EVENTS or len(self._found) >= 2 * MAX_FOUND
        return waits or self.refusal is not None

    @property
    def urgent(self) -> bool:
        """Whether something grave waits that the disk has not refused yet."""
        return self._urgent and self.refusal is None

    def event(
        self, event: Event, kind: str, source: str, lane: LaneKey, seq: int, process: Process | None
    ) -> int:
        """Queue one event; returns the id it will have."""
        event_id = self.store.allocate(1)
        self._begin(event.mono_ns)
        self._events.append(
            Pending(event_id, kind, source, lane, seq, event.seen_ns, event, process)
        )
        if type(event) is FileEvent:
            self._touched.add(event.path.rpartition(b"/")[0] or b"/")
            if event.actions & RENAME and event.old_path is not None:
                self._touched.add(event.old_path.rpartition(b"/")[0] or b"/")
        return event_id

    def before(self, event: FileEvent, event_id: int | None) -> FileState | None:
        """What the name was before this event, None: not there, or not known.

        Asked for new alerts only: the row as last committed, or what an event says that waits before this one.
        """
        if self.touches(event.path.rpartition(b"/")[0] or b"/"):
            for waiting in reversed(self._events):
                earlier = waiting.event
                if type(earlier) is not FileEvent or (event_id or waiting.id + 1) <= waiting.id:
                    continue
                if earlier.path == event.path:
                    return earlier.state
                if earlier.old_path == event.path and earlier.actions & RENAME:
                    return None
        return self.store.file(event.path)

    def found(self, path: bytes, state: FileState | None) -> None:
        """Queue what a first listing found: a known file without an event."""
        self._begin(self._stamp().mono_ns)
        self._found.append((path, state))
        self._touched.add(path.rpartition(b"/")[0] or b"/")

    def alert(self, changes: Sequence[AlertChange]) -> None:
        if changes:
            self._begin(self._stamp().mono_ns)
            self._alerts.extend(changes)
            self._urgent = self._urgent or any(
                change.alert.severity == "critical" and change.kind in _URGENT for change in changes
            )

    def alert_of(self, alert_id: str) -> Alert | None:
        """An alert as it was last handed over, on disk or not yet; None: there is none.  Raises StorageFault."""
        for change in reversed(self._alerts):
            if change.alert.id == alert_id:
                return change.alert
        return self.store.alert(alert_id)

    def record(self, kind: str, data: object) -> None:
        self.append(Record(kind, data))

    def append(self, record: Record) -> None:
        self._begin(self._stamp().mono_ns)
        self._records.append(record)

    def taken(self, lane: LaneKey, seq: int) -> None:
        """The lane may be acknowledged up to seq once this transaction is on disk."""
        self._begin(self._stamp().mono_ns)
        self._committed[lane] = seq

    def position(self, sink: str, position: Position) -> None:
        """How far a sink is; written with what else is due, or within POSITION_NS."""
        if not self._positions:
            self._positions_ns = self._stamp().mono_ns
        self._positions[sink] = position

    def touches(self, directory: bytes) -> bool:
        """Whether a change in directory waits, so that the store does not know its true state yet."""
        return directory in self._touched

    def settle(self) -> None:
        """Commit before an answer is given.  Raises StorageFault if the disk refuses (all still waits), RecordGone."""
        if not self.commit():
            raise StorageFault(f"the answer waits for the disk: {self.refusal}")

    def _begin(self, mono_ns: int) -> None:
        if not self._oldest_ns:
            self._oldest_ns = min(mono_ns, self._stamp().mono_ns)

    def due_in_ns(self, now_ns: int, *, more: bool) -> int | None:
        """Nanoseconds until a commit is due; <= 0: now; None: nothing waits. more: input is still coming."""
        waits = bool(self.waiting or self._committed)
        if not (waits or self._positions):
            return None
        if self.refusal is not None:
            return self._retry_ns - now_ns
        if not waits:
            return self._positions_ns + POSITION_NS - now_ns
        if self._urgent or len(self._events) >= MAX_EVENTS or len(self._found) >= MAX_FOUND:
            return 0
        if more:
            return self._oldest_ns + MAX_AGE_NS - now_ns
        return self._done_ns + SPACING_NS - now_ns

    def commit(self) -> bool:
        """Write all that waits in one transaction.  False if the disk refused: all still waits, to be tried again.

        Raises RecordGone.
        """
        if not (self.waiting or self._committed or self._positions):
            return True
        stamp = self._stamp()
        try:
            self.last = self.store.commit(
                stamp,
                self._events,
                self._alerts,
                self._records,
                self._committed,
                self._found,
                self._positions,
            )
        except RecordGone:
            raise
        except StorageFault as fault:
            self.refusal = str(fault)
            self.refused_commits += 1
            self._retry_ns = stamp.mono_ns + RETRY_NS
            return False
        done_ns = self._stamp().mono_ns
        self.totals.committed(
            self._events,
            self._alerts,
            took_ns=done_ns - stamp.mono_ns,
            waited_ns=done_ns - (self._oldest_ns or done_ns),
        )
        refused, self.refusal = self.refusal, None
        committed, self._committed = self._committed, {}
        self._events, self._alerts, self._records, self._found = [], [], [], []
        self._positions = {}
        self._touched.clear()
        self._oldest_ns, self._urgent = 0, False
        self._done_ns = done_ns
        self._on_commit(committed)
        if refused is not None:
            self.record("store.refused", {"why": refused, "tries": self.refused_commits})
            self.refused_commits = 0
        return True
