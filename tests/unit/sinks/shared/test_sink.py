"""Rows in a real SQLite file: upsert, order, cap, and other programs that hold, mark and damage it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import sqlite3
import stat
import struct
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


@pytest.mark.parametrize("mode", [0o640, 0o660])
def test_the_group_reads_and_where_it_is_said_writes(tmp_path: Path, mode: int) -> None:
    desk = Desk(tmp_path / "shared", mode=mode)
    desk.send(event_entry(1))
    assert stat.S_IMODE(desk.file.stat().st_mode) == mode
    assert stat.S_IMODE((desk.directory / f"{desk.file.name}-journal").stat().st_mode) == 0o640
    assert sorted(os.listdir(desk.directory)) == [desk.file.name, f"{desk.file.name}-journal"]


CONSUMER = """
import os, sqlite3, sys
os.setgroups([]); os.setgid(int(sys.argv[2])); os.setuid(65534)
for query in sys.argv[3:]:
    try:
        base = sqlite3.connect(sys.argv[1], isolation_level=None)
        base.execute("PRAGMA journal_mode = MEMORY")
        print(base.execute(query).rowcount)
        base.close()
    except (sqlite3.Error, OSError) as fault:
        print(fault)
"""


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to be another user")
@pytest.mark.parametrize(
    ("mode", "answers"),
    [(0o640, ["-1", "attempt to write a readonly database"]), (0o660, ["-1", "1"])],
)
def test_another_user_of_the_group_can_do_what_the_option_says(
    tmp_path: Path, mode: int, answers: list[str]
) -> None:
    for parent in (tmp_path, *tmp_path.parents):
        if parent.owner() == "root" and not parent.stat().st_mode & 0o001 and parent != Path("/"):
            parent.chmod(parent.stat().st_mode | 0o011)
    desk = Desk(tmp_path / "shared", mode=mode)
    os.chown(desk.directory, 0, 54321)
    desk.directory.chmod(0o2750)
    desk.send(event_entry(1))
    queries = ("SELECT * FROM shared_events", "UPDATE shared_events SET processed = 1")
    done = subprocess.run(
        [sys.executable, "-c", CONSUMER, str(desk.file), "54321", *queries],
        capture_output=True, text=True, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == answers
    assert "denied" in answer_of(
        desk, "import sys; open(sys.argv[1] + '-wal', 'w')"
    )  # nothing beside the file


def answer_of(desk: Desk, program: str) -> str:
    """What a program of another user of the group says."""
    as_other = "import os; os.setgroups([]); os.setgid(54321); os.setuid(65534); "
    words = [sys.executable, "-c", as_other + program, str(desk.file)]
    return subprocess.run(words, capture_output=True, text=True, check=False).stderr


@pytest.mark.parametrize("mode", [0o640, 0o660])
def test_a_journal_that_is_gone_does_no_harm(tmp_path: Path, mode: int) -> None:
    desk = Desk(tmp_path / "shared", mode=mode)
    desk.send(event_entry(1))
    desk.file.with_name(f"{desk.file.name}-journal").unlink()
    desk.sink = desk.fresh()
    desk.send(event_entry(2))
    assert len(desk.events()) == 2


def planted_link(file: Path) -> None:
    target = file.parent.parent / "target"
    target.write_text("untouched")
    file.symlink_to(target)


def planted_second_name(file: Path) -> None:
    target = file.parent.parent / "target"
    target.write_text("untouched")
    os.link(target, file)


@pytest.mark.parametrize("ending", ["", "-journal"])
@pytest.mark.parametrize(
    ("plant", "what"),
    [
        (planted_link, "symbolic link"), (planted_second_name, "second name"), (os.mkfifo, "a FIFO"),
        (os.mkdir, "a directory"),
    ],
)  # fmt: skip
def test_what_lies_at_its_names_and_is_no_plain_file_is_refused(
    desk: Desk, plant: object, what: str, ending: str
) -> None:
    desk.send(event_entry(1))
    name = desk.file.with_name(desk.file.name + ending)
    name.unlink()
    plant(name)  # type: ignore[operator]
    with pytest.raises(SinkAway, match=what):
        desk.send(event_entry(2))
    target = desk.directory.parent / "target"
    assert not target.exists() or target.read_text() == "untouched"


@pytest.mark.root
@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to give files away")
def test_a_file_of_another_user_is_refused(desk: Desk) -> None:
    desk.file.write_bytes(b"")
    os.chown(desk.file, 65534, -1)
    with pytest.raises(SinkAway, match="a file of uid 65534"):
        desk.send()


@pytest.mark.parametrize("mode", [0o770, 0o777, 0o1777])
def test_a_directory_that_others_may_write_is_refused(desk: Desk, mode: int) -> None:
    desk.directory.chmod(mode)
    with pytest.raises(SinkAway, match=f"has mode {mode:04o}"):
        desk.send()
    assert os.listdir(desk.directory) == []


def test_a_directory_that_is_a_link_or_not_there_is_refused(tmp_path: Path) -> None:
    desk = Desk(tmp_path / "shared")
    desk.directory.rmdir()
    with pytest.raises(SinkAway, match="cannot be used"):
        desk.send()
    desk.directory.symlink_to(tmp_path)
    with pytest.raises(SinkAway, match="is not a directory"):
        desk.send()
    assert not (tmp_path / desk.file.name).exists()


@pytest.mark.parametrize(
    "content", [b"this is no database at all" * 100, b"SQLite format 3\0" + b"\xff" * 5000]
)
def test_a_file_that_is_no_database_is_set_aside_and_it_begins_anew(
    desk: Desk, content: bytes
) -> None:
    desk.file.write_bytes(content)
    with pytest.raises(SinkAway, match=r"was damaged .*\.db\.damaged"):
        desk.send()
    desk.send(event_entry(1))
    assert len(desk.events()) == 1
    assert desk.file.with_name(f"{desk.file.name}.damaged").read_bytes() == content


def test_damage_under_the_running_sink_is_noticed_and_only_one_damaged_file_is_kept(
    desk: Desk,
) -> None:
    for _ in range(3):
        desk.send(*(event_entry(seq, pad="x" * 500) for seq in range(1, 100)))
        with desk.file.open("r+b") as stream:
            stream.seek(4096)
            stream.write(os.urandom(20_000))
        with pytest.raises(SinkAway, match="was damaged"):
            for seq in range(100, 200):
                desk.send(event_entry(seq), alert_entry(seq, seq))
    desk.send(event_entry(1))
    assert len(desk.events()) == 1
    assert sum("damaged" in name for name in os.listdir(desk.directory)) == 2  # it and its journal


def deleted(desk: Desk) -> None:
    desk.file.unlink()


def emptied(desk: Desk) -> None:
    os.truncate(desk.file, 0)


def replaced(desk: Desk) -> None:
    other = desk.file.with_suffix(".other")
    with contextlib.closing(sqlite3.connect(other)) as base:
        for table in TABLES.values():
            base.execute(table)
    other.replace(desk.file)


@pytest.mark.parametrize("harm", [deleted, emptied, replaced])
def test_a_file_that_was_taken_away_is_told_once_and_begins_anew(desk: Desk, harm: object) -> None:
    desk.send(event_entry(1))
    harm(desk)  # type: ignore[operator]
    with pytest.raises(SinkAway, match="taken away, replaced or emptied"):
        desk.sink.deliver(parcels(event_entry(2)))
    desk.send(event_entry(2))
    assert [event["id"] for event in desk.events()] == [f"{CHAIN}-2"]


@pytest.mark.parametrize(
    "query",
    [
        "CREATE TABLE other (x)",
        "CREATE TRIGGER t AFTER INSERT ON shared_events BEGIN DELETE FROM shared_alerts; END",
        "CREATE VIEW v AS SELECT 1", "CREATE INDEX i ON shared_events (timestamp)",
    ],
)  # fmt: skip
def test_a_database_with_other_tables_or_a_trigger_is_refused_and_left_alone(
    desk: Desk, query: str
) -> None:
    desk.send(event_entry(1))
    with contextlib.closing(desk.writing()) as consumer:
        consumer.execute(query)
    before = desk.file.read_bytes()
    for _ in range(2):
        with pytest.raises(SinkAway, match="move the file away"):
            desk.send(event_entry(2))
    assert desk.file.read_bytes() == before


@pytest.mark.parametrize(
    "query", ["ALTER TABLE shared_events ADD COLUMN x", "DROP TABLE shared_alerts"]
)
def test_a_database_whose_tables_were_altered_is_set_aside(desk: Desk, query: str) -> None:
    desk.send(event_entry(1))
    with contextlib.closing(desk.writing()) as consumer:
        consumer.execute(query)
    with pytest.raises(SinkAway, match="set aside"):
        desk.send(event_entry(2))
    desk.send(event_entry(2))
    assert len(desk.events()) == 1


def test_a_file_turned_into_one_with_a_write_ahead_log_shares_no_memory(desk: Desk) -> None:
    desk.send(event_entry(1))
    with desk.file.open("r+b") as stream:
        stream.seek(18)  # file format write and read version: 2 is WAL (fileformat2.html)
        stream.write(b"\2\2")
    desk.send(event_entry(2))
    assert len(desk.events()) == 2
    assert desk.file.read_bytes()[18:20] == b"\1\1"
    assert not desk.file.with_name(f"{desk.file.name}-shm").exists()


def test_a_journal_that_others_could_have_written_is_never_read(desk: Desk) -> None:
    """Who can write it can have any file deleted that we may delete (pager.c, pager_delsuper)."""
    desk.send(event_entry(1))
    journal, victim = desk.file.with_name(f"{desk.file.name}-journal"), desk.directory / "victim"
    victim.write_text("untouched")
    journal.write_bytes(hot_journal(desk, victim))
    before = journal.stat().st_ino
    journal.chmod(0o660)
    desk.send(event_entry(2))
    assert victim.read_text() == "untouched"
    assert (stat.S_IMODE(journal.stat().st_mode), journal.stat().st_ino) != (0o660, before)
    assert len(desk.events()) == 2


def hot_journal(desk: Desk, victim: Path) -> bytes:
    """A rollback journal of no pages that names another file as its super-journal (fileformat2.html, section 3)."""
    magic = bytes.fromhex("d9d505f920a163d7")
    pages, names = desk.file.stat().st_size // 4096, os.fsencode(victim)
    head = magic + struct.pack(">5I", 0, 0, pages, 512, 4096)
    tail = struct.pack(">I", (1 << 30) // 4096 + 1) + names
    tail += struct.pack(">2I", len(names), sum(names)) + magic
    return head.ljust(512, b"\0") + tail


def test_a_journal_as_above_does_delete_where_it_is_believed(desk: Desk) -> None:
    desk.send(event_entry(1))
    journal, victim = desk.file.with_name(f"{desk.file.name}-journal"), desk.directory / "victim"
    victim.write_text("untouched")
    journal.write_bytes(hot_journal(desk, victim))
    with contextlib.closing(sqlite3.connect(desk.file)) as believer:
        believer.execute("SELECT * FROM shared_events").fetchall()
    assert not victim.exists()


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


VANDAL = """
import os, random, sys, time
rng, path = random.Random(int(sys.argv[2])), sys.argv[1]
while True:
    try:
        with open(path, "r+b") as stream:
            match rng.randrange(6):
                case 0: stream.truncate(rng.choice((0, 1, 4096, 5000)))
                case 1: stream.seek(18); stream.write(rng.choice((b"\\2\\2", b"\\1\\1", b"\\3\\3")))
                case 2: stream.seek(rng.randrange(8192)); stream.write(os.urandom(rng.randrange(1, 64)))
                case 3: stream.seek(0); stream.write(b"SQLite format 3\\0")
                case 4: stream.seek(24); stream.write(os.urandom(8))
                case _: stream.seek(0, 2); stream.write(b"\\0" * 10_000)
    except OSError:
        pass
    time.sleep(rng.random() / 100)
"""


@pytest.mark.parametrize("seed", range(3))
def test_who_writes_anything_into_the_file_at_any_time_does_no_harm_but_to_it(
    desk: Desk, seed: int
) -> None:
    victim = desk.directory / "victim"
    victim.write_text("untouched")
    with subprocess.Popen([sys.executable, "-c", VANDAL, str(desk.file), str(seed)]) as vandal:
        troubles = seq = 0
        try:
            while troubles < 50 and seq < 100_000:
                seq += 1
                try:
                    desk.send(event_entry(seq), alert_entry(seq, seq % 5))
                except SinkAway:
                    troubles += 1
        finally:
            vandal.kill()
    assert troubles == 50
    for _ in range(4):  # what it left is told, and then all goes on
        with contextlib.suppress(SinkAway):
            desk.send(event_entry(200_000))
    try:
        desk.send(event_entry(200_001))
    except SinkAway as fault:
        assert fault.remedy == "move the file away"
        desk.file.rename(desk.directory.parent / "away")
        with pytest.raises(SinkAway, match="was taken away"):
            desk.send(event_entry(200_001))
        desk.send(event_entry(200_001))
    assert {f"{CHAIN}-200001"} <= {event["id"] for event in desk.events()}
    assert victim.read_text() == "untouched"
    name = desk.file.name
    endings = ("", "-journal", ".damaged", ".damaged-journal")
    assert set(os.listdir(desk.directory)) <= {"victim", *(name + ending for ending in endings)}
