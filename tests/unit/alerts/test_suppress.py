from __future__ import annotations

from typing import Any

import pytest
from msgspec.structs import replace

from sentinair.alerts.suppress import COUNT_EVERY_NS, MAX_ACTIVE, MAX_NS, Suppressions
from sentinair.detect.gaps import GapDetector
from sentinair.errors import UsageFault
from sentinair.model.alert import Detection, Joined
from sentinair.model.event import RENAME, WRITE, FileEvent, ProcessEvent
from sentinair.model.process import Process
from sentinair.model.record import Record
from sentinair.model.suppression import Suppression, SuppressionCounted, SuppressionRemoved
from tests.unit.alerts.alerting import HOUR, SECOND, detection, ids, joined, manager

BY_X = Process(pid=5, exe=b"/opt/x/bin/x", uid=1000)


def wish(**changes: Any) -> Suppression:
    base = Suppression(
        id="id-1", rule="r", reason="known", author="ann", created_ns=0, expires_ns=HOUR
    )
    return replace(base, **changes)


def holding(*wishes: Suppression) -> Suppressions:
    made = Suppressions({0: "root", 1000: "ann"})
    for one in wishes:
        (record,) = made.add(one)
        assert record == Record("suppression.added", one)
    return made


@pytest.mark.parametrize(
    ("named", "fits"),
    [
        ({"rule": "r"}, True),
        ({"rule": "R"}, False),
        ({"rule": "r", "path": "/etc/*"}, True),
        ({"rule": None, "path": "/etc/*"}, True),
        ({"rule": "r", "path": "/opt/*"}, False),
        ({"rule": None, "program": "/opt/**"}, True),
        ({"rule": None, "program": "/opt/x/bin/y"}, False),
        ({"rule": "r", "user": "ann"}, True),
        ({"rule": "r", "user": "1000"}, True),
        ({"rule": "r", "user": "root"}, False),
        ({"path": "/etc/passwd", "program": "/opt/x/bin/x", "user": "ann"}, True),
        ({"path": "/etc/passwd", "program": "/opt/x/bin/x", "user": "bob"}, False),
    ],
)
def test_all_that_a_suppression_names_must_hold(named: dict[str, str], fits: bool) -> None:
    held = holding(wish(**named))
    assert held.take(detection(), joined(process=BY_X), 1) is fits
    assert held.listed()[0].count == int(fits)


def test_what_is_not_known_is_not_suppressed() -> None:
    held = holding(wish(program="/opt/**"), wish(id="id-2", rule=None, path="/**/x"))
    assert not held.take(detection(), joined(), 1)
    assert not held.take(detection(), joined(process=Process(pid=1, exe=None, uid=0)), 1)
    memfd = replace(BY_X, memfd=True)
    assert not held.take(detection(), joined(process=memfd), 1)
    event = ProcessEvent(seen_ns=0, mono_ns=0, action="exec", process=BY_X)
    assert held.take(detection(), Joined(event, None), 1)
    assert not held.take(detection(rule_id="other"), Joined(event, None), 1)  # it has no path


def test_a_user_nobody_knows_is_no_user() -> None:
    held = holding(wish(user="1000"))
    assert not held.take(detection(), joined(process=Process(pid=1, exe=b"/x")), 1)


def test_what_is_renamed_into_a_suppressed_place_is_told() -> None:
    held = holding(wish(rule=None, path="/opt/x/**"))

    def renamed(old: bytes) -> Joined:
        event = FileEvent(
            seen_ns=0, mono_ns=0, path=b"/opt/x/a", old_path=old, actions=RENAME | WRITE, pid=5
        )
        return Joined(event, None)

    assert not held.take(detection(), renamed(b"/etc/shadow"), 1)
    assert held.take(detection(), renamed(b"/opt/x/b"), 1)


def _own_state(severity: str = "critical") -> Detection:
    event = FileEvent(seen_ns=0, mono_ns=0, path=b"/state/ledger.db", actions=WRITE, pid=5)
    (found,) = GapDetector(b"/state", (1, 0)).judge(Joined(event, None))
    return replace(found, severity=severity)


def test_critical_alerts_on_the_agent_itself_cannot_be_suppressed() -> None:
    found = _own_state()
    held = holding(wish(rule=found.rule_id), wish(id="id-2", rule=None, path="/state/**"))
    event = FileEvent(seen_ns=0, mono_ns=0, path=b"/state/ledger.db", actions=WRITE, pid=5)
    assert not held.take(found, Joined(event, None), 1)
    assert not held.take(replace(found, source="sigma"), Joined(event, None), 1)
    assert held.take(_own_state("low"), Joined(event, None), 1)


def test_a_suppressed_detection_is_no_alert_but_counts() -> None:
    alerts, new_id = manager(), ids()
    alerts.suppressions.add(wish())
    for at in range(5):
        assert alerts.take([detection()], joined(at_ns=at), at, at, new_id) == []
    (change,) = alerts.take([detection(rule_id="s")], joined(), 9, 9, new_id)
    assert change.kind == "alert.raised"
    (one,) = alerts.suppressions.listed()
    assert (one.count, one.last_ns) == (5, 4)
    assert alerts.suppressions.held_back == 5


def counted(records: list[Record]) -> list[int]:
    return [
        tally.count
        for record in records
        if isinstance(record.data, SuppressionCounted)
        for tally in record.data.tallies
    ]


def test_the_first_is_recorded_at_once_and_the_rest_every_quarter_of_an_hour_and_at_stop() -> None:
    held = holding(wish())
    assert held.tick(SECOND) == []
    held.take(detection(), joined(), SECOND)
    assert counted(held.tick(2 * SECOND)) == [1]
    held.take(detection(), joined(), 3 * SECOND)
    assert held.tick(4 * SECOND) == []
    assert counted(held.tick(2 * SECOND + COUNT_EVERY_NS)) == [2]
    assert held.tick(2 * SECOND + 2 * COUNT_EVERY_NS) == []
    held.take(detection(), joined(), 5 * SECOND)
    assert counted(held.flush(HOUR - 1)) == [3]
    assert held.flush(HOUR - 1) == []


def test_at_its_end_the_last_counts_are_recorded_and_detections_are_told_again() -> None:
    held = holding(wish())
    held.take(detection(), joined(), 1)
    assert not held.take(detection(), joined(), HOUR)
    tally, end = held.tick(HOUR)
    assert counted([tally]) == [1]
    assert end == Record("suppression.removed", SuppressionRemoved("id-1", None, HOUR, 1, 0))
    assert len(held) == 0
    assert not held.take(detection(), joined(), 1)


def test_a_clock_set_back_revives_nothing() -> None:
    held = holding(wish(expires_ns=HOUR), wish(id="id-2", rule="other", expires_ns=3 * HOUR))
    held.take(detection(rule_id="other"), joined(), 2 * HOUR)
    assert not held.take(detection(), joined(), 1)


def test_somebody_ends_a_suppression_by_the_beginning_of_its_id() -> None:
    held = holding(wish(id="aa-1"), wish(id="ab-2"))
    for wrong in ("a", "", "zz"):
        with pytest.raises(UsageFault, match="suppression"):
            held.remove(wrong, by="bob", now_ns=5)
    ended, (record,) = held.remove("aa", by="bob\n", now_ns=5)
    assert (ended.ended_by, ended.ended_ns) == ("bob\\x0a", 5)
    assert record.kind == "suppression.removed"
    assert [one.id for one in held.listed()] == ["ab-2"]


@pytest.mark.parametrize(
    ("wrong", "why"),
    [
        ({"rule": None, "user": "root"}, "must name a rule, a path or a program"),
        ({"rule": None}, "must name a rule"),
        ({"path": "etc/passwd"}, "not an absolute path"),
        ({"program": "/" + "x" * 1000}, "not an absolute path"),
        ({"rule": None, "path": "/**"}, "is everything"),
        ({"rule": None, "program": "/**/*"}, "is everything"),
        ({"rule": None, "program": "/**/?*"}, "is everything"),
        ({"rule": None, "path": "/*/**/*"}, "is everything"),
        ({"reason": " "}, "reason"),
        ({"reason": "x" * 1001}, "reason"),
        ({"expires_ns": 0}, "at most 366 days"),
        ({"expires_ns": -5}, "at most 366 days"),
        ({"expires_ns": MAX_NS + 1}, "at most 366 days"),
    ],
)
def test_a_wish_that_is_too_wide_endless_or_unexplained_is_refused(
    wrong: dict[str, object], why: str
) -> None:
    held = Suppressions()
    with pytest.raises(UsageFault, match=why):
        held.add(wish(**wrong))
    assert len(held) == 0


def test_there_are_only_so_many() -> None:
    held = holding(*(wish(id=f"id-{n}") for n in range(MAX_ACTIVE)))
    with pytest.raises(UsageFault, match="200 suppressions already"):
        held.add(wish(id="more"))


def test_those_of_an_earlier_life_go_on_or_end_at_once() -> None:
    held = Suppressions()
    held.restore([wish(count=7), wish(id="id-2", expires_ns=5), wish(id="id-3", ended_ns=1)])
    assert [one.id for one in held.listed()] == ["id-1", "id-2"]
    assert [record.kind for record in held.tick(10)] == ["suppression.removed"]
    assert held.take(detection(), joined(), 11)
    assert held.listed()[0].count == 8
