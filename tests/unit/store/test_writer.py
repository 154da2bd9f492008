from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec
import pytest

from sentinair.errors import StorageFault
from sentinair.model.event import GapEvent, ProcessEvent, Scanned
from sentinair.model.process import Process
from sentinair.model.record import Record
from sentinair.settings.types import StoreSettings
from sentinair.store.gaps import gap_record, restored_record
from sentinair.store.payload import BatchData, batch_digest
from sentinair.store.read import EventFilter, Reader
from sentinair.store.verify.report import verify
from sentinair.store.writer import LaneKey, Store
from tests.harness.ledger import (
    BULK,
    alert,
    changed,
    file_event,
    open_store,
    pending,
    raised,
    stamp,
)


def rows(state: Path, sql: str) -> list[tuple[object, ...]]:
    with closing(sqlite3.connect(f"file:{state}/ledger.db?mode=ro", uri=True)) as connection:
        return connection.execute(sql).fetchall()


def kinds(state: Path) -> list[object]:
    return [row[0] for row in rows(state, "SELECT kind FROM ledger ORDER BY seq")]


def test_a_new_store_begins_with_its_enrolment_key(store: Store, state: Path) -> None:
    assert kinds(state) == ["epoch"]
    assert store.opened.created
    assert not store.unclean


def test_one_commit_writes_batch_then_records_then_alerts(store: Store, state: Path) -> None:
    done = store.commit(
        stamp(1),
        pending(store, [file_event(b"/etc/passwd"), file_event(b"/etc/shadow")]),
        raised(alert(1)),
        [Record("start", {"version": "1"})],
    )
    assert kinds(state) == ["epoch", "events.batch", "start", "alert.raised"]
    assert (done.first_seq, done.last_seq, done.first_id, done.last_id) == (2, 4, 1, 2)


def test_a_commit_of_nothing_writes_nothing(store: Store, state: Path) -> None:
    store.commit(stamp(1), [])
    assert kinds(state) == ["epoch"]


def test_the_batch_record_holds_the_digest_of_the_stored_rows(store: Store, state: Path) -> None:
    who = Process(pid=7, start=70, exe=b"/bin/vi")
    store.commit(stamp(1), pending(store, [file_event(b"/a"), file_event(b"/b")], process=who))
    (body,) = rows(state, "SELECT body FROM ledger WHERE kind = 'events.batch'")[0]
    assert isinstance(body, bytes)
    batch = msgspec.convert(msgspec.json.decode(body)["data"], BatchData)
    processes = rows(state, "SELECT * FROM processes")
    events = rows(state, "SELECT * FROM events ORDER BY id")
    assert batch.digest == batch_digest(events)  # type: ignore[arg-type]
    assert batch.process_digest == batch_digest(processes)  # type: ignore[arg-type]
    assert (batch.first, batch.last, batch.count, batch.process_count) == (1, 2, 2, 1)
    assert batch.streams[0].source == "fanotify"
    assert batch.lanes[0].committed == 2


def test_facts_on_one_process_are_stored_once_an_hour(store: Store, state: Path) -> None:
    for secs in (1, 2, 3700):
        who = Process(pid=7, start=70, exe=b"/bin/vi")  # equal, not the same
        store.commit(stamp(secs), pending(store, [file_event(b"/a")], process=who))
    assert rows(state, "SELECT id FROM processes") == [(1,), (2,)]
    assert rows(state, "SELECT process FROM events ORDER BY id") == [(1,), (1,), (2,)]


def test_event_ids_with_a_hole_are_refused_and_nothing_is_written(
    store: Store, state: Path
) -> None:
    batch = pending(store, [file_event(b"/a"), file_event(b"/b"), file_event(b"/c")])
    with pytest.raises(ValueError, match="without a hole"):
        store.commit(stamp(1), [batch[0], batch[2]])
    assert kinds(state) == ["epoch"]
    store.commit(stamp(2), batch)
    assert rows(state, "SELECT count(*) FROM events") == [(3,)]


def test_a_record_that_json_cannot_hold_leaves_nothing_behind(store: Store, state: Path) -> None:
    batch = pending(store, [file_event(b"/a")])
    with pytest.raises(TypeError):
        store.commit(stamp(1), batch, (), [Record("start", object())])
    assert rows(state, "SELECT count(*) FROM events") == [(0,)]
    store.commit(stamp(1), batch)
    assert rows(state, "SELECT count(*) FROM events") == [(1,)]


def test_lane_positions_survive_a_restart(state: Path) -> None:
    store = open_store(state)
    other = LaneKey("execs", b"\x02" * 8, "vital")
    store.commit(stamp(5), pending(store, [file_event(b"/a", secs=4)]), (), (), {BULK: 9, other: 0})
    store.close(stamp(6))
    again = open_store(state, 7)
    assert again.lane(BULK) == 9
    assert again.lane(other) == 0
    assert again.lane(LaneKey("execs", b"\x02" * 8, "bulk")) is None
    assert again.last_run("sensor") == (BULK.run, stamp(4).time_ns)
    assert again.last_run("execs") == (other.run, stamp(5).time_ns)
    assert again.last_run("nobody") is None
    again.close(stamp(8))


def test_ids_go_on_where_they_ended(state: Path) -> None:
    store = open_store(state)
    store.commit(stamp(1), pending(store, [file_event(b"/a"), file_event(b"/b")]))
    store.close(stamp(2))
    again = open_store(state, 3)
    assert again.allocate(5) == 3
    again.close(stamp(4))


def test_a_stop_record_makes_the_next_start_a_clean_one(state: Path) -> None:
    store = open_store(state)
    store.commit(stamp(1), (), (), [Record("start", {})])
    store.close(stamp(2))
    crashed = open_store(state, 3)
    assert crashed.unclean
    crashed.commit(stamp(4), (), (), [Record("start", {}), Record("stop", {})])
    crashed.close(stamp(5))
    clean = open_store(state, 6)
    assert not clean.unclean
    assert clean.opened.last_time_ns == stamp(5).time_ns
    clean.close(stamp(7))


def test_a_gap_is_open_until_a_scan_restores_the_truth(store: Store) -> None:
    gap = GapEvent(
        seen_ns=5,
        mono_ns=5,
        gap_id=b"12345678",
        source="fanotify",
        reason="overflow",
        lost=None,
        since_ns=1,
        until_ns=4,
    )
    scanned = Scanned(
        seen_ns=6,
        mono_ns=6,
        scan=1,
        scope="files",
        reason="gap",
        roots=(b"/",),
        gaps=(gap.gap_id,),
        directories=3,
        entries=9,
        unreadable=(b"/x\xff",),
    )
    store.commit(stamp(1), pending(store, [gap], kind="gap"), (), [gap_record(gap, "sensor")])
    (open_gap,) = store.open_gaps()
    assert (open_gap.id, open_gap.lost, open_gap.restored) == (gap.gap_id, None, None)
    store.commit(stamp(2), (), (), [restored_record(gap.gap_id, scanned)])
    assert store.open_gaps() == []
    with Reader.open(store.path) as reader:
        (row,) = reader.gaps()
        assert row.restored == stamp(2).time_ns
        told = reader.last_record("gap.restored")
        assert told is not None
        assert isinstance(told.data, dict)
        assert told.data["unreadable"] == ["/x\\xff"]
    assert restored_record(gap.gap_id, None).data.entries == 0  # type: ignore[attr-defined]


def test_checkpoints_and_key_changes_come_when_they_are_due(state: Path) -> None:
    settings = StoreSettings(
        reserve_bytes=1 << 20, checkpoint_records=5, checkpoint_secs=60, epoch_secs=100
    )
    store = open_store(state, 0, settings)
    for n in range(4):  # with the epoch record five
        store.commit(stamp(n), (), (), [Record("heartbeat", {"n": n})])
    assert kinds(state)[-1] == "checkpoint"
    assert store.last_checkpoint_ns == stamp(3).time_ns
    assert store.next_seal_ns() == stamp(63).mono_ns
    store.seal(stamp(50))
    assert len(kinds(state)) == 6
    store.seal(stamp(65))
    assert kinds(state)[-1] == "checkpoint"
    store.seal(stamp(130))
    assert kinds(state)[-2:] == ["epoch", "checkpoint"]
    store.close(stamp(131))
    assert kinds(state)[-2:] == ["epoch", "checkpoint"]  # nothing new to seal


def test_each_start_changes_the_key(state: Path) -> None:
    open_store(state).close(stamp(1))
    store = open_store(state, 2)
    assert kinds(state) == ["epoch", "checkpoint", "epoch"]
    chain = store.chain
    store.close(stamp(3))
    again = open_store(state, 4)
    assert again.chain == chain
    again.close(stamp(5))


def test_without_its_key_a_start_begins_a_new_chain(state: Path) -> None:
    store = open_store(state)
    first = store.chain
    store.commit(stamp(1), pending(store, [file_event(b"/a")]))
    store.close(stamp(1))
    (state / "keys" / "epoch").unlink()
    again = open_store(state, 2)
    assert again.chain != first
    assert again.file(b"/a") is not None
    again.commit(stamp(3), (), (), [Record("heartbeat", {})])
    again.close(stamp(4))


def test_alerts_go_on_after_a_restart(state: Path) -> None:
    store = open_store(state)
    store.commit(
        stamp(1),
        (),
        raised(alert(1), alert(2, severity="critical", secs=5), alert(3, status="resolved")),
    )
    store.close(stamp(2))
    again = open_store(state, 3)
    assert [one.id[:8] for one in again.unfinished_alerts(10)] == ["00000001", "00000002"]
    found = again.alert(alert(2).id)
    assert found is not None
    assert found.seq == 3
    assert again.alert("none") is None
    again.close(stamp(4))


def test_an_answer_moves_the_alert_and_its_counts(store: Store) -> None:
    one = alert(1)
    store.commit(stamp(1), (), raised(one))
    after = msgspec.structs.replace(one, status="acknowledged", title="Renamed quokka")
    store.commit(stamp(2), (), [changed("alert.acknowledged", after, comment="seen")])
    with Reader.open(store.path) as reader:
        (count,) = reader.alert_counts()
        assert (count.status, count.count) == ("acknowledged", 1)
        record = reader.last_record("alert.acknowledged")
        assert record is not None
        assert isinstance(record.data, dict)
        assert (record.data["by"], record.data["previous"]) == ("root", 2)
        assert record.data["alert"]["seq"] == record.seq


def test_raising_and_changing_in_one_commit_gives_one_row(store: Store) -> None:
    one = alert(1)
    more = msgspec.structs.replace(one, count=2)
    store.commit(stamp(1), (), [*raised(one), changed("alert.updated", more, by=None)])
    found = store.alert(one.id)
    assert found is not None
    assert (found.count, found.seq) == (2, 3)
    with Reader.open(store.path) as reader:
        assert [count.count for count in reader.alert_counts()] == [1]


def test_a_process_event_comes_back_whole(store: Store) -> None:
    who = Process(pid=5, start=6, argv=(b"sh", b"-c", b"\xff"), exe=b"/bin/sh")
    event = ProcessEvent(seen_ns=1, mono_ns=2, action="exec", process=who)
    store.commit(stamp(1), pending(store, [event], kind="process", source="cnproc"))
    with Reader.open(store.path) as reader:
        (found,) = reader.events(EventFilter(kind=("process",))).rows
    assert found.event == event
    assert found.process is None


def test_a_backup_that_cannot_be_written_leaves_the_record_open(
    store: Store, state: Path, tmp_path: Path
) -> None:
    store.commit(stamp(1), pending(store, [file_event(b"/a")]))
    log = state / "ledger.db-wal"
    before = log.stat().st_ino
    target = tmp_path / "not" / "there.db"
    with pytest.raises(StorageFault, match="the copy cannot be written") as told:
        store.backup(target)
    assert told.value.where == str(target)
    store.commit(stamp(2), pending(store, [file_event(b"/b")]))
    assert log.stat().st_ino == before  # it was not closed and opened again


def test_a_backup_is_the_whole_database_and_overwrites_nothing(
    store: Store, tmp_path: Path
) -> None:
    store.commit(stamp(1), pending(store, [file_event(b"/a")]))
    told = store.backup(tmp_path / "copy.db")
    assert told["seq"] == 2
    with Reader.open(tmp_path / "copy.db") as reader:
        assert reader.head().seq == 2
    with pytest.raises(StorageFault, match="exists"):
        store.backup(tmp_path / "copy.db")


def test_two_engines_cannot_share_a_state_directory(store: Store, state: Path) -> None:
    with pytest.raises(StorageFault, match="another engine"):
        open_store(state)


@pytest.mark.parametrize("name", ["ledger.db", "ledger.db-wal"])
def test_a_ledger_taken_away_from_under_the_engine_is_never_acknowledged(
    state: Path, name: str
) -> None:
    store = open_store(state)
    store.commit(stamp(1), pending(store, [file_event(b"/a")]))
    (state / name).unlink()
    waiting = pending(store, [file_event(b"/b")])
    with pytest.raises(StorageFault, match="taken away"):
        store.commit(stamp(2), waiting)
    if name == "ledger.db-wal":  # closing it brought the log's content home: nothing is lost
        store.commit(stamp(3), waiting)
        store.close(stamp(4))
        assert verify(state).ok
        return
    with pytest.raises(StorageFault):
        store.commit(stamp(3), waiting)
    store.close(stamp(4))
