"""What passes between floors: what a kernel ability says of itself, the clock, and what a detector must be able to do."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Protocol, runtime_checkable

import msgspec

from sentinair.errors import Fault
from sentinair.model.alert import Detection, Joined
from sentinair.model.entry import Entry, Parcel

__all__ = [
    "Clock",
    "Codec",
    "Detector",
    "Flushes",
    "FromRules",
    "Keeper",
    "Probe",
    "Reading",
    "Sink",
    "SinkKind",
]


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


@runtime_checkable
class Keeper(Protocol):
    """A detector that remembers: the engine keeps its memory over a restart and over a change of rules."""

    name: str

    @property
    def changes(self) -> int:
        """Grows with each change of what save() gives."""
        ...

    def save(self) -> bytes: ...

    def restore(self, data: bytes) -> None:
        """Goes on with what save() gave, also if made from other rules since.  Raises DataFault."""
        ...

    def notes(self) -> dict[str, int]:
        """What it holds and what it had to let go, by name, for `status`."""
        ...


class Codec(Protocol):
    """Turns entries into bytes.  Pure: no I/O, no clock, no memory from one entry to the next.

    Nothing in a value can forge a field, a line, a frame or a cell; what had to be cut says its length and hash.
    A file is begin(), then encode() of each entry with between() among them, then end().
    """

    name: str  # "cef"
    suffix: str  # of files, ".cef"
    lines: bool  # one entry is one line that stands alone, so files may be cut between any two

    def begin(self, time_ns: int) -> bytes:
        """What a file begins with; time_ns: wall clock."""
        ...

    def encode(self, entry: Entry) -> bytes:
        """One entry, without what separates it from the next.

        Empty where this format has no place for it: it is then not written and not counted.
        """
        ...

    def between(self) -> bytes:
        """What stands between two entries."""
        ...

    def end(self, count: int) -> bytes:
        """What a file of count entries ends with."""
        ...


class Reading(msgspec.Struct, frozen=True):
    """Which rule files a detector was made from."""

    rules: int = 0
    correlations: int = 0
    digest: str = ""  # SHA-256 over names and content of all files, hexadecimal
    faults: tuple[Fault, ...] = ()  # of the files that were left out


@runtime_checkable
class FromRules(Protocol):
    """A detector made from rule files: the engine makes it anew when they change."""

    name: str
    reading: Reading


class Sink(Protocol):
    """Brings parcels somewhere.  One thread calls it; it may block, and nobody but that thread waits.

    All methods raise SinkAway for what may work later; then the same parcels come again.
    """

    name: str  # as the administrator called it

    def open(self) -> None:
        """Connects, or looks whether the place is there.  Called again after each SinkAway."""
        ...

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        """All of them are on the far side, as far as it can tell, when this returns.  Raises SinkRefused, SinkAway."""
        ...

    def holding(self) -> Mapping[str, int]:
        """Stream to the first seq that was delivered and may still be lost; streams without such are left out.

        In an open file, or on a connection without answers.  A cursor never passes them, so they come again after a
        restart, and after a SinkAway, when nothing is held any more.
        """
        ...

    def idle(self, mono_ns: int) -> None:
        """Once a second while nothing is to be delivered: what time alone decides. mono_ns: steady clock."""
        ...

    def close(self) -> None:
        """Lets go of everything; raises nothing."""
        ...


@runtime_checkable
class Flushes(Protocol):
    """What a Sink may do besides."""

    def flush(self) -> None:
        """A person waits for it: put away now what is held.  Raises SinkAway."""
        ...


class SinkKind(msgspec.Struct, frozen=True, kw_only=True):
    """What the entry point group `sentinair.sinks` names: how a kind of sink is told, and how it is made.

    The module that holds it is loaded whenever a configuration is read: it imports nothing heavy.
    """

    options: type[msgspec.Struct]
    """Frozen, each field with a default; refuses what does not fit together with UsageFault in __post_init__."""
    make: str  # `module:function`, loaded where the sink works: function(Ground, options) gives a Sink
    in_order: bool = False  # takes entries in the order of their numbers only
    needs_codec: bool = True
