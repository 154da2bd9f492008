"""A forwarder that is killed (SIGKILL) at a named point of putting a segment away."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from sentinair.model.entry import Entry
from sentinair.sinks.drop import sink as sink_module
from sentinair.sinks.drop.memory import Memory
from sentinair.sinks.drop.place import Place
from sentinair.sinks.drop.segment import Segment
from tests.harness.drops import Chain, Station
from tests.harness.kill_points import Call, arm

__all__ = ["POINTS", "killed_at"]

POINTS: dict[str, Call] = {
    "temporary file made": Call(Place, "make", True),
    "segment written": Call(Segment, "finish", True),
    "manifest to be signed": Call(Chain, "sign", False),
    "manifest signed": Call(Chain, "sign", True),
    "certificates written": Call(sink_module, "lead_to", True),
    "intent to be kept": Call(Memory, "begin", False),
    "intent kept": Call(Memory, "begin", True),
    "segment named": Call(Place, "put", True),
    "manifest to be written": Call(Place, "put_bytes", False),
    "manifest named": Call(Place, "put_bytes", True),
    "old segments to be deleted": Call(Place, "remove", False),
    "intent to be forgotten": Call(Memory, "done", False),
    "intent forgotten": Call(Memory, "done", True),
    "heartbeat written": Call(Place, "replace", True),
}


def killed_at(point: str, nth: int, station: Station, entries: Sequence[Entry]) -> bool:
    """Deliver entries and be quiet in a process that is killed when it comes to point for the nth time.

    False: it never came there.  The station of this process is left as it was; open its sink again.
    """
    child = os.fork()
    if child == 0:
        status = 1
        try:
            arm(POINTS[point], nth)
            station.deliver(entries)
            station.quiet()
            status = 0
        finally:
            os._exit(status)
    _, status = os.waitpid(child, 0)
    assert status in {0, signal.SIGKILL}, status
    station.crash()
    return status == signal.SIGKILL
