"""What passes between floors: what a kernel ability says of itself, the clock, and what a detector must be able to do."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Protocol

import msgspec

from sentinair.model.alert import Detection, Joined

__all__ = ["Clock", "Detector", "Probe"]


class Probe(msgspec.Struct, frozen=True):
    """What a kernel ability can do here."""

    name: str  # "fanotify"
    works: bool
    reason: str  # "works", or why not, in words a person can act on
    limits: tuple[str, ...] = ()  # what it cannot see even when it works


class Clock(Protocol):
    """Time as a value that is passed in: cores never read a clock themselves."""

    def wall_ns(self) -> int: ...
    def mono_ns(self) -> int: ...


class Detector(Protocol):
    """Judges events.  Pure: no I/O, no randomness, time only from events and ticks."""

    name: str

    def judge(self, joined: Joined) -> Iterable[Detection]:
        """Detections for one event; empty for the usual event."""
        ...

    def tick(self, now_ns: int) -> Iterable[Detection]:
        """Once a second: what time alone decides. now_ns: wall clock, as events carry it."""
        ...
