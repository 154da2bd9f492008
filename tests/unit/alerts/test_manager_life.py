from __future__ import annotations

import pytest
from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from sentinair.errors import UsageFault
from sentinair.model.alert import TRANSITIONS, Alert, AlertChange
from tests.unit.alerts.test_manager import SECOND, detection, ids, joined, manager


class Life(RuleBasedStateMachine):
    """Alerts under any order of detections, answers and ticks, against what the ledger would tell."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0
        self.alerts = manager(window_ns=20 * SECOND, max_open=3)
        self.new_id = ids()
        self.ledger: dict[str, Alert] = {}
        self.told: dict[str, int] = {}
        self.events = 0

    def _store(self, changes: list[AlertChange]) -> None:
        for change in changes:
            known = self.ledger.get(change.alert.id)
            assert (known is None) == (change.kind == "alert.raised")
            if known is not None and change.kind == "alert.updated":
                assert change.alert.status == known.status
            self.ledger[change.alert.id] = change.alert

    @rule(path=st.sampled_from([b"/a", b"/b", b"/c", b"/d"]), later=st.integers(0, 15 * SECOND))
    def detect(self, path: bytes, later: int) -> None:
        self.now += later
        self.events += 1
        self._store(
            self.alerts.take([detection()], joined(path, self.now), 1, self.now, self.new_id)
        )

    @rule(verb=st.sampled_from(sorted(TRANSITIONS)), pick=st.integers(0, 5))
    def answer(self, verb: str, pick: int) -> None:
        known = list(self.ledger.values())
        if not known:
            return
        alert = known[pick % len(known)]
        if alert.status in TRANSITIONS[verb][0]:
            change = self.alerts.answer(verb, alert, by="a", comment=None, now_ns=self.now)
            assert change.alert.status == TRANSITIONS[verb][1]
            self._store([change])
        else:
            with pytest.raises(UsageFault):
                self.alerts.answer(verb, alert, by="a", comment=None, now_ns=self.now)

    @rule(later=st.integers(0, 30 * SECOND))
    def tick(self, later: int) -> None:
        self.now += later
        self._store(self.alerts.tick(self.now))

    @invariant()
    def no_detection_is_lost(self) -> None:
        held = {live.alert.id: live.alert.count for live in self.alerts._live.values()}
        total = sum(held.get(name, alert.count) for name, alert in self.ledger.items())
        assert total == self.events
        assert len(self.alerts) <= 4  # one more after a reopening, until the next detection


TestLife = Life.TestCase
TestLife.settings = settings(max_examples=60, stateful_step_count=30, deadline=None)
