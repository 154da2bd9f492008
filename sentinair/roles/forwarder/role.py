"""The forwarder's loop: the engine's words to the sinks, the sinks' reports to the engine, and the way down."""

from __future__ import annotations

import logging
import os
import select
import socket
import sys
import time
from pathlib import Path
from typing import Final

from sentinair.ipc.link import RETRY_SECS, Link
from sentinair.ipc.messages import (
    VERSION,
    AskExport,
    AskSink,
    ForForwarder,
    GiveUpExport,
    Health,
    Hello,
    KeptSink,
    SinkReport,
    SinksKept,
    Wake,
    Welcome,
)
from sentinair.ipc.notify import Notifier
from sentinair.kernel.procfs import start
from sentinair.model.delivery import Position
from sentinair.model.text import shown
from sentinair.roles.forwarder.delivery import Delivery
from sentinair.roles.forwarder.exports import Exporter
from sentinair.roles.forwarder.idle import IDLE
from sentinair.roles.forwarder.orders import Orders
from sentinair.roles.forwarder.supply import Supply
from sentinair.roles.forwarder.worker import Worker
from sentinair.settings.compiled import ForwarderSettings, PlacedSink
from sentinair.sinks.choose import Chooser

__all__ = ["AGAIN", "run"]

log = logging.getLogger("sentinair.forwarder")

HEALTH_SECS: Final = 10.0
REPORT_SECS: Final = 1.0  # between two reports
STOP_SECS: Final = 3.0  # for what is being delivered now
LAST_SECS: Final = 2.0  # for the engine to take the last report
AGAIN: Final = 75  # EX_TEMPFAIL, sysexits(3): start me again, the ledger is another one
LINGER_SECS: Final = 5.0  # after the last export: people seldom want one only


class Role:
    """Single-threaded but for the sinks' own threads, and one for exports."""

    def __init__(self, settings: ForwarderSettings, path: Path, stop: int) -> None:
        """stop: a descriptor that can be read when it is time to end."""
        self._settings = settings
        self._host = shown(socket.gethostname())
        self._stop = stop
        self._woken, self._waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        hello = Hello(
            VERSION,
            "forwarder",
            os.urandom(8),
            os.getpid(),
            start(os.getpid()),
            time.time_ns(),
            {},
            (),
        )
        self._link = Link(path, (), lambda: hello, lambda _ask: None, self._welcome, self._heard)
        self._workers: dict[str, Worker] = {}
        self._supplies: list[Supply] = []
        self._kept: dict[str, Position] = {}  # as the engine has it on disk
        self._told: dict[str, Position] = {}  # in the report that is on its way
        self._number = 0
        self._changed = False
        self._next_report = 0.0
        self._next_health = 0.0
        self._other_ledger = False
        self._exporter = Exporter(
            Path(settings.state), self._host, path.with_name("signing.sock"), self._news
        )
        self._has_news = False
        self._idle_since = time.monotonic()

    def run(self) -> int:
        """Until SIGTERM; returns the exit status, or IDLE."""
        notifier = Notifier.from_environment()
        notifier.ready(f"{len(self._settings.sinks)} sinks")
        try:
            while not self._wait():
                self._link.pump()
                if self._other_ledger:
                    return AGAIN
                if self._link.connected:
                    self._tell(time.monotonic())
                    self._link.pump()
                if self._is_idle(time.monotonic()):
                    return IDLE
                notifier.alive()
        finally:
            notifier.stopping()
            self._end()
        return 0

    @property
    def hangs(self) -> bool:
        """Whether a thread did not end."""
        threads = [worker.thread for worker in self._workers.values()]
        return any(thread.is_alive() for thread in (*threads, self._exporter.thread))

    def _is_idle(self, now: float) -> bool:
        if self._settings.sinks or self._exporter.busy or not self._link.connected:
            self._idle_since = now
        return now - self._idle_since >= LINGER_SECS

    # -- the engine's words --------------------------------------------------------------------------------------

    def _welcome(self, welcome: Welcome) -> None:
        stored = {sink.name: sink for sink in welcome.sinks}
        self._changed, self._next_health = True, 0.0
        self._exporter.agree(welcome.exports)
        self._has_news = True
        if not self._workers:
            self._begin(stored, welcome.chain)
            return
        for name, worker in self._workers.items():
            at = stored[name].position if name in stored else Position(0, 0)
            known = self._kept[name]
            if at not in (known, self._told.get(name, known)):
                log.error("the ledger is another one: beginning again with what it says")
                self._other_ledger = True
                return
            self._kept[name] = at
            worker.orders.lost()
            worker.orders.reopen = True
            worker.orders.wake()
        self._told = {}
        for supply in self._supplies:
            supply.chain = welcome.chain

    def _begin(self, stored: dict[str, KeptSink], chain: str) -> None:
        for placed in self._settings.sinks:
            name = placed.settings.name or ""
            kept = stored.get(name, KeptSink(name, Position(0, 0), paused=False))
            self._kept[name] = kept.position
            self._workers[name] = self._worker(placed, kept, chain)
        for worker in self._workers.values():
            worker.thread.start()

    def _worker(self, placed: PlacedSink, kept: KeptSink, chain: str) -> Worker:
        state = Path(self._settings.state)
        orders = Orders(kept.name, kept.position, paused=kept.paused, on_change=self._wake_up)
        supply = Supply(state, self._host, Chooser(placed.settings))
        supply.chain = chain
        self._supplies.append(supply)
        delivery = Delivery(
            placed,
            state=state,
            host=self._host,
            networks=self._settings.allow_networks,
            wall_ns=time.time_ns,
            pause=orders.pause,
        )
        is_new = kept.position == Position(0, 0)
        begin_now = is_new and placed.settings.begin == "now"
        return Worker(placed.settings, orders, supply, delivery, begin_now=begin_now)

    def _heard(self, word: ForForwarder) -> None:
        match word:
            case Wake():
                for worker in self._workers.values():
                    worker.orders.wake()
            case SinksKept(number) if number == self._number and self._told:
                self._kept.update(self._told)
                self._told = {}
                for worker in self._workers.values():
                    worker.orders.kept()
            case AskSink(name) if name in self._workers:
                self._workers[name].orders.take(word)
            case AskExport():
                self._exporter.take(word)
                self._has_news = True
            case GiveUpExport(order_id):
                self._exporter.give_up(order_id)

    # -- reports -------------------------------------------------------------------------------------------------

    def _wake_up(self) -> None:
        """Called by the threads."""
        if not self._changed:
            self._changed = True
            os.write(self._waker, b".")

    def _news(self) -> None:
        """Called by the exporter's thread."""
        if not self._has_news:
            self._has_news = True
            os.write(self._waker, b".")

    def _tell(self, now: float) -> None:
        if now >= self._next_health:
            self._next_health = now + HEALTH_SECS
            self._changed = True
            states = {
                name: worker.health.state(time.monotonic_ns())
                for name, worker in self._workers.items()
            }
            notes = {name: why for name, (_, why) in states.items()}
            totals = {
                "delivered": sum(worker.health.delivered for worker in self._workers.values()),
                "refused": sum(worker.health.refused for worker in self._workers.values()),
            }
            monitors = dict.fromkeys(self._workers or ["forwarder"], True)
            self._link.tell(Health(monitors, totals, notes))
            self._has_news = True
        if self._has_news:
            self._has_news = False
            for word in self._exporter.words():
                self._link.tell(word)
        if self._changed and not self._told and now >= self._next_report:
            self._report(now)

    def _report(self, now: float) -> None:
        self._next_report = now + REPORT_SECS
        self._changed = False
        now_ns = time.monotonic_ns()
        words = tuple(
            worker.orders.word(worker.health.word(now_ns, worker.retry_secs(now_ns)))
            for worker in self._workers.values()
        )
        self._number += 1
        self._told = {word.name: word.position for word in words}
        self._link.tell(SinkReport(self._number, words))

    def _wait(self) -> bool:
        """Until something is to be done; True when it is time to stop."""
        poll = select.poll()
        poll.register(self._stop, select.POLLIN)
        poll.register(self._woken, select.POLLIN)
        if self._link.fileno() >= 0:
            poll.register(self._link.fileno(), self._link.events())
        ready = [descriptor for descriptor, _ in poll.poll(self._patience() * 1000)]
        if self._woken in ready:
            os.read(self._woken, 4096)
        return self._stop in ready

    def _patience(self) -> float:
        if not self._link.connected:
            return RETRY_SECS
        now = time.monotonic()
        due = now if self._has_news else self._next_health
        if not self._settings.sinks:
            due = min(due, self._idle_since + LINGER_SECS)
        if self._changed and not self._told:
            due = min(due, self._next_report)
        return max(0.0, due - now)

    # -- the end -------------------------------------------------------------------------------------------------

    def _end(self) -> None:
        """Let each sink finish what it is at, and have the engine store how far they came; an export is given up."""
        self._exporter.stop()
        for worker in self._workers.values():
            worker.orders.stop()
        by = time.monotonic() + STOP_SECS
        for worker in self._workers.values():
            worker.thread.join(max(0.0, by - time.monotonic()))
        if self._exporter.thread.ident is not None:
            self._exporter.thread.join(max(0.0, by - time.monotonic()))
        if self._link.connected and self._workers and not self._other_ledger:
            if self._told:  # its receipt would only cost time
                for worker in self._workers.values():
                    worker.orders.lost()
            self._report(time.monotonic())
            self._flush(time.monotonic() + LAST_SECS)
        self._link.close()
        if not self.hangs:  # a thread that still lives may yet write to it
            os.close(self._woken)
            os.close(self._waker)

    def _flush(self, by: float) -> None:
        """What lies in the socket is the engine's, even if we end."""
        self._link.pump()
        while self._link.events() & select.POLLOUT and time.monotonic() < by:
            poll = select.poll()
            poll.register(self._link.fileno(), select.POLLOUT)
            poll.poll(100)
            self._link.pump()


def run(settings: ForwarderSettings, path: Path, stop: int) -> int:
    """path: the engine's socket for this role.  stop: see Role.  Raises nothing that a sink does."""
    logging.basicConfig(stream=sys.stderr, format="sentinair forwarder: %(levelname)s %(message)s")
    role = Role(settings, path, stop)
    status = role.run()
    if role.hangs:
        sys.stderr.flush()
        os._exit(status)  # a thread waits for its sink and will not hear of an end
    return status
