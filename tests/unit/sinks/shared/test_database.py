"""A shared database that others damaged, altered, or made to harm who opens it."""

from __future__ import annotations

import contextlib
import os
import signal
import sqlite3
import stat
import struct
import subprocess
import sys
from pathlib import Path

import pytest

from sentinair.errors import SinkAway
from sentinair.sinks.shared.database import SharedDatabase
from tests.harness.entries import CHAIN, alert_entry, event_entry
from tests.harness.kill_points import Call, arm
from tests.harness.sink_points import spill
from tests.unit.sinks.shared.conftest import Desk


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


@pytest.mark.parametrize("mode", [0o600, 0o640, 0o660])
def test_a_life_killed_within_its_first_transaction_is_no_damage(tmp_path: Path, mode: int) -> None:
    """Its tables were half written, and are taken back."""
    desk = Desk(tmp_path / "shared", mode=mode)
    child = os.fork()
    if child == 0:
        try:
            spill()
            arm(Call(SharedDatabase, "_agree", True), 1)
            desk.send(event_entry(1))
        finally:
            os._exit(1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL
    assert desk.file.stat().st_size
    assert desk.file.with_name(f"{desk.file.name}-journal").stat().st_size
    desk.sink = desk.fresh()
    desk.send(event_entry(1))
    assert len(desk.events()) == 1
    assert not [name for name in os.listdir(desk.directory) if "damaged" in name]
    assert stat.S_IMODE(desk.file.stat().st_mode) == mode


def test_a_consumers_analyze_is_no_strange_table(desk: Desk) -> None:
    desk.send(event_entry(1), alert_entry(2, 2))
    with contextlib.closing(desk.writing()) as consumer:
        consumer.execute("ANALYZE")
        assert consumer.execute("SELECT count(*) FROM sqlite_stat1").fetchone() > (0,)
    desk.send(event_entry(2))
    assert len(desk.events()) == 2


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
