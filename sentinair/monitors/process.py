"""What the process connector tells becomes events: exec, exit and setid, with facts from /proc.

A table follows every fork, so that parent, user and start are known of a process even when it was gone
before /proc could be read.  Secrets in arguments are masked by the engine, not here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from sentinair.kernel import procfs
from sentinair.kernel.cnproc import NAME, Exec, Exit, Fork, Lost, Raw, Uid
from sentinair.model.event import GapEvent, ProcessEvent
from sentinair.model.ports import Clock
from sentinair.model.process import MAX_PARENTS, Parent, Process

__all__ = ["ProcessMonitor", "completed"]

MAX_KNOWN: Final = 65_536  # processes in the table, some 250 bytes each; the first seen goes first


class ProcessMonitor:
    """Follows all processes from what the connector says, in its order."""

    def __init__(
        self,
        clock: Clock,
        new_id: Callable[[], bytes],
        *,
        look: Callable[[int], Process | None] = procfs.look,
        max_known: int = MAX_KNOWN,
    ) -> None:
        """new_id: makes the 8 bytes that name a gap.  look: all facts on a pid, None if it is gone."""
        self._clock = clock
        self._new_id = new_id
        self._look = look
        self._max_known = max_known
        self._known: dict[
            int, Process
        ] = {}  # without argv and cwd, which have no bound worth holding
        self._untold: set[int] = (
            set()
        )  # of these, those no event has told of: forks without an exec

    def survey(self, pids: Iterable[int]) -> None:
        """Forget all, then learn pids: at the start and after a loss."""
        self._known.clear()
        self._untold.clear()
        for pid in pids:
            facts = self._look(pid)
            if facts is not None:
                self._remember(facts)

    def take(self, observations: Iterable[Raw]) -> list[ProcessEvent | GapEvent]:
        """The events of observations, in their order.

        A process that was gone before its /proc could be read has `exited` set and only what its forks told.
        """
        seen, mono = self._clock.wall_ns(), self._clock.mono_ns()
        events: list[ProcessEvent | GapEvent] = []
        for raw in observations:
            match raw:
                case Fork():
                    self._forked(raw)
                case Exec(_, pid):
                    facts = self._facts(pid)
                    self._remember(facts)
                    facts = self._descended(facts)
                    events.append(
                        ProcessEvent(seen_ns=seen, mono_ns=mono, action="exec", process=facts)
                    )
                case Exit(_, pid, code):
                    events.append(self._exited(pid, code, seen, mono))
                case Uid():
                    event = self._changed_user(raw, seen, mono)
                    if event is not None:
                        events.append(event)
                case Lost():
                    events.append(self._lost(raw, seen, mono))
        return events

    def _forked(self, fork: Fork) -> None:
        parent = self._known.get(fork.parent)
        if parent is None:
            parent = self._look(fork.parent) or Process(pid=fork.parent)
            self._remember(parent)
            self._untold.add(fork.parent)
        self._insert(
            Process(
                pid=fork.pid,
                start=procfs.ticks_of(fork.ns),
                ppid=fork.parent,
                exe=parent.exe,
                uid=parent.uid,
                auid=parent.auid,
                exe_id=parent.exe_id,
                deleted=parent.deleted,
                memfd=parent.memfd,
                euid=parent.euid,
            )
        )
        self._untold.add(fork.pid)

    def _descended(self, facts: Process) -> Process:
        """facts with the nearest parents, if these are forks no event told of, up to one of which the engine knows.

        A server's workers and a shell's `( … )` never exec: without this, what they start would have no parent.
        """
        steps: list[Parent] = []
        pid = facts.ppid
        while pid in self._untold and len(steps) < MAX_PARENTS:
            step = self._known[pid]
            steps.append(Parent(pid, step.start, step.exe))
            pid = step.ppid
        if not steps:
            return facts
        if pid and len(steps) < MAX_PARENTS:
            last = self._known.get(pid)
            steps.append(
                Parent(pid, None, None) if last is None else Parent(pid, last.start, last.exe)
            )
        return msgspec.structs.replace(facts, parents=tuple(steps))

    def _facts(self, pid: int) -> Process:
        """What /proc says now, completed by what was known before."""
        known = self._known.get(pid)
        found = self._look(pid)
        if found is None:
            found = Process(pid=pid, exited=True)
        return found if known is None else completed(found, known)

    def _changed_user(self, uid: Uid, seen: int, mono: int) -> ProcessEvent | None:
        """None if nothing changed: a library sets the ids of each thread by itself (setuid(2), notes)."""
        known = self._known.get(uid.pid)
        if known is not None and (known.uid, known.euid) == (uid.real, uid.effective):
            return None
        facts = msgspec.structs.replace(self._facts(uid.pid), uid=uid.real, euid=uid.effective)
        self._remember(facts)
        return ProcessEvent(
            seen_ns=seen,
            mono_ns=mono,
            action="setid",
            process=self._descended(facts),
            old_uid=None if known is None else known.euid,
            new_uid=uid.effective,
        )

    def _exited(self, pid: int, code: int, seen: int, mono: int) -> ProcessEvent:
        known = self._known.pop(pid, None)
        facts = Process(pid=pid) if known is None else self._descended(known)
        self._untold.discard(pid)
        return ProcessEvent(
            seen_ns=seen,
            mono_ns=mono,
            action="exit",
            process=msgspec.structs.replace(facts, exited=True),
            exit_code=code,
        )

    def _lost(self, lost: Lost, seen: int, mono: int) -> GapEvent:
        self.survey(procfs.pids())  # forks and exits are among the lost
        return GapEvent(
            seen_ns=seen,
            mono_ns=mono,
            gap_id=self._new_id(),
            source=NAME,
            reason="enobufs",
            lost=lost.count,
            since_ns=lost.since_ns + seen - mono,
            until_ns=lost.until_ns + seen - mono,
        )

    def _remember(self, facts: Process) -> None:
        self._insert(msgspec.structs.replace(facts, argv=None, cwd=None))

    def _insert(self, facts: Process) -> None:
        known = self._known
        if facts.pid not in known and len(known) >= self._max_known:
            oldest = next(iter(known))
            del known[oldest]
            self._untold.discard(oldest)
        known[facts.pid] = facts
        self._untold.discard(facts.pid)


def completed(found: Process, known: Process) -> Process:
    """found, with what it lacks taken from known where an exec does not change it.

    If both tell a start and they are more than a tick apart, found is of another process that got the number
    since, and only known counts.
    """
    start = found.start
    if start is None or known.start is None:
        start = known.start if start is None else start
    elif abs(start - known.start) > 1:
        return Process(
            pid=known.pid,
            start=known.start,
            ppid=known.ppid,
            uid=known.uid,
            auid=known.auid,
            euid=known.euid,
            exited=True,
        )
    complete = start == found.start and found.ppid is not None and found.uid is not None
    if complete and not found.exited:
        return found
    return msgspec.structs.replace(
        found,
        start=start,
        ppid=known.ppid if found.ppid is None else found.ppid,
        uid=known.uid if found.uid is None else found.uid,
        auid=known.auid if found.auid is None else found.auid,
        euid=known.euid if found.euid is None else found.euid,
    )
