"""All processes when asked, and polling for new ones where there is no process connector."""

from __future__ import annotations

import importlib
import time
from collections import deque
from collections.abc import Iterator
from typing import Final

from sentinair.kernel import cnproc
from sentinair.model.event import Observation, ProcessEvent
from sentinair.model.ports import Clock, Probe
from sentinair.monitors.inventory import NAME, ProcessPoller, inventory
from sentinair.roles.sensor.outbox import Outbox
from sentinair.settings.types import ProcessesSettings

__all__ = ["MONITOR", "Processes"]

MONITOR: Final = "process"  # its name in health messages
_POLLER: Final = "psutil"


class Processes:
    """Inventories are told in parts between other work, so that files never wait for them."""

    def __init__(self, settings: ProcessesSettings, outbox: Outbox, clock: Clock) -> None:
        self._outbox = outbox
        self._clock = clock
        self._asked: deque[tuple[bytes, ...]] = deque()
        self._running: Iterator[list[Observation]] | None = None
        self._scans = 0
        self._poll_secs = settings.poll_secs
        self._poller, self.probes = _poller(settings, clock)
        self._poll_due = time.monotonic()

    def inventory(self, gaps: tuple[bytes, ...]) -> None:
        """List all processes; the end names these gaps."""
        self._asked.append(gaps)

    def next_due(self) -> float | None:
        """When turn() must be called, on the steady clock."""
        if self._running is not None or self._asked:
            return time.monotonic()
        return self._poll_due if self._may_poll() else None

    def turn(self, now_secs: float) -> None:
        """One part of an inventory, and a poll if it is due."""
        if self._poller is not None and self._may_poll() and now_secs >= self._poll_due:
            self._poll_due = now_secs + self._poll_secs
            self._tell(self._poller.poll())
        if self._running is None and self._asked:
            self._scans += 1
            gaps = tuple(dict.fromkeys(gap for asked in self._asked for gap in asked))
            self._asked.clear()
            reason = "gap" if gaps else "asked"
            self._running = inventory(self._clock, self._scans, reason, gaps)
        if self._running is not None:
            part = next(self._running, None)
            if part is None:
                self._running = None
            else:
                self._outbox.bulk.offer(NAME, (), part)

    def _may_poll(self) -> bool:
        """Not while vital is full: what a poll finds would pile up behind it.  A later poll finds the same."""
        return self._poller is not None and not self._outbox.blocked

    def health(self) -> tuple[dict[str, bool], dict[str, str]]:
        """What to say of this monitor: nothing where the connector does its work."""
        if self._poller is None:
            return {}, {}
        return {MONITOR: True}, {MONITOR: "; ".join(self.probes[0].limits)}

    def _tell(self, events: list[ProcessEvent]) -> None:
        execs = [event for event in events if event.action == "exec"]
        others = [event for event in events if event.action != "exec"]
        if execs:
            self._outbox.urgent(_POLLER, execs)
        if others:
            self._outbox.bulk.offer(_POLLER, (), others)


def _poller(
    settings: ProcessesSettings, clock: Clock
) -> tuple[ProcessPoller | None, tuple[Probe, ...]]:
    """Polling, if that is wished for or the connector does not work here."""
    if settings.source == "cnproc" or (settings.source == "auto" and cnproc.probe().works):
        return None, ()
    # psutil costs 4 MB: loaded only where it is the source
    source = importlib.import_module("sentinair.kernel.psutil_source")
    probe: Probe = source.probe()
    return (ProcessPoller(clock, pids=source.pids) if probe.works else None), (probe,)
