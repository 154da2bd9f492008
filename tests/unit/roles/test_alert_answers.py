"""What people ask of alerts and suppressions, on a real record."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinair.alerts.manager import Limits
from sentinair.errors import UsageFault
from sentinair.ipc.sockets import Peer as Caller
from sentinair.model.alert import Detection, Joined
from sentinair.model.event import WRITE, FileEvent
from sentinair.roles.engine.alert_answers import AlertAnswers
from sentinair.roles.engine.requests import name_of
from sentinair.store.read import AlertFilter, Reader
from sentinair.store.suppressions import suppressions
from tests.unit.roles.engine_bed import Bed, stamp

HOUR_NS = 3_600 * 10**9
ANN = Caller(pid=os.getpid(), uid=12345, gid=12345)


class Eager:
    """Finds something in every file event, critical below /grave."""

    name = "eager"

    def judge(self, joined: Joined) -> tuple[Detection, ...]:
        event = joined.event
        if not isinstance(event, FileEvent):
            return ()
        grave = event.path.startswith(b"/grave")
        return (
            Detection(
                rule_id="rule-1",
                title="A file",
                description="d",
                category="c",
                severity="critical" if grave else "high",
                confidence=0.5,
                source="sigma",
                matches=(),
                why=(),
                next_steps=(),
            ),
        )

    def tick(self, now_ns: int) -> tuple[Detection, ...]:
        return ()


class Desk:
    """A bed whose alerts can be answered."""

    def __init__(self, state: Path) -> None:
        limits = Limits(reopen_ns=HOUR_NS, escalate_ns={"critical": 1})
        self.bed = Bed(state, [Eager()], limits=limits)
        self.answers = AlertAnswers(lambda: self.bed.spine, stamp).handlers()
        self.sensor = self.bed.connect()
        self.sensor.hello()
        self.seq = 1

    def see(self, path: bytes) -> None:
        now = stamp()
        event = FileEvent(seen_ns=now.time_ns, mono_ns=now.mono_ns, path=path, actions=WRITE)
        self.sensor.batch([event], self.seq)
        self.seq += 1
        self.bed.commits.commit()

    def ask(self, method: str, **params: object) -> Any:
        return self.answers[method](ANN, params)

    def alerts(self) -> list[dict[str, object]]:
        with Reader.open(self.bed.state) as reader:
            return [
                {"id": one.id, "status": one.status, "count": one.count}
                for one in reader.alerts(AlertFilter()).rows
            ]


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Desk]:
    made = Desk(tmp_path / "state")
    yield made
    made.bed.close()


def test_answers_notes_and_assignments_stand_in_the_ledger_with_who_gave_them(desk: Desk) -> None:
    desk.see(b"/x")
    (one,) = desk.alerts()
    noted = desk.ask("alert.note", id=one["id"], text="looking")
    assert noted["notes"][0]["by"] == name_of(ANN)
    assert desk.ask("alert.assign", id=one["id"], to="bob")["assignee"] == "bob"
    assert desk.ask("alert.assign", id=one["id"])["assignee"] is None
    done = desk.ask("alert.answer", id=one["id"], verb="resolve", comment="mended")
    assert (done["status"], len(done["notes"])) == ("resolved", 1)
    for kind in ("alert.noted", "alert.assigned", "alert.resolved"):
        data = desk.bed.records(kind)[0]
        assert isinstance(data, dict)
        assert data["by"] == name_of(ANN)


def test_what_comes_again_opens_its_resolved_alert(desk: Desk) -> None:
    desk.see(b"/x")
    (one,) = desk.alerts()
    desk.ask("alert.answer", id=one["id"], verb="resolve")
    desk.see(b"/x")
    assert desk.alerts() == [{"id": one["id"], "status": "open", "count": 2}]
    (data,) = desk.bed.records("alert.reopened")
    assert isinstance(data, dict)
    assert data["by"] is None


def test_the_tick_escalates_what_nobody_answered(desk: Desk) -> None:
    desk.see(b"/grave/x")
    desk.bed.spine.tick()
    assert len(desk.bed.records("alert.escalated")) == 1
    assert desk.bed.alerts.escalation.open == 1


def test_an_unknown_alert_is_a_usage_fault(desk: Desk) -> None:
    for method, params in (("alert.note", {"text": "x"}), ("alert.answer", {"verb": "resolve"})):
        with pytest.raises(UsageFault, match="no alert"):
            desk.ask(method, id="none", **params)


def test_a_suppression_holds_back_counts_and_ends(desk: Desk) -> None:
    made = desk.ask("suppression.add", path="/x", reason="ours\x1b", secs=60)
    assert (made["author"], made["reason"], made["active"]) == (name_of(ANN), "ours\\x1b", True)
    desk.see(b"/x")
    desk.see(b"/y")
    assert len(desk.alerts()) == 1
    assert [one["count"] for one in desk.ask("suppression.list")] == [1]
    desk.bed.spine.tick()
    assert len(desk.bed.records("suppression.counted")) == 1
    ended = desk.ask("suppression.remove", id=made["id"][:20])
    assert (ended["count"], ended["ended_by"], ended["active"]) == (1, name_of(ANN), False)
    assert desk.ask("suppression.list") == []
    desk.see(b"/x")
    assert len(desk.alerts()) == 2


def test_a_suppression_needs_its_length_in_seconds(desk: Desk) -> None:
    for secs in (None, "60", True):
        with pytest.raises(UsageFault, match="'secs' must be a number"):
            desk.ask("suppression.add", path="/x", reason="r", secs=secs)
    with pytest.raises(UsageFault, match="at most 366 days"):
        desk.ask("suppression.add", path="/x", reason="r", secs=10**12)
    assert desk.bed.records("suppression.added") == []


def test_the_stop_records_what_was_held_back(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "state")
    desk.ask("suppression.add", rule="rule-1", reason="ours", secs=60)
    desk.see(b"/x")
    desk.bed.spine.tick()
    desk.see(b"/x")
    desk.bed.close()
    with Reader.open(desk.bed.state) as reader:
        (one,) = suppressions(reader)
    assert one.count == 2
