"""Rows in a real SQLite file: upsert, order, cap, and other programs that hold and mark it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from sentinair.errors import SinkAway, SinkRefused
from sentinair.model.ports import Sink
from sentinair.sinks.shared.database import BUSY_SECS, TABLES
from sentinair.sinks.shared.rows import MAX_ROW
from tests.harness.entries import CHAIN, alert_entry, event_entry, parcels, record_entry
from tests.harness.hostile import hostile_entries
from tests.unit.sinks.shared.conftest import Desk


def test_it_is_a_sink_that_holds_nothing_back(desk: Desk) -> None:
    sink: Sink = desk.sink
    sink.open()
    assert sink.holding() == {}
    sink.idle(0)
    sink.close()


def test_the_tables_are_those_of_the_contract(desk: Desk) -> None:
    desk.send()
    columns = {
        table: [
            (row["name"], row["type"], row["pk"], row["dflt_value"])
            for row in desk.ask("SELECT * FROM pragma_table_info(?)", table)
        ]
        for table in TABLES
    }
    text, real = ("TEXT", 0, None), ("REAL", 0, None)
    assert columns["shared_alerts"] == [
        ("id", "TEXT", 1, None), ("timestamp", *real), ("severity", *text), ("category", *text), ("title", *text),
        ("description", *text), ("source", *text), ("details", *text), ("status", *text), ("created_at", *real),
        ("updated_at", *real),
    ]  # fmt: skip
    assert columns["shared_events"] == [
        ("id", "TEXT", 1, None), ("timestamp", *real), ("event_type", *text), ("source", *text), ("data", *text),
        ("processed", "BOOLEAN", 0, "FALSE"), ("created_at", *real),
    ]  # fmt: skip


def test_alerts_and_events_have_their_rows_and_other_records_none(desk: Desk) -> None:
    desk.send(record_entry(1), alert_entry(2, 1), event_entry(1), record_entry(3, "gap"))
    (alert,), (event,) = desk.alerts(), desk.events()
    assert alert["title"] == "Protected file changed, case 1"
    assert alert["created_at"] == alert["updated_at"] == 2_000_000_000.0
    assert (event["id"], event["processed"]) == (f"{CHAIN}-1", 0)
    assert json.loads(event["data"])["path"] == "/etc/1"


def test_an_alert_that_changes_keeps_its_row_and_created_at(desk: Desk) -> None:
    desk.send(alert_entry(2, 1))
    desk.now_ns += 5_000_000_000
    desk.send(alert_entry(3, 1, "alert.updated", count=7))
    desk.send(alert_entry(4, 1, "alert.acknowledged", count=7, status="acknowledged"))
    (alert,) = desk.alerts()
    assert (alert["status"], json.loads(alert["details"])["alert"]["count"]) == ("acknowledged", 7)
    assert (alert["created_at"], alert["updated_at"]) == (2_000_000_000.0, 2_000_000_005.0)


def test_what_comes_again_changes_no_row_and_no_newer_state(desk: Desk) -> None:
    entries = [alert_entry(2, 1), alert_entry(5, 1, "alert.resolved", status="resolved")]
    desk.send(*entries, event_entry(1), event_entry(2))
    before = desk.alerts(), desk.events()
    desk.now_ns += 60_000_000_000
    desk.send(*entries, event_entry(1), event_entry(2))
    desk.send(entries[0])  # a dead letter that is replayed late
    assert (desk.alerts(), desk.events()) == before


def test_a_new_chain_is_newer_whatever_its_numbers(desk: Desk) -> None:
    desk.send(alert_entry(500, 1, status="resolved"))
    desk.send(alert_entry(2, 1, chain="0" * 32))
    assert [alert["status"] for alert in desk.alerts()] == ["open"]


def test_what_a_consumer_marked_as_processed_stays_so(desk: Desk) -> None:
    desk.send(event_entry(1), event_entry(2))
    with contextlib.closing(desk.writing()) as consumer:
        consumer.execute("UPDATE shared_events SET processed = 1 WHERE id = ?", (f"{CHAIN}-1",))
    desk.send(event_entry(1, path="/etc/other"), event_entry(2), event_entry(3))
    assert [event["processed"] for event in desk.events()] == [1, 0, 0]
    assert json.loads(desk.events()[0]["data"])["path"] == "/etc/other"


def test_hostile_entries_are_stored_whole(desk: Desk) -> None:
    entries = list(hostile_entries(1500))
    desk.send(*entries)
    stored = {alert["id"] for alert in desk.alerts()}
    assert len(desk.alerts()) == len({e.alert.id for e in entries if e.alert is not None})
    assert len(desk.events()) == sum(entry.stream == "event" for entry in entries)
    assert stored


def test_a_row_that_is_too_long_is_refused_after_those_before_it(desk: Desk) -> None:
    desk.sink.open()
    with pytest.raises(SinkRefused) as refused:
        desk.sink.deliver(
            parcels(alert_entry(1, 1), alert_entry(2, 2, title="x" * MAX_ROW), alert_entry(3, 3))
        )
    assert refused.value.index == 1
    assert len(desk.alerts()) == 1


@pytest.mark.parametrize("query", ["SELECT * FROM shared_events", "DELETE FROM shared_events"])
def test_while_a_consumer_holds_a_lock_the_sink_is_away_and_later_all_is_there(
    desk: Desk, query: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sentinair.sinks.shared.database.BUSY_SECS", 0.05)
    assert BUSY_SECS >= 1
    desk.send(event_entry(1), event_entry(2))
    with contextlib.closing(desk.writing()) as consumer:
        consumer.execute("BEGIN")
        consumer.execute(query).fetchone()
        with pytest.raises(SinkAway, match="holds a lock"):
            desk.send(event_entry(3))
        consumer.execute("ROLLBACK")
    desk.send(event_entry(3))
    assert len(desk.events()) == 3


def test_beyond_its_cap_the_oldest_events_go_then_alerts_and_it_says_how_many(
    tmp_path: Path,
) -> None:
    desk = Desk(tmp_path / "shared", cap_bytes=1 << 20)
    desk.send(*(alert_entry(seq, seq) for seq in range(1, 51)))
    for first in range(1, 4001, 200):
        desk.send(*(event_entry(seq, pad="x" * 900) for seq in range(first, first + 200)))
    assert desk.file.stat().st_size < 1.5 * (1 << 20)
    kept = [int(event["id"].rpartition("-")[2]) for event in desk.events()]
    assert kept == list(range(4001 - len(kept), 4001))
    assert len(desk.alerts()) == 50
    about = {row["name"]: row["value"] for row in desk.ask("SELECT * FROM shared_about")}
    assert about == {"events_deleted": 4000 - len(kept)}
    for first in range(100, 2100, 100):
        desk.send(*(alert_entry(seq, seq, comment="x" * 900) for seq in range(first, first + 100)))
    about = {row["name"]: row["value"] for row in desk.ask("SELECT * FROM shared_about")}
    assert about == {"events_deleted": 4000, "alerts_deleted": 2050 - len(desk.alerts())}
    assert desk.file.stat().st_size < 1.5 * (1 << 20)


WRITER = """
import sys
from pathlib import Path
from tests.harness.entries import alert_entry, event_entry
from tests.unit.sinks.shared.conftest import Desk
desk = Desk(Path(sys.argv[1]))
for seq in range(int(sys.argv[2]), 100_000):
    desk.send(event_entry(seq, pad="x" * 3000), alert_entry(seq, seq % 7, count=seq))
    print(seq, flush=True)
"""


def test_a_forwarder_that_is_killed_loses_no_row_that_was_taken(tmp_path: Path) -> None:
    taken, folder = 0, tmp_path / "shared"
    for life in range(8):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(folder), str(taken + 1)], stdout=subprocess.PIPE
        ) as child:
            assert child.stdout is not None
            for _ in range(3 + life):
                taken = int(child.stdout.readline())
            os.kill(child.pid, signal.SIGKILL)
            rest = child.stdout.read().splitlines()
            taken = int(rest[-1]) if rest else taken
    desk = Desk(folder)
    desk.send()
    kept = {int(event["id"].rpartition("-")[2]) for event in desk.events()}
    assert set(range(1, taken + 1)) <= kept
    assert desk.ask("PRAGMA integrity_check") == [{"integrity_check": "ok"}]
    assert not desk.file.with_name(f"{desk.file.name}.damaged").exists()
