from __future__ import annotations

import random
import sqlite3
from pathlib import Path

import pytest

from sentinair.errors import DataFault, PermissionFault, StorageFault, UsageFault
from sentinair.model.process import Process
from sentinair.model.record import Record
from sentinair.store import read
from sentinair.store.pages import Cursor
from sentinair.store.read import AlertFilter, EventFilter, Reader
from sentinair.store.writer import Store
from tests.harness.ledger import alert, file_event, open_store, pending, raised, stamp


def filled(store: Store) -> list[tuple[int, int, str]]:
    """240 events of three sources with many equal times; (time, id, source) newest first."""
    chance = random.Random(3)
    told = []
    for at in range(8):
        for source in ("fanotify", "rescan", "inotify"):
            events = [file_event(b"/f%d" % n, secs=chance.randrange(20)) for n in range(10)]
            batch = pending(store, events, source=source, process=Process(pid=at))
            store.commit(stamp(at), batch)
            told += [(one.time_ns, one.id, source) for one in batch]
    return sorted(told, reverse=True)


@pytest.mark.parametrize("source", [(), ("rescan",), ("fanotify", "inotify"), ("nothing",)])
@pytest.mark.parametrize("span", [(None, None), (5, None), (None, 12), (5, 12)])
def test_pages_show_every_event_once_newest_first(
    store: Store, source: tuple[str, ...], span: tuple[int | None, int | None]
) -> None:
    told = filled(store)
    since, until = (None if secs is None else stamp(secs).time_ns for secs in span)
    wanted = EventFilter(since, until, ("file",), source)
    expected = [
        number
        for time_ns, number, one in told
        if (not source or one in source)
        and (since is None or time_ns >= since)
        and (until is None or time_ns < until)
    ]
    seen: list[int] = []
    with Reader.open(store.path.parent) as reader:
        after: Cursor | None = None
        while True:
            page = reader.events(wanted, after, limit=7)
            seen += [one.id for one in page.rows]
            after = page.next
            if after is None:
                break
        assert seen == expected
        assert reader.count_events(wanted, cap=None) == len(expected)
        assert reader.count_events(wanted, cap=3) == (
            len(expected) if span == (None, None) else min(3, len(expected))
        )


def test_new_events_are_followed_in_the_order_of_their_commit(store: Store) -> None:
    filled(store)
    with Reader.open(store.path) as reader:
        assert reader.last_event_id() == 240
        newer = reader.events_after(225, EventFilter(source=("inotify",)))
        assert [one.id for one in newer] == list(range(231, 241))
        assert reader.events_after(240, EventFilter()) == []
        found = reader.event(240)
        assert found is not None
        assert found.process == Process(pid=7)
        assert (found.kind, found.source) == ("file", "inotify")
        assert reader.event(241) is None
        assert [(c.source, c.count) for c in reader.event_counts()] == [
            ("fanotify", 80),
            ("inotify", 80),
            ("rescan", 80),
        ]


def alerts_of(store: Store) -> None:
    made = []
    for n in range(60):
        severity = ("low", "critical", "high")[n % 3]
        status = ("open", "resolved")[n % 2]
        made.append(alert(n, severity=severity, status=status, secs=n // 4))
    store.commit(stamp(1), (), raised(*made))


def test_alerts_are_filtered_by_any_mix(store: Store) -> None:
    alerts_of(store)
    with Reader.open(store.path) as reader:
        wanted = AlertFilter(severity=("critical", "low"), status=("open",))
        page = reader.alerts(wanted, limit=1000)
        assert page.next is None
        assert len(page.rows) == 20
        assert {one.severity for one in page.rows} == {"critical", "low"}
        assert {one.status for one in page.rows} == {"open"}
        assert page.rows == sorted(page.rows, key=lambda one: (one.time_ns, one.id), reverse=True)
        assert reader.count_alerts(wanted) == 20
        assert reader.count_alerts(AlertFilter(since_ns=stamp(10).time_ns)) == 20
        first = reader.alerts(AlertFilter(), limit=25)
        second = reader.alerts(AlertFilter(), first.next, limit=100)
        assert len({one.id for one in first.rows + second.rows}) == 60
        assert reader.alerts(AlertFilter(category=("usb",))).rows == []


def test_alerts_are_found_by_their_words(store: Store) -> None:
    store.commit(
        stamp(1),
        (),
        raised(
            alert(1, filename="/etc/shadow"),
            alert(2, process="/usr/bin/nc", user="zoë"),
            alert(3, filename="/etc/shadow-", severity="low"),
        ),
    )
    with Reader.open(store.path) as reader:

        def found(q: str, *severity: str) -> list[int]:
            rows = reader.alerts(AlertFilter(q=q, severity=severity)).rows
            return [int(one.id[:8], 16) for one in rows]

        assert found("/etc/shadow") == [3, 1]
        assert found("/etc/shadow", "low") == [3]
        assert found("PROTECTED nc") == [2]
        assert found("prot*") == [3, 2, 1]
        assert found("prot") == []
        assert found("zoe") == [2]
        assert found('"; DROP TABLE alerts') == []
        assert found("***") == []


def test_the_search_follows_a_changed_text(store: Store) -> None:
    one = alert(1)
    store.commit(stamp(1), (), raised(one))
    renamed = alert(1, title="A quokka was seen")
    from sentinair.model.alert import AlertChange

    store.commit(stamp(2), (), [AlertChange("alert.updated", renamed)])
    with Reader.open(store.path) as reader:
        assert reader.alerts(AlertFilter(q="quokka")).rows[0].id == one.id
        assert reader.alerts(AlertFilter(q="case")).rows == []


def test_an_alert_is_named_by_a_unique_beginning(store: Store) -> None:
    store.commit(stamp(1), (), raised(alert(1), alert(2)))
    with Reader.open(store.path) as reader:
        found = reader.alert("00000002")
        assert found is not None
        assert found.id == alert(2).id
        assert reader.alert("ff") is None
        with pytest.raises(UsageFault, match="several alerts"):
            reader.alert("0000")


def test_records_are_read_by_kind_and_from_a_seq_on(store: Store) -> None:
    store.commit(stamp(1), (), (), [Record("heartbeat", {"n": n}) for n in range(5)])
    with Reader.open(store.path) as reader:
        assert [one.data for one in reader.records("heartbeat", 4)] == [
            {"n": 2},
            {"n": 3},
            {"n": 4},
        ]
        assert [one.seq for one in reader.records(limit=2)] == [1, 2]
        assert reader.last_record("gap") is None
        head = reader.head()
        assert (head.seq, head.link) == (store.head.seq, store.head.link)
        assert (head.time_ns, head.checkpoint_ns) == (stamp(1).time_ns, None)
        assert reader.known(b"/nowhere") == []
        assert reader.file(b"/nowhere") is None


def test_a_closed_store_is_read_without_touching_its_directory(state: Path) -> None:
    store = open_store(state)
    store.commit(stamp(1), pending(store, [file_event(b"/a")]))
    store.close(stamp(2))
    before = sorted(path.name for path in state.iterdir())
    with Reader.open(state) as reader:
        assert len(reader.events(EventFilter()).rows) == 1
    assert sorted(path.name for path in state.iterdir()) == before
    assert "ledger.db-wal" not in before


def test_a_reader_sees_what_is_committed_while_it_is_open(store: Store) -> None:
    with Reader.open(store.path) as reader:
        assert reader.last_event_id() == 0
        store.commit(stamp(1), pending(store, [file_event(b"/a")]))
        assert reader.last_event_id() == 1


def test_a_reader_cannot_write(store: Store) -> None:
    with Reader.open(store.path) as reader, pytest.raises(sqlite3.OperationalError):
        reader._connection.execute("DELETE FROM ledger")


def test_a_question_that_takes_too_long_is_ended(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(read, "MAX_SECS", 0.02)
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT max(i) FROM n"
    with (
        Reader.open(store.path) as reader,
        pytest.raises(StorageFault, match="more than"),
        reader._transaction() as connection,
    ):
        connection.execute(endless).fetchone()


def test_bytes_that_are_no_event_are_a_clear_fault(store: Store) -> None:
    store.commit(stamp(1), pending(store, [file_event(b"/a")]))
    connection = sqlite3.connect(store.path)
    connection.execute("UPDATE events SET body = x'00'")
    connection.commit()
    connection.close()
    with Reader.open(store.path) as reader, pytest.raises(DataFault, match="decoded"):
        reader.events(EventFilter())


def test_no_ledger_and_no_permission_are_told_apart(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with pytest.raises(StorageFault, match="no ledger"):
        Reader.open(tmp_path)
    (tmp_path / "ledger.db").write_bytes(b"not a database, but long enough to look at" * 50)
    with pytest.raises(StorageFault, match="cannot be read"):
        Reader.open(tmp_path)
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(PermissionFault, match="may not be read"):
        Reader.open(tmp_path)
