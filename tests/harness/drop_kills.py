"""A forwarder that is killed (SIGKILL) at a named point of putting a segment away."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Sequence
from typing import Any

from sentinair.model.entry import Entry
from sentinair.sinks.drop import sink as sink_module
from sentinair.sinks.drop.memory import Memory
from sentinair.sinks.drop.place import Place
from sentinair.sinks.drop.segment import Segment
from tests.harness.drops import Chain, Station

__all__ = ["POINTS", "killed_at"]

POINTS: dict[str, tuple[object, str, bool]] = {
    "temporary file made": (Place, "make", True),
    "segment written": (Segment, "finish", True),
    "manifest to be signed": (Chain, "sign", False),
    "manifest signed": (Chain, "sign", True),
    "certificates written": (sink_module, "lead_to", True),
    "intent to be kept": (Memory, "begin", False),
    "intent kept": (Memory, "begin", True),
    "segment named": (Place, "put", True),
    "manifest to be written": (Place, "put_bytes", False),
    "manifest named": (Place, "put_bytes", True),
    "old segments to be deleted": (Place, "remove", False),
    "intent to be forgotten": (Memory, "done", False),
    "intent forgotten": (Memory, "done", True),
    "heartbeat written": (Place, "replace", True),
}
"""Name -> what is called then, and whether the kill comes after the call."""


def killed_at(point: str, nth: int, station: Station, entries: Sequence[Entry]) -> bool:
    """Deliver entries and be quiet in a process that is killed when it comes to point for the nth time.

    False: it never came there.  The station of this process is left as it was; open its sink again.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _arm(point, nth)
            station.deliver(entries)
            station.quiet()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}, status
    station.crash()
    return status == signal.SIGKILL


def _arm(point: str, nth: int) -> None:
    owner, name, after = POINTS[point]
    real: Callable[..., Any] = getattr(owner, name)
    left = nth

    def armed(*words: Any, **named: Any) -> Any:
        nonlocal left
        left -= 1
        if left == 0 and not after:
            os.kill(os.getpid(), signal.SIGKILL)
        result = real(*words, **named)
        if left == 0:
            os.kill(os.getpid(), signal.SIGKILL)
        return result

    setattr(owner, name, armed)
