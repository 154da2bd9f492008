"""Inventory, and polling where there is no process connector."""

from __future__ import annotations

from collections.abc import Callable

from sentinair.model.ports import Clock, Probe
from sentinair.roles.sensor.outbox import Outbox
from sentinair.settings.types import ProcessesSettings


class Processes:
    def __init__(
        self, settings: ProcessesSettings, outbox: Outbox, clock: Clock, wake: Callable[[], None]
    ) -> None:
        self.probes: tuple[Probe, ...] = ()

    def inventory(self, gaps: tuple[bytes, ...]) -> None: ...
    def turn(self, now: float) -> None: ...
    def next_due(self) -> float | None:
        return None

    def health(self) -> tuple[dict[str, bool], dict[str, str]]:
        return {}, {}

    def close(self) -> None: ...
