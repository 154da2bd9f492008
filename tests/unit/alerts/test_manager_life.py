"""Alerts under any order of detections, answers and ticks: against a naive model, and within their bounds."""

from __future__ import annotations

import msgspec
import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sentinair.errors import UsageFault
from sentinair.model.alert import TRANSITIONS, Alert, AlertChange, Closed
from tests.unit.alerts.alerting import SECOND, detection, ids, joined, manager

WINDOW = 20 * SECOND
REOPEN = 60 * SECOND
ESCALATE = 30 * SECOND
PATHS = [b"/a", b"/b", b"/c", b"/d"]


class Ledger(RuleBasedStateMachine):
    """What the changes tell, in order, and the rules that drive both machines."""

    max_open = 100

    def __init__(self) -> None:
        super().__init__()
        self.now = SECOND
        self.new_id = ids()
        self.told: dict[str, Alert] = {}
        self.events = 0
        self.begin()

    def begin(self) -> None:
        self.alerts = manager(
            window_ns=WINDOW,
            max_open=self.max_open,
            reopen_ns=REOPEN,
            escalate_ns={"high": ESCALATE},
        )
        self.alerts._recall = self.told.get

    def store(self, changes: list[AlertChange]) -> None:
        for change in changes:
            known = self.told.get(change.alert.id)
            assert (known is None) == (change.kind == "alert.raised")
            if known is not None and change.kind in {"alert.updated", "alert.escalated"}:
                assert change.alert.status == known.status
            self.told[change.alert.id] = change.alert

    def whole(self, alert_id: str) -> Alert:
        """As it is: what is held knows of counts that have not left."""
        alert = self.told[alert_id]
        held = self.alerts._live.by_id(alert_id, alert.fingerprint)
        return alert if held is None else held.whole()

    def detected(self, path: bytes) -> list[AlertChange]:
        self.events += 1
        found = [detection(severity="critical" if path == b"/d" else "high")]
        return self.alerts.take(found, joined(path, self.now), 1, self.now, self.new_id)


class Bounded(Ledger):
    """With room for three alerts only, nothing is lost and nothing grows."""

    max_open = 3

    @rule(path=st.integers(0, 9), later=st.integers(0, 15))
    def detect(self, path: int, later: int) -> None:
        self.now += later * SECOND
        self.store(self.detected(b"/%d" % path if path < 9 else b"/d"))
        self.nothing_grows()

    @rule(verb=st.sampled_from(sorted(TRANSITIONS)), pick=st.integers(0, 9))
    def answer(self, verb: str, pick: int) -> None:
        known = list(self.told.values())
        if known and known[pick % len(known)].status in TRANSITIONS[verb][0]:
            alert = known[pick % len(known)]
            self.store([self.alerts.answer(verb, alert, by="a", comment=None, now_ns=self.now)])

    @rule(later=st.integers(0, 30))
    def tick(self, later: int) -> None:
        self.now += later * SECOND
        self.store(self.alerts.tick(self.now))
        self.nothing_grows()

    @invariant()
    def no_detection_is_lost(self) -> None:
        assert sum(self.whole(name).count for name in self.told) == self.events

    def nothing_grows(self) -> None:
        """Between two ticks answers may bring more alerts back."""
        assert len(self.alerts._live._ordinary) <= 3
        assert len(self.alerts._live._critical) <= 3
        assert len(self.alerts._closed) <= 3
        assert len(self.alerts.escalation) <= len(self.told)


class Entry:
    """One alert of the model."""

    def __init__(self, path: bytes, now: int) -> None:
        self.path, self.opened = path, now
        self.status, self.count, self.last = "open", 1, now
        self.closed = 0
        self.escalated = False


class Story(Ledger):
    """The rules in their simplest words: one alert takes a path's detections in, an ended one answers for a while."""

    def __init__(self) -> None:
        super().__init__()
        self.model: dict[str, Entry] = {}
        self.slot: dict[bytes, str] = {}  # path to the alert that takes its detections in
        self.ended: dict[bytes, str] = {}  # path to the alert closed last

    def _taker(self, path: bytes) -> str | None:
        name = self.slot.get(path)
        if name is not None:
            one = self.model[name]
            false = one.status == "false_positive"
            near = self.now - one.closed <= REOPEN if false else self.now - one.last <= WINDOW
            if near:
                return name
        name = self.ended.get(path)
        if name is not None and self.now - self.model[name].closed <= REOPEN:
            return name
        return None

    @rule(path=st.sampled_from(PATHS), later=st.integers(0, 25))
    def detect(self, path: bytes, later: int) -> None:
        self.now += later * SECOND
        taker = self._taker(path)
        changes = self.detected(path)
        self.store(changes)
        if taker is None:
            (raised,) = [change for change in changes if change.kind == "alert.raised"]
            self._leave(path)
            self.model[raised.alert.id] = Entry(path, self.now)
            self.slot[path] = raised.alert.id
            return
        one = self.model[taker]
        one.count, one.last = one.count + 1, self.now
        again = one.status == "resolved"
        assert [c.alert.id for c in changes if c.kind == "alert.reopened"] == [taker] * again
        if again:
            one.status, one.opened, one.escalated = "open", self.now, False
        if self.slot.get(path) != taker:
            self._leave(path)
            del self.ended[path]
            self.slot[path] = taker

    def _leave(self, path: bytes) -> None:
        """Nothing is in the slot any more; a false positive goes on answering."""
        name = self.slot.pop(path, None)
        if name is not None and self.model[name].status == "false_positive":
            self.ended[path] = name

    @rule(verb=st.sampled_from(sorted(TRANSITIONS)), pick=st.integers(0, 9))
    def answer(self, verb: str, pick: int) -> None:
        if not self.told:
            return
        alert = list(self.told.values())[pick % len(self.told)]
        one = self.model[alert.id]
        if one.status not in TRANSITIONS[verb][0]:
            with pytest.raises(UsageFault):
                self.alerts.answer(verb, alert, by="a", comment=None, now_ns=self.now)
            return
        self.store([self.alerts.answer(verb, alert, by="a", comment=None, now_ns=self.now)])
        one.status = TRANSITIONS[verb][1]
        if one.status in {"resolved", "false_positive"}:
            one.closed = self.now
            self.ended[one.path] = alert.id
            if self.slot.get(one.path) == alert.id:
                del self.slot[one.path]
            return
        if self.ended.get(one.path) == alert.id:
            del self.ended[one.path]
        if verb == "reopen":
            one.opened, one.escalated = self.now, False
        self.slot.setdefault(one.path, alert.id)

    @rule(pick=st.integers(0, 9), words=st.text(min_size=1, max_size=5))
    def write(self, pick: int, words: str) -> None:
        if self.told and words.strip():
            alert = list(self.told.values())[pick % len(self.told)]
            if len(alert.notes) < 50:
                self.store([self.alerts.note(alert, words, by="a", now_ns=self.now)])
            self.store([self.alerts.assign(self.told[alert.id], words, by="a", now_ns=self.now)])

    @rule(later=st.integers(0, 40))
    def tick(self, later: int) -> None:
        self.now += later * SECOND
        due = {
            name
            for name, one in self.model.items()
            if one.status == "open" and not one.escalated and one.path != b"/d"
            and one.opened + ESCALATE <= self.now
        }  # fmt: skip
        changes = self.alerts.tick(self.now)
        self.store(changes)
        assert {c.alert.id for c in changes if c.kind == "alert.escalated"} == due
        for name in due:
            self.model[name].escalated = True
        for path, name in list(self.slot.items()):
            one = self.model[name]
            if self.now - one.last > WINDOW and self.told[name].count == one.count:
                self._leave(path)

    @rule()
    def restart(self) -> None:
        """In order: what waited is told; what nobody closed, and what was closed lately, is known again."""
        self.store(self.alerts.flush())
        self.begin()
        lately = sorted(self.model.items(), key=lambda item: item[1].closed)
        closed = [
            Closed(name, self.told[name].fingerprint, one.status, one.closed)
            for name, one in lately
            if one.status in {"resolved", "false_positive"}
        ]
        self.alerts.restore(self.told.values(), closed)
        self.ended = {self.model[one.id].path: one.id for one in closed}
        self.slot = {}
        for name, one in sorted(self.model.items(), key=lambda item: item[1].last):
            if one.status in {"open", "acknowledged"}:
                self.slot[one.path] = name

    @invariant()
    def each_alert_is_as_the_model_says(self) -> None:
        assert self.told.keys() == self.model.keys()
        for name, one in self.model.items():
            alert = self.whole(name)
            assert (alert.status, alert.count) == (one.status, one.count)
            assert (alert.escalated_at_ns is not None) >= one.escalated
            assert (alert.closed_at_ns is not None) == (one.closed > 0 and not _lives(one))
        loud = sum(one.escalated and one.status == "open" for one in self.model.values())
        assert self.alerts.escalation.open == loud

    def teardown(self) -> None:
        self.store(self.alerts.flush())
        assert {name: one.count for name, one in self.model.items()} == {
            name: alert.count for name, alert in self.told.items()
        }


def _lives(one: Entry) -> bool:
    return one.status in {"open", "acknowledged"}


TestBounded = Bounded.TestCase
TestBounded.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
TestStory = Story.TestCase
TestStory.settings = settings(max_examples=200, stateful_step_count=40, deadline=None)


def test_what_the_ledger_holds_of_an_alert_is_the_alert() -> None:
    alerts = manager()
    (change,) = alerts.take([detection()], joined(), 1, 0, ids())
    change = alerts.note(change.alert, "seen before", by="ann", now_ns=5)
    body = msgspec.json.encode(change.alert)
    assert msgspec.json.decode(body, type=Alert) == change.alert
