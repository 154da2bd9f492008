"""A drop made from its options in sinks.yaml."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from sentinair.errors import DataFault
from sentinair.sinks.drop.options import DropOptions
from sentinair.sinks.drop.place import safe
from sentinair.sinks.drop.segment import Limits
from sentinair.sinks.drop.signer import EngineSigner
from sentinair.sinks.drop.sink import DropSink
from sentinair.sinks.ground import Ground, run_folder

__all__ = ["drop"]

_NS: Final = 1_000_000_000


class _Clock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_ns(self) -> int:
        return time.monotonic_ns()


def drop(ground: Ground, options: DropOptions) -> DropSink:
    """Raises DataFault, PermissionFault for a memory that cannot be used, and where there is no codec."""
    if ground.codec is None:
        raise DataFault("a drop needs a codec", where=f"sink {ground.name}", remedy="codec: ndjson")
    socket = run_folder(ground.state) / "signing.sock"
    exports = ground.state / "data" / "exports"
    return DropSink(
        ground.name,
        Path(options.directory) if options.directory else exports,
        ground.codec,
        EngineSigner(socket),
        _Clock(),
        exports / f".{safe(ground.name)}.memory",
        limits=Limits(
            segment_bytes=options.segment_bytes,
            segment_ns=options.segment_secs * _NS,
            cap_bytes=options.cap_bytes,
        ),
        complete=options.complete,
        mounted=options.mounted,
    )
