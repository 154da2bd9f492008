"""Kernel observations of files become file events: state looked at afterwards, and who did it.

A mask is a set without order, so what a name is now is asked of the file system, never inferred.  A process is
named by number and start; facts come from /proc while it lives.  Where it has ended, an entry checked at most
REUSE_SECS ago still names it: to give its number to another process the kernel would have to hand out all
numbers in between (pid_max is at least 32,768, proc_sys_kernel(5)).
"""

from __future__ import annotations

import os
import stat
from collections.abc import Callable, Iterable
from typing import Final

import msgspec

from sentinair.kernel import procfs
from sentinair.kernel.records import Change, Sweep
from sentinair.kernel.statx import held
from sentinair.model.event import CREATE, OPEN, RENAME, WRITE, FileEvent, FileState
from sentinair.model.process import Process
from sentinair.monitors.watch import CRITICAL, HASHED

__all__ = ["REUSE_SECS", "FileMonitor", "Taken", "Writers", "state_of"]

REUSE_SECS: Final = 2.0
_FRESH_SECS: Final = 1.0  # facts older than this are read again even if start and exe are the same
_MAX_KNOWN: Final = 2048  # processes, about 600 bytes each
_CONTENT: Final = CREATE | WRITE | RENAME


def state_of(path: bytes) -> tuple[FileState | None, bool]:
    """What lstat(2) says of path, and whether it is absent; (None, False) if it cannot be looked at."""
    try:
        found = os.lstat(path)
    except (FileNotFoundError, NotADirectoryError):
        return None, True
    except OSError:
        return None, False
    return (
        FileState(
            found.st_mode,
            found.st_uid,
            found.st_gid,
            found.st_size,
            found.st_ino,
            found.st_dev,
            held(found.st_mtime_ns),
            held(found.st_ctime_ns),
        ),
        False,
    )


class Writers:
    """Facts on the processes that changed files, checked once a read by start time and executable."""

    def __init__(self, look: Callable[[int], Process | None] = procfs.look) -> None:
        self._look = look
        self._known: dict[int, tuple[Process, float, float]] = {}  # facts, read at, last checked at

    def who(self, pid: int, *, gone: bool, now_secs: float) -> Process | None:
        """Facts on pid; None if nothing but the number is known.

        gone: it had ended when its event was read.  now_secs: steady clock.
        """
        known = self._known.get(pid)
        recent = known is not None and now_secs - known[2] <= REUSE_SECS
        if gone:
            return known[0] if known is not None and recent else None
        if known is not None and now_secs - known[1] < _FRESH_SECS and _same(known[0]):
            self._known[pid] = (known[0], known[1], now_secs)
            return known[0]
        facts = self._look(pid)
        if (
            facts is None or facts.exited or facts.start is None
        ):  # it ended between the read and the look
            if known is not None and recent:
                return known[0]
            return None if facts is None or facts.start is None else facts
        if len(self._known) >= _MAX_KNOWN:
            self._known.clear()
        self._known[pid] = (facts, now_secs, now_secs)
        return facts


def _same(facts: Process) -> bool:
    if facts.exe is None or procfs.start(facts.pid) != facts.start:
        return False
    try:
        return os.readlink(f"/proc/{facts.pid}/exe".encode()) == facts.exe
    except OSError:
        return False


class Taken(msgspec.Struct):
    """Events of one read, by lane, and the processes they name."""

    vital: list[FileEvent]
    bulk: list[FileEvent]
    writers: dict[int, Process]  # by pid

    def named_by(self, events: Iterable[FileEvent]) -> list[Process]:
        """Facts on the writers of these events."""
        pids = {event.pid for event in events if event.start is not None}
        return [self.writers[pid] for pid in pids if pid is not None]


class FileMonitor:
    """Makes events of sweeps; drops the agent's own writes under its state directory first."""

    def __init__(
        self,
        state_directory: bytes,
        *,
        writers: Writers | None = None,
        barred: Callable[[], frozenset[bytes]] = frozenset,
    ) -> None:
        """barred: mount points that must not be touched, not even by lstat (FUSE)."""
        self._state = state_directory
        self._below_state = state_directory + b"/"
        self._writers = writers or Writers()
        self._barred = barred
        self.own: frozenset[tuple[int, int]] = frozenset()
        self._me = os.getpid()
        self.own_dropped = 0

    def take(self, sweep: Sweep, seen_ns: int, mono_ns: int) -> Taken:
        """Events of one read.  seen_ns: wall clock, mono_ns: steady clock when it was read."""
        taken = Taken([], [], {})
        starts = self._identify(sweep, taken, mono_ns / 1e9)
        renamed = {change.old_path for change in sweep.changes if change.old_path is not None}
        barred = self._barred()
        again: list[FileEvent] = []
        for change in sweep.changes:
            pid = change.pid
            start = starts.get(pid)
            if change.flags & CRITICAL and self._is_own(change.path, pid, start):
                self.own_dropped += 1
                continue
            actions = change.actions
            if actions == OPEN and self._is_hashing(pid, taken):
                continue
            path = change.path
            state, absent = (None, False) if path in barred else state_of(path)
            critical = change.flags & CRITICAL != 0
            made = FileEvent(
                seen_ns=seen_ns,
                mono_ns=mono_ns,
                path=path,
                actions=actions,
                old_path=change.old_path,
                state=state,
                absent=absent,
                pid=pid or None,
                start=start,
                critical=critical,
                hash_wanted=state is not None and _to_hash(change, actions, state),
                directory=change.on_directory,
            )
            (taken.vital if critical else taken.bulk).append(made)
            if state is not None and path in renamed:
                again.append(made)
        for made in again:
            # its old file was renamed away in this read, and yet the name exists: said last, it is what stands
            (taken.vital if made.critical else taken.bulk).append(made)
        return taken

    def _identify(self, sweep: Sweep, taken: Taken, now_secs: float) -> dict[int, int]:
        starts: dict[int, int] = {}
        for pid in {change.pid for change in sweep.changes}:
            if pid <= 0:
                continue
            gone = pid in sweep.gone and pid not in sweep.alive
            facts = self._writers.who(pid, gone=gone, now_secs=now_secs)
            if facts is not None and facts.start is not None:
                taken.writers[pid] = facts
                starts[pid] = facts.start
        return starts

    def _is_hashing(self, pid: int, taken: Taken) -> bool:
        """It is our own hashing child that opens a file watched for reading."""
        writer = taken.writers.get(pid)
        return pid == self._me or (writer is not None and writer.ppid == self._me)

    def _is_own(self, path: bytes, pid: int, start: int | None) -> bool:
        if not path.startswith(self._below_state) and path != self._state:
            return False
        return start is not None and (pid, start) in self.own


def _to_hash(change: Change, actions: int, state: FileState) -> bool:
    return bool(change.flags & HASHED and actions & _CONTENT and stat.S_ISREG(state.mode))
