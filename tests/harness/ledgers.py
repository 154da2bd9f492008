"""Makes ledgers through the real Store: every kind of record and every table, in amounts the caller chooses."""

from __future__ import annotations

import random
from collections.abc import Sequence
from pathlib import Path

import msgspec

from sentinair.model.alert import SEVERITIES, Alert, AlertChange
from sentinair.model.event import CREATE, WRITE, FileEvent, FileState, GapEvent, ProcessEvent
from sentinair.model.process import Process
from sentinair.model.record import Record, Stamp
from sentinair.settings.types import Retention, StoreSettings
from sentinair.store.events import LaneKey, Pending
from sentinair.store.gaps import gap_record, restored_record
from sentinair.store.writer import Store

__all__ = ["DAY_NS", "LedgerMaker"]

DAY_NS = 86_400 * 1_000_000_000
SECOND_NS = 1_000_000_000
BOOT = "b" * 32
_WORDS = [
    "shell",
    "passwd",
    "setuid",
    "cron",
    "module",
    "kernel",
    "reverse",
    "network",
    "unusual",
    "written",
    "changed",
    "started",
]


class LedgerMaker:
    """Writes into one state directory; the clock moves by a second a commit.  files, writers: how many there are."""

    def __init__(
        self,
        state: Path,
        *,
        seed: int = 1,
        files: int = 20_000,
        writers: int = 40,
        start_ns: int = 1_700_000_000 * SECOND_NS,
    ) -> None:
        self.state = state
        self._random = random.Random(seed)
        self._files, self._writers = files, writers
        self._now = start_ns
        self._mono = SECOND_NS
        self._seqs: dict[LaneKey, int] = {}
        self._alerts: list[Alert] = []
        self.store = Store.open(state, StoreSettings(), self.stamp())

    def stamp(self, forward_ns: int = SECOND_NS) -> Stamp:
        self._now += forward_ns
        self._mono += forward_ns
        return Stamp(time_ns=self._now, mono_ns=self._mono, boot=BOOT)

    def unsafe_but_fast(self) -> None:
        """No fsync until the end: what is made here is not what has to last."""
        self.store._live().connection.execute("PRAGMA synchronous=OFF")

    def close(self) -> None:
        self.store.close(self.stamp())

    def file_events(self, count: int, *, source: str = "fanotify", run: int = 1) -> list[Pending]:
        """File events of a few processes below a few hundred directories."""
        number = self._random.randrange(self._writers)
        process = Process(
            pid=1000 + number, start=number, exe=b"/usr/bin/dpkg", argv=(b"dpkg", b"-i"), uid=0
        )
        events: list[tuple[str, object]] = []
        for _ in range(count):
            at = self._random.randrange(1 << 30)
            name = at % self._files
            path = b"/srv/data/%03d/file-%06d" % (name % 300, name)
            state = FileState(0o100644, 0, 0, at % 70_000, at, 2049, self._now, self._now)
            event = FileEvent(
                seen_ns=self._now, mono_ns=self._mono, path=path, actions=CREATE | WRITE,
                state=state, pid=process.pid, start=number,
            )  # fmt: skip
            events.append(("file", event))
        return self._pending(events, source, run, process)

    def process_events(self, count: int, *, source: str = "cnproc", run: int = 1) -> list[Pending]:
        """Exec events, each of a process of its own."""
        events: list[tuple[str, object]] = []
        for _ in range(count):
            pid = self._random.randrange(2, 1 << 22)
            argv = (b"sh", b"-c", b"test -e /run/%d" % pid)
            process = Process(pid=pid, start=pid * 7, ppid=1, exe=b"/bin/dash", argv=argv, uid=0)
            events.append(
                (
                    "process",
                    ProcessEvent(
                        seen_ns=self._now, mono_ns=self._mono, action="exec", process=process
                    ),
                )
            )
        return self._pending(events, source, run, None)

    def _pending(
        self, events: Sequence[tuple[str, object]], source: str, run: int, process: Process | None
    ) -> list[Pending]:
        sender = "execs" if source == "cnproc" else "sensor"
        lane = LaneKey(sender, run.to_bytes(8, "big"), "bulk")
        first = self.store.allocate(len(events))
        seq = self._seqs.get(lane, 0)
        self._seqs[lane] = seq + len(events)
        return [
            Pending(first + n, kind, source, lane, seq + n + 1, self._now, event, process)  # type: ignore[arg-type]
            for n, (kind, event) in enumerate(events)
        ]

    def alert(self, category: str = "file") -> Alert:
        """A new alert of some 900 bytes."""
        pick = self._random.choice
        key = f"{self._random.getrandbits(128):032x}"
        return Alert(
            id=f"{key[:8]}-{key[8:12]}-7{key[13:16]}-8{key[17:20]}-{key[20:]}",
            time_ns=self._now,
            severity=pick(SEVERITIES),
            category=category,
            title=f"{pick(_WORDS)} {pick(_WORDS)}",
            description=" ".join(pick(_WORDS) for _ in range(8)),
            source="sigma",
            rule_id=f"rule-{self._random.randrange(40)}",
            fingerprint=key,
            details={
                "matches": [{"field": "TargetFilename", "value": "/etc/passwd", "wanted": "is"}]
            },
            first_seen_ns=self._now,
            last_seen_ns=self._now,
            why=("The file is one that decides who may log in.",),
            next_steps=("Look at who wrote it.", "Compare it with the copy of yesterday."),
            user="root",
            filename=f"/etc/{pick(_WORDS)}",
            process="/usr/bin/" + pick(_WORDS),
        )

    def raised(self, count: int, categories: Sequence[str] = ("file",)) -> list[AlertChange]:
        made = [self.alert(self._random.choice(categories)) for _ in range(count)]
        self._alerts.extend(made)
        return [AlertChange("alert.raised", alert) for alert in made]

    def updated(self, count: int) -> list[AlertChange]:
        """Known alerts with one more detection."""
        changes = []
        for _ in range(min(count, len(self._alerts))):
            at = self._random.randrange(len(self._alerts))
            old = self._alerts[at]
            new = msgspec.structs.replace(old, count=old.count + 1, last_seen_ns=self._now)
            self._alerts[at] = new
            changes.append(AlertChange("alert.updated", new))
        return changes

    def resolved(self, count: int) -> list[AlertChange]:
        """The oldest known alerts, answered; no longer updated afterwards."""
        done, self._alerts = self._alerts[:count], self._alerts[count:]
        return [
            AlertChange(
                "alert.resolved", msgspec.structs.replace(a, status="resolved"), "anna", "seen"
            )
            for a in done
        ]

    def gap(self, *, restored: bool) -> list[Record]:
        gap = GapEvent(
            seen_ns=self._now, mono_ns=self._mono, gap_id=self._random.randbytes(8), source="fanotify",
            reason="overflow", lost=self._random.choice((None, 17)), since_ns=self._now - 5, until_ns=self._now,
        )  # fmt: skip
        records = [gap_record(gap, "sensor")]
        if restored:
            records.append(restored_record(gap.gap_id, None))
        return records

    def heartbeat(self) -> Record:
        return Record(
            "heartbeat",
            {"events": self._seqs and sum(self._seqs.values()), "alerts": len(self._alerts)},
        )

    def commit(
        self,
        events: Sequence[Pending] = (),
        alerts: Sequence[AlertChange] = (),
        records: Sequence[Record] = (),
        forward_ns: int = SECOND_NS,
    ) -> None:
        self.store.commit(self.stamp(forward_ns), events, alerts, records)

    def mixed(self, commits: int, events: int = 4) -> None:
        """An ordinary hour of commits: files, execs, now and then an alert, a gap, a heartbeat."""
        for number in range(commits):
            pending = self.file_events(events - 1) if number % 3 else self.process_events(events)
            alerts = (
                self.raised(1) if number % 10 == 0 else self.updated(1) if number % 4 == 0 else []
            )
            records = self.gap(restored=number % 50 == 0) if number % 25 == 0 else []
            if number % 30 == 0:
                records.append(self.heartbeat())
            self.commit(pending, alerts, records)

    def forget(
        self, events_days: int = 1, alerts_days: int = 1, after_ns: int = 3 * DAY_NS
    ) -> None:
        """Let time pass and retention take what is older."""
        limits = Retention(
            events_days=events_days, alerts_days=alerts_days, critical_days=alerts_days
        )
        stamp = self.stamp(after_ns)
        while self.store.retain(stamp, limits):
            pass
