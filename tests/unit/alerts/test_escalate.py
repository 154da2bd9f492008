from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from sentinair.alerts.manager import AlertManager
from tests.unit.alerts.alerting import HOUR, SECOND, detection, ids, joined, manager, raised


def late(**limits: Any) -> AlertManager:
    return manager(escalate_ns={"critical": 900 * SECOND, "high": 4 * HOUR, "low": 0}, **limits)


def test_what_nobody_answers_is_escalated_once() -> None:
    alerts = late(window_ns=SECOND)
    alert = raised(alerts, ids())
    alerts._recall = {alert.id: alert}.get
    assert alerts.tick(4 * HOUR - 1) == []
    assert len(alerts) == 0  # not held any more: it is recalled
    (change,) = alerts.tick(4 * HOUR)
    assert (change.kind, change.by, change.alert.severity) == ("alert.escalated", None, "high")
    assert change.alert.escalated_at_ns == 4 * HOUR
    assert alerts.escalation.open == 1
    assert alerts.tick(9 * HOUR) == []
    answered = alerts.answer("acknowledge", change.alert, by="a", comment=None, now_ns=9 * HOUR)
    assert alerts.escalation.open == 0
    assert answered.alert.escalated_at_ns == 4 * HOUR


def test_what_is_answered_or_of_no_weight_is_not_escalated() -> None:
    alerts = late()
    alerts.answer("acknowledge", raised(alerts, ids()), by="a", comment=None, now_ns=1)
    for severity in ("low", "medium"):
        alerts.take([detection(severity=severity)], joined(), 1, 0, ids())
    assert alerts.tick(99 * HOUR) == []
    assert len(alerts.escalation) == 0


def test_critical_alerts_wait_a_quarter_of_an_hour_only() -> None:
    alerts = late()
    alerts.take([detection(severity="critical")], joined(), 1, 0, ids())
    (change,) = alerts.tick(900 * SECOND)
    assert change.kind == "alert.escalated"
    (counted,) = alerts.take(
        [detection(severity="critical")], joined(at_ns=901 * SECOND), 2, 902 * SECOND, ids()
    )
    assert counted.alert.escalated_at_ns == 900 * SECOND


def test_what_a_maintenance_holds_is_escalated_after_it_only() -> None:
    alerts = late()
    alerts.circumstances.holding_since_ns = 0
    held = raised(alerts, ids())
    alerts._recall = {held.id: held}.get
    alerts.take([detection(severity="critical")], joined(b"/c"), 1, 0, lambda: "c")
    kinds = [(one.kind, one.alert.severity) for one in alerts.tick(4 * HOUR)]
    assert kinds == [("alert.escalated", "critical")]  # its notice was never held
    alerts.circumstances.holding_since_ns = None
    assert alerts.tick(8 * HOUR - 1) == []
    (change,) = alerts.tick(8 * HOUR)
    assert (change.kind, change.alert.severity) == ("alert.escalated", "high")


def test_an_alert_opened_again_waits_from_then_on() -> None:
    alerts = late()
    alert = raised(alerts, ids())
    alert = alerts.answer("acknowledge", alert, by="a", comment=None, now_ns=HOUR).alert
    again = alerts.answer("reopen", alert, by="a", comment=None, now_ns=2 * HOUR).alert
    alerts._recall = {again.id: again}.get
    assert [c for c in alerts.tick(5 * HOUR) if c.kind == "alert.escalated"] == []
    (change,) = alerts.tick(6 * HOUR)
    assert change.kind == "alert.escalated"


def test_after_a_restart_what_was_open_is_escalated_in_its_time() -> None:
    alert = raised(manager(), ids())
    loud = replace(alert, id="loud", fingerprint="f", escalated_at_ns=1)
    alerts = late()
    alerts.restore([alert, loud])
    assert alerts.escalation.open == 1
    (change,) = alerts.tick(4 * HOUR)
    assert change.alert.id == alert.id


def test_where_too_many_wait_the_one_due_first_is_escalated_rather_than_forgotten() -> None:
    alerts, new_id = late(max_open=10), ids()
    for number in range(12):
        alerts.take([detection()], joined(b"/%d" % number), 1, number, new_id)
    alerts._recall = lambda alert_id: replace(raised(manager(), lambda: alert_id), id=alert_id)
    assert [change.alert.id for change in alerts.tick(SECOND // 2)] == ["id-0", "id-1"]
    assert len(alerts.escalation) == 10
    for number in range(500):
        alert = raised(late(), lambda number=number: f"n-{number}")  # type: ignore[misc]
        alerts.escalation.follow(None, alert)
        alerts.escalation.follow(alert, replace(alert, status="resolved"))
        alerts.escalation.due(0)
    assert len(alerts.escalation._due) <= 201
