"""From a sender to the judge: a batch waits for the names of its writers, and those of its lane behind it."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from typing import Final

from sentinair.ipc.lane import MAX_BATCH
from sentinair.ipc.messages import Batch
from sentinair.roles.engine.join import HOLD_NS
from sentinair.roles.engine.judge import Judge
from sentinair.roles.engine.senders import Held, Sender
from sentinair.roles.engine.status import Counters
from sentinair.store.events import LaneKey

__all__ = ["Intake"]

MAX_HELD: Final = 64 * MAX_BATCH  # events waiting for a name; more, and the oldest go on nameless


class Intake:
    """Times: steady clock, ns."""

    def __init__(self, judge: Judge, counters: Counters, senders: Mapping[str, Sender]) -> None:
        """senders: by role, those that are here; the owner changes it."""
        self._judge = judge
        self._counters = counters
        self._senders = senders
        # What this life of the engine took, on disk or not yet.
        self._taken: dict[LaneKey, int] = {}
        self._held_events = 0

    def taken(self, lane: LaneKey) -> int:
        """The last seq of this lane that was taken in this life of the engine; 0: none."""
        return self._taken.get(lane, 0)

    def began(self, role: str, run: bytes) -> None:
        """A sender that begins anew sends nothing more of its runs before: their numbers are forgotten."""
        self._taken = {
            lane: seq for lane, seq in self._taken.items() if lane.sender != role or lane.run == run
        }

    def bring(self, sender: Sender, batch: Batch, now_ns: int) -> None:
        """Judge it, or hold it until its writers are known."""
        self._judge.learn(batch)
        queue = sender.held.setdefault(batch.lane, deque())
        missing = self._judge.missing(batch) if sender.role == "sensor" else set()
        if not queue and not missing:
            self._take(sender, batch)
            return
        queue.append(Held(batch, missing, now_ns + HOLD_NS))
        self._held_events += len(batch.events)
        if self._held_events > MAX_HELD:
            self.flush(sender)

    def release(self, now_ns: int) -> None:
        """Let batches go whose writers are known by now, or whose time is up."""
        if not self._held_events:
            return
        for sender in self._senders.values():
            for queue in sender.held.values():
                while queue and (
                    queue[0].deadline_mono_ns <= now_ns
                    or not queue[0].missing
                    or not self._judge.missing(queue[0].batch)
                ):
                    self._let_go(sender, queue)

    def due_ns(self, now_ns: int) -> int | None:
        """Nanoseconds until the first waiting batch must go on; None: none waits."""
        if not self._held_events:
            return None
        return min(
            (
                queue[0].deadline_mono_ns - now_ns
                for sender in self._senders.values()
                for queue in sender.held.values()
                if queue
            ),
            default=None,
        )

    def flush(self, sender: Sender) -> None:
        """All that waits of this sender goes on now, nameless if it must."""
        for queue in sender.held.values():
            while queue:
                self._let_go(sender, queue)

    def _let_go(self, sender: Sender, queue: deque[Held]) -> None:
        held = queue.popleft()
        self._held_events -= len(held.batch.events)
        self._take(sender, held.batch)

    def _take(self, sender: Sender, batch: Batch) -> None:
        assert sender.hello is not None
        self._judge.take(batch, sender.role, sender.hello.run)
        self._counters.events += len(batch.events)
        lane = LaneKey(sender.role, sender.hello.run, batch.lane)
        self._taken[lane] = batch.first_seq + len(batch.events) - 1
