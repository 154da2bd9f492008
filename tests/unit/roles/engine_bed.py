"""A spine on a real store, and senders that talk to it over real socket pairs: no process, no waiting."""

from __future__ import annotations

import functools
import os
import socket
import time
from collections.abc import Callable, Iterable
from pathlib import Path

from sentinair.alerts.circumstances import Circumstances
from sentinair.alerts.manager import AlertManager, Limits
from sentinair.detect.ground import Ground
from sentinair.detect.sigma.detector import detector as sigma
from sentinair.ipc.frames import FrameReader, frame
from sentinair.ipc.messages import (
    VERSION,
    Ack,
    Batch,
    FromEngine,
    Hello,
    Welcome,
    decode_from_engine,
    encode,
)
from sentinair.ipc.sockets import peer
from sentinair.model.event import Observation
from sentinair.model.ports import Detector
from sentinair.model.process import Process
from sentinair.model.record import Stamp
from sentinair.roles.engine.commits import Commits
from sentinair.roles.engine.drills import Drills
from sentinair.roles.engine.gaps import Gaps
from sentinair.roles.engine.join import ProcessTable
from sentinair.roles.engine.judge import Ask, Judge
from sentinair.roles.engine.modes import Modes
from sentinair.roles.engine.overdue import Overdue
from sentinair.roles.engine.panel import Panel
from sentinair.roles.engine.senders import Sender
from sentinair.roles.engine.sinks import Sinks
from sentinair.roles.engine.spine import Spine
from sentinair.roles.engine.starts import Starts
from sentinair.roles.engine.status import Counters
from sentinair.roles.engine.upkeep import Upkeep
from sentinair.settings.types import Settings, SinksSettings
from sentinair.store.events import LaneKey, StoredEvent
from sentinair.store.read import EventFilter, Reader
from sentinair.store.writer import Store

NEVER_UID = 4711  # may not change the mode


def stamp() -> Stamp:
    return Stamp(time.time_ns(), time.monotonic_ns(), "0" * 32)


def _made(detector: Detector, _ground: Ground) -> Detector:
    return detector


class Bed:
    """One life of an engine on `state`."""

    def __init__(
        self,
        state: Path,
        detectors: Iterable[Detector] = (),
        *,
        after_stop: bool = True,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        rules: Path | None = None,
        sinks: SinksSettings = SinksSettings(),  # noqa: B008 - frozen
    ) -> None:
        """rules: a folder of rules that judge beside the detectors."""
        makers: dict[str, Callable[[Ground], Detector]] = {}
        for number, one in enumerate(detectors):
            makers[str(number)] = functools.partial(_made, one)
        if rules is not None:
            makers["sigma"] = sigma
        self.state = state
        self.store = Store.open(state, Settings().store, stamp())
        self.commits = Commits(self.store, stamp, self._committed)
        self.gaps = Gaps()
        self.alerts = AlertManager(
            host="host",
            limits=limits,
            circumstances=Circumstances(self.commits.before),
            recall=self.commits.alert_of,
        )
        self.settled: set[bytes] = {b"/"}
        ids = iter(range(10**6))
        life = os.urandom(2).hex()
        self.new_id = lambda: f"00000000-0000-7000-{life}-{next(ids):012x}"
        counters = Counters()
        counters.started_ns = time.time_ns()
        with Reader.open(state) as reader:
            starts = Starts(self.commits, {"version": "test"}, reader)
            self.panel = Panel(makers, Ground(rules_dir=rules or state / "rules", state_dir=state))
            self.panel.begin(self.commits, reader, stamp())
        self.modes = Modes(
            self.commits,
            self.alerts.circumstances,
            stamp,
            lambda: Reader.open(state),
            self.new_id,
            host="host",
            never=frozenset({NEVER_UID}),
        )
        judge = Judge(
            self.commits,
            ProcessTable(lambda argv: (argv, False)),
            self.gaps,
            self.panel.detectors,
            self.alerts,
            own=LaneKey("engine", os.urandom(8), "own"),
            settled=self.settled,
            stamp=stamp,
            ask=self._ask,
            new_id=self.new_id,
            state=b"/state",
        )
        self.spine = Spine(
            self.commits,
            judge,
            self.gaps,
            counters,
            stamp=stamp,
            random=os.urandom,
            upkeep=Upkeep(state, state, Settings(), self.commits, judge.tampered),
            alerts=self.alerts,
            own=(os.getpid(), 1),
            after_stop=after_stop,
            starts=starts,
            modes=self.modes,
            panel=self.panel,
            overdue=Overdue(self.commits, self.alerts, self._recall, self.new_id),
            drills=Drills(self.commits, self.alerts.circumstances, stamp),
            sinks=Sinks(
                self.commits,
                sinks,
                state,
                stamp=stamp,
                notice=judge.notice,
                say=lambda word: self.spine.say("forwarder", word),
            ),
        )
        self.peers: list[Peer] = []

    def _committed(self, lanes: dict[LaneKey, int]) -> None:
        self.spine.committed(lanes)

    def _ask(self, ask: Ask) -> None:
        self.spine.ask(ask)

    def _recall(self, event_id: int) -> StoredEvent | None:
        with Reader.open(self.state) as reader:
            return reader.event(event_id)

    def connect(self, role: str = "sensor", run: bytes = b"run-0001") -> Peer:
        made = Peer(self, role, run)
        self.peers.append(made)
        return made

    def events(self, kind: str | None = None) -> list[StoredEvent]:
        """Stored events, oldest first."""
        self.commits.commit()
        with Reader.open(self.state) as reader:
            kinds = () if kind is None else (kind,)
            return reader.events(EventFilter(kind=kinds), limit=10_000).rows[::-1]

    def records(self, kind: str) -> list[object]:
        self.commits.commit()
        with Reader.open(self.state) as reader:
            return [record.data for record in reader.records(kind)]

    def close(self) -> None:
        for made in self.peers:
            made.hang_up()
        self.spine.close()

    def crash(self) -> None:
        """End without a word: nothing uncommitted is kept."""
        for made in self.peers:
            made.close()
        self.store._drop()
        os.close(self.store._lock)


class Peer:
    """A sender's end."""

    def __init__(self, bed: Bed, role: str, run: bytes) -> None:
        ours, theirs = socket.socketpair()
        ours.setblocking(False)
        theirs.setblocking(False)
        self.bed = bed
        self.socket = ours
        self.run = run
        self.role = role
        self.sender = Sender(role, theirs, peer(theirs))
        self._reader = FrameReader()

    def hello(self, ready_ns: int | None = None) -> Welcome:
        self._say(
            Hello(
                VERSION,
                self.role,
                self.run,
                os.getpid(),
                1,
                time.time_ns() if ready_ns is None else ready_ns,
                {"vital": 1, "bulk": 1},
                (),
            )
        )
        return next(found for found in self.heard() if isinstance(found, Welcome))

    def batch(
        self,
        events: Iterable[Observation],
        first: int = 1,
        lane: str = "bulk",
        source: str = "fanotify",
        writers: tuple[Process, ...] = (),
    ) -> None:
        self._say(Batch(lane, first, source, writers, tuple(events)))

    def post(self, events: Iterable[Observation]) -> None:
        """Send a first batch that the engine does not read yet."""
        self.socket.sendall(frame(encode(Batch("bulk", 1, "fanotify", (), tuple(events)))))

    def _say(self, message: object) -> None:
        self.socket.sendall(frame(encode(message)))
        for heard in self.sender.receive():
            self.bed.spine.hear(self.sender, heard)

    def heard(self) -> list[FromEngine]:
        try:
            chunk = self.socket.recv(1 << 20)
        except BlockingIOError:
            return []
        return [decode_from_engine(body) for body in self._reader.feed(chunk)]

    def receipts(self) -> dict[str, int]:
        merged: dict[str, int] = {}
        for message in self.heard():
            if isinstance(message, Ack):
                merged |= message.committed
        return merged

    def hang_up(self) -> None:
        if self.socket.fileno() >= 0:
            self.bed.spine.gone(self.sender)
        self.close()

    def close(self) -> None:
        self.socket.close()
        self.sender.close()
