"""A shared database made from its options in sinks.yaml."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from sentinair.errors import DataFault
from sentinair.sinks.drop.place import safe
from sentinair.sinks.ground import Ground
from sentinair.sinks.shared.database import NAME, SharedDatabase
from sentinair.sinks.shared.handover import Handover
from sentinair.sinks.shared.options import SharedOptions
from sentinair.sinks.shared.place import SharedPlace
from sentinair.sinks.shared.sink import SharedSink

__all__ = ["shared"]

_NS: Final = 1_000_000_000


def shared(ground: Ground, options: SharedOptions) -> SharedSink:
    """Raises DataFault for a directory within the state that is not data/exports."""
    exports = ground.state / "data" / "exports"
    directory = Path(options.directory) if options.directory else exports
    if directory != exports and directory.is_relative_to(ground.state):
        raise DataFault(
            "lies in the agent's own state, where each write is told as tampering",
            where=str(directory),
            remedy="name a directory elsewhere, or none for data/exports",
        )
    if not options.snapshot:
        place = SharedPlace(directory / NAME, 0o660 if options.writable else 0o640)
        handover = None
    else:
        place = SharedPlace(exports / f".{safe(ground.name)}.shared.db", 0o600)
        handover = Handover(
            place.path,
            str(directory),
            NAME,
            safe(ground.name),
            mounted=options.mounted,
            every_ns=options.snapshot_secs * _NS,
        )
    database = SharedDatabase(place, options.cap_bytes)
    return SharedSink(ground.name, database, handover, time.time_ns, time.monotonic_ns)
