"""What a sender may say at all: checked before anything is believed, so that no message can stop the engine.

The decoder has already checked types and bounds of numbers (ipc.messages, model.event); this is what it cannot.
"""

from __future__ import annotations

from typing import Final

from sentinair.errors import DataFault
from sentinair.ipc.lane import MAX_BATCH
from sentinair.ipc.messages import Batch, Hello
from sentinair.model.event import FileEvent, GapEvent, Listing, Scanned

__all__ = ["LANES", "OBSERVERS", "check_batch", "check_hello"]

OBSERVERS: Final = ("sensor", "execs")
"""Roles that observe; the others only report their health."""
LANES: Final = frozenset(("vital", "bulk"))
_ID_BYTES: Final = 8


def check_hello(hello: Hello) -> None:
    """Raises DataFault if its run or its lanes cannot be those of a sender."""
    if len(hello.run) != _ID_BYTES:
        raise DataFault(f"{hello.sender} has a run of {len(hello.run)} bytes, not {_ID_BYTES}")
    if not hello.lanes.keys() <= LANES:
        raise DataFault(f"{hello.sender} has {len(hello.lanes)} lanes, not only vital and bulk")


def check_batch(batch: Batch, role: str) -> None:
    """Raises DataFault if role may send no batches, or if the engine could not take this one."""
    if role not in OBSERVERS:
        raise DataFault(f"{role} sent events, which is not its work")
    if batch.lane not in LANES:
        raise DataFault(f"{role} sent events in an unknown lane")
    if not 0 < len(batch.events) <= MAX_BATCH:
        raise DataFault(f"{role} sent {len(batch.events)} events at once, limit {MAX_BATCH}")
    for event in batch.events:
        if type(event) is FileEvent:
            if event.path[:1] != b"/" or (event.old_path or b"/")[:1] != b"/":
                raise DataFault(f"{role} sent an event of a path that is not absolute")
        else:
            _check_other(event, role)


def _check_other(event: object, role: str) -> None:
    match event:
        case Listing(directory=directory, names=names, states=states):
            if directory[:1] != b"/":
                raise DataFault(f"{role} listed a directory that is not absolute")
            if len(names) != len(states):
                raise DataFault(f"{role} listed {len(names)} names and {len(states)} states")
        case Scanned(roots=roots):
            if any(root[:1] != b"/" for root in roots):
                raise DataFault(f"{role} scanned a root that is not absolute")
        case GapEvent(gap_id=gap_id):
            if len(gap_id) != _ID_BYTES:
                raise DataFault(f"{role} named a gap by {len(gap_id)} bytes, not {_ID_BYTES}")
