from __future__ import annotations

from sentinair.alerts.flood import MAX_A_MINUTE
from sentinair.model.alert import AlertChange
from tests.unit.alerts.alerting import SECOND, detection, ids, joined, manager


def test_a_flood_of_different_alerts_becomes_one_more_that_counts() -> None:
    alerts, new_id = manager(), ids()
    changes: list[AlertChange] = []
    for number in range(5_000):
        changes += alerts.take([detection()], joined(b"/x/%d" % number), number, number, new_id)
    changes += alerts.flush()
    final = {change.alert.id: change.alert for change in changes}
    assert len(final) == MAX_A_MINUTE + 1
    assert sum(alert.count for alert in final.values()) == 5_000
    many = final[f"id-{MAX_A_MINUTE}"]
    assert (many.title, many.gathered) == ("A title, and more", True)
    assert not final["id-0"].gathered
    assert many.count == 5_000 - MAX_A_MINUTE
    assert "their events are all kept" in many.description


def test_a_minute_after_a_flood_alerts_are_told_one_by_one_again() -> None:
    alerts, new_id = manager(), ids()
    for number in range(MAX_A_MINUTE + 5):
        alerts.take([detection()], joined(b"/x/%d" % number), number, 0, new_id)
    (change,) = alerts.take([detection()], joined(b"/y"), 1, 60 * SECOND, new_id)
    assert (change.kind, change.alert.title) == ("alert.raised", "A title")
    other = detection(rule_id="other")
    (change,) = alerts.take([other], joined(b"/y"), 1, 0, new_id)
    assert change.alert.title == "A title"


def test_a_flood_of_one_severity_leaves_the_others_alone() -> None:
    alerts, new_id = manager(), ids()
    for number in range(MAX_A_MINUTE + 5):
        alerts.take([detection()], joined(b"/x/%d" % number), number, 0, new_id)
    (change,) = alerts.take([detection(severity="critical")], joined(b"/y"), 1, 0, new_id)
    assert (change.kind, change.alert.gathered) == ("alert.raised", False)
