from __future__ import annotations

import pytest

from sentinair.alerts.answer import MAX_COMMENT_CHARS, MAX_NOTES
from sentinair.errors import UsageFault
from tests.unit.alerts.alerting import SECOND, detection, ids, joined, manager, raised


def test_an_answer_is_stored_with_who_gave_it_and_what_they_said() -> None:
    alerts, new_id = manager(), ids()
    alert = raised(alerts, new_id)
    change = alerts.answer("acknowledge", alert, by="ann\x1b", comment="looking\n", now_ns=5)
    assert (change.kind, change.by, change.comment) == (
        "alert.acknowledged", "ann\\x1b", "looking\\x0a",
    )  # fmt: skip
    answered = change.alert
    assert (answered.status, answered.acknowledged_by, answered.acknowledged_at_ns) == (
        "acknowledged", "ann\\x1b", 5,
    )  # fmt: skip
    change = alerts.answer("resolve", answered, by="bob", comment=None, now_ns=6)
    assert (change.kind, change.alert.acknowledged_by) == ("alert.resolved", "ann\\x1b")
    assert change.alert.comment == "looking\\x0a"
    change = alerts.answer("reopen", change.alert, by="bob", comment="again", now_ns=7)
    assert (change.kind, change.alert.status) == ("alert.reopened", "open")
    assert change.alert.acknowledged_by is None
    assert change.alert.acknowledged_at_ns is None


def test_an_acknowledged_alert_goes_on_counting_and_a_closed_one_does_not() -> None:
    alerts, new_id = manager(), ids()
    alert = raised(alerts, new_id)
    alert = alerts.answer("acknowledge", alert, by="a", comment=None, now_ns=1).alert
    (change,) = alerts.take([detection()], joined(), 2, 2 * SECOND, new_id)
    assert (change.alert.status, change.alert.count) == ("acknowledged", 2)
    alerts.answer("false_positive", alert, by="a", comment=None, now_ns=3 * SECOND)
    (change,) = alerts.take([detection()], joined(), 3, 4 * SECOND, new_id)
    assert (change.kind, change.alert.id) == ("alert.raised", "id-1")


def test_an_answer_to_an_old_copy_keeps_the_newer_count() -> None:
    alerts, new_id = manager(), ids()
    old = raised(alerts, new_id)
    alerts.take([detection()], joined(), 2, 1, new_id)
    change = alerts.answer("acknowledge", old, by="a", comment=None, now_ns=2)
    assert change.alert.count == 2
    assert alerts.tick(9 * SECOND) == []


def test_a_reopened_alert_takes_detections_in_again() -> None:
    alerts, new_id = manager(), ids()
    alert = raised(alerts, new_id)
    alert = alerts.answer("resolve", alert, by="a", comment=None, now_ns=1).alert
    alerts.answer("reopen", alert, by="a", comment=None, now_ns=2)
    (change,) = alerts.take([detection()], joined(), 2, 2 * SECOND, new_id)
    assert (change.kind, change.alert.id) == ("alert.updated", alert.id)


def test_reopening_an_old_alert_leaves_its_younger_like_alone() -> None:
    alerts, new_id = manager(), ids()
    old = raised(alerts, new_id)
    old = alerts.answer("resolve", old, by="a", comment=None, now_ns=1).alert
    raised(alerts, new_id)
    alerts.answer("reopen", old, by="a", comment=None, now_ns=2)
    (change,) = alerts.take([detection()], joined(), 2, 2 * SECOND, new_id)
    assert change.alert.id == "id-1"


def test_an_illegal_answer_says_what_is_allowed() -> None:
    alerts = manager()
    alert = raised(alerts, ids())
    with pytest.raises(UsageFault, match="no such answer: nod"):
        alerts.answer("nod", alert, by="a", comment=None, now_ns=1)
    with pytest.raises(
        UsageFault, match="it is open, and only one that is .* resolved can be opened again"
    ):
        alerts.answer("reopen", alert, by="a", comment=None, now_ns=1)
    with pytest.raises(UsageFault, match="4001 characters"):
        alerts.answer("resolve", alert, by="a", comment="x" * (MAX_COMMENT_CHARS + 1), now_ns=1)


def test_notes_stand_beside_an_alert_whatever_its_status() -> None:
    alerts = manager()
    alert = raised(alerts, ids())
    change = alerts.note(alert, "called \x1b the team", by="ann", now_ns=5)
    assert (change.kind, change.by, change.comment) == (
        "alert.noted", "ann", "called \\x1b the team",
    )  # fmt: skip
    alert = alerts.answer("resolve", change.alert, by="ann", comment=None, now_ns=6).alert
    change = alerts.note(alert, "all good", by="bob", now_ns=7)
    assert [(note.time_ns, note.by, note.text) for note in change.alert.notes] == [
        (5, "ann", "called \\x1b the team"),
        (7, "bob", "all good"),
    ]
    assert change.alert.status == "resolved"


def test_a_note_keeps_the_count_that_waited() -> None:
    alerts = manager()
    old = raised(alerts, ids())
    alerts.take([detection()], joined(), 2, 1, ids())
    assert alerts.note(old, "n", by="ann", now_ns=2).alert.count == 2
    assert alerts.flush() == []


def test_notes_that_are_empty_too_long_or_too_many_are_refused() -> None:
    alerts = manager()
    alert = raised(alerts, ids())
    for wrong, why in ((" ", "empty"), ("x" * 1001, "1001 characters")):
        with pytest.raises(UsageFault, match=why):
            alerts.note(alert, wrong, by="a", now_ns=1)
    for number in range(MAX_NOTES):
        alerts.note(alert, str(number), by="a", now_ns=1)
    with pytest.raises(UsageFault, match="it has 50 notes"):
        alerts.note(alert, "more", by="a", now_ns=1)


def test_an_alert_is_assigned_and_taken_back() -> None:
    alerts = manager()
    alert = raised(alerts, ids())
    change = alerts.assign(alert, " the night shift\n", by="ann", now_ns=1)
    assert (change.kind, change.alert.assignee) == ("alert.assigned", "the night shift\\x0a")
    assert change.alert.status == "open"
    assert alerts.assign(change.alert, None, by="ann", now_ns=1).alert.assignee is None
    for wrong in (" ", "x" * 101):
        with pytest.raises(UsageFault, match="the name"):
            alerts.assign(alert, wrong, by="ann", now_ns=1)
