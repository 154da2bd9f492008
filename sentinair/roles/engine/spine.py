"""Everything behind the sockets while the record is open: senders to joins to judgement to commits, and back."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Final

from sentinair.alerts.manager import AlertManager
from sentinair.errors import DataFault, RecordGone
from sentinair.ipc.messages import (
    Ack,
    AskInventory,
    Batch,
    ExportWord,
    FromEngine,
    FromSender,
    Health,
    Hello,
    Own,
    SinkReport,
)
from sentinair.model.event import ClockEvent, GapEvent
from sentinair.model.record import Stamp
from sentinair.monitors.clock import ClockWatch
from sentinair.roles.engine.commits import Commits
from sentinair.roles.engine.drills import Drills
from sentinair.roles.engine.gaps import REPAIR, Gaps
from sentinair.roles.engine.intake import Intake
from sentinair.roles.engine.judge import Ask, Judge
from sentinair.roles.engine.modes import Modes
from sentinair.roles.engine.overdue import Overdue
from sentinair.roles.engine.panel import Panel
from sentinair.roles.engine.senders import Sender
from sentinair.roles.engine.sinks import Sinks
from sentinair.roles.engine.starts import Starts
from sentinair.roles.engine.status import Counters
from sentinair.roles.engine.upkeep import Upkeep
from sentinair.store.events import LaneKey

__all__ = ["Spine", "monotonic_ns"]

log = logging.getLogger("sentinair.engine")

monotonic_ns = time.monotonic_ns
HEARTBEAT_NS: Final = 60_000_000_000
INVENTORY_NS: Final = 5_000_000_000


class Spine:
    """Joins what app's sockets bring with the judge; owns the state of each sender's run."""

    def __init__(
        self,
        commits: Commits,
        judge: Judge,
        gaps: Gaps,
        counters: Counters,
        *,
        stamp: Callable[[], Stamp],
        random: Callable[[int], bytes],
        upkeep: Upkeep,
        alerts: AlertManager,
        own: tuple[int, int],
        after_stop: bool,
        starts: Starts,
        modes: Modes,
        drills: Drills,
        panel: Panel,
        overdue: Overdue,
        sinks: Sinks,
    ) -> None:
        """after_stop: the engine's life before this one ended in order, and its senders with it."""
        self._after_stop = after_stop
        self._starts = starts
        self.modes = modes
        self.drills = drills
        self.panel = panel
        self._overdue = overdue
        self.sinks = sinks
        self.met: set[str] = set()  # roles that were here in this life
        self.alerts = alerts
        self._own = own
        self.commits = commits
        self.judge = judge
        self.gaps = gaps
        self.counters = counters
        self.senders: dict[str, Sender] = {}
        self._stamp = stamp
        self._random = random
        self._upkeep = upkeep
        self._clock = ClockWatch()
        self.intake = Intake(judge, counters, self.senders)
        self._listed = False  # whether this life of the engine has asked for all processes
        self._next_inventory_ns = 0
        self._next_beat_ns = monotonic_ns() + HEARTBEAT_NS

    # -- senders -----------------------------------------------------------------------------------------------

    def hear(self, sender: Sender, message: FromSender) -> None:
        """One message of a sender.  Raises DataFault when the connection must end."""
        sender.heard_mono_ns = monotonic_ns()
        match message:
            case Batch() if (
                sender.hello is not None and self.senders.get(sender.role) is not sender
            ):
                return  # superseded: the new connection sends this again
            case Batch():
                batch = sender.accept(message)
                if batch is not None:
                    self.intake.bring(sender, batch, sender.heard_mono_ns)
            case Health():
                sender.health = message
            case SinkReport() | ExportWord():
                if self.senders.get(sender.role) is sender and sender.role == "forwarder":
                    self.sinks.hear(message)
            case Hello():
                self._hello(sender, message)

    def _hello(self, sender: Sender, hello: Hello) -> None:
        store = self.commits.store
        old = self.senders.get(sender.role)
        if old is not None and old is not sender:
            self.intake.flush(old)
            old.hang_up()  # it would wait for receipts that go to the new one
        self.commits.commit()
        lanes = {name: LaneKey(sender.role, hello.run, name) for name in hello.lanes}
        durable = {name: store.lane(key) for name, key in lanes.items()}
        committed = {name: seq for name, seq in durable.items() if seq is not None}
        kept = self.sinks.kept() if sender.role == "forwarder" else None
        exports = self.sinks.exports.unfinished()
        sender.welcome(hello, committed, self._own_processes(), store.chain, kept, exports)
        self.intake.began(sender.role, hello.run)
        for name, key in lanes.items():
            sender.expected[name] = max(sender.expected.get(name, 1), self.intake.taken(key) + 1)
        self.senders[sender.role] = sender
        self.judge.own.learn(self._own_processes())
        if sender.role != "sensor":
            self.say("sensor", Own(self._own_processes()))
        if sender.role in REPAIR and not committed:
            self._new_run(sender.role, hello)
        self.met.add(sender.role)
        if sender.role == "sensor":
            self._next_inventory_ns = 0
            self.judge.ask_again()
            self._ask_inventory()
        log.info("%s is ready: pid %d, run %s", sender.role, hello.pid, hello.run.hex())

    def _new_run(self, role: str, hello: Hello) -> None:
        """Between two runs of one sender nobody looked: a gap, which the new run's first rescan repairs."""
        last = self.commits.store.last_run(role)
        if last is not None and last[0] == hello.run:
            return
        self.commits.taken(LaneKey(role, hello.run, "vital"), 0)  # with the gap, this run is known
        if last is None:
            return
        gap = GapEvent(
            seen_ns=self._stamp().time_ns,
            mono_ns=self._stamp().mono_ns,
            gap_id=self._random(8),
            source=role,
            reason="restart" if self._after_stop and role not in self.met else "sender_death",
            lost=None,
            since_ns=min(last[1], hello.ready_ns),  # the last commit may have come after
            until_ns=hello.ready_ns,
        )
        self.judge.gap(gap, "engine", None, 0, role)

    def _ask_inventory(self) -> None:
        """What the process table lacks: all of it after a start, or what gaps may have cost it.

        Not more often than INVENTORY_NS: the kernel can lose single messages many times a minute when memory is
        short, and each listing reads the whole of /proc.
        """
        now_ns = monotonic_ns()
        if now_ns < self._next_inventory_ns or "sensor" not in self.senders:
            return
        wanting = tuple(key for key, gap in self.gaps.open.items() if gap.scope == "processes")
        if wanting or not self._listed:
            self._listed = True
            self._next_inventory_ns = now_ns + INVENTORY_NS
            self.ask(AskInventory(wanting))

    def ask(self, ask: Ask) -> None:
        """Send a request to the sensor, if it is there; what it could not be asked, its next start makes up for."""
        self.say("sensor", ask)

    def say(self, role: str, message: FromEngine) -> None:
        """If it is there; what it did not hear its next welcome tells it."""
        sender = self.senders.get(role)
        if sender is None:
            return
        try:
            sender.send(message)
        except (OSError, DataFault) as fault:  # dying or hanging
            log.info("%s does not hear: %s", sender.role, fault)
            sender.hang_up()

    def gone(self, sender: Sender) -> None:
        """The connection ended: what it brought is judged now, for nothing will come after it."""
        if self.senders.get(sender.role) is sender:
            self.intake.flush(sender)
            del self.senders[sender.role]

    def _own_processes(self) -> tuple[tuple[int, int], ...]:
        others = [
            (sender.hello.pid, sender.hello.start)
            for sender in self.senders.values()
            if sender.hello is not None and sender.hello.start is not None
        ]
        return (self._own, *others)

    # -- time --------------------------------------------------------------------------------------------------

    def committed(self, lanes: dict[LaneKey, int]) -> None:
        """The transaction is on disk: receipts to the senders whose lanes it holds."""
        receipts: dict[str, dict[str, int]] = {}
        for lane, seq in lanes.items():
            sender = self.senders.get(lane.sender)
            if sender is not None and sender.hello is not None and sender.hello.run == lane.run:
                receipts.setdefault(lane.sender, {})[lane.name] = seq
        for role, receipt in receipts.items():
            self.say(role, Ack(receipt))
        self.sinks.committed()

    def tick(self) -> None:
        """Once a second.  Raises RecordGone."""
        stamp = self._stamp()
        self.commits.store.check_there()
        step_ns = self._clock.look(stamp.time_ns, stamp.mono_ns)
        if step_ns is not None:
            event = ClockEvent(seen_ns=stamp.time_ns, mono_ns=stamp.mono_ns, step_ns=step_ns)
            event_id = self.judge.own_event(event, "engine")
            self.commits.record("clock.step", {"step_ns": step_ns, "event": event_id})
        self.judge.tick(stamp.time_ns)
        self.panel.tick(stamp, self.commits)
        self.judge.detectors = self.panel.detectors
        self._overdue.tick(self.panel.detectors, stamp)
        self.modes.tick(stamp)
        self.drills.tick(stamp)
        self.sinks.tick(stamp)
        self._ask_inventory()
        if stamp.mono_ns >= self._next_beat_ns:
            self._next_beat_ns = stamp.mono_ns + HEARTBEAT_NS
            self._heartbeat()
        self._starts.tick(stamp)
        self._upkeep.tick(stamp)

    def _heartbeat(self) -> None:
        self.commits.record(
            "heartbeat",
            {
                "events": self.counters.events,
                "gaps_open": len(self.gaps.open),
                "gaps_total": self.gaps.total,
                "roles": {
                    role: dict(sender.health.counters) if sender.health else {}
                    for role, sender in sorted(self.senders.items())
                },
                "next_due_secs": HEARTBEAT_NS // 10**9,
            },
        )

    def abandon(self) -> None:
        """Let go of the store without another write."""
        self._upkeep.close()
        self.commits.store.abandon()

    def close(self) -> None:
        """Judge what waits, commit, and let the store sign and close."""
        for sender in list(self.senders.values()):
            self.intake.flush(sender)
        self._upkeep.close()
        self.judge.finish()
        self._starts.finish()
        self.panel.close()
        self.commits.record("stop", {"events": self.counters.events})
        try:
            self.commits.commit()
            why = self.commits.refusal
        except RecordGone as fault:
            why = str(fault)
        if why is not None:
            log.error("%d entries could not be written: %s", self.commits.waiting, why)
        self.commits.store.close(self._stamp())
        if why is None:
            log.info("stopped: the record is signed and closed")
