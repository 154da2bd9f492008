"""How far sinks are and what they refused: kept with the commit, rebuilt and compared by verify."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from sentinair.model.delivery import MAX_LETTERS, Letter, Position
from sentinair.model.event import GapEvent
from sentinair.model.record import Record
from sentinair.model.standing import Loss, Standing
from sentinair.store.gaps import gap_record, restored_record
from sentinair.store.outgoing import MAX_BYTES, STANDING, OutgoingReader
from sentinair.store.sinks import PausedData, RefusedData, ReplayedData
from sentinair.store.verify.report import verify
from sentinair.store.writer import Store
from tests.harness.ledger import alert, changed, file_event, open_store, pending, raised, stamp


def letter(seq: int, stream: str = "record") -> Letter:
    return Letter(stream, seq, 5, 77, "no")  # type: ignore[arg-type]


def refused(*seqs: int, sink: str = "s") -> Record:
    return Record("sink.refused", RefusedData.of(sink, [letter(seq) for seq in seqs]))


def commit(store: Store, *records: Record, positions: dict[str, Position] | None = None) -> None:
    store.commit(stamp(2), [], [], records, None, (), positions)


def filled(state: Path) -> None:
    store = open_store(state)
    commit(
        store,
        refused(1, 2),
        Record("sink.paused", PausedData("s", "me")),
        refused(1, sink="t"),
        Record("sink.replayed", ReplayedData("s", (("record", 1),))),
        positions={"s": Position(3, 0)},
    )
    store.close(stamp(3))


def kept(state: Path, sink: str = "s") -> list[int]:
    with OutgoingReader.open(state) as reader:
        return [row.letter.seq for row in reader.letters(sink)]


def test_positions_and_letters_are_kept_and_verify_agrees(state: Path) -> None:
    filled(state)
    with OutgoingReader.open(state) as reader:
        (row,) = [row for row in reader.sinks() if row.name == "s"]
        assert (row.position, row.paused, row.letters) == (Position(3, 0), True, 1)
        (one,) = reader.letters("t")
        assert (one.letter, one.record) == (letter(1), one.record)
    assert kept(state) == [2]
    assert verify(state).exit_status == 0


def test_a_position_alone_is_a_commit_without_a_record(state: Path) -> None:
    store = open_store(state)
    commit(store, Record("heartbeat", {}))
    before = store.head
    commit(store, positions={"s": Position(1, 0)})
    assert store.head == before
    store.close(stamp(3))
    assert verify(state).exit_status == 0


@pytest.mark.parametrize(
    ("statement", "where"),
    [
        ("DELETE FROM letters WHERE sink = 's'", "table letters"),
        ("UPDATE letters SET why = 'yes'", "table letters"),
        ("INSERT INTO letters VALUES('s', 'event', 9, 5, 1, 'x', 1)", "table letters"),
        ("UPDATE sinks SET seq = 1000 WHERE name = 's'", "table sinks"),
        ("UPDATE sinks SET event = 1 WHERE name = 's'", "table sinks"),
        ("UPDATE sinks SET paused = 0 WHERE name = 's'", "table sinks"),
        ("DELETE FROM sinks WHERE name = 's'", "table sinks"),
    ],
)
def test_what_was_changed_in_the_tables_is_found(state: Path, statement: str, where: str) -> None:
    filled(state)
    with closing(sqlite3.connect(state / "ledger.db")) as connection:
        connection.execute(statement)
        connection.commit()
    report = verify(state)
    assert report.exit_status == 1
    assert {finding.where for finding in report.findings} == {where}


def test_of_too_many_dead_letters_the_oldest_go(state: Path) -> None:
    store = open_store(state)
    for first in range(1, MAX_LETTERS + 101, 100):
        commit(store, refused(*range(first, first + 100)))
    store.close(stamp(3))
    assert kept(state) == list(range(101, MAX_LETTERS + 101))
    assert verify(state).exit_status == 0


def test_records_come_after_a_number_bounded_in_rows_and_bytes(state: Path) -> None:
    store = open_store(state)
    commit(store, *(Record("heartbeat", {"x": "y" * (MAX_BYTES // 3)}) for _ in range(10)))
    store.close(stamp(3))
    with OutgoingReader.open(state) as reader:
        first = reader.records_after(0, 2)
        assert [row.seq for row in first] == [1, 2]
        many = reader.records_after(2, 100)
        assert 2 <= len(many) <= 4
        assert many[0].seq == 3
        assert reader.record_at(4) is not None
        assert reader.record_at(1000) is None


def test_the_ends_are_the_newest_record_and_event(state: Path) -> None:
    store = open_store(state)
    store.commit(stamp(1), pending(store, [file_event(b"/a"), file_event(b"/b")]))
    head = store.head.seq
    with OutgoingReader.open(state) as reader:
        assert reader.ends() == (head, 2)
    store.close(stamp(3))


def gap(number: int) -> GapEvent:
    return GapEvent(
        seen_ns=stamp(number).time_ns,
        mono_ns=0,
        gap_id=bytes([number]) * 8,
        source="fanotify",
        reason="overflow",
        lost=number,
        since_ns=7,
        until_ns=8,
    )


def standing(state: Path) -> Standing:
    with OutgoingReader.open(state) as reader:
        return reader.standing()


def test_what_stands_open_is_critical_alerts_without_an_answer_and_losses(state: Path) -> None:
    store = open_store(state)
    commit(store, gap_record(gap(1), "sensor"), gap_record(gap(2), "sensor"))
    many = [alert(n, severity="critical", secs=n) for n in range(STANDING + 5)]
    store.commit(stamp(3), [], raised(*many, alert(99, severity="high")))
    store.close(stamp(4))
    found = standing(state)
    assert found.critical == STANDING + 5
    assert [one.id for one in found.newest] == [one.id for one in reversed(many)][:STANDING]
    assert found.losses == tuple(
        Loss(bytes([n]).hex() * 8, "fanotify", "overflow", n, 7) for n in (1, 2)
    )


def test_what_was_answered_or_restored_no_longer_stands(state: Path) -> None:
    store = open_store(state)
    commit(store, gap_record(gap(1), "sensor"))
    store.commit(stamp(3), [], raised(alert(1, severity="critical")))
    seen = alert(1, severity="critical", status="acknowledged")
    store.commit(stamp(4), [], [changed("alert.acknowledged", seen)])
    commit(store, restored_record(gap(1).gap_id, None))
    store.close(stamp(5))
    assert standing(state) == Standing()
