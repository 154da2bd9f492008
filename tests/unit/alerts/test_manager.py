from __future__ import annotations

import msgspec
import pytest
from msgspec.structs import replace

from sentinair.model.alert import AlertChange
from sentinair.model.process import Parent, Process
from tests.unit.alerts.alerting import HOUR, SECOND, detection, ids, joined, manager, raised


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


def test_bounds_that_make_no_sense_are_refused() -> None:
    with pytest.raises(ValueError, match="max_open"):
        manager(max_open=0)
    with pytest.raises(ValueError, match="window_ns"):
        manager(window_ns=-1)


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
