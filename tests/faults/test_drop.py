"""A drop in a directory that others may write, on a disk that fails, in a process that is killed.

Whatever lies in the way: not one byte outside of the directory, and every entry is put away or comes again.
"""

from __future__ import annotations

import hashlib
import os
import random
import shutil
import signal
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sentinair.errors import SinkAway
from sentinair.sinks.drop.segment import Limits
from tests.bench.campaign import run
from tests.harness.drop_kills import POINTS, killed_at
from tests.harness.drops import Station, parcels

LIMITS = Limits(segment_count=10)


@pytest.fixture
def station(tmp_path: Path) -> Iterator[Station]:
    made = Station(tmp_path / "own", LIMITS)
    yield made
    made.crash()


@pytest.fixture
def outside(tmp_path: Path) -> Path:
    """A directory the drop has no business in."""
    folder = tmp_path / "outside"
    folder.mkdir()
    (folder / "victim").write_bytes(b"untouched")
    return folder


def untouched(outside: Path) -> bool:
    return os.listdir(outside) == ["victim"] and (outside / "victim").read_bytes() == b"untouched"


def expected(station: Station, ending: str) -> Path:
    """The name the next ten entries will have."""
    first = station.chain.head.seq + 1
    stem = f"bay_7-{station.chain.ring.chain}-{first:012}-{first + 9:012}.ndjson"
    return station.drop / f"{stem}{ending}"


def link(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "victim")


def dangling(path: Path, outside: Path) -> None:
    path.symlink_to(outside / "new")


def hard(path: Path, outside: Path) -> None:
    path.hardlink_to(outside / "victim")


def fifo(path: Path, _outside: Path) -> None:
    os.mkfifo(path)


def folder(path: Path, _outside: Path) -> None:
    path.mkdir()
    (path / "something").touch()


def file(path: Path, _outside: Path) -> None:
    path.write_bytes(b"another's")


PLANTS = (link, dangling, hard, fifo, folder, file)


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("ending", ["", ".manifest"])
def test_what_sits_on_the_name_of_a_file_is_left_alone_and_another_name_is_taken(
    station: Station, outside: Path, plant: Callable[[Path, Path], None], ending: str
) -> None:
    station.send(10)
    path = expected(station, ending)
    plant(path, outside)
    before = path.lstat()
    station.send(10)
    assert untouched(outside)
    assert path.lstat() == before
    assert expected(station, "").name not in os.listdir(station.drop)
    assert {one.kind for one in station.judged().findings} <= {"foreign", "corrupted"}
    shutil.rmtree(path) if path.is_dir() and not path.is_symlink() else path.unlink()
    assert station.judged().ok
    assert station.seqs() == [entry.seq for entry in station.sent]


@pytest.mark.parametrize("plant", PLANTS, ids=lambda plant: plant.__name__)
@pytest.mark.parametrize("ending", ["keys", "heartbeat"])
def test_what_sits_on_the_name_of_a_file_that_changes_is_replaced_or_passed_by(
    station: Station, outside: Path, plant: Callable[[Path, Path], None], ending: str
) -> None:
    station.send(10)
    station.quiet()
    (path,) = station.drop.glob(f"*.{ending}")
    path.unlink()
    plant(path, outside)
    station.deliver(station.chain.restart())
    station.send(9)
    station.quiet()
    assert untouched(outside)
    if path.is_dir():
        shutil.rmtree(path)
    assert station.judged().ok


def test_a_swapped_directory_gets_nothing_until_it_is_opened_as_one(
    station: Station, outside: Path
) -> None:
    station.send(13)
    moved = station.drop.rename(station.folder / "moved")
    station.drop.symlink_to(outside)
    with pytest.raises(SinkAway, match="another directory"):
        station.send(10)
    with pytest.raises(SinkAway):
        station.sink.open()
    assert untouched(outside)
    station.drop.unlink()
    moved.rename(station.drop)
    station.sink.open()
    station.sink.deliver(parcels(station.sent, station.codec))
    station.sink.close()
    assert station.judged().ok
    assert station.seqs() == [entry.seq for entry in station.sent]


def test_a_directory_exchanged_again_and_again_never_leads_outside(
    station: Station, outside: Path
) -> None:
    decoy, moved = station.folder / "decoy", station.folder / "moved"
    decoy.symlink_to(outside)
    child = os.fork()
    if child == 0:
        while True:
            try:
                os.rename(station.drop, moved)
                os.rename(decoy, station.drop)
                os.rename(station.drop, decoy)
                os.rename(moved, station.drop)
            except BaseException:  # noqa: BLE001 - a forked child must never go on into pytest
                os._exit(1)
    try:
        away, again = 0, False
        for _ in range(300):
            try:
                if again:
                    station.sink.deliver(parcels(station.sent, station.codec))
                again = False
                station.send(2)
            except SinkAway:
                away, again = away + 1, True
                reopened(station)
    finally:
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)
    assert untouched(outside)
    for odd in (decoy, station.drop):
        if odd.is_symlink():
            odd.unlink()
    if moved.exists():
        moved.rename(station.drop)
    station.sink.open()
    station.sink.deliver(parcels(station.sent, station.codec))
    station.sink.close()
    assert away
    assert station.seqs() == [entry.seq for entry in station.sent]
    assert station.judged().ok


def reopened(station: Station) -> None:
    for _ in range(10_000):
        try:
            station.sink.open()
        except SinkAway:
            continue
        return
    raise AssertionError("never opened again")


def test_deleted_and_cut_segments_do_not_stop_the_drop_and_are_found(station: Station) -> None:
    station.send(40)
    one, two, *_ = station.segments()
    one.unlink()
    os.truncate(two, 3)
    station.send(10)
    station.sink.close()
    drop = station.judged()
    assert [finding.kind for finding in drop.findings] == ["missing", "cut"]
    assert drop.first_bad == 3


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount a small file system")
def test_a_full_disk_is_away_and_all_comes_when_there_is_room(tmp_path: Path) -> None:
    (tmp_path / "drop").mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(tmp_path / "drop")]
    subprocess.run(mount, check=True)
    try:
        station = Station(tmp_path, LIMITS, pad=3000)
        station.sink._mounted = True
        with pytest.raises(SinkAway, match="No space left"):
            for _ in range(20):
                station.send(10)
        assert not [name for name in os.listdir(station.drop) if name.endswith(".part")]
        full = station.segments()
        assert station.judged().ok
        for segment in full[:3]:  # somebody took them over and made room
            shutil.move(segment, tmp_path)
        station.sink.open()
        for at in range(0, len(station.sent), 10):
            station.sink.deliver(parcels(station.sent[at : at + 10], station.codec))
        station.sink.close()
        for segment in full[:3]:
            shutil.move(tmp_path / segment.name, tmp_path / "back")
            (tmp_path / "back").rename(tmp_path / segment.name)
        assert station.seqs() == [e.seq for e in station.sent if e.seq >= 33]
        assert {one.kind for one in station.judged().findings} == {"missing"}
    finally:
        subprocess.run(["umount", tmp_path / "drop"], check=True)


@pytest.mark.parametrize("point", POINTS)
def test_a_forwarder_killed_at_any_point_loses_nothing_and_writes_nothing_twice(
    tmp_path: Path, point: str
) -> None:
    dice = random.Random(point)
    for life in range(5):
        limits = Limits(segment_count=10, cap_bytes=60_000 if "deleted" in point else 1 << 30)
        station = Station(tmp_path / f"{life}", limits, pad=700)
        station.send(25)
        while station.sink.lost == 0 and "deleted" in point:
            station.send(10)
        sums = {one: hashlib.sha256(one.read_bytes()).digest() for one in station.segments()}
        entries = station.chain.grow(35)
        station.sent += entries
        assert killed_at(
            point, dice.randrange(1, 4 if "heartbeat" not in point else 2), station, entries
        )
        station.sink = station.opened()
        station.sink.deliver(parcels(station.sent, station.codec))
        station.sink.close()
        seqs = station.seqs()
        assert seqs == [entry.seq for entry in station.sent if entry.seq >= seqs[0]]
        assert seqs[0] - 3 == station.sink.lost
        assert station.judged().findings == []
        for one in station.segments():
            assert sums.get(one) in {None, hashlib.sha256(one.read_bytes()).digest()}
        assert not [name for name in os.listdir(station.drop) if name.endswith(".part")]


def test_the_verdict_on_damaged_drops_is_right_and_clean_ones_are_clean() -> None:
    assert run("drops", "small")["broken"] == []
