from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from sentinair.alerts.manager import AlertManager
from sentinair.model.alert import Alert, Closed
from tests.unit.alerts.alerting import HOUR, SECOND, detection, ids, joined, manager, raised


def closed_once(status: str = "resolve", **limits: Any) -> tuple[AlertManager, Alert]:
    """A manager that has seen one alert closed at second 1, and that alert."""
    alerts = manager(reopen_ns=HOUR, **limits)
    alert = raised(alerts, ids())
    after = alerts.answer(status, alert, by="ann", comment="done", now_ns=SECOND).alert
    alerts._recall = {after.id: after}.get
    return alerts, after


def test_a_resolved_alert_opens_again_when_its_like_comes() -> None:
    alerts, old = closed_once(escalate_ns={"high": HOUR})
    assert old.closed_at_ns == SECOND
    (change,) = alerts.take([detection()], joined(at_ns=9 * SECOND), 2, 9 * SECOND, ids())
    assert (change.kind, change.by, change.alert.id) == ("alert.reopened", None, old.id)
    assert change.comment == "It came again after it had been resolved."
    again = change.alert
    assert (again.status, again.count, again.event_ids) == ("open", 2, (1, 2))
    assert (again.acknowledged_by, again.closed_at_ns, again.comment) == (None, None, "done")
    assert again.reopened_at_ns == 9 * SECOND
    (change,) = alerts.tick(HOUR + 9 * SECOND)
    assert change.kind == "alert.escalated"


def test_a_false_positive_stays_closed_and_counts() -> None:
    alerts, old = closed_once("false_positive", window_ns=20 * SECOND)
    (change,) = alerts.take([detection()], joined(at_ns=9 * SECOND), 2, 9 * SECOND, ids())
    assert (change.kind, change.alert.status, change.alert.count) == (
        "alert.updated", "false_positive", 2,
    )  # fmt: skip
    assert change.alert.closed_at_ns == SECOND
    assert alerts.tick(60 * SECOND) == []
    assert len(alerts) == 0  # not seen for a while: but it goes on answering for its like
    alerts._recall = {old.id: change.alert}.get
    (change,) = alerts.take([detection()], joined(at_ns=70 * SECOND), 3, 70 * SECOND, ids())
    assert (change.kind, change.alert.count) == ("alert.updated", 3)


@pytest.mark.parametrize("verb", ["resolve", "false_positive"])
def test_a_closed_alert_answers_for_its_like_only_so_long(verb: str) -> None:
    alerts, _ = closed_once(verb)
    late = HOUR + 2 * SECOND
    (change,) = alerts.take([detection()], joined(at_ns=late), 2, late, ids())
    assert (change.kind, change.alert.count) == ("alert.raised", 1)


def test_a_false_positive_that_is_held_answers_only_so_long() -> None:
    alerts, _ = closed_once("false_positive", window_ns=5 * HOUR)
    alerts.take([detection()], joined(at_ns=HOUR), 2, HOUR, ids())
    late = HOUR + 2 * SECOND
    changes = alerts.take([detection()], joined(at_ns=late), 3, late, ids())
    assert [change.kind for change in changes] == ["alert.raised"]


def test_a_closed_alert_that_is_forgotten_or_opened_answers_for_nothing() -> None:
    alerts, old = closed_once()
    alerts._recall = {old.id: replace(old, status="open")}.get
    (change,) = alerts.take([detection()], joined(), 2, 2 * SECOND, ids())
    assert change.kind == "alert.raised"
    alerts, _ = closed_once()
    alerts._recall = lambda _alert_id: None
    (change,) = alerts.take([detection()], joined(), 2, 2 * SECOND, ids())
    assert change.kind == "alert.raised"


def test_after_a_restart_a_closed_alert_answers_for_its_like() -> None:
    _, old = closed_once()
    alerts = manager(reopen_ns=HOUR)
    alerts.restore([], [Closed(old.id, old.fingerprint, "resolved", SECOND)])
    alerts._recall = {old.id: old}.get
    (change,) = alerts.take([detection()], joined(at_ns=9), 2, 2 * SECOND, ids())
    assert change.kind == "alert.reopened"


def test_ids_of_closed_alerts_are_bounded() -> None:
    alerts = manager(reopen_ns=HOUR, max_open=2)
    for number in range(5):
        (change,) = alerts.take([detection()], joined(b"/%d" % number), 1, 0, ids())
        alerts.answer("resolve", change.alert, by="a", comment=None, now_ns=number)
    assert len(alerts._closed) == 2
