"""Files and executables to the hashing worker and back."""

from __future__ import annotations

from sentinair.ipc.messages import AskHash
from sentinair.model.event import FileEvent
from sentinair.model.ports import Clock
from sentinair.monitors.hashing import Quiet
from sentinair.roles.sensor.outbox import Outbox
from sentinair.settings.types import FilesSettings


class Hashes:
    def __init__(self, settings: FilesSettings, outbox: Outbox, clock: Clock) -> None:
        self._outbox, self._clock = outbox, clock
        self._quiet = Quiet(settings.hash_quiet_ms / 1000)

    def fileno(self) -> int:
        return -1

    def note(self, event: FileEvent, now_secs: float) -> None:
        if event.hash_wanted:
            self._quiet.changed(event.path, now_secs)

    def turn(self, now: float) -> None:
        self._quiet.take(now, 1000)

    def next_due(self) -> float | None:
        return self._quiet.next_due()

    def executable(self, ask: AskHash) -> None: ...
    def counters(self) -> dict[str, int]:
        return {}

    def close(self) -> None: ...
