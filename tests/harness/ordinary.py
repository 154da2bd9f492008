"""Ordinary entries: an alert as the agent makes it, each kind of event, each kind of record."""

from __future__ import annotations

from typing import Any, Final

from msgspec.structs import replace

from sentinair.alerts.build import build
from sentinair.codecs import event_json
from sentinair.model.alert import Alert, Detection, Joined, Match
from sentinair.model.entry import Entry
from sentinair.model.event import (
    CREATE,
    RENAME,
    WRITE,
    ClockEvent,
    Event,
    FileEvent,
    FileState,
    GapEvent,
    HashEvent,
    ProcessEvent,
    Scanned,
    TamperEvent,
    WriterEvent,
)
from sentinair.model.process import FileId, Parent, Process
from sentinair.model.record import RECORD_KINDS

__all__ = [
    "AT_NS",
    "BASH",
    "EVENTS",
    "an_alert",
    "event_entry",
    "of_alert",
    "ordinary",
    "record_entry",
]

AT_NS: Final = 1_795_167_841_003_000_000
CHAIN: Final = "5a" * 16
BASH: Final = Process(
    pid=4242,
    start=9,
    ppid=1,
    exe=b"/usr/bin/bash",
    argv=(b"bash", b"-c", b"echo a b"),
    cwd=b"/root",
    uid=1000,
    auid=1000,
    parents=(Parent(1, 1, b"/sbin/init", (b"init",)),),
)
_WHEN: Final[dict[str, Any]] = {"seen_ns": AT_NS, "mono_ns": 77_000_000_000}
_STATE: Final = FileState(0o100644, 0, 3, 10, 77, 1, AT_NS, AT_NS)
EVENTS: Final[dict[str, tuple[Event, ...]]] = {
    "file": (
        FileEvent(**_WHEN, path=b"/etc/x.conf", actions=CREATE | WRITE, state=_STATE, pid=4242),
        FileEvent(**_WHEN, path=b"/etc/new", old_path=b"/etc/old", actions=RENAME, absent=True),
        FileEvent(**_WHEN, path=b"/", actions=32),
    ),
    "process": tuple(
        ProcessEvent(**_WHEN, action=one, process=BASH, exit_code=9, sha256=b"\x01" * 32)
        for one in ("exec", "exit", "setid", "inventory")
    ),
    "gap": (
        GapEvent(
            **_WHEN, gap_id=b"12345678", source="fanotify", reason="overflow", lost=None,
            since_ns=AT_NS, until_ns=AT_NS,
        ),
    ),
    "hash": (
        HashEvent(**_WHEN, path=b"/etc/x", file_id=FileId(1, 2, 3), sha256=b"\x02" * 32, of=5),
    ),
    "writer": (WriterEvent(**_WHEN, of=5, process=BASH),),
    "clock": (ClockEvent(**_WHEN, step_ns=10**9),),
    "tamper": (TamperEvent(**_WHEN, found_by="commit", what="the record is gone"),),
    "scanned": (
        Scanned(
            **_WHEN, scan=1, scope="files", reason="gap", roots=(b"/etc",), gaps=(b"12345678",),
            directories=4, entries=9,
        ),
    ),
}  # fmt: skip
"""Each kind of event that is stored."""


def an_alert(event: Event = EVENTS["file"][0], process: Process | None = BASH) -> Alert:
    """What a rule with two techniques makes of event."""
    detection = Detection(
        rule_id="9a6cbe6e-0b0e-4f0c-8d5f-4d6b8a2c9f31",
        title="Settings changed",
        description="A file of settings was changed.",
        category="persistence",
        severity="high",
        confidence=0.75,
        source="sigma",
        matches=(Match("TargetFilename", "/etc/x.conf", "startswith /etc/"),),
        why=("It is read at every start.",),
        next_steps=("Compare it with the package's.",),
        techniques=("T1548.001", "T1105"),
        tactics=("privilege-escalation", "command-and-control"),
        rule_author="Somebody",
        rule_license="Apache-2.0",
    )
    return build(
        detection, Joined(event, process, 5), alert_id="0193f0a2-7c1e-7abc-8def-0123456789ab",
        event_id=5, now_ns=AT_NS, host="ws-17", users={1000: "alice"},
    )  # fmt: skip


def of_alert(kind: str = "alert.raised", alert: Alert | None = None, seq: int = 7) -> Entry:
    return replace(
        record_entry(kind, seq=seq), data={}, alert=an_alert() if alert is None else alert
    )


def record_entry(kind: str, data: dict[str, object] | None = None, seq: int = 7) -> Entry:
    return Entry(
        host="ws-17", chain=CHAIN, stream="record", seq=seq, kind=kind, time_ns=AT_NS,
        version="1.4.0", data={"why": "as asked"} if data is None else data, link="c3" * 32,
    )  # fmt: skip


def event_entry(event: Event, process: Process | None = BASH, seq: int = 8) -> Entry:
    shape = event_json.render(seq, event, process, "fanotify")
    return Entry(
        host="ws-17", chain=CHAIN, stream="event", seq=seq, kind=shape["event_type"],
        time_ns=event.seen_ns, version="1.4.0", data=shape["data"],
    )  # fmt: skip


def ordinary() -> list[Entry]:
    """One of each kind of record, an alert of each kind of event, and each event with and without its process."""
    found = [
        of_alert(kind) if kind.startswith("alert.") else record_entry(kind) for kind in RECORD_KINDS
    ]
    for events in EVENTS.values():
        for event in events:
            found += [event_entry(event), event_entry(event, None)]
            found.append(of_alert(alert=an_alert(event)))
            found.append(of_alert(alert=an_alert(event, None)))
    return found
