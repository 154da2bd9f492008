"""What a process and all its descendants cost, read from /proc (proc(5))."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Iterable
from pathlib import Path

__all__ = ["command_line", "cpu_secs", "exact_cpu_secs", "pss_mb", "settle", "tree", "wakeups"]

_TICKS = os.sysconf("SC_CLK_TCK")


def _text(path: str) -> str:
    """Content of one file of /proc; empty when the process is gone or may not be looked at."""
    try:
        return Path(path).read_text(errors="replace")
    except OSError:
        return ""


def tree(pid: int) -> list[int]:
    """pid and all its descendants, parents first."""
    found = [pid]
    for task in _listed(f"/proc/{pid}/task"):
        for child in _text(f"/proc/{pid}/task/{task}/children").split():
            found += tree(int(child))
    return found


def _listed(path: str) -> list[str]:
    try:
        return os.listdir(path)
    except OSError:
        return []


def command_line(pid: int) -> list[str]:
    """argv of pid; empty when it is gone."""
    return _text(f"/proc/{pid}/cmdline").split("\0")[:-1]


def cpu_secs(pids: Iterable[int]) -> float:
    """CPU seconds of pids and of the children they have already reaped, to 10 ms each."""
    ticks = 0
    for pid in pids:
        # The name in field 2 may hold spaces and parentheses: cut after the last one.
        fields = _text(f"/proc/{pid}/stat").rpartition(")")[2].split()
        ticks += sum(int(field) for field in fields[11:15])  # utime stime cutime cstime
    return ticks / _TICKS


def exact_cpu_secs(pids: Iterable[int]) -> float:
    """CPU seconds of the living threads of pids, to the nanosecond (schedstat); what has ended is not in it."""
    total = 0
    for pid in pids:
        for task in _listed(f"/proc/{pid}/task"):
            total += int((_text(f"/proc/{pid}/task/{task}/schedstat").split() or ["0"])[0])
    return total / 1e9


def pss_mb(pids: Iterable[int]) -> dict[int, float]:
    """Proportional set size of each pid in MB of 10^6 bytes; shared pages are counted once over all sharers."""
    sizes = {}
    for pid in pids:
        for line in _text(f"/proc/{pid}/smaps_rollup").splitlines():
            if line.startswith("Pss:"):
                sizes[pid] = int(line.split()[1]) * 1024 / 1e6
    return sizes


def wakeups(pids: Iterable[int]) -> int:
    """How often the threads of pids slept and woke so far (voluntary context switches)."""
    total = 0
    for pid in pids:
        for task in _listed(f"/proc/{pid}/task"):
            for line in _text(f"/proc/{pid}/task/{task}/status").splitlines():
                if line.startswith("voluntary_ctxt_switches"):
                    total += int(line.split()[1])
    return total


def settle(
    spent: Callable[[], float], *, quiet_secs: float = 1.5, limit_secs: float = 60.0
) -> float:
    """Waits until spent() (CPU seconds) stands still for quiet_secs; returns after how many seconds it last moved.

    Gives up after limit_secs and returns that.
    """
    began = moved = time.monotonic()
    last = spent()
    while time.monotonic() - moved < quiet_secs:
        if time.monotonic() - began > limit_secs:
            return limit_secs
        time.sleep(0.1)
        now = spent()
        if now - last > 0.015:
            last, moved = now, time.monotonic()
    return moved - began
