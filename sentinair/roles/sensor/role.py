"""The sensor's loop: one thread that reads the kernel, feeds the lanes and talks to the engine."""

from __future__ import annotations

import os
import select
import sys
import time
from pathlib import Path
from typing import Final

from sentinair.ipc.link import RETRY_SECS, Ask, Link
from sentinair.ipc.messages import (
    VERSION,
    AskHash,
    AskInventory,
    AskRescan,
    Health,
    Hello,
    Own,
    Welcome,
)
from sentinair.ipc.notify import Notifier
from sentinair.kernel import procfs
from sentinair.kernel.mounts import CHANGED, MountTable
from sentinair.monitors.rescan import Request
from sentinair.roles.clock import SystemClock
from sentinair.roles.sensor.choice import choose
from sentinair.roles.sensor.hashes import Hashes
from sentinair.roles.sensor.outbox import SENDER, Outbox
from sentinair.roles.sensor.processes import Processes
from sentinair.roles.sensor.source import Reading, real_state
from sentinair.roles.sensor.walks import Walks
from sentinair.settings.compiled import SensorSettings

__all__ = ["Sensor", "log"]

HEALTH_SECS: Final = 10.0
DRAIN_SECS: Final = 5.0
BLOCKED_SECS: Final = 0.05
MONITOR: Final = "file"  # its name in health messages


def log(sentence: str) -> None:
    """One line to stderr, which the service manager keeps."""
    sys.stderr.write(f"{SENDER}: {sentence}\n")
    sys.stderr.flush()


class Sensor:
    """The role's state and loop.  All but walking and listing processes happens in run()'s thread."""

    def __init__(self, settings: SensorSettings, path: Path, wake: int) -> None:
        """path: the engine's socket for this role.  wake: a byte written there ends a poll of run()."""
        self._clock = SystemClock()
        self._wake_to = wake
        self._notifier = Notifier.from_environment()
        self._run = os.urandom(8)
        self._start = procfs.start(os.getpid())
        self._outbox = Outbox(
            settings.lanes, self._clock, self._wake, self._gap_found, real_state(settings)
        )
        self._table = MountTable()
        self._files = choose(settings, self._table)
        self._walks = Walks(self._files.watch, self._outbox.bulk, self._clock, self._broken)
        first = self._files.mounted()
        self._ready_ns = self._last_read_ns = self._clock.wall_ns()
        self._hashes = Hashes(
            settings.files,
            self._outbox,
            self._clock,
            executables=settings.processes.hash_executables,
        )
        self._processes = Processes(settings.processes, self._outbox, self._clock)
        lanes = (self._outbox.vital, self._outbox.bulk)
        self._link = Link(path, lanes, self._hello, self._asked, self._welcomed)
        self._fault: BaseException | None = None
        self._started = False
        self._health_due = 0.0
        self._records = 0
        self._refused(first)

    def run(self, stop: int) -> None:
        """Until a byte other than 0 (a signal's) can be read from stop; then deliver what is held."""
        self._notifier.ready(self._files.probe.reason)
        self._walks.start()
        while True:
            ready = self._wait(stop)
            if stop in ready and os.read(stop, 4096).strip(b"\0"):
                break
            if self._fault is not None:
                raise self._fault
            self._turn(ready)
        self._finish()

    def _turn(self, ready: set[int]) -> None:
        now = time.monotonic()
        if self._outbox.blocked:
            self._outbox.retry()
        if self._table.fileno() in ready:
            self._take(self._files.mounted())
        if not ready.isdisjoint(self._files.filenos()):
            self._take(self._files.read())
        self._hashes.turn(now)
        self._processes.turn(now)
        if now >= self._health_due:
            self._tell_health(now)
        was_connected = self._link.connected
        self._link.pump()
        if was_connected and not self._link.connected:
            self._outbox.own = None  # another engine will come, and its writes are ours too
            log(f"lost the engine: {self._link.last_fault}")

    def _wait(self, stop: int) -> set[int]:
        poll = select.poll()
        poll.register(stop, select.POLLIN)
        poll.register(self._table.fileno(), CHANGED)
        if not self._outbox.blocked:
            for descriptor in self._files.filenos():
                poll.register(descriptor, select.POLLIN)
        if self._link.fileno() >= 0:
            poll.register(self._link.fileno(), self._link.events())
        if self._hashes.fileno() >= 0:
            poll.register(self._hashes.fileno(), select.POLLIN)
        return {descriptor for descriptor, _ in poll.poll(self._timeout_ms())}

    def _timeout_ms(self) -> float:
        now = time.monotonic()
        left = self._health_due - now
        if self._outbox.blocked:
            left = min(left, BLOCKED_SECS)
        if self._link.fileno() < 0:
            left = min(left, RETRY_SECS)
        for due in (self._hashes.next_due(), self._processes.next_due()):
            if due is not None:
                left = min(left, due - now)
        return max(left, 0.0) * 1000

    def _take(self, reading: Reading) -> None:
        """Queue what a read brought; what it could not bring becomes a gap, and a walk restores it."""
        name = self._files.name
        self._outbox.put(name, reading.taken)
        for event in (*reading.taken.vital, *reading.taken.bulk):
            self._hashes.note(event, time.monotonic())
        if reading.overflow:
            log(f"{name} queue overflowed: events were lost, listing all that is watched")
            self._outbox.gap(name, "overflow", self._last_read_ns)
        self._last_read_ns = self._clock.wall_ns()
        for path in reading.entered:
            self._walks.entered(path)
        if reading.rewalk:
            self._walks.request(Request("asked", tuple(reading.rewalk)))
        self._refused(reading)

    def _refused(self, reading: Reading) -> None:
        for point, why in reading.refused:
            log(f"{os.fsdecode(point)!r} cannot be watched: {why}")
            self._outbox.gap(self._files.name, "mark_failed", self._clock.wall_ns())

    def _gap_found(self, gap_id: bytes) -> None:
        self._walks.repair(gap_id)

    def _wake(self) -> None:
        try:
            os.write(self._wake_to, b"\0")
        except BlockingIOError:
            return  # the pipe is full of wake-ups already

    def _broken(self, fault: BaseException) -> None:
        self._fault = fault
        self._wake()

    # -- the engine --------------------------------------------------------------------------------

    def _hello(self) -> Hello:
        outbox = self._outbox
        return Hello(
            version=VERSION,
            sender=SENDER,
            run=self._run,
            pid=os.getpid(),
            start=self._start,
            ready_ns=self._ready_ns,
            lanes={lane.name: lane.next_seq for lane in (outbox.vital, outbox.bulk)},
            probes=(self._files.probe, *self._processes.probes),
        )

    def _welcomed(self, welcome: Welcome) -> None:
        self._told_own(welcome.own)
        self._health_due = 0.0
        if not self._started:
            self._started = True
            self._walks.request(Request("start"))

    def _told_own(self, told: tuple[tuple[int, int], ...]) -> None:
        monitor = self._files.monitor
        me = set() if self._start is None else {(os.getpid(), self._start)}
        # what an earlier engine or forwarder wrote may still wait in the kernel's queue
        own = frozenset({*told, *me, *sorted(monitor.own)[:64]})
        monitor.own = own
        monitor.own_dropped += self._outbox.told_own(own)

    def _asked(self, ask: Ask) -> None:
        match ask:
            case AskRescan():
                reason = "gap" if ask.gaps else "asked"
                self._walks.request(Request(reason, ask.roots, ask.gaps))
            case AskInventory():
                self._processes.inventory(ask.gaps)
            case AskHash():
                self._hashes.executable(ask)
            case Own(own):
                self._told_own(own)

    def _tell_health(self, now: float) -> None:
        """Each HEALTH_SECS: has the source brought a record since the last time, be it only of our own test."""
        self._health_due = now + HEALTH_SECS
        counters = self._files.counters() | self._hashes.counters()
        outbox = self._outbox
        counters |= {"vital_bytes": outbox.vital.held_bytes, "bulk_bytes": outbox.bulk.held_bytes}
        counters |= {"bulk_dropped": outbox.bulk.dropped, "waiting": outbox.waiting}
        alive = counters["file_records"] > self._records or outbox.blocked or not self._records
        self._records = counters["file_records"]
        self._files.test()
        note = "; ".join(self._files.notes())
        if not alive:
            note = f"{self._files.name} has not answered its last test; {note}".rstrip("; ")
        ticked, said = self._processes.health()
        self._link.tell(Health({MONITOR: alive} | ticked, counters, {MONITOR: note} | said))
        self._walks.settle(outbox.bulk.waiting == 0)
        if alive:
            self._notifier.alive()

    # -- the end -----------------------------------------------------------------------------------

    def _finish(self) -> None:
        """Read what the kernel holds, stop the workers, and deliver within DRAIN_SECS."""
        self._notifier.stopping()
        deadline = time.monotonic() + DRAIN_SECS
        self._walks.stop()
        while time.monotonic() < deadline - DRAIN_SECS / 2 and not self._outbox.blocked:
            reading = self._files.read()
            if not (reading.taken.vital or reading.taken.bulk or reading.overflow):
                break
            self._outbox.put(self._files.name, reading.taken)
        self._hashes.close()
        while (now := time.monotonic()) < deadline and self._outbox.waiting:
            self._outbox.retry()
            self._link.pump()
            poll = select.poll()
            if self._link.fileno() >= 0:
                poll.register(self._link.fileno(), self._link.events())
            poll.poll(min(50.0, (deadline - now) * 1000))
        waiting = self._outbox.waiting
        self._link.close()
        self._files.close()
        self._table.close()
        if waiting:
            log(f"{waiting} events were not delivered: {self._link.last_fault}")
