"""The role `execs`: the process connector's reader, alone in its process.

One thread, because a command line is gone some hundred microseconds after its process began: a busy thread
beside the reader makes it miss five of six.  The kernel's messages come first, then the engine.

    python -m sentinair.roles.execs --settings FILE --socket PATH
"""

from __future__ import annotations

import gc
import os
import select
import sys
import time
from pathlib import Path
from typing import Final

from sentinair.errors import PermissionFault, SentinairError
from sentinair.ipc.lane import Hole, Lane
from sentinair.ipc.link import RETRY_SECS, Ask, Link
from sentinair.ipc.messages import VERSION, Health, Hello, Welcome
from sentinair.ipc.notify import Notifier
from sentinair.kernel import procfs
from sentinair.kernel.cnproc import LIMITS, NAME, ProcConnector
from sentinair.model.event import GapEvent, ProcessEvent
from sentinair.model.ports import Probe
from sentinair.monitors.process import ProcessMonitor
from sentinair.roles.arguments import options, stop_descriptor
from sentinair.roles.clock import SystemClock
from sentinair.settings.compiled import SensorSettings, read_compiled

__all__ = ["Execs", "main"]

SENDER: Final = "execs"
MONITOR: Final = "process"  # its name in health messages
READ_MESSAGES: Final = 64  # at a time; procfs.MAX_ARGV_BYTES times it is below the frame cap
GATHER_SECS: Final = 0.005  # events wait so long for others, so that a storm is not one frame each
URGENT_SECS: Final = 0.025  # after which the engine is served even while messages keep coming
HEALTH_SECS: Final = 10.0
DRAIN_SECS: Final = 2.0


class Execs:
    """The role's state and loop.  Everything happens in run()'s thread."""

    def __init__(self, settings: SensorSettings, path: Path) -> None:
        """path: the engine's socket for this role."""
        self._clock = SystemClock()
        self._run = os.urandom(8)
        self._start = procfs.start(os.getpid())
        lanes = settings.lanes
        self._vital = Lane("vital", lanes.vital_bytes, drops=False)
        self._bulk = Lane("bulk", lanes.bulk_bytes, drops=True, on_hole=self._dropped)
        self._monitor = ProcessMonitor(self._clock, lambda: os.urandom(8))
        self._connector, self._probe = _opened(settings)
        if self._connector is not None:
            self._monitor.survey(procfs.pids())
        self._ready_ns = self._clock.wall_ns()
        self._link = Link(path, (self._vital, self._bulk), self._hello, _unasked, self._welcomed)
        self._notifier = Notifier.from_environment()
        self._urgent: list[ProcessEvent | GapEvent] = []  # for vital
        self._exits: list[ProcessEvent] = []  # for bulk
        self._gathered = 0.0  # when the oldest of both was read; 0: none
        self._blocked = False  # vital is full: the kernel's buffer takes it from here
        self._received = 0  # at the last health message
        self._served = 0.0  # when the engine was
        self._health_due = 0.0
        self._poll = select.poll()
        self._polled: dict[int, int] = {}

    def run(self, stop: int) -> None:
        """Until a byte can be read from the descriptor stop; then deliver what is held, within DRAIN_SECS."""
        self._notifier.ready("reading" if self._connector else self._probe.reason)
        while True:
            ready = self._wait(stop)
            if stop in ready:
                break
            connector = self._connector
            busy = connector is not None and connector.fileno() in ready
            if connector is not None and not self._blocked and (busy or connector.unsettled):
                self._read(connector)
            now = time.monotonic()
            if not busy or now - self._served > URGENT_SECS:
                self._serve(now)
        self._finish()

    def _wait(self, stop: int) -> set[int]:
        wanted = {stop: select.POLLIN}
        if self._connector is not None and not self._blocked:
            wanted[self._connector.fileno()] = select.POLLIN
        if self._link.fileno() >= 0:
            wanted[self._link.fileno()] = self._link.events()
        if wanted != self._polled:
            for old in self._polled.keys() - wanted.keys():
                self._poll.unregister(old)
            for descriptor, mask in wanted.items():
                self._poll.register(descriptor, mask)
            self._polled = wanted
        return {descriptor for descriptor, _ in self._poll.poll(self._timeout_ms())}

    def _timeout_ms(self) -> float:
        now = time.monotonic()
        left = self._health_due - now
        if self._gathered and not self._blocked:
            left = min(left, self._gathered + GATHER_SECS - now)
        if self._link.fileno() < 0 or (self._connector is not None and self._connector.unsettled):
            left = min(left, RETRY_SECS)
        return max(left, 0.0) * 1000

    def _read(self, connector: ProcConnector) -> None:
        for event in self._monitor.take(connector.read(READ_MESSAGES)):
            if isinstance(event, ProcessEvent) and event.action == "exit":
                self._exits.append(event)
            else:
                self._urgent.append(event)
        if not self._gathered and (self._urgent or self._exits):
            self._gathered = time.monotonic()
        if len(self._urgent) >= READ_MESSAGES or len(self._exits) >= READ_MESSAGES:
            self._queue()

    def _queue(self) -> None:
        """Put into the lanes what was gathered; if vital is full, keep it and read no more until it is not."""
        self._blocked = bool(self._urgent) and not self._vital.offer(NAME, (), self._urgent)
        if self._blocked:
            return
        self._urgent.clear()
        if self._exits:
            self._bulk.offer(NAME, (), self._exits)
            self._exits.clear()
        self._gathered = 0.0

    def _serve(self, now: float) -> None:
        self._served = now
        if now >= self._health_due:
            self._tell_health(now)
        self._link.pump()  # first: a receipt makes room
        if self._blocked or (self._gathered and now - self._gathered >= GATHER_SECS):
            self._queue()
            self._link.pump()

    def _finish(self) -> None:
        self._notifier.stopping()
        deadline = time.monotonic() + DRAIN_SECS
        if self._connector is not None:
            self._read_rest(self._connector, deadline)
            self._connector.close()
            self._connector = None
        while (now := time.monotonic()) < deadline:
            self._queue()
            self._link.pump()
            if not (self._vital.waiting or self._bulk.waiting or self._urgent):
                break
            waiter = select.poll()
            if self._link.fileno() >= 0:
                waiter.register(self._link.fileno(), self._link.events())
            waiter.poll(min(50.0, (deadline - now) * 1000))
        held = self._vital.waiting + self._bulk.waiting + len(self._urgent) + len(self._exits)
        self._link.close()
        if held:
            _log(f"{held} events were not delivered: {self._link.last_fault}")

    def _read_rest(self, connector: ProcConnector, deadline: float) -> None:
        """What the kernel holds for us; what does not fit into vital is counted by the next run's gap."""
        waiter = select.poll()
        waiter.register(connector, select.POLLIN)
        while waiter.poll(0) and not self._blocked and time.monotonic() < deadline:
            self._read(connector)

    def _hello(self) -> Hello:
        return Hello(
            version=VERSION,
            sender=SENDER,
            run=self._run,
            pid=os.getpid(),
            start=self._start,
            ready_ns=self._ready_ns,
            lanes={lane.name: lane.next_seq for lane in (self._vital, self._bulk)},
            probes=(self._probe,),
        )

    def _welcomed(self, _: Welcome) -> None:
        """An engine that does not know us yet hears at once how we are."""
        self._health_due = 0.0

    def _tell_health(self, now: float) -> None:
        """Each HEALTH_SECS: has the connector answered since the last time, be it only our own knock."""
        self._health_due = now + HEALTH_SECS
        connector = self._connector
        alive = connector is not None and (connector.received > self._received or self._blocked)
        counters = {"vital_bytes": self._vital.held_bytes, "bulk_bytes": self._bulk.held_bytes}
        counters["bulk_dropped"] = self._bulk.dropped
        note = ""
        if connector is None:
            note = self._probe.reason
        else:
            counters |= {"received": connector.received, "lost": connector.lost}
            note = "" if alive else "the process connector has not answered its last test"
            self._received = connector.received
            connector.knock()
        self._link.tell(Health({MONITOR: alive}, counters, {MONITOR: note}))
        if alive or connector is None:
            self._notifier.alive()

    def _dropped(self, hole: Hole) -> None:
        gap = hole.gap(SENDER, os.urandom(8), self._clock.wall_ns(), self._clock.mono_ns())
        self._vital.offer(NAME, (), (gap,), force=True)


def _opened(settings: SensorSettings) -> tuple[ProcConnector | None, Probe]:
    if settings.processes.source == "psutil":
        return None, Probe(NAME, works=False, reason="processes.source is psutil")
    try:
        connector = ProcConnector(settings.processes.receive_buffer_bytes)
    except PermissionFault as fault:
        return None, Probe(NAME, works=False, reason=str(fault))
    return connector, Probe(NAME, works=True, reason="works", limits=LIMITS)


def _unasked(ask: Ask) -> None:
    _log(f"the engine asked {type(ask).__name__}, which is the sensor's")


def _log(sentence: str) -> None:
    sys.stderr.write(f"{SENDER}: {sentence}\n")
    sys.stderr.flush()


def main(words: list[str]) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    awake, _wake = stop_descriptor()
    try:
        given = options(SENDER, words, ("settings", "socket"))
        role = Execs(read_compiled(Path(given["settings"])), Path(given["socket"]))
        # What lives now lives on, and nothing made in the loop refers to itself: a collection would only
        # delay a look into /proc.
        gc.collect()
        gc.freeze()
        gc.disable()
        role.run(awake)
    except (SentinairError, OSError) as fault:
        _log(str(fault))
        return fault.exit_status if isinstance(fault, SentinairError) else 74
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
