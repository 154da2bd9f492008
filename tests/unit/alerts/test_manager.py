from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from sentinair.alerts.answer import MAX_COMMENT_CHARS, MAX_NOTES
from sentinair.alerts.fingerprint import fingerprint
from sentinair.alerts.flood import MAX_A_MINUTE
from sentinair.alerts.ids import uuid7
from sentinair.alerts.manager import AlertManager, Limits
from sentinair.alerts.users import names_from_passwd
from sentinair.errors import UsageFault
from sentinair.model.alert import Alert, AlertChange, Closed, Detection, Joined, Match
from sentinair.model.event import WRITE, FileEvent
from sentinair.model.process import Parent, Process

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND


def ids() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"id-{next(numbers)}"


def detection(**changes: Any) -> Detection:
    base = Detection(
        rule_id="r",
        title="A title",
        description="d",
        category="c",
        severity="high",
        confidence=0.5,
        source="sigma",
        matches=(Match("TargetFilename", "/etc/passwd", "equals /etc/passwd"),),
        why=("w",),
        next_steps=("n",),
    )
    return replace(base, **changes)


def joined(path: bytes = b"/etc/passwd", at_ns: int = 0, process: Process | None = None) -> Joined:
    return Joined(FileEvent(seen_ns=at_ns, mono_ns=0, path=path, actions=WRITE, pid=5), process)


def manager(*, users: dict[int, str] | None = None, **limits: Any) -> AlertManager:
    return AlertManager(host="h", users=users, limits=Limits(**limits))


def raised(alerts: AlertManager, new_id: Callable[[], str], now_ns: int = 0) -> Alert:
    (change,) = alerts.take([detection()], joined(at_ns=now_ns), 1, now_ns, new_id)
    assert change.kind == "alert.raised"
    return change.alert


def test_a_first_detection_raises_an_alert_with_all_that_is_known() -> None:
    process = Process(pid=5, exe=b"/bin/e\xff", uid=0, argv=(b"e",))
    alerts = manager(users={0: "root"})
    (change,) = alerts.take([detection()], joined(at_ns=7, process=process), 42, 9, ids())
    alert = change.alert
    assert (change.kind, change.by) == ("alert.raised", None)
    assert (alert.id, alert.status, alert.count) == ("id-0", "open", 1)
    assert (alert.time_ns, alert.first_seen_ns, alert.last_seen_ns) == (9, 7, 7)
    assert (alert.user, alert.pid, alert.process) == ("root", 5, "/bin/e\\xff")
    assert (alert.filename, alert.host, alert.event_ids) == ("/etc/passwd", "h", (42,))
    event = alert.details["event"]
    assert isinstance(event, dict)
    assert event["data"]["process"]["exe_hex"] == b"/bin/e\xff".hex()


def test_an_alert_tells_of_long_scripts_above_its_process_by_their_beginning() -> None:
    above = tuple(Parent(pid, 1, b"/bin/sh", (b"sh", b"-c", b"x" * 32_768)) for pid in range(16))
    process = Process(pid=5, exe=b"/bin/e", parents=above)
    alerts = manager()
    (change,) = alerts.take([detection()], joined(process=process), 42, 9, ids())
    assert len(msgspec.json.encode(change.alert)) < 32_768
    chain = change.alert.details["process"]
    assert isinstance(chain, dict)
    assert len(chain["parents"]) == 16


def test_what_a_rule_says_of_itself_reaches_no_terminal_as_it_is() -> None:
    hostile = "\x1b[31m\u202e\0"
    found = detection(
        title=hostile,
        category=hostile,
        rule_author=hostile,
        rule_license=hostile,
        rule_link=hostile,
    )
    (change,) = manager().take([found], joined(), 1, 0, ids())
    alert = change.alert
    said = (alert.title, alert.category, alert.rule_author, alert.rule_license, alert.rule_link)
    assert set(said) == {"\\x1b[31m\\u202e\\x00"}


def test_a_like_detection_within_the_window_counts_and_one_after_it_is_a_new_alert() -> None:
    alerts, new_id = manager(window_ns=10 * SECOND), ids()
    raised(alerts, new_id)
    (change,) = alerts.take([detection()], joined(at_ns=9 * SECOND), 2, 9 * SECOND, new_id)
    assert change.kind == "alert.updated"
    assert (change.alert.count, change.alert.last_seen_ns) == (2, 9 * SECOND)
    assert change.alert.event_ids == (1, 2)
    (change,) = alerts.take([detection()], joined(at_ns=20 * SECOND), 3, 20 * SECOND, new_id)
    assert (change.kind, change.alert.id, change.alert.count) == ("alert.raised", "id-1", 1)


def test_a_clock_set_back_merges_and_still_tells() -> None:
    alerts, new_id = manager(), ids()
    raised(alerts, new_id, 100 * HOUR)
    (change,) = alerts.take([detection()], joined(at_ns=HOUR), 2, HOUR, new_id)
    assert change.kind == "alert.updated"
    assert change.alert.last_seen_ns == 100 * HOUR


def test_a_thousand_like_detections_in_a_second_are_one_update() -> None:
    alerts, new_id = manager(), ids()
    raised(alerts, new_id)
    changes: list[AlertChange] = []
    for number in range(1000):
        changes += alerts.take([detection()], joined(at_ns=number), number, number, new_id)
    assert changes == []
    assert alerts.tick(SECOND // 2) == []
    (change,) = alerts.tick(SECOND)
    assert (change.kind, change.alert.count) == ("alert.updated", 1001)
    assert len(change.alert.event_ids) == 10
    assert alerts.tick(3 * SECOND) == []


def test_the_last_count_leaves_when_the_engine_stops() -> None:
    alerts, new_id = manager(), ids()
    raised(alerts, new_id)
    alerts.take([detection()], joined(), 2, 1, new_id)
    (change,) = alerts.flush()
    assert (change.kind, change.alert.count) == ("alert.updated", 2)
    assert alerts.flush() == []


def test_a_graver_judgement_is_an_alert_of_its_own() -> None:
    alerts, new_id = manager(), ids()
    low = detection(severity="low")
    alerts.take([low], joined(), 1, 0, new_id)
    (change,) = alerts.take([detection()], joined(), 2, 0, new_id)
    assert (change.kind, change.alert.severity) == ("alert.raised", "high")


def test_program_and_path_tell_alerts_apart_unless_the_rule_groups_otherwise() -> None:
    one = joined(process=Process(pid=1, exe=b"/bin/a"))
    other_exe = joined(process=Process(pid=2, exe=b"/bin/b"))
    other_pid = joined(process=Process(pid=3, exe=b"/bin/a"))
    plain, grouped = detection(), detection(group=("x",))
    assert fingerprint(plain, one) == fingerprint(plain, other_pid)
    assert fingerprint(plain, one) != fingerprint(plain, other_exe)
    assert fingerprint(plain, one) != fingerprint(plain, joined(b"/etc/group", process=one.process))
    assert fingerprint(grouped, one) == fingerprint(grouped, other_exe)
    assert fingerprint(grouped, one) != fingerprint(detection(group=("x", "")), one)
    assert len(fingerprint(plain, one)) == 32


def test_memory_is_bounded_and_the_longest_unseen_goes_first() -> None:
    alerts, new_id = manager(max_open=2), ids()
    alerts.take([detection()], joined(b"/a"), 1, 0, new_id)
    alerts.take([detection()], joined(b"/b"), 2, 0, new_id)
    alerts.take([detection()], joined(b"/a"), 3, 1, new_id)
    alerts.take([detection()], joined(b"/c"), 4, 2, new_id)  # /b goes, /a was seen since
    assert len(alerts) == 2
    (change,) = alerts.take([detection()], joined(b"/a"), 5, 2 * SECOND, new_id)
    assert (change.kind, change.alert.count) == ("alert.updated", 3)
    (change,) = alerts.take([detection()], joined(b"/b"), 6, 3 * SECOND, new_id)
    assert change.kind == "alert.raised"


def test_a_count_that_waited_is_told_before_its_alert_is_forgotten() -> None:
    alerts, new_id = manager(max_open=1), ids()
    raised(alerts, new_id)
    alerts.take([detection()], joined(), 2, 1, new_id)
    changes = alerts.take([detection()], joined(b"/b"), 3, 2, new_id)
    assert [(c.kind, c.alert.count) for c in changes] == [("alert.raised", 1), ("alert.updated", 2)]


def test_what_can_merge_no_more_is_forgotten_by_the_tick() -> None:
    alerts, new_id = manager(window_ns=SECOND), ids()
    raised(alerts, new_id)
    alerts.tick(SECOND)
    assert len(alerts) == 1
    alerts.tick(3 * SECOND)
    assert len(alerts) == 0


def test_after_a_restart_merging_goes_on() -> None:
    new_id = ids()
    alert = raised(manager(), new_id)
    closed = replace(alert, id="closed", fingerprint="f" * 32, status="resolved")
    again = manager()
    again.restore([closed, alert])
    assert len(again) == 1
    (change,) = again.take([detection()], joined(at_ns=2 * SECOND), 2, 2 * SECOND, new_id)
    assert (change.kind, change.alert.id, change.alert.count) == ("alert.updated", alert.id, 2)


def test_a_restart_keeps_no_more_than_fits() -> None:
    alert = raised(manager(), ids())
    many = [replace(alert, id=str(n), fingerprint=str(n), last_seen_ns=n) for n in range(5)]
    again = manager(max_open=2)
    again.restore(many)
    assert len(again) == 2


def test_a_process_learned_later_is_added_to_its_alert() -> None:
    alerts, new_id = manager(users={0: "root"}), ids()
    raised(alerts, new_id)
    assert alerts.learn(99, Process(pid=5), SECOND) == []
    (change,) = alerts.learn(1, Process(pid=5, exe=b"/bin/x", uid=0), 2 * SECOND)
    assert change.kind == "alert.updated"
    assert (change.alert.process, change.alert.user) == ("/bin/x", "root")
    assert alerts.learn(1, Process(pid=5, exe=b"/bin/y"), 3 * SECOND) == []


def test_a_process_learned_later_is_added_to_every_alert_of_its_event() -> None:
    alerts, new_id = manager(), ids()
    alerts.take([detection(), detection(rule_id="other")], joined(), 1, 0, new_id)
    changes = alerts.learn(1, Process(pid=5, exe=b"/bin/x"), 2 * SECOND)
    assert [change.alert.process for change in changes] == ["/bin/x", "/bin/x"]
    alerts.take([detection()], joined(b"/z"), 2, 0, new_id)
    (change,) = alerts.take([detection(severity="low")], joined(b"/z"), 2, 0, new_id)
    alerts.answer("resolve", change.alert, by="a", comment=None, now_ns=1)
    assert len(alerts.learn(2, Process(pid=5, exe=b"/bin/x"), 2 * SECOND)) == 1
    assert alerts._live._nameless == {}


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
    with pytest.raises(UsageFault, match="an alert that is open cannot take reopen"):
        alerts.answer("reopen", alert, by="a", comment=None, now_ns=1)
    with pytest.raises(UsageFault, match="4001 characters"):
        alerts.answer("resolve", alert, by="a", comment="x" * (MAX_COMMENT_CHARS + 1), now_ns=1)


def test_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="max_open"):
        manager(max_open=0)
    with pytest.raises(ValueError, match="window_ns"):
        manager(window_ns=-1)


def test_an_id_sorts_by_time_and_says_version_7() -> None:
    one, two = uuid7(SECOND, b"\xff" * 10), uuid7(2 * SECOND, b"\x00" * 10)
    assert one < two
    assert one == "00000000-03e8-7fff-bfff-ffffffffffff"
    with pytest.raises(ValueError, match="10 random bytes"):
        uuid7(0, b"")


def test_names_come_from_passwd_and_the_first_name_of_a_uid_counts() -> None:
    text = b"root:x:0:0::/root:/bin/sh\ntoor:x:0:0::/:/bin/sh\n# no\nu:x:x:1:::\nz\xff:x:7:7:::\n"
    assert names_from_passwd(text) == {0: "root", 7: "z\ufffd"}


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


def test_a_flood_is_told_once_a_second_and_then_once_a_minute() -> None:
    alerts, new_id = manager(), ids()
    raised(alerts, new_id)
    told: list[AlertChange] = []
    for second in range(1, 181):
        for part in range(50):
            now = second * SECOND + part
            told += alerts.take([detection()], joined(at_ns=now), 2, now, new_id)
        told += alerts.tick(second * SECOND + 500)
    assert [change.alert.last_seen_ns // SECOND for change in told] == [1, 61, 121]
    told += alerts.flush()
    assert told[-1].alert.count == 1 + 180 * 50


def test_a_burst_never_pushes_a_critical_alert_out() -> None:
    alerts, new_id = manager(max_open=3), ids()
    grave = detection(severity="critical")
    alerts.take([grave], joined(b"/grave"), 1, 0, new_id)
    for number in range(100):
        alerts.take([detection()], joined(b"/%d" % number), number, number, new_id)
    assert len(alerts) == 4
    (change,) = alerts.take([grave], joined(b"/grave"), 200, 2 * SECOND, new_id)
    assert (change.kind, change.alert.count) == ("alert.updated", 2)


def test_a_flood_of_one_severity_leaves_the_others_alone() -> None:
    alerts, new_id = manager(), ids()
    for number in range(MAX_A_MINUTE + 5):
        alerts.take([detection()], joined(b"/x/%d" % number), number, 0, new_id)
    (change,) = alerts.take([detection(severity="critical")], joined(b"/y"), 1, 0, new_id)
    assert (change.kind, change.alert.gathered) == ("alert.raised", False)


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
