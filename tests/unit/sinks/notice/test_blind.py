"""When the agent counts as blind, and when it sees again."""

from __future__ import annotations

from sentinair.model.standing import Loss
from sentinair.sinks.notice.blind import Blind, Change

S = 1_000_000_000
BOTH = {"roles": {"sensor": {}, "execs": {}, "api": {}}, "next_due_secs": 60}
ONE = {"roles": {"execs": {}}, "next_due_secs": 60}


def loss(name: str = "aa", reason: str = "overflow") -> Loss:
    return Loss(name, "fanotify", reason, 3, 0)


def test_a_loss_is_told_once_it_has_stayed_open() -> None:
    blind = Blind(30)
    blind.losses([loss()], 0)
    assert blind.changes(29 * S) == []
    assert blind.now() == []
    (told,) = blind.changes(30 * S)
    assert told.blind
    assert "fanotify lost 3 events" in told.what
    assert blind.changes(31 * S) == []
    assert blind.now() == [told.what]


def test_what_was_told_is_told_again_when_it_is_over() -> None:
    blind = Blind(30)
    blind.losses([loss("aa"), loss("bb")], 0)
    assert len(blind.changes(40 * S)) == 2
    blind.losses([loss("bb")], 41 * S)
    (told,) = blind.changes(41 * S)
    assert not told.blind
    assert len(blind.now()) == 1
    assert blind.changes(42 * S) == []


def test_a_loss_that_is_soon_made_good_is_never_told() -> None:
    blind = Blind(30)
    blind.losses([loss()], 0)
    assert blind.changes(10 * S) == []
    blind.losses([], 20 * S)
    assert blind.changes(100 * S) == []


def test_an_agent_that_was_just_not_running_is_not_blind() -> None:
    blind = Blind(1)
    blind.losses([loss(reason="restart"), loss("bb", "later-version")], 0)
    (told,) = blind.changes(10 * S)
    assert "later-version" in told.what


def test_a_sender_that_two_heartbeats_in_a_row_miss_is_told() -> None:
    blind = Blind(30)
    blind.heartbeat(ONE, 0)
    assert blind.changes(1 * S) == []
    blind.heartbeat(BOTH, 60 * S)
    blind.heartbeat(ONE, 120 * S)
    assert blind.changes(120 * S) == []
    blind.heartbeat(ONE, 180 * S)
    (told,) = blind.changes(180 * S)
    assert told == Change(True, "the sensor is not there, changes of files are not seen")
    blind.heartbeat(ONE, 240 * S)
    assert blind.changes(240 * S) == []
    blind.heartbeat(BOTH, 300 * S)
    assert blind.changes(300 * S) == [Change(False, told.what)]


def test_an_engine_that_records_nothing_is_told_after_three_heartbeats() -> None:
    blind = Blind(30)
    assert blind.changes(10_000 * S) == [], "no heartbeat has ever come: this sink may not get them"
    blind.heartbeat(BOTH, 0)
    assert blind.changes(179 * S) == []
    (told,) = blind.changes(180 * S)
    assert told.blind
    assert "for 3 min" in told.what
    blind.heartbeat(BOTH, 200 * S)
    (told,) = blind.changes(200 * S)
    assert not told.blind
    assert blind.now() == []


def test_a_heartbeat_that_is_not_as_expected_counts_as_a_heartbeat_only() -> None:
    blind = Blind(30)
    odd: list[dict[str, object]] = [{}, {"roles": 3}, {"next_due_secs": "x"}, {"undecodable": "x"}]
    for number, data in enumerate(odd):
        blind.heartbeat(data, number * 60 * S)
    assert blind.changes(240 * S) == []
