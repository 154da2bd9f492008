"""What the engine believes of the forwarder, keeps of the sinks, and makes of their trouble."""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sentinair.detect.sinks import SinkDetector
from sentinair.errors import DataFault
from sentinair.ipc.messages import AskSink, SinkReport, SinksKept, SinkWord, Wake
from sentinair.model.delivery import Letter, Position, SinkHealth
from sentinair.model.record import Stamp
from sentinair.roles.engine import sinks as module
from sentinair.settings.sinks import SinkSettings, SinksSettings
from sentinair.store.outgoing import OutgoingReader
from tests.unit.roles.engine_bed import Bed, Peer

SETTINGS = SinksSettings(
    to=(SinkSettings(name="a", events=("file",)), SinkSettings(name="idle", enabled=False)),
    alert_after_secs=60,
)


@pytest.fixture
def bed(tmp_path: Path) -> Iterator[Bed]:
    made = Bed(tmp_path / "state", [SinkDetector()], sinks=SETTINGS)
    yield made
    made.close()


def word(
    seq: int = 0, event: int = 0, *, name: str = "a", letters: tuple[int, ...] = (), **more: object
) -> SinkWord:
    dead = tuple(Letter("record", at, 5, 1, "no") for at in letters)
    return SinkWord(name, Position(seq, event), SinkHealth(**more), dead, ())  # type: ignore[arg-type]


def forwarder(bed: Bed) -> Peer:
    made = bed.connect("forwarder", os.urandom(8))
    made.hello()
    return made


def say(peer: Peer, number: int, *words: SinkWord) -> None:
    peer._say(SinkReport(number, words))


def later(secs: float) -> Stamp:
    return Stamp(time.time_ns(), time.monotonic_ns() + int(secs * 1e9), "0" * 32)


def test_a_welcome_gives_back_what_was_kept(bed: Bed) -> None:
    bed.records("start")
    peer = forwarder(bed)
    say(peer, 1, word(1))
    bed.commits.commit()
    again = bed.connect("forwarder", os.urandom(8)).hello()
    assert [(one.name, one.position, one.paused) for one in again.sinks] == [
        ("a", Position(1, 0), False)
    ]
    assert again.chain == bed.store.chain


def test_a_sensor_is_told_nothing_of_sinks(bed: Bed) -> None:
    assert bed.connect("sensor").hello().sinks == ()


def test_a_report_is_acknowledged_after_the_commit_only(bed: Bed) -> None:
    bed.records("start")
    peer = forwarder(bed)
    peer.heard()
    say(peer, 7, word(1))
    assert [found for found in peer.heard() if isinstance(found, SinksKept)] == []
    bed.commits.commit()
    assert [found for found in peer.heard() if isinstance(found, SinksKept)] == [SinksKept(7)]


def test_a_report_with_nothing_to_store_is_acknowledged_at_once(bed: Bed) -> None:
    bed.records("start")
    peer = forwarder(bed)
    peer.heard()
    for number in (1, 2):
        say(peer, number, word())
        assert peer.heard() == [SinksKept(number)]


def test_a_position_alone_waits_up_to_a_second_and_makes_no_record(bed: Bed) -> None:
    bed.records("start")
    peer, head = forwarder(bed), bed.store.head
    say(peer, 1, word(1))
    due = bed.commits.due_in_ns(time.monotonic_ns(), more=False)
    assert due is not None
    assert 0 < due <= 1_000_000_000
    bed.commits.commit()
    assert bed.store.head == head


@pytest.mark.parametrize(
    "said", [word(10**6), word(0, 10**6), word(name="nobody"), word(name="idle")]
)
def test_a_report_that_cannot_be_true_is_not_believed(bed: Bed, said: SinkWord) -> None:
    peer = forwarder(bed)
    with pytest.raises(DataFault):
        say(peer, 1, said)
    bed.commits.commit()
    with OutgoingReader.open(bed.state) as reader:
        assert reader.sinks() == []


def test_only_the_forwarder_speaks_of_sinks(bed: Bed) -> None:
    bed.records("start")
    peer = bed.connect("sensor")
    peer.hello()
    say(peer, 1, word(1))
    bed.commits.commit()
    with OutgoingReader.open(bed.state) as reader:
        assert reader.sinks() == []


def test_dead_letters_are_a_record_once_and_one_alert_a_minute(bed: Bed) -> None:
    bed.records("start")
    peer = forwarder(bed)
    say(peer, 1, word(1, letters=(1,)))
    say(peer, 2, word(1, letters=(1,)))  # told again by one that had no receipt
    assert len(bed.records("sink.refused")) == 1
    bed.spine.sinks.tick(later(0))
    say(peer, 3, word(2, letters=(2,)))
    bed.spine.sinks.tick(later(1))
    assert [e.event.count for e in bed.events("sink")] == [1]  # type: ignore[attr-defined]
    bed.spine.sinks.tick(later(70))
    assert [e.event.count for e in bed.events("sink")] == [1, 1]  # type: ignore[attr-defined]


def test_a_sink_that_stays_unhealthy_is_a_record_then_an_alert_then_well_again(bed: Bed) -> None:
    peer = forwarder(bed)
    say(peer, 1, word(state="unhealthy", why="away"))
    bed.spine.sinks.tick(later(0))
    bed.spine.sinks.tick(later(1))
    assert [one["state"] for one in bed.records("sink.health")] == ["unhealthy"]  # type: ignore[index]
    assert bed.events("sink") == []
    for secs in range(0, 70, 20):
        say(peer, 1, word(state="unhealthy", why="away"))
        bed.spine.sinks._sinks["a"].heard_ns = later(secs).mono_ns
        bed.spine.sinks.tick(later(secs))
    assert [e.event.what for e in bed.events("sink")] == ["unhealthy"]  # type: ignore[attr-defined]
    assert len(bed.records("alert.raised")) == 1
    say(peer, 2, word())
    bed.spine.sinks._sinks["a"].heard_ns = later(130).mono_ns
    bed.spine.sinks.tick(later(130))
    assert [one["state"] for one in bed.records("sink.health")] == ["unhealthy", "healthy"]  # type: ignore[index]


def test_a_forwarder_that_is_not_there_makes_its_sinks_stale(bed: Bed) -> None:
    bed.spine.sinks.tick(later(module.STARTING_NS / 1e9 + 1))
    (told,) = bed.records("sink.health")
    assert told["state"] == "stale"  # type: ignore[index]
    assert "has not spoken" in told["why"]  # type: ignore[index]


def test_the_forwarder_hears_that_the_record_grew_at_most_once_a_second(bed: Bed) -> None:
    peer = forwarder(bed)
    peer.heard()
    for _ in range(5):
        bed.commits.record("heartbeat", {})
        bed.commits.commit()
    assert sum(isinstance(found, Wake) for found in peer.heard()) <= 1
    bed.spine.sinks.tick(later(2))
    assert sum(isinstance(found, Wake) for found in peer.heard()) == 1


def test_pause_is_a_record_and_outlives_the_engine(bed: Bed) -> None:
    peer = forwarder(bed)
    peer.heard()
    bed.spine.sinks.pause("a", "me", paused=True)
    assert bed.records("sink.paused") == [{"sink": "a", "by": "me"}]
    assert AskSink("a", "pause") in peer.heard()
    again = bed.connect("forwarder", os.urandom(8)).hello()
    assert [one.paused for one in again.sinks] == [True]


def test_status_says_how_far_behind_each_sink_is(bed: Bed) -> None:
    bed.commits.record("heartbeat", {})
    bed.commits.commit()
    head = bed.store.head.seq
    peer = forwarder(bed)
    say(peer, 1, word(1, delivered=1))
    first, idle = bed.spine.sinks.status()
    assert (first["name"], first["behind"], first["delivered"]) == ("a", head - 1, 1)
    assert (idle["name"], idle["state"]) == ("idle", "off")
    assert msgspec.json.encode(first)


@pytest.mark.parametrize("seq", [1 << 40, -1, "much"])
def test_a_cursor_that_cannot_be_is_set_back_and_told(tmp_path: Path, seq: object) -> None:
    state = tmp_path / "state"
    first = Bed(state, [SinkDetector()], sinks=SETTINGS)
    say(forwarder(first), 1, word(1))
    first.commits.commit()
    first.close()
    with closing(sqlite3.connect(state / "ledger.db")) as ledger:
        ledger.execute("UPDATE sinks SET seq = ?", (seq,))
        ledger.commit()
    second = Bed(state, [SinkDetector()], sinks=SETTINGS)
    assert second.spine.sinks.positions()["a"] == Position(0, 0)
    second.commits.commit()
    told = second.records("sink.health")
    assert "begins anew" in str(told)
    second.close()


def test_what_may_still_be_lost_is_not_behind_but_unsure(bed: Bed) -> None:
    bed.records("start")
    peer, head = forwarder(bed), bed.store.head.seq
    say(peer, 1, msgspec.structs.replace(word(1), given=Position(head, 0)))
    first = bed.spine.sinks.status()[0]
    assert (first["behind"], first["unsure"], first["seq"], first["given"]) == (
        0,
        head - 1,
        1,
        head,
    )


def test_no_sink_was_given_what_is_not_there(bed: Bed) -> None:
    peer = forwarder(bed)
    with pytest.raises(DataFault):
        say(peer, 1, msgspec.structs.replace(word(), given=Position(10**6, 0)))


def test_a_test_is_hurried_once_it_is_on_disk(bed: Bed) -> None:
    peer = forwarder(bed)
    bed.spine.sinks.test("a", "me")
    assert AskSink("a", "try") not in peer.heard()
    bed.commits.commit()
    bed.spine.sinks.hurry("a")
    assert AskSink("a", "try") in peer.heard()
