from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

import msgspec

from sentinair.model.process import Process
from sentinair.settings.types import Retention
from sentinair.store import retention
from sentinair.store.payload import RetentionData
from sentinair.store.read import AlertFilter, Reader
from sentinair.store.verify.report import verify
from sentinair.store.writer import Store
from tests.harness.ledger import (
    alert,
    changed,
    file_event,
    open_store,
    pending,
    raised,
    record_data,
    stamp,
)

DAY = 86_400


def fill(store: Store, days: int, each: int = 10) -> None:
    for day in range(days):
        who = Process(pid=day)
        events = [file_event(b"/d/%d-%d" % (day, n), secs=day * DAY) for n in range(each)]
        store.commit(stamp(day * DAY), pending(store, events, process=who))


def count(store: Store, table: str) -> int:
    with closing(sqlite3.connect(store.path)) as connection:
        (number,) = connection.execute(f"SELECT count(*) FROM {table}").fetchone()
        return int(number)


def last(store: Store) -> RetentionData:
    return msgspec.convert(record_data(store.path, "retention")[-1], RetentionData)


def sound(store: Store, state: Path) -> None:
    report = verify(state, None)
    assert report.ok, report


def test_events_go_by_age_in_whole_batches(store: Store, state: Path) -> None:
    fill(store, 10)
    assert store.retain(stamp(10 * DAY), Retention(events_days=4))
    assert not store.retain(stamp(10 * DAY), Retention(events_days=4))
    assert count(store, "events") == 40
    assert count(store, "processes") == 4
    said = last(store)
    assert (said.why, said.events, said.count, said.processes) == ("age", (1, 60), 60, 7)
    with Reader.open(store.path) as reader:
        assert sum(one.count for one in reader.event_counts()) == 40
    assert store.retain(stamp(12 * DAY), Retention(events_days=4))
    assert last(store).events == (61, 80)
    sound(store, state)


def test_when_all_events_are_gone_ids_are_not_given_again(state: Path) -> None:
    store = open_store(state)
    fill(store, 2)
    while store.retain(stamp(100 * DAY), Retention(events_days=1)):
        pass
    assert count(store, "events") == 0
    assert count(store, "processes") == 1  # may still be named by the next batch
    store.close(stamp(100 * DAY))
    again = open_store(state, 101 * DAY)
    assert again.allocate(1) == 21
    again.commit(stamp(101 * DAY), ())
    sound(again, state)
    again.close(stamp(102 * DAY))


def test_events_go_by_size_oldest_first(store: Store, state: Path) -> None:
    fill(store, 4, each=2500)
    limits = Retention(events_days=1000, events_bytes=1 << 20)
    while store.retain(stamp(5 * DAY), limits):
        pass
    with closing(sqlite3.connect(store.path)) as connection:
        (size,) = connection.execute(
            "SELECT sum(length(body) + ?) FROM events", (retention.EVENT_OVERHEAD,)
        ).fetchone()
        (kept,) = connection.execute("SELECT sum(bytes) FROM streams").fetchone()
        assert kept == size - retention.EVENT_OVERHEAD * count(store, "events")
    assert size <= limits.events_bytes
    assert last(store).why == "size"
    assert count(store, "events") >= 2500
    sound(store, state)


def test_one_step_is_bounded(store: Store) -> None:
    fill(store, 8, each=1000)
    store.retain(stamp(100 * DAY), Retention(events_days=1))
    assert count(store, "events") == 8000 - retention.MAX_EVENTS


def test_closed_alerts_go_by_age_and_critical_ones_later(store: Store, state: Path) -> None:
    ordinary = alert(1, title="Quokka one")
    store.commit(
        stamp(0),
        (),
        raised(
            ordinary,
            alert(2, severity="critical", status="resolved"),
            alert(3),
            alert(4, status="resolved", secs=50 * DAY),
        ),
    )
    closed = msgspec.structs.replace(ordinary, status="false_positive")
    store.commit(stamp(1), (), [changed("alert.false_positive", closed)])
    limits = Retention(alerts_days=30, critical_days=90)
    while store.retain(stamp(60 * DAY), limits):
        pass
    assert store.alert(ordinary.id) is None
    assert count(store, "alerts") == 3
    said = last(store)
    assert (said.alerts, said.records) == (1, ((2, 2), (6, 6)))
    with Reader.open(store.path) as reader:
        assert [one.data for one in reader.records(since_seq=2, limit=1)] == [None]
        assert reader.alerts(AlertFilter(q="quokka")).rows == []
    sound(store, state)
    assert store.retain(stamp(95 * DAY), limits)
    assert store.alert(alert(2).id) is None
    assert store.alert(alert(3).id) is not None
    sound(store, state)


def test_what_is_erased_is_gone_from_the_files(store: Store, state: Path) -> None:
    store.commit(stamp(0), (), raised(alert(1, status="resolved", title="xyzzyplugh")))
    assert b"xyzzyplugh" in _bytes(state)
    while store.retain(stamp(60 * DAY), Retention(alerts_days=30, critical_days=30)):
        pass
    assert b"xyzzyplugh" not in _bytes(state)


def _bytes(state: Path) -> bytes:
    return b"".join(path.read_bytes() for path in state.glob("ledger.db*"))
