"""Where the shared database lies: who may read and write it, and what is not let lie there."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest

from sentinair.errors import SinkAway
from sentinair.sinks.shared.database import TABLES
from tests.harness.entries import CHAIN, event_entry, parcels
from tests.unit.sinks.shared.conftest import Desk


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
