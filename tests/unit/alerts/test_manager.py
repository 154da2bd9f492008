from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest
from msgspec.structs import replace

from sentinair.alerts.answer import MAX_COMMENT_CHARS
from sentinair.alerts.fingerprint import fingerprint
from sentinair.alerts.flood import MAX_A_MINUTE
from sentinair.alerts.ids import uuid7
from sentinair.alerts.manager import AlertManager, Limits
from sentinair.alerts.users import names_from_passwd
from sentinair.errors import UsageFault
from sentinair.model.alert import Alert, AlertChange, Detection, Joined, Match
from sentinair.model.event import WRITE, FileEvent
from sentinair.model.process import Process

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
