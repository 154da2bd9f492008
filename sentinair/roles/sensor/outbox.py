"""The sensor's lanes, and what becomes of events and gaps on their way into them."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterable, Sequence
from typing import Final

from sentinair.ipc.lane import Hole, Lane
from sentinair.model.event import FileEvent, GapEvent, Observation
from sentinair.model.ports import Clock
from sentinair.model.process import Process
from sentinair.monitors.file import Taken
from sentinair.settings.types import Lanes

__all__ = ["MAX_HELD", "SENDER", "Outbox", "WakingLane"]

SENDER: Final = "sensor"
MAX_HELD: Final = (
    10_000  # events under the state directory while nobody told us which processes are ours
)


class WakingLane(Lane):
    """A lane that wakes the loop when another thread queues something."""

    def __init__(
        self,
        name: str,
        limit_bytes: int,
        wake: Callable[[], None],
        *,
        drops: bool,
        on_hole: Callable[[Hole], None] | None = None,
    ) -> None:
        super().__init__(name, limit_bytes, drops=drops, on_hole=on_hole)
        self._wake = wake
        self._loop = threading.get_ident()

    def offer(
        self,
        source: str,
        writers: Sequence[Process],
        events: Sequence[Observation],
        *,
        force: bool = False,
    ) -> bool:
        taken = super().offer(source, writers, events, force=force)
        if threading.get_ident() != self._loop:
            self._wake()
        return taken


class Outbox:
    """Queues events; a full vital lane blocks, a dropped range of bulk becomes a gap."""

    def __init__(
        self,
        lanes: Lanes,
        clock: Clock,
        wake: Callable[[], None],
        on_gap: Callable[[bytes], None],
        state_directory: bytes,
    ) -> None:
        """on_gap: told the id of each gap of files right after it was queued, in whatever thread found it."""
        self._clock = clock
        self._on_gap = on_gap
        self._state = state_directory
        self.vital = WakingLane("vital", lanes.vital_bytes, wake, drops=False)
        self.bulk = WakingLane("bulk", lanes.bulk_bytes, wake, drops=True, on_hole=self._dropped)
        self._blocked: tuple[str, list[Process], Sequence[Observation]] | None = None
        self._held: list[tuple[str, FileEvent, Process | None]] = []
        self.own: frozenset[tuple[int, int]] | None = None
        """Our processes, or None while the engine has not told (again): events of the state directory wait."""

    @property
    def blocked(self) -> bool:
        """vital is full: read no more until retry() succeeds."""
        return self._blocked is not None

    @property
    def waiting(self) -> int:
        """Events not yet acknowledged."""
        blocked = len(self._blocked[2]) if self._blocked else 0
        return self.vital.waiting + self.bulk.waiting + blocked + len(self._held)

    def put(self, source: str, taken: Taken) -> None:
        """Queue the events of one read."""
        vital = taken.vital
        if self.own is None and vital:
            vital = [event for event in vital if not self._hold(source, event, taken)]
        if vital:
            self._urgent(source, taken.named_by(vital), vital)
        if taken.bulk:
            self.bulk.offer(source, taken.named_by(taken.bulk), taken.bulk)

    def urgent(self, source: str, events: Sequence[Observation]) -> None:
        """Queue in vital."""
        self._urgent(source, [], events)

    def retry(self) -> None:
        """Try again to queue what vital had no room for."""
        if self._blocked is not None and self.vital.offer(*self._blocked):
            self._blocked = None

    def told_own(self, own: Iterable[tuple[int, int]]) -> int:
        """The engine named our processes: release what waited for it; returns how many were our own writes."""
        self.own = frozenset(own)
        held, self._held = self._held, []
        foreign = [
            (source, event, writer)
            for source, event, writer in held
            if event.pid is None or event.start is None or (event.pid, event.start) not in self.own
        ]
        for source in dict.fromkeys(source for source, _, _ in foreign):
            events = [event for name, event, _ in foreign if name == source]
            writers = {
                writer.pid: writer
                for name, _, writer in foreign
                if writer is not None and name == source
            }
            self._urgent(source, list(writers.values()), events)
        return len(held) - len(foreign)

    def gap(self, source: str, reason: str, since_ns: int) -> bytes:
        """Queue a gap that ends now, with an unknown number lost, room or not, and tell on_gap; returns its id."""
        now_ns = self._clock.wall_ns()
        made = GapEvent(
            seen_ns=now_ns,
            mono_ns=self._clock.mono_ns(),
            gap_id=os.urandom(8),
            source=source,
            reason=reason,
            lost=None,
            since_ns=since_ns,
            until_ns=now_ns,
        )
        self._lost(made)
        return made.gap_id

    def _dropped(self, hole: Hole) -> None:
        self._lost(hole.gap(SENDER, os.urandom(8), self._clock.wall_ns(), self._clock.mono_ns()))

    def _lost(self, made: GapEvent) -> None:
        self.vital.offer(made.source, (), (made,), force=True)
        self._on_gap(made.gap_id)

    def _urgent(self, source: str, writers: list[Process], events: Sequence[Observation]) -> None:
        if self._blocked is not None:  # keep the order: behind what waits already
            before = self._blocked
            self._blocked = (before[0], before[1] + writers, (*before[2], *events))
        elif not self.vital.offer(source, writers, events):
            self._blocked = (source, writers, events)

    def _hold(self, source: str, event: FileEvent, taken: Taken) -> bool:
        if event.path != self._state and not event.path.startswith(self._state + b"/"):
            return False
        if len(self._held) >= MAX_HELD:
            return False
        writer = None if event.pid is None else taken.writers.get(event.pid)
        self._held.append((source, event, writer))
        return True
