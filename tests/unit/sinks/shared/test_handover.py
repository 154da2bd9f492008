"""Closed copies on a share: whole, in one step, only when something changed, never outside the directory."""

from __future__ import annotations

import contextlib
import os
import sqlite3
from pathlib import Path

import pytest

from sentinair.errors import DataFault, SinkAway
from sentinair.sinks.ground import Ground
from sentinair.sinks.shared.database import NAME
from sentinair.sinks.shared.kind import shared
from sentinair.sinks.shared.options import SharedOptions
from sentinair.sinks.shared.sink import SharedSink
from tests.harness.entries import event_entry, parcels


class Share:
    """A snapshot sink whose copies may come every second."""

    def __init__(self, folder: Path, *, mounted: bool = False) -> None:
        self.state, self.drop = folder / "state", folder / "share"
        self.exports = self.state / "data" / "exports"
        self.exports.mkdir(mode=0o750, parents=True)
        self.drop.mkdir()
        self.options = SharedOptions(
            directory=str(self.drop), snapshot=True, snapshot_secs=1, mounted=mounted
        )
        self.sink = self.fresh()
        self.file = self.drop / NAME
        self.secs = 0

    def fresh(self) -> SharedSink:
        sink = shared(Ground(name="siem", host="h", state=self.state), self.options)
        sink._mono_ns = lambda: self.secs * 10**9
        return sink

    def send(self, seq: int) -> None:
        self.sink.open()
        self.sink.deliver(parcels(event_entry(seq)))

    def pass_secs(self, secs: int) -> None:
        self.secs += secs
        self.sink.idle(self.secs * 10**9)

    def count(self) -> int:
        """Rows in the copy, read as from a share: without any lock."""
        where = f"file:{self.file}?immutable=1"
        with contextlib.closing(sqlite3.connect(where, uri=True)) as reader:
            assert reader.execute("PRAGMA integrity_check").fetchone() == ("ok",)
            return int(reader.execute("SELECT count(*) FROM shared_events").fetchone()[0])


@pytest.fixture
def share(tmp_path: Path) -> Share:
    return Share(tmp_path)


def test_a_copy_is_one_whole_file_without_journal(share: Share) -> None:
    share.send(1)
    share.sink.close()
    assert share.count() == 1
    assert os.listdir(share.drop) == [NAME]
    assert share.file.read_bytes()[18:20] == b"\1\1"  # no write-ahead log (fileformat2.html)


def test_copies_come_at_most_as_often_as_is_said_and_only_when_something_changed(
    share: Share,
) -> None:
    share.send(1)
    first = share.file.stat().st_ino
    share.send(2)
    assert share.file.stat().st_ino == first
    share.pass_secs(1)
    second = share.file.stat().st_ino
    assert (share.count(), second) != (1, first)
    share.pass_secs(100)
    share.send(2)  # comes again
    share.pass_secs(100)
    assert share.file.stat().st_ino == second
    share.sink.close()


def test_a_new_life_copies_only_what_is_not_there(share: Share) -> None:
    share.send(1)
    share.send(2)
    share.sink.close()  # too early for a second copy
    assert share.count() == 1
    before = share.file.stat().st_ino
    share.sink = share.fresh()
    share.sink.open()
    share.pass_secs(1)
    assert share.count() == 2
    after = share.file.stat().st_ino
    assert after != before
    share.sink.close()
    share.sink = share.fresh()
    share.sink.open()
    share.pass_secs(1)
    assert share.file.stat().st_ino == after
    share.sink.close()


def test_a_share_that_is_away_gets_all_when_it_is_back(share: Share) -> None:
    share.send(1)
    share.drop.rename(share.drop.with_name("away"))
    share.secs += 1
    with pytest.raises(SinkAway):
        share.sink.deliver(parcels(event_entry(2)))
    with pytest.raises(SinkAway):
        share.send(2)
    share.drop.with_name("away").rename(share.drop)
    share.send(2)
    share.pass_secs(1)
    assert share.count() == 2
    share.sink.close()


def test_a_directory_that_was_swapped_gets_nothing_until_it_is_opened_again(share: Share) -> None:
    share.send(1)
    share.drop.rename(share.drop.with_name("old"))
    share.drop.mkdir()
    share.secs += 1
    with pytest.raises(SinkAway, match="another directory"):
        share.sink.deliver(parcels(event_entry(2)))
    assert os.listdir(share.drop) == []
    share.sink.open()
    share.sink.deliver(parcels(event_entry(2)))
    assert share.count() == 2
    share.sink.close()


@pytest.mark.parametrize("what", ["link", "fifo", "directory", "file"])
def test_what_others_planted_at_its_name_is_replaced_and_nothing_outside_is_touched(
    share: Share, what: str
) -> None:
    target = share.drop.parent / "target"
    target.write_text("untouched")
    match what:
        case "link":
            share.file.symlink_to(target)
        case "fifo":
            os.mkfifo(share.file)
        case "directory":
            share.file.mkdir()
        case _:
            os.link(target, share.file)
    share.send(1)
    share.sink.close()
    assert target.read_text() == "untouched"
    share.file = share.drop / ("sentinair_integration.2.db" if what == "directory" else NAME)
    assert share.count() == 1


def test_the_share_must_be_mounted_where_it_is_said(tmp_path: Path) -> None:
    share = Share(tmp_path, mounted=True)
    with pytest.raises(SinkAway, match="nothing is mounted"):
        share.send(1)
    assert os.listdir(share.drop) == []


def test_nothing_is_left_of_a_copy_that_was_killed(share: Share) -> None:
    (share.drop / f".siem-{'0' * 16}.part").write_text("half")
    share.send(1)
    assert os.listdir(share.drop) == [NAME]
    share.sink.close()


def test_a_directory_within_the_state_is_refused_but_for_the_exports(tmp_path: Path) -> None:
    ground = Ground(name="s", host="h", state=tmp_path)
    with pytest.raises(DataFault, match="own state"):
        shared(ground, SharedOptions(directory=str(tmp_path / "keys")))
    shared(ground, SharedOptions(directory=str(tmp_path / "data" / "exports")))
    shared(ground, SharedOptions(directory=f"{tmp_path}2"))
