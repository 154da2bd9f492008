"""Real trees, walked into a real lane; what the engine would conclude is computed here."""

from __future__ import annotations

import ctypes
import itertools
import os
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as some

from sentinair.ipc.frames import FrameReader
from sentinair.ipc.lane import Lane
from sentinair.ipc.messages import Batch, decode_from_sender
from sentinair.kernel import directory
from sentinair.model.event import Listing, Scanned
from sentinair.monitors import names, rescan
from sentinair.monitors.names import before
from sentinair.monitors.rescan import Request, Rescanner
from sentinair.monitors.watch import Watch


class Clock:
    def wall_ns(self) -> int:
        return time.time_ns()

    def mono_ns(self) -> int:
        return time.monotonic_ns()


class Walker:
    """A rescanner with its lane, and what it has said so far."""

    def __init__(
        self, *watch: Path | bytes, ignore: tuple[bytes, ...] = (), limit: int = 64 << 20
    ) -> None:
        self.lane = Lane("bulk", limit, drops=True)
        self.faults: list[Exception] = []
        self.watch = Watch([os.fsencode(path) for path in watch], ignore)
        self.asked: list[bytes] = []
        self.rescanner = Rescanner(
            self.watch.directory,
            self.watch.roots,
            self.lane,
            Clock(),
            may_enter=self._may_enter,
            on_fault=self.faults.append,
        )
        self.said: list[Listing | Scanned] = []
        self._frames = FrameReader()

    def _may_enter(self, path: bytes, device: int) -> bool:
        self.asked.append(path)
        return False

    def collect(self) -> None:
        last = 0
        while (data := self.lane.next_frame()) is not None:
            for body in self._frames.feed(data):
                batch = decode_from_sender(body)
                assert isinstance(batch, Batch)
                last = batch.first_seq + len(batch.events) - 1
                for event in batch.events:
                    assert isinstance(event, Listing | Scanned)
                    self.said.append(event)
        self.lane.committed(last)

    def until(self, count: int = 1, secs: float = 10.0) -> Scanned:
        """Collect until so many walks have ended; returns the last one's end."""
        deadline = time.monotonic() + secs
        while time.monotonic() < deadline and not self.faults:
            self.collect()
            ends = [event for event in self.said if isinstance(event, Scanned)]
            if len(ends) >= count:
                return ends[-1]
            time.sleep(0.002)
        raise AssertionError(f"no end: {self.faults}")

    def walk(self, *roots: Path) -> Scanned:
        self.rescanner.request(Request("asked", tuple(os.fsencode(root) for root in roots)))
        return self.until(1 + sum(isinstance(event, Scanned) for event in self.said))

    def listings(self) -> list[Listing]:
        return [event for event in self.said if isinstance(event, Listing)]

    def paths(self) -> set[bytes]:
        return {os.path.join(one.directory, name) for one in self.listings() for name in one.names}


@contextmanager
def walker(
    *watch: Path | bytes, ignore: tuple[bytes, ...] = (), limit: int = 64 << 20
) -> Iterator[Walker]:
    made = Walker(*watch, ignore=ignore, limit=limit)
    made.rescanner.start()
    try:
        yield made
    finally:
        assert made.rescanner.stop(5)


def grown(root: Path) -> set[bytes]:
    """All that lies in root, and root itself, as find(1) would print it."""
    found = {os.fsencode(root)}
    for path, inside, files in os.walk(os.fsencode(root)):
        found |= {os.path.join(path, name) for name in (*inside, *files)}
    return found


def test_a_walk_names_all_that_is_there_and_its_state(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    (tmp_path / "a" / "b" / "file").write_bytes(b"12345")
    (tmp_path / "link").symlink_to("a")
    os.mkfifo(tmp_path / "fifo")
    (tmp_path / os.fsdecode(b"\xff\xfe")).mkdir()
    with walker(tmp_path) as made:
        end = made.walk()
    assert made.paths() == grown(tmp_path)
    (inner,) = [one for one in made.listings() if one.directory.endswith(b"/b")]
    found = (tmp_path / "a" / "b" / "file").lstat()
    (state,) = inner.states
    assert (state.mode, state.uid, state.gid) == (found.st_mode, found.st_uid, found.st_gid)
    assert (state.size, state.inode, state.device) == (5, found.st_ino, found.st_dev)
    assert (state.mtime_ns, state.ctime_ns) == (found.st_mtime_ns, found.st_ctime_ns)
    assert (end.scope, end.reason, end.roots) == ("files", "asked", (os.fsencode(tmp_path),))
    assert (end.directories, end.unreadable) == (4, ())
    assert end.entries == len(grown(tmp_path))


def test_names_are_in_byte_order(tmp_path: Path) -> None:
    for name in ("b", "B", "ä", "a.b", "a", "Z"):
        (tmp_path / name).touch()
    with walker(tmp_path) as made:
        made.walk()
    for one in made.listings():
        assert list(one.names) == sorted(one.names)


def test_a_large_directory_comes_in_parts_that_cover_it_whole(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MAX_NAMES", 7)
    for number in range(50):
        (tmp_path / f"{number:03}").touch()
    with walker(tmp_path) as made:
        made.walk()
    parts = [one for one in made.listings() if one.directory == os.fsencode(tmp_path)]
    assert len(parts) == 8
    assert (parts[0].after, parts[-1].upto) == (None, None)
    for part, following in itertools.pairwise(parts):
        assert part.upto == following.after == part.names[-1]
    assert [name for part in parts for name in part.names] == sorted(
        os.listdir(os.fsencode(tmp_path))
    )


def test_a_name_made_between_two_parts_is_in_the_later_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(names, "MAX_NAMES", 5)
    for number in range(10):
        (tmp_path / f"{number:03}").touch()
    made = Walker(tmp_path)
    pauses = 0

    def meddle(_: float) -> bool:
        nonlocal pauses
        pauses += 1
        (tmp_path / f"008-{pauses}").touch()
        return True

    monkeypatch.setattr(made.lane, "wait_for_room", meddle)
    made.rescanner._answer(Request("asked"))
    made.collect()
    listed = {name for one in made.listings() for name in one.names}
    assert b"008-1" in listed
    assert b"008-2" in listed


def test_a_root_that_is_a_file_is_listed_alone(tmp_path: Path) -> None:
    (tmp_path / "other").touch()
    root = tmp_path / "one"
    root.touch()
    with walker(root) as made:
        end = made.walk()
    listed = [one for one in made.listings() if not one.absent]
    assert [one.names for one in listed] == [(b"one",)]
    (one,) = listed
    assert one.after is not None
    assert one.after < b"one" == one.upto
    assert end.unreadable == ()


def test_a_root_that_is_gone_is_said_to_be_absent(tmp_path: Path) -> None:
    root = tmp_path / "gone" / "deeper"
    with walker(root) as made:
        end = made.walk()
    assert [(one.directory, one.absent) for one in made.listings()] == [(os.fsencode(root), True)]
    assert end.unreadable == ()


def test_links_are_not_followed(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "secret").touch()
    root = tmp_path / "root"
    root.mkdir()
    (root / "link").symlink_to(outside)
    with walker(root) as made:
        made.walk()
    assert b"secret" not in {name for one in made.listings() for name in one.names}


def test_what_is_ignored_is_not_listed(tmp_path: Path) -> None:
    for name in ("kept", "left"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "file").touch()
    with walker(tmp_path, ignore=(os.fsencode(tmp_path / "left"),)) as made:
        made.walk()
    inside = {one.directory for one in made.listings()}
    assert os.fsencode(tmp_path / "kept") in inside
    assert os.fsencode(tmp_path / "left") not in inside
    assert os.fsencode(tmp_path / "left") not in made.paths()


def test_a_glob_finds_what_it_names_and_nothing_beside_it(tmp_path: Path) -> None:
    for user in ("ann", "bob"):
        (tmp_path / user / ".ssh").mkdir(parents=True)
        (tmp_path / user / ".ssh" / "key").touch()
        (tmp_path / user / "diary").touch()
    with walker(os.fsencode(tmp_path) + b"/*/.ssh") as made:
        made.walk()
    found = {path.removeprefix(os.fsencode(tmp_path)) for path in made.paths()}
    assert found == {b"/ann/.ssh", b"/ann/.ssh/key", b"/bob/.ssh", b"/bob/.ssh/key"}


@pytest.mark.skipif(os.geteuid() != 0, reason="needs root to mount")
def test_another_mount_is_asked_for_and_a_dead_server_does_not_hang_the_walk(
    tmp_path: Path,
) -> None:
    point = tmp_path / "fuse"
    point.mkdir()
    (tmp_path / "zz").touch()
    device = os.open("/dev/fuse", os.O_RDWR)
    libc = ctypes.CDLL(None)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    try:
        if libc.mount(b"none", os.fsencode(point), b"fuse", 6, options):
            pytest.skip("FUSE cannot be mounted here")
        with walker(tmp_path) as made:
            end = made.walk()
            assert made.asked == [os.fsencode(point)]
            assert os.fsencode(tmp_path / "zz") in made.paths()
            assert end.unreadable == ()
            assert made.walk(point / "below").unreadable == (os.fsencode(point / "below"),)
    finally:
        os.close(device)
        libc.umount2(os.fsencode(point), 2)


@pytest.mark.skipif(os.geteuid() == 0, reason="root reads everything")
def test_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0)
    with walker(tmp_path) as made:
        assert made.walk().unreadable == (os.fsencode(closed),)
    closed.chmod(0o700)


def test_a_directory_that_cannot_be_read_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "bad").mkdir()
    (tmp_path / "good").mkdir()
    known = directory.names

    def fails(at: int) -> list[bytes]:
        if os.readlink(f"/proc/self/fd/{at}").endswith("/bad"):
            raise OSError(5, "Input/output error")
        return known(at)

    monkeypatch.setattr(directory, "names", fails)
    with walker(tmp_path) as made:
        end = made.walk()
    assert end.unreadable == (os.fsencode(tmp_path / "bad"),)
    assert os.fsencode(tmp_path / "bad") not in {one.directory for one in made.listings()}


def test_a_tree_too_deep_is_named_and_ends(tmp_path: Path) -> None:
    deep = tmp_path
    for _ in range(rescan.MAX_DEPTH + 5):
        deep = deep / "d"
    os.makedirs(deep)
    with walker(tmp_path) as made:
        (path,) = made.walk().unreadable
    assert path.count(b"/d") >= rescan.MAX_DEPTH


def test_wishes_that_wait_become_one() -> None:
    asked = Request("asked", (b"/b",), (b"1",))
    both = asked.merged(Request("gap", (b"/a", b"/b"), (b"2", b"1")))
    assert both == Request("gap", (b"/a", b"/b"), (b"1", b"2"))
    assert both.merged(Request("start")) == Request("start", (), (b"1", b"2"))
    many = Request("asked", tuple(b"/%d" % number for number in range(rescan.MAX_ROOTS + 1)))
    assert asked.merged(many).roots == ()


def test_the_end_names_all_gaps_of_merged_wishes(tmp_path: Path) -> None:
    made = Walker(tmp_path)
    made.rescanner.request(Request("gap", gaps=(b"1",)))
    made.rescanner.request(Request("gap", gaps=(b"2",)))
    made.rescanner.start()
    assert made.until().gaps == (b"1", b"2")
    assert made.rescanner.stop(5)


def test_a_directory_that_moved_in_is_listed_amid_a_walk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for number in range(30):
        (tmp_path / "walked" / str(number)).mkdir(parents=True)
    (tmp_path / "moved" / "in").mkdir(parents=True)
    made = Walker(tmp_path / "walked", tmp_path / "moved")
    rescanner = made.rescanner
    room = made.lane.wait_for_room
    pauses = itertools.count()

    def entering(secs: float) -> bool:
        if next(pauses) == 2:
            rescanner.entered(os.fsencode(tmp_path / "moved"))
        return room(secs)

    monkeypatch.setattr(made.lane, "wait_for_room", entering)
    rescanner._answer(Request("asked", (os.fsencode(tmp_path / "walked"),)))
    made.collect()
    order = [one.directory for one in made.listings()]
    assert order.index(os.fsencode(tmp_path / "moved")) < order.index(
        os.fsencode(tmp_path / "walked" / "29")
    )
    assert sum(isinstance(event, Scanned) for event in made.said) == 1


def test_more_that_moved_in_than_can_wait_becomes_a_walk_over_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rescan, "MAX_ENTERED", 2)
    made = Walker(tmp_path)
    for _ in range(3):
        made.rescanner.entered(os.fsencode(tmp_path))
    made.rescanner.start()
    assert made.until().reason == "gap"
    assert made.rescanner.stop(5)


def test_a_full_lane_stops_the_walk_until_there_is_room(tmp_path: Path) -> None:
    for number in range(40):
        (tmp_path / f"{number:02}").mkdir()
        for name in range(20):
            (tmp_path / f"{number:02}" / str(name)).touch()
    with walker(tmp_path, limit=8192) as made:
        made.rescanner.request(Request("asked"))
        time.sleep(0.2)
        assert made.lane.held_bytes <= 8192
        assert made.lane.dropped == 0
        made.until()
        assert made.lane.dropped == 0
    assert made.paths() == grown(tmp_path)


def test_stop_ends_a_walk_that_waits_for_room(tmp_path: Path) -> None:
    for number in range(100):
        (tmp_path / f"{number:02}").mkdir()
    made = Walker(tmp_path, limit=2048)
    made.rescanner.start()
    made.rescanner.request(Request("asked"))
    time.sleep(0.1)
    assert made.rescanner.running
    assert made.rescanner.stop(5)
    assert made.rescanner._thread not in threading.enumerate()


def test_a_dead_walker_is_heard_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    made = Walker(tmp_path)

    def broken(_: Request) -> None:
        raise ValueError("broken")

    monkeypatch.setattr(made.rescanner, "_answer", broken)
    made.rescanner.start()
    made.rescanner.request(Request("asked"))
    made.rescanner._thread.join(5)
    assert [str(fault) for fault in made.faults] == ["broken"]


def test_walking_while_the_tree_changes_ends_without_a_fault(tmp_path: Path) -> None:
    stop = threading.Event()

    def churn() -> None:
        while not stop.is_set():
            for number in range(20):
                (tmp_path / f"{number}" / "x").mkdir(parents=True, exist_ok=True)
                (tmp_path / f"{number}" / "f").touch()
            for number in range(20):
                (tmp_path / f"{number}" / "f").unlink()
                (tmp_path / f"{number}" / "x").rmdir()
                (tmp_path / f"{number}").rmdir()

    thread = threading.Thread(target=churn)
    thread.start()
    try:
        with walker(tmp_path) as made:
            for _ in range(30):
                made.walk()
    finally:
        stop.set()
        thread.join()
    assert made.faults == []
    assert all(end.unreadable == () for end in made.said if isinstance(end, Scanned))


def test_no_descriptor_is_left_open(tmp_path: Path) -> None:
    (tmp_path / "a" / "b").mkdir(parents=True)
    count = len(os.listdir("/proc/self/fd"))
    with walker(tmp_path) as made:
        made.walk()
        made.walk(tmp_path / "absent")
    assert len(os.listdir("/proc/self/fd")) == count


@given(
    some.binary(min_size=1, max_size=255).filter(lambda name: b"\0" not in name),
    some.binary(min_size=1, max_size=255).filter(lambda name: b"\0" not in name),
)
def test_a_bound_stands_between_a_name_and_all_lesser_ones(name: bytes, other: bytes) -> None:
    assert before(name) < name
    assert (other <= before(name)) == (other < name)


def test_states_of_all_kinds_have_their_type(tmp_path: Path) -> None:
    (tmp_path / "dir").mkdir()
    os.mkfifo(tmp_path / "fifo")
    with walker(tmp_path) as made:
        made.walk()
    modes = {
        name: state.mode
        for one in made.listings()
        for name, state in zip(one.names, one.states, strict=True)
    }
    assert stat.S_ISDIR(modes[b"dir"])
    assert stat.S_ISFIFO(modes[b"fifo"])
