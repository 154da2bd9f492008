"""The shared database as a sink.  Entries that have no table are left out: all records but those of alerts."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping, Sequence

from sentinair.errors import SinkAway, SinkRefused
from sentinair.model.entry import Parcel
from sentinair.sinks.shared.database import SharedDatabase
from sentinair.sinks.shared.handover import Handover
from sentinair.sinks.shared.rows import AlertRow, EventRow, row_of

__all__ = ["SharedSink"]

_NO_ROW = (ValueError, TypeError, OverflowError, RecursionError)


class SharedSink:
    """What deliver() took is on the disk; with a handover it reaches the share later, and once more after a restart."""

    def __init__(
        self,
        name: str,
        database: SharedDatabase,
        handover: Handover | None,
        wall_ns: Callable[[], int],
        mono_ns: Callable[[], int],
    ) -> None:
        self.name = name
        self._database = database
        self._handover = handover
        self._wall_ns, self._mono_ns = wall_ns, mono_ns

    def open(self) -> None:
        self._database.check()
        if self._handover is not None:
            self._handover.open()

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        rows: list[AlertRow | EventRow] = []
        refused: SinkRefused | None = None
        for index, parcel in enumerate(parcels):
            try:
                row = row_of(parcel.entry)
            except _NO_ROW as fault:
                refused = SinkRefused(str(fault), index=index)
                break
            if row is not None:
                rows.append(row)
        if rows:
            changed = self._database.put(rows, self._wall_ns() / 1e9)
            if changed and self._handover is not None:
                self._handover.change()
        if refused is not None:
            raise refused
        self.idle(self._mono_ns())

    def holding(self) -> Mapping[str, int]:
        return {}

    def idle(self, mono_ns: int) -> None:
        if self._handover is not None:
            self._handover.go_on(mono_ns)

    def close(self) -> None:
        if self._handover is not None:
            with contextlib.suppress(SinkAway):
                self._handover.go_on(self._mono_ns())
            self._handover.close()
