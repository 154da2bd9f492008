"""A lane: a queue of numbered batches, bounded in bytes, kept until the engine has committed them.

`vital` is never dropped: when it is full, offer() says so and its reader waits.  `bulk` drops its oldest unsent
batches, in one stroke down to three quarters, and hands the hole to on_hole, which makes the gap event.
Batches already on the wire are never dropped, so a hole is exactly what the engine will never see.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sentinair.ipc.frames import MAX_FRAME_BYTES, frame
from sentinair.ipc.messages import Batch, encode
from sentinair.model.event import FileEvent, GapEvent, Observation
from sentinair.model.process import Process

__all__ = ["MAX_BATCH", "Hole", "Lane"]

MAX_BATCH: Final = (
    2048  # observations in one batch; with the frame cap it bounds what one commit must take
)


class Hole(msgspec.Struct, frozen=True):
    """A dropped range of one lane's seq, and the wall-clock interval in which it was read."""

    lane: str
    first: int
    last: int
    since_ns: int
    until_ns: int

    def gap(self, sender: str, gap_id: bytes, seen_ns: int, mono_ns: int) -> GapEvent:
        """The event that says so.  seen_ns, mono_ns: now."""
        return GapEvent(
            seen_ns=seen_ns,
            mono_ns=mono_ns,
            gap_id=gap_id,
            source=f"{sender}/{self.lane}",
            reason="lane_full",
            lost=self.last - self.first + 1,
            since_ns=self.since_ns,
            until_ns=self.until_ns,
            lane=self.lane,
            first=self.first,
            last=self.last,
        )


class _Held(msgspec.Struct):
    first: int
    last: int
    since_ns: int
    until_ns: int
    data: bytes  # the whole frame


class Lane:
    """Thread-safe; `lock` may be held by a producer that must list and queue in one breath (rescan)."""

    def __init__(
        self,
        name: str,
        limit_bytes: int,
        *,
        drops: bool,
        on_hole: Callable[[Hole], None] | None = None,
        first_seq: int = 1,
    ) -> None:
        self.name = name
        self.limit_bytes = limit_bytes
        self.lock = threading.RLock()
        self.room = threading.Condition(self.lock)
        self.next_seq = first_seq
        self.held_bytes = 0
        self.dropped = 0  # observations, this run
        self._drops = drops
        self._on_hole = on_hole
        self._held: deque[_Held] = deque()  # unacknowledged, oldest first
        self._sent = 0  # how many of _held, from the left, are on the wire

    @property
    def full(self) -> bool:
        return self.held_bytes >= self.limit_bytes

    @property
    def waiting(self) -> int:
        """Observations not yet acknowledged."""
        with self.lock:
            return sum(held.last - held.first + 1 for held in self._held)

    def offer(
        self,
        source: str,
        writers: Sequence[Process],
        events: Sequence[Observation],
        *,
        force: bool = False,
    ) -> bool:
        """Number and queue events (non-empty).  False, and nothing queued, if this lane may not drop and is full.

        force queues even then: for the gap that reports the loss, which must not be lost itself.
        """
        with self.lock:
            if not self._drops and not force and self.full:
                return False
            for at in range(0, len(events), MAX_BATCH):
                self._append(source, tuple(writers), tuple(events[at : at + MAX_BATCH]))
            if self._drops and self.held_bytes > self.limit_bytes:
                self._drop_oldest()
            return True

    def _append(
        self, source: str, writers: tuple[Process, ...], part: tuple[Observation, ...]
    ) -> None:
        """One batch; several where paths or command lines are so long that one would not fit into a frame."""
        first = self.next_seq
        body = encode(Batch(self.name, first, source, writers, part))
        if len(body) > MAX_FRAME_BYTES and len(part) > 1:
            for half in (part[: len(part) // 2], part[len(part) // 2 :]):
                named = {event.pid for event in half if type(event) is FileEvent}
                self._append(source, tuple(w for w in writers if w.pid in named), half)
            return
        data = frame(body)
        self.next_seq = first + len(part)
        self._held.append(_Held(first, self.next_seq - 1, part[0].seen_ns, part[-1].seen_ns, data))
        self.held_bytes += len(data)

    def wait_for_room(self, timeout_secs: float) -> bool:
        """For producers that can wait (rescan): True once the lane is less than half full."""
        deadline = time.monotonic() + timeout_secs
        with self.room:
            while self.held_bytes * 2 >= self.limit_bytes:
                left = deadline - time.monotonic()
                if left <= 0:
                    return False
                self.room.wait(left)
            return True

    def _drop_oldest(self) -> None:
        sent = [self._held.popleft() for _ in range(self._sent)]
        gone: list[_Held] = []
        while len(self._held) > 1 and self.held_bytes > self.limit_bytes * 3 // 4:
            held = self._held.popleft()
            self.held_bytes -= len(held.data)
            gone.append(held)
        self._held.extendleft(reversed(sent))
        if gone:
            self.dropped += gone[-1].last - gone[0].first + 1
            if self._on_hole is not None:
                self._on_hole(
                    Hole(
                        self.name, gone[0].first, gone[-1].last, gone[0].since_ns, gone[-1].until_ns
                    )
                )

    def next_frame(self) -> bytes | None:
        """The next batch for the wire, which from now on counts as sent; None if there is none."""
        with self.lock:
            if self._sent >= len(self._held):
                return None
            held = self._held[self._sent]
            self._sent += 1
            return held.data

    def committed(self, seq: int) -> int:
        """Forget all batches up to seq; returns how many bytes of them had been sent."""
        freed = 0
        with self.room:
            while self._held and self._held[0].last <= seq:
                size = len(self._held.popleft().data)
                self.held_bytes -= size
                if self._sent:
                    self._sent -= 1
                    freed += size
            self.room.notify_all()
        return freed

    def resend(self) -> None:
        """After a new connection: what is not acknowledged goes on the wire again."""
        with self.lock:
            self._sent = 0
