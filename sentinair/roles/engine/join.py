"""Who did it: joins file events with what `execs`, the inventory and the sensor know of processes.

The sensor names a writer by pid and, when /proc answered in time, by start; `execs` names every process by both.
A short-lived writer is known to `execs` only, and its exec event may come a moment after its file event: such a
file event waits up to HOLD_NS, no other ever does.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable
from typing import Final

import msgspec

from sentinair.model.process import MAX_PARENTS, Parent, Process

__all__ = ["HOLD_NS", "ProcessTable"]

HOLD_NS: Final = 80_000_000
MAX_EXITED: Final = 20_000  # processes that ended, kept for events that are still on their way
MAX_EXITED_BYTES: Final = (
    16 << 20
)  # of their arguments: anybody may start thousands with 32 KiB each
START_SLACK: Final = (
    2  # ticks between the fork event and the kernel's own start time of the same process
)
REUSE_NS: Final = 30_000_000_000  # an event this long after an exit is not by that process


class _Known(msgspec.Struct):
    process: Process  # masked, with parents
    since_mono_ns: int  # from when on these facts held
    ended_mono_ns: int | None = None
    earlier: Process | None = None  # the image before the last exec
    complete: bool = True  # its parent chain reached init


class ProcessTable:
    """Processes by pid, the living ones and the lately ended, of these at most MAX_EXITED and MAX_EXITED_BYTES.

    mask: replaces secrets in one argv; called once for each process image.
    """

    def __init__(self, mask: Callable[[tuple[bytes, ...]], tuple[tuple[bytes, ...], bool]]) -> None:
        self._mask = mask
        self._known: dict[int, _Known] = {}
        self._ended: OrderedDict[int, int] = OrderedDict()  # pid to bytes of arguments
        self._ended_bytes = 0

    def __len__(self) -> int:
        return len(self._known)

    def knows(self, process: Process) -> bool:
        """Whether these facts say nothing new of a living process: an inventory repeats what is known."""
        known = self._known.get(process.pid)
        return (
            known is not None
            and known.ended_mono_ns is None
            and known.process.exe == process.exe
            and known.process.uid == process.uid
            and _same(known.process, process)
        )

    def learn(self, process: Process, mono_ns: int, *, action: str) -> Process:
        """Take facts from an exec, exit, setid or inventory event; returns them masked and with parents."""
        known = self._known.get(process.pid)
        same = known is not None and _same(known.process, process)
        if action == "exit":
            return self._end(process, known if same else None, mono_ns)
        if same and known is not None:
            facts = self._finish(_over(process, known.process, new_image=action == "exec"))
            if action == "exec":
                known.earlier = known.process
                known.since_mono_ns = mono_ns
            known.process = facts
            known.complete = _complete(facts)
            return facts
        facts = self._finish(process)
        self._ended_bytes -= self._ended.pop(process.pid, 0)
        self._known[process.pid] = _Known(facts, mono_ns, complete=_complete(facts))
        return facts

    def _end(self, process: Process, known: _Known | None, mono_ns: int) -> Process:
        if known is None:
            known = _Known(self._finish(process), mono_ns)
            self._known[process.pid] = known
        known.ended_mono_ns = mono_ns
        self._ended_bytes -= self._ended.pop(process.pid, 0)
        self._ended[process.pid] = size = _argv_bytes(known)
        self._ended_bytes += size
        while len(self._ended) > MAX_EXITED or self._ended_bytes > MAX_EXITED_BYTES:
            old, size = self._ended.popitem(last=False)
            self._ended_bytes -= size
            self._known.pop(old, None)
        return known.process

    def sweep(self, alive: set[int], before_mono_ns: int) -> None:
        """After an inventory: what it did not find, and was known before it began, has ended unseen."""
        for pid, known in list(self._known.items()):
            ended = known.ended_mono_ns is not None
            if not ended and pid not in alive and known.since_mono_ns < before_mono_ns:
                self._end(known.process, known, before_mono_ns)

    def find(self, pid: int, start: int | None, mono_ns: int) -> Process | None:
        """The process that had pid at mono_ns; None if it is not known (yet)."""
        known = self._known.get(pid)
        if known is None:
            return None
        if start is not None and known.process.start is not None:
            if abs(start - known.process.start) > START_SLACK:
                return None
        elif known.ended_mono_ns is not None and mono_ns > known.ended_mono_ns + REUSE_NS:
            return None
        if mono_ns < known.since_mono_ns and known.earlier is not None:
            return known.earlier
        if not known.complete:
            known.process = self._finish(known.process)
            known.complete = (
                True  # asked once more is enough: the chain may have a process nobody saw
            )
        return known.process

    def join(self, facts: Process, mono_ns: int) -> Process:
        """What the sensor read of a writer, filled up with what is known already."""
        found = self.find(facts.pid, facts.start, mono_ns)
        if found is not None and found.exe == facts.exe:
            return found
        return self.learn(facts, mono_ns, action="seen")

    def _finish(self, process: Process) -> Process:
        argv, masked = process.argv, process.masked
        if argv and not masked:
            argv, masked = self._mask(argv)
        return msgspec.structs.replace(
            process, argv=argv, masked=masked, parents=self._parents(process)
        )

    def _parents(self, process: Process) -> tuple[Parent, ...]:
        """The chain as this table knows it; what it does not know is taken from what process itself tells."""
        ppid, told = process.ppid, process.parents
        if not ppid or ppid == process.pid:
            return ()
        if not told or told[0].pid != ppid:
            told = (Parent(ppid, None, None),)
        unknown: list[Parent] = []
        for step in told:
            known = self._known.get(step.pid)
            if known is not None and _fits(known.process, step):
                parent = known.process
                own = Parent(step.pid, parent.start, parent.exe, parent.argv)
                chain = (*(_forked_of(one, own) for one in unknown), own, *parent.parents)
                return chain[:MAX_PARENTS]
            unknown.append(step)
        return tuple(unknown[:MAX_PARENTS])


def _fits(known: Process, step: Parent) -> bool:
    """Whether a step of a chain is this process, and not one that had its number before."""
    if step.start is None or known.start is None:
        return True
    return abs(step.start - known.start) <= START_SLACK


def _forked_of(step: Parent, own: Parent) -> Parent:
    """A fork that never ran a program of its own has its parent's command line."""
    if step.argv is None and step.exe is not None and step.exe == own.exe:
        return msgspec.structs.replace(step, argv=own.argv)
    return step


def _argv_bytes(known: _Known) -> int:
    """Its own and of the image before.  What parents' chains share is not counted: it is held once."""
    images = (known.process, known.earlier)
    return sum(len(word) for one in images if one and one.argv for word in one.argv)


def _same(known: Process, new: Process) -> bool:
    """Whether both facts are of one process: equal start, or start not known to one of them."""
    if known.start is None or new.start is None:
        return not (known.exited and not new.exited)
    return abs(known.start - new.start) <= START_SLACK


def _over(new: Process, old: Process, *, new_image: bool) -> Process:
    """new, with what it does not know taken from old.

    new_image: it runs another program now; what it ran before must not be blamed for what this one does.
    """
    facts = msgspec.structs.replace(
        new,
        start=new.start if new.start is not None else old.start,
        ppid=new.ppid if new.ppid is not None else old.ppid,
        uid=new.uid if new.uid is not None else old.uid,
        euid=new.euid if new.euid is not None else old.euid,
        auid=new.auid if new.auid is not None else old.auid,
        cwd=new.cwd if new.cwd is not None else old.cwd,
        parents=new.parents or old.parents,
    )
    if new_image or (new.exe is not None and new.exe != old.exe):
        return facts
    return msgspec.structs.replace(
        facts,
        exe=old.exe,
        argv=new.argv if new.argv is not None else old.argv,
        masked=new.masked if new.argv is not None else old.masked,
        exe_id=new.exe_id if new.exe_id is not None else old.exe_id,
        deleted=new.deleted or old.deleted,
        memfd=new.memfd or old.memfd,
    )


def _complete(process: Process) -> bool:
    chain = process.parents
    return not chain or chain[-1].pid in (1, 2) or len(chain) >= MAX_PARENTS
