"""A forwarder that dies at a point of one sink (sink_points), what stands after it, and what the next life makes of it."""

from __future__ import annotations

import json
import os
import random
import sqlite3
import time
from abc import abstractmethod
from collections.abc import Mapping
from pathlib import Path
from typing import Final, Self

import msgspec

from sentinair.ipc.messages import ExportWord
from sentinair.sinks.drop.check.lines import judge
from sentinair.sinks.export.manifest import ENDING
from sentinair.sinks.shared.database import NAME
from tests.harness.backlog import Arrived
from tests.harness.deaths import DRAIN_SECS, Deaths
from tests.harness.ledgers import LedgerMaker
from tests.harness.shared_rows import Rows, expected, mark, read, wrong_rows
from tests.harness.sink_points import POINTS, Side, armed
from tests.harness.syslog_file import SyslogFile, wrong_envelopes

__all__ = ["SinkDeaths", "deaths_of"]

SINK: Final = "out"
DIES_SECS: Final = 15.0
DROPPED_AFTER: Final = 20  # messages of a connection that the receiver ends


def fill(state: Path, number: int) -> None:
    """One more round of alerts, some of them counted on and answered, and of file events."""
    before = os.umask(0o027)
    try:
        maker = LedgerMaker(state, seed=number, files=1000, start_ns=time.time_ns())
        for _ in range(3):
            maker.commit(maker.file_events(20, run=number + 1), maker.raised(7))
            maker.commit(alerts=maker.updated(2))
        maker.commit(alerts=maker.resolved(3))
        maker.close()
    finally:
        os.umask(before)


class SinkDeaths(Deaths):
    """One ledger, and one sink beside nothing else."""

    def __init__(self, folder: Path, name: str, sink: Mapping[str, object]) -> None:
        super().__init__(folder, [{"name": SINK, "batch": 30, **sink}])
        self._name, self._point = name, POINTS[name]
        self._dice = random.Random(name)

    def die(self, number: int) -> bool:
        """Once: new records, a death, and what stands after it.  False: it never came to the point."""
        fill(self.roles.state, number)
        nth = self._dice.randint(self._point.least, self._point.most)
        self.prepare()
        self.roles.start_engine()
        self.roles.start_forwarder(lambda: armed(self._name, nth))
        self.doing()
        status = self.roles.wait_for_end("forwarder", DIES_SECS)
        if status != -9:
            self.faults.append(f"ended with {status}, and not at the point's {nth}th time")
            self.roles.stop("forwarder")
        self.died()
        self._live(number)
        return status == -9

    def _live(self, number: int) -> None:
        """The next life takes up what was left."""
        began = time.monotonic()
        self.roles.start_forwarder()
        self.wait(lambda: self.here(SINK), "the forwarder to say hello")
        self.wait(self.has_all, "all to arrive")
        self.stop()
        if time.monotonic() - began > DRAIN_SECS:
            self.faults.append(f"death {number}: no recovery in {DRAIN_SECS:g} s")
        self.stands()

    def cursor(self) -> tuple[int, int]:
        """The last record and the last event that need not come again, as the engine stored it."""
        rows = self.roles.stored.query("SELECT seq, event FROM sinks WHERE name = ?", SINK)
        return (rows[0][0], rows[0][1]) if rows else (0, 0)

    def prepare(self) -> None:
        """What the receiver is to do in the life that ends by death."""

    def doing(self) -> None:
        """What a person asks in it."""

    @abstractmethod
    def died(self) -> None:
        """Judge what the death has left; only the engine lives."""

    @abstractmethod
    def has_all(self) -> bool:
        """Whether the receiver has what the ledger holds."""

    @abstractmethod
    def stands(self) -> None:
        """Judge what stands when all has arrived and both have ended."""

    def names(self, folder: Path, wanted: set[str]) -> None:
        """Nothing else may be in this folder."""
        if others := set(os.listdir(folder)) - wanted:
            self.faults.append(f"{sorted(others)} are left in {folder.name}")


class SharedDeaths(SinkDeaths):
    """A shared database, whose consumer marks events between two lives; or one whose copies go to a share."""

    def __init__(self, folder: Path, name: str) -> None:
        snapshot = POINTS[name].side == "snapshot"
        self._directory = folder / "shared"
        self._directory.mkdir(mode=0o750)
        options: dict[str, object] = {"directory": str(self._directory)}
        options |= {"snapshot": True, "snapshot_secs": 1} if snapshot else {"writable": True}
        sink = {"kind": "shared", "codec": "none", "events": ["file"], "options": options}
        super().__init__(folder, name, sink)
        exports = self.roles.state / "data" / "exports"
        self._file = self._directory / NAME  # what is read
        self._base = exports / f".{SINK}.shared.db" if snapshot else self._file
        self._is_copy = snapshot
        self._marked: set[str] = set()

    def _read(self, file: Path) -> Rows | None:
        """None: it is not there."""
        try:
            return read(file)
        except FileNotFoundError:
            return None
        except (sqlite3.Error, AssertionError, ValueError, KeyError) as fault:
            self.faults.append(f"{file.name} is not whole: {fault!r}")
            return None

    def died(self) -> None:
        """Nothing that was reported is missing, and a copy is one of a moment there was."""
        sure = expected(self.roles.stored, self.cursor())
        found = self._read(self._base) or Rows({}, {}, {}, frozenset())
        behind = {name for name, seq in sure.seqs.items() if found.seqs.get(name, 0) < seq}
        if behind or sure.events.keys() - found.events.keys():
            self.faults.append(f"the cursor {self.cursor()} is ahead of the rows")
        everything = expected(self.roles.stored)
        for rows in (found, self._read(self._file) if self._is_copy else None):
            if (
                rows is not None
                and list(rows.events) != list(everything.events)[: len(rows.events)]
            ):
                self.faults.append("events are not a beginning of those recorded")
            if (
                rows is not None
                and list(rows.alerts) != list(everything.alerts)[: len(rows.alerts)]
            ):
                self.faults.append("alerts are not a beginning of those recorded")
        if (
            not self._point.spilling
        ):  # there the sink shall be the first to find what is half written
            self._mark(found)

    def has_all(self) -> bool:
        everything = expected(self.roles.stored)
        if self._is_copy:
            found = self._read(self._file)  # whenever one looks, it opens
            return found is not None and not wrong_rows(found, everything)
        seq, event = self.cursor()
        return seq >= max(everything.seqs.values()) and event >= self.roles.stored.last_event()

    def stands(self) -> None:
        found = self._read(self._file)
        if found is None:
            self.faults.append("there is no database")
            return
        self.faults += wrong_rows(found, expected(self.roles.stored))
        if found.processed != self._marked:
            self.faults.append(f"{len(found.processed)} marked, and not {len(self._marked)}")
        self.names(self._directory, {NAME, f"{NAME}-journal"} if not self._is_copy else {NAME})
        kept = {self._base.name, f"{self._base.name}-journal"} if self._is_copy else set()
        self.names(self.roles.state / "data" / "exports", kept)
        self._mark(found)

    def _mark(self, found: Rows) -> None:
        """The consumer is done with some of what is there."""
        new = [name for name in found.events if name not in self._marked][::3]
        if new and not self._is_copy:
            mark(self._file, new)
            self._marked.update(new)


class SyslogDeaths(SinkDeaths):
    """Syslog over TCP to a receiver that writes what comes."""

    def __init__(self, folder: Path, name: str) -> None:
        self._receiver = SyslogFile(folder / "received")
        options = {"server": "127.0.0.1", "port": self._receiver.port, "protocol": "tcp"}
        super().__init__(folder, name, {"kind": "syslog", "codec": "ndjson", "options": options})

    def __enter__(self) -> Self:
        self._receiver.__enter__()
        return self

    def __exit__(self, *fault: object) -> None:
        super().__exit__(*fault)
        self._receiver.__exit__(*fault)

    def prepare(self) -> None:
        self._receiver.drop_after = DROPPED_AFTER if self._point.dropping else None

    def died(self) -> None:
        self._receiver.drop_after = None
        if not self._receiver.quiet(DRAIN_SECS):
            self.faults.append("the connection of the dead stays")
        arrived = self._arrived()
        if self.cursor()[0] > arrived.last:
            self.faults.append(f"the cursor {self.cursor()} is ahead of {arrived.last}")

    def _arrived(self) -> Arrived:
        lines = [message[message.find(b"{") :] for message in self._receiver.messages()]
        arrived = Arrived(self.roles.state).records(lines)
        self.faults += [f"syslog: {what}" for what in arrived.wrong]
        return arrived

    def has_all(self) -> bool:
        tail = self._receiver.messages()[-1:]
        last = json.loads(tail[0][tail[0].find(b"{") :])["seq"] if tail else 0
        return bool(last >= self.roles.stored.head()[1])

    def stands(self) -> None:
        self.faults += wrong_envelopes(self._receiver.messages())
        if not self._receiver.quiet(DRAIN_SECS):
            self.faults.append("the connection of who ended stays")
        if self.cursor()[0] > self._arrived().last:
            self.faults.append("the cursor is ahead at the end")


class ExportDeaths(SinkDeaths):
    """An export that is wanted of a forwarder that also has a sink, so that it has not to end when it is done."""

    def __init__(self, folder: Path, name: str) -> None:
        options = {"file": str(folder / "lines")}
        super().__init__(
            folder, name, {"kind": "test_file", "codec": "test_lines", "options": options}
        )
        self._exports = self.roles.state / "data" / "exports"
        self._order = ""

    def doing(self) -> None:
        self.wait(lambda: self.here(SINK), "the forwarder to say hello")
        self._order = self._begin()

    def _begin(self) -> str:
        wanted = {"codec": "ndjson", "what": "alerts"}
        return str(self.roles.ask("export.begin", wanted=wanted)["id"])

    def died(self) -> None:
        """Nothing has its name before it is whole."""
        self._judge()

    def has_all(self) -> bool:
        """The person hears that it failed, asks again, and has it."""
        word = msgspec.convert(self.roles.ask("export.look", id=self._order), ExportWord)
        if word.state == "failed":
            if "ask for it again" not in str(word.why):
                self.faults.append(f"the export failed: {word.why}")
            self._order = self._begin()
        return word.state == "done"

    def stands(self) -> None:
        files = self._judge()
        told = [json.loads(line) for line in files[-1].read_bytes().splitlines()]
        wanted = expected(self.roles.stored).seqs
        if {one["alert"]["id"]: one["seq"] for one in told} != wanted:
            self.faults.append(f"{files[-1].name} holds {len(told)} alerts of {len(wanted)}")
        known = [*files, *self._exports.glob(f"*{ENDING}"), *self._exports.glob("*.keys")]
        self.names(self._exports, {one.name for one in known})

    def _judge(self) -> list[Path]:
        """All exports that have their names, the newest last: each is what its manifest says."""
        files = sorted(
            self._exports.glob("sentinair_*.ndjson"), key=lambda one: one.stat().st_mtime_ns
        )
        manifests = list(self._exports.glob(f"sentinair_*{ENDING}"))
        if not manifests:
            self.faults += [f"{one.name} has no manifest" for one in files]
            return files
        alone = [
            one.name
            for one in manifests
            if not one.with_name(one.name.removesuffix(ENDING)).exists()
        ]
        found = judge(str(self._exports), str(self.roles.state / "keys" / "enrolment.pub"))
        wrong = [str(one) for one in found.findings if one.kind != "missing"]
        if wrong or len(found.findings) != len(alone) or len(found.exports) != len(files):
            self.faults.append(f"{len(found.exports)} of {len(files)} are proven: {found.findings}")
        if alone and self._name != "manifest in place, export not":  # there `verify` tells of it
            self.faults.append(f"{alone} without their exports")
        return files


_KINDS: Final[dict[Side, type[SharedDeaths | SyslogDeaths | ExportDeaths]]] = {
    "shared": SharedDeaths,
    "snapshot": SharedDeaths,
    "syslog": SyslogDeaths,
    "export": ExportDeaths,
}


def deaths_of(folder: Path, name: str) -> SinkDeaths:
    """Of one point, on a ledger of its own."""
    return _KINDS[POINTS[name].side](folder, name)
