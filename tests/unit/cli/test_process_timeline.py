"""`sentinair alerts explain`: what else the process did, from the record."""

from __future__ import annotations

import time
from pathlib import Path

from msgspec.structs import replace

from sentinair.alerts.build import build
from sentinair.cli.process_timeline import what_it_did
from sentinair.model.alert import Alert, AlertChange, Detection, Joined
from sentinair.model.event import CREATE, WRITE, FileEvent
from sentinair.model.process import Process
from sentinair.store.events import LaneKey, Pending
from sentinair.store.read import Reader
from tests.harness.ledgers import LedgerMaker
from tests.unit.cli.conftest import Program

FOUND = Detection(
    rule_id="r", title="T", description="D", category="c", severity="high", confidence=0.5,
    source="sigma", matches=(), why=(), next_steps=(),
)  # fmt: skip
WHO = Process(pid=7, start=50, exe=b"/bin/bash", argv=(b"bash",))


def _recorded(state: Path, process: Process | None) -> Alert:
    """Three events of one process, the second of which raised an alert."""
    maker = LedgerMaker(state)
    at = time.time_ns()
    events = [
        FileEvent(
            seen_ns=at + number, mono_ns=60 * 10**9, path=f"/etc/{number}".encode(), pid=7, start=50,
            actions=CREATE | WRITE,
        )
        for number in range(3)
    ]  # fmt: skip
    lane = LaneKey("sensor", b"run-0001", "bulk")
    pending = [
        Pending(maker.store.allocate(1), "file", "fanotify", lane, n, one.seen_ns, one, process)
        for n, one in enumerate(events)
    ]
    alert = build(
        FOUND, Joined(events[1], process), alert_id="0190aaaa-0000-7000-8000-000000000000",
        event_id=pending[1].id, now_ns=at, host="h", users={},
    )  # fmt: skip
    maker.commit(pending, [AlertChange("alert.raised", alert)])
    maker.close()
    return alert


def test_an_explanation_tells_what_else_the_process_did(program: Program) -> None:
    alert = _recorded(program.state, WHO)
    assert program("alerts", "explain", alert.id) == 0
    text = " ".join(program.out.split())
    assert "What else it did" in text
    assert "created and wrote /etc/0" in text
    assert "created and wrote /etc/2" in text
    (told,) = program.lines("alerts", "explain", alert.id)
    assert [step["what"] for step in told["timeline"]["steps"]] == [
        "created and wrote /etc/0",
        "created and wrote /etc/2",
    ]
    assert told["timeline"]["whole"] is True


def test_without_a_process_nothing_else_is_asked(tmp_path: Path) -> None:
    alert = _recorded(tmp_path / "state", None)
    with Reader.open(tmp_path / "state") as reader:
        assert what_it_did(reader, alert) is None
        without_events = replace(alert, event_ids=(), details={"process": {"pid": 7}})
        found = what_it_did(reader, without_events)
    assert found is not None
    assert len(found.steps) == 2  # up to its own moment
