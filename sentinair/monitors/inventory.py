"""All processes at one moment, and polling for new ones where the process connector does not work."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final

import msgspec

from sentinair.kernel import procfs
from sentinair.model.event import Observation, ProcessEvent, Scanned
from sentinair.model.ports import Clock
from sentinair.model.process import Process

__all__ = ["NAME", "PART", "ProcessPoller", "inventory"]

NAME: Final = "procfs"  # the source of an inventory's events
PART: Final = 64  # with procfs.MAX_ARGV_BYTES it keeps a batch below the frame cap

Pids = Callable[[], list[int]]
Look = Callable[[int], Process | None]


def inventory(
    clock: Clock,
    scan: int,
    reason: str,
    gaps: tuple[bytes, ...] = (),
    *,
    pids: Pids = procfs.pids,
    look: Look = procfs.look,
) -> Iterator[list[Observation]]:
    """All processes as events, in parts of at most PART, the last of which ends with a Scanned.

    Each event's times are from before its process was looked at: what another source tells later is newer.
    reason: "start", "gap" or "asked".  gaps: gap_ids this repairs.  About 40 µs a process.
    """
    began = clock.wall_ns()
    part: list[Observation] = []
    found = 0
    for pid in pids():
        seen, mono = clock.wall_ns(), clock.mono_ns()
        facts = look(pid)
        if facts is None:
            continue
        found += 1
        part.append(ProcessEvent(seen_ns=seen, mono_ns=mono, action="inventory", process=facts))
        if len(part) >= PART:
            yield part
            part = []
    part.append(
        Scanned(
            seen_ns=clock.wall_ns(),
            mono_ns=clock.mono_ns(),
            scan=scan,
            scope="processes",
            reason=reason,
            roots=(),
            gaps=gaps,
            directories=0,
            entries=found,
            began_ns=began,
        )
    )
    yield part


class ProcessPoller:
    """Compares the process list with the last one: new numbers are execs, missing ones exits.

    What it cannot see stands in kernel.psutil_source.LIMITS.
    """

    def __init__(self, clock: Clock, *, pids: Pids, look: Look = procfs.look) -> None:
        self._clock = clock
        self._pids = pids
        self._look = look
        self._known: dict[int, Process] | None = None  # without argv and cwd

    def poll(self) -> list[ProcessEvent]:
        """What changed since the last call; the first call only learns, since an inventory tells the rest."""
        seen, mono = self._clock.wall_ns(), self._clock.mono_ns()
        current = self._pids()
        first = self._known is None
        known = self._known or {}
        events: list[ProcessEvent] = []
        there = set(current)
        for pid in [pid for pid in known if pid not in there]:
            gone = msgspec.structs.replace(known.pop(pid), exited=True)
            events.append(ProcessEvent(seen_ns=seen, mono_ns=mono, action="exit", process=gone))
        for pid in current:
            if pid in known:
                continue
            facts = self._look(pid)
            if facts is None:
                continue
            known[pid] = msgspec.structs.replace(facts, argv=None, cwd=None)
            if not first:
                events.append(
                    ProcessEvent(seen_ns=seen, mono_ns=mono, action="exec", process=facts)
                )
        self._known = known
        return events
