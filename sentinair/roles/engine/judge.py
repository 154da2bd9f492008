"""What each event means: join it, mask it, ask the detectors, raise or merge alerts, queue all for the commit."""

from __future__ import annotations

import os
import typing
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from sentinair.alerts.manager import AlertManager
from sentinair.ipc.messages import AskHash, AskInventory, AskRescan, Batch
from sentinair.model.alert import Joined
from sentinair.model.event import (
    Event,
    FileEvent,
    GapEvent,
    HashEvent,
    Listing,
    Observation,
    ProcessEvent,
    Scanned,
    TamperEvent,
    WriterEvent,
)
from sentinair.model.ports import Detector
from sentinair.model.process import Process, brief
from sentinair.model.record import Stamp
from sentinair.roles.engine.commits import Commits
from sentinair.roles.engine.gaps import Gaps
from sentinair.roles.engine.hashes import Hashes
from sentinair.roles.engine.join import ProcessTable
from sentinair.roles.engine.own import OwnRoles
from sentinair.roles.engine.rescans import compare, is_own_work
from sentinair.store.events import LaneKey, Stored
from sentinair.store.gaps import gap_record, restored_record

__all__ = ["Completed", "Judge"]

KIND: Final[dict[type[Event], str]] = {
    kind: str(kind.__struct_config__.tag) for kind in typing.get_args(Stored)
}
MAX_UNNAMED: Final = 4096  # stored events whose writer may still become known
UNNAMED_NS: Final = 5_000_000_000

Ask = AskRescan | AskInventory | AskHash


class Completed(msgspec.Struct, frozen=True):
    """rescan.completed: which truth was told anew; byte strings as hex."""

    scope: str
    reason: str
    roots: tuple[str, ...]
    directories: int
    entries: int
    unreadable: tuple[str, ...]
    gaps: tuple[str, ...]


class Judge:
    """Owns no connection: `ask` sends a request to the sensor if it is there."""

    def __init__(
        self,
        commits: Commits,
        table: ProcessTable,
        gaps: Gaps,
        detectors: Sequence[Detector],
        alerts: AlertManager,
        *,
        own: LaneKey,
        settled: set[bytes],
        stamp: Callable[[], Stamp],
        ask: Callable[[Ask], None],
        new_id: Callable[[], str],
        state: bytes,
    ) -> None:
        """state: the state directory as the kernel names it."""
        self.table = table
        self.settled = (
            settled  # roots that were listed whole once: from then on a difference is an event
        )
        self._commits = commits
        self._gaps = gaps
        self.detectors = tuple(detectors)
        self._alerts = alerts
        self._own = own
        self._state = state
        self.own = OwnRoles(state)
        self._own_seq = 0
        self._stamp = stamp
        self._ask = ask
        self._new_id = new_id
        self._hashes = Hashes()
        self._inventory: dict[int, int] = {}  # pid to mono_ns, of the inventory that is coming in
        self._unnamed: OrderedDict[int, list[tuple[int, int]]] = (
            OrderedDict()
        )  # pid to (event id, mono_ns)

    # -- batches -----------------------------------------------------------------------------------------------

    def learn(self, batch: Batch) -> None:
        """Take the writers a batch brings into the process table, before its events are joined."""
        mono_ns = batch.events[0].mono_ns
        for facts in batch.writers:
            if facts.exe is not None:
                self.table.join(facts, mono_ns)

    def missing(self, batch: Batch) -> set[int]:
        """Pids in this batch that nobody can name yet."""
        pairs = {
            (event.pid, event.start): event.mono_ns
            for event in batch.events
            if type(event) is FileEvent and event.pid is not None
        }
        find = self.table.find
        return {
            pid
            for (pid, start), mono_ns in pairs.items()
            if pid is not None and find(pid, start, mono_ns) is None
        }

    def take(self, batch: Batch, sender: str, run: bytes) -> None:
        """Judge all events of a batch and queue them; the lane may then be acknowledged with the commit."""
        lane = LaneKey(sender, run, batch.lane)
        found: dict[tuple[int, int | None], Process | None] = {}
        seq = batch.first_seq
        for event in batch.events:
            if type(event) is FileEvent:
                writer = self._writer(event, found)
                if self.own.wrote(event, writer):
                    seq += 1
                    continue
                self._file(event, batch.source, lane, seq, writer)
            else:
                self._other(event, batch.source, lane, seq, sender)
            seq += 1
        self._commits.taken(lane, seq - 1)

    def own_event(self, event: Event, source: str, process: Process | None = None) -> int:
        """Store an event the engine itself made."""
        self._own_seq += 1
        return self._commits.event(
            event, KIND[type(event)], source, self._own, self._own_seq, process
        )

    def notice(self, event: Event) -> None:
        """Store and judge an event the engine itself made."""
        self._detect(event, None, self.own_event(event, "engine"))

    def tampered(self, found_by: str, what: str) -> None:
        """The record itself is not as it was written: an event, a record and an alert."""
        stamp = self._stamp()
        event = TamperEvent(
            seen_ns=stamp.time_ns, mono_ns=stamp.mono_ns, found_by=found_by, what=what
        )
        event_id = self.own_event(event, "engine")
        self._commits.record("tamper", {"found_by": found_by, "what": what, "event": event_id})
        self._detect(event, None, event_id)

    # -- files -------------------------------------------------------------------------------------------------

    def _writer(
        self, event: FileEvent, found: dict[tuple[int, int | None], Process | None]
    ) -> Process | None:
        if event.pid is None:
            return None
        key = (event.pid, event.start)
        if key not in found:
            found[key] = self.table.find(event.pid, event.start, event.mono_ns)
        return found[key]

    def _file(
        self, event: FileEvent, source: str, lane: LaneKey, seq: int, process: Process | None
    ) -> int:
        if process is None and event.pid is not None:
            process = Process(pid=event.pid, start=event.start, exited=True)
            event_id = self._commits.event(event, "file", source, lane, seq, process)
            self._remember_unnamed(event.pid, event_id, event.mono_ns)
        else:
            event_id = self._commits.event(event, "file", source, lane, seq, process)
        if event.hash_wanted:
            self._hashes.expect(event.path, event_id)
        self._detect(event, process, event_id)
        return event_id

    def _detect(self, event: Event, process: Process | None, event_id: int) -> None:
        joined = Joined(event, process, event_id)
        for detector in self.detectors:
            detections = detector.judge(joined)
            if detections:
                changes = self._alerts.take(
                    detections, joined, event_id, event.seen_ns, self._new_id
                )
                self._commits.alert(changes)

    def ask_again(self) -> None:
        """A new sensor is here: what the one before was asked to hash it may never have answered."""
        self._hashes.ask_again()
        self._inventory.clear()

    def finish(self) -> None:
        """At the end of the engine's life: updates that waited for their second."""
        self._commits.alert(self._alerts.flush())
        for record in self._alerts.suppressions.flush(self._stamp().time_ns):
            self._commits.append(record)

    def tick(self, now_ns: int) -> None:
        """Once a second: coalesced alert updates, and what only time decides."""
        self._commits.alert(self._alerts.tick(now_ns))
        for record in self._alerts.suppressions.tick(now_ns):
            self._commits.append(record)
        limit = self._stamp().mono_ns - UNNAMED_NS
        while self._unnamed:
            pid, waiting = next(iter(self._unnamed.items()))
            if waiting[-1][1] > limit:
                break
            del self._unnamed[pid]

    # -- everything else ---------------------------------------------------------------------------------------

    def _other(self, event: Observation, source: str, lane: LaneKey, seq: int, sender: str) -> None:
        match event:
            case ProcessEvent():
                self._process(event, source, lane, seq)
            case GapEvent():
                self.gap(event, source, lane, seq, sender)
            case HashEvent():
                self._hash(event, source, lane, seq)
            case Listing():
                self._listing(event)
            case Scanned():
                self._scanned(event, source, lane, seq)
            case _:
                self._commits.event(event, KIND[type(event)], source, lane, seq, None)

    def _process(self, event: ProcessEvent, source: str, lane: LaneKey, seq: int) -> None:
        if event.action == "inventory":
            self._inventory.setdefault(event.process.pid, event.mono_ns)
            if self.table.knows(event.process):
                return
        facts = self.table.learn(event.process, event.mono_ns, action=event.action)
        sha256 = event.sha256
        if sha256 is None:
            sha256 = self._hashes.of(facts)
        event = msgspec.structs.replace(event, process=brief(facts), sha256=sha256)
        event_id = self._commits.event(event, "process", source, lane, seq, None)
        if event.action == "exec" and sha256 is None:
            wanted = self._hashes.ask(facts, event_id)
            if wanted is not None:
                self._ask(wanted)
        self._name_late(facts)
        if event.action != "exit":
            self._detect(event, facts, event_id)

    def _remember_unnamed(self, pid: int, event_id: int, mono_ns: int) -> None:
        waiting = self._unnamed.setdefault(pid, [])
        if len(waiting) < MAX_UNNAMED:
            waiting.append((event_id, mono_ns))
        if len(self._unnamed) > MAX_UNNAMED:
            self._unnamed.popitem(last=False)

    def _name_late(self, facts: Process) -> None:
        """A stored event's writer became known: that is an event of its own."""
        stamp = self._stamp()
        for event_id, mono_ns in self._unnamed.pop(facts.pid, ()):
            if self.table.find(facts.pid, facts.start, mono_ns) is not None:
                late = WriterEvent(
                    seen_ns=stamp.time_ns, mono_ns=stamp.mono_ns, of=event_id, process=brief(facts)
                )
                self.own_event(late, "engine")
                self._commits.alert(self._alerts.learn(event_id, facts, stamp.time_ns))

    def gap(
        self, event: GapEvent, source: str, lane: LaneKey | None, seq: int, sender: str
    ) -> None:
        """Record a loss.  lane None: the engine noticed it itself."""
        self._gaps.note(event, sender)
        if lane is None:
            event_id = self.own_event(event, source)
        else:
            event_id = self._commits.event(event, "gap", source, lane, seq, None)
        self._commits.append(gap_record(event, sender))
        self._detect(event, None, event_id)

    def _hash(self, event: HashEvent, source: str, lane: LaneKey, seq: int) -> None:
        event = self._hashes.take(event)
        self._commits.event(event, "hash", source, lane, seq, None)

    # -- rescans -----------------------------------------------------------------------------------------------

    def _listing(self, listing: Listing) -> None:
        directory = listing.directory
        if self._commits.touches(directory):
            self._commits.commit()
        store = self._commits.store
        if not self._is_settled(directory) and not self._is_single(listing):
            prefix = directory if directory != b"/" else b""
            for name, state in zip(listing.names, listing.states, strict=True):
                self._commits.found(prefix + b"/" + name, state)
            return
        known = store.known(directory, listing.after, listing.upto)
        for event in compare(listing, known):
            if is_own_work(event, self._state):
                self._commits.found(event.path, event.state)
                continue
            event_id = self.own_event(event, "rescan")
            self._detect(event, None, event_id)

    def _is_single(self, listing: Listing) -> bool:
        """Whether it speaks for the one name of a settled root that is no directory."""
        upto = listing.upto
        return upto is not None and os.path.join(listing.directory, upto) in self.settled

    def _is_settled(self, directory: bytes) -> bool:
        while directory not in self.settled:
            if directory == b"/":
                return False
            directory = os.path.dirname(directory)
        return True

    def _scanned(self, event: Scanned, source: str, lane: LaneKey, seq: int) -> None:
        self._commits.event(event, "scanned", source, lane, seq, None)
        repaired = self._gaps.repaired_by(event)
        if event.scope == "processes" and self._inventory:
            self.table.sweep(set(self._inventory), min(self._inventory.values()))
            self._inventory.clear()
        if event.scope == "files":
            self.settled.update(root for root in event.roots if not self._is_settled(root))
        if not repaired and event.reason not in ("start", "gap", "asked"):
            return  # one directory that moved in: its listing says all
        done = Completed(
            scope=event.scope,
            reason=event.reason,
            roots=tuple(root.hex() for root in event.roots),
            directories=event.directories,
            entries=event.entries,
            unreadable=tuple(path.hex() for path in event.unreadable),
            gaps=tuple(gap.gap_id.hex() for gap in repaired),
        )
        self._commits.record("rescan.completed", done)
        for gap in repaired:
            self._commits.append(restored_record(gap.gap_id, event))
