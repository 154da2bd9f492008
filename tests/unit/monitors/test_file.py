"""Changes to events, and who did it."""

from __future__ import annotations

import os
import subprocess
from pathlib import Path

from sentinair.kernel import procfs
from sentinair.kernel.records import Change, Sweep
from sentinair.model.event import OPEN
from sentinair.model.process import Process
from sentinair.monitors.file import FileMonitor, Writers, state_of
from sentinair.monitors.watch import CRITICAL, HASHED, WATCHED

_ME = os.getpid()
_WRITE, _OPEN = 0x8, 0x20


def sweep(*changes: Change, gone: tuple[int, ...] = ()) -> Sweep:
    return Sweep(list(changes), [], set(gone), {change.pid for change in changes} - set(gone))


def test_the_state_is_what_lstat_says_and_absence_is_not_ignorance(tmp_path: Path) -> None:
    path = tmp_path / "link"
    path.symlink_to("nowhere")
    state, absent = state_of(os.fsencode(path))
    assert state is not None
    assert state.inode == path.lstat().st_ino
    assert not absent
    assert state_of(os.fsencode(tmp_path / "none")) == (None, True)
    assert state_of(os.fsencode(path / "below")) == (None, True)
    assert state_of(b"/" + b"x" * 300) == (None, False)


def test_only_changed_content_of_regular_files_is_hashed(tmp_path: Path) -> None:
    file = os.fsencode(tmp_path / "f")
    Path(os.fsdecode(file)).touch()
    monitor = FileMonitor(b"/state")
    changes = [
        Change(_WRITE, _ME, file, WATCHED | HASHED),
        Change(0x4, _ME, file, WATCHED | HASHED),
        Change(_WRITE, _ME, os.fsencode(tmp_path), WATCHED | HASHED),
        Change(_WRITE, _ME, file, WATCHED),
    ]
    taken = monitor.take(sweep(*changes), 1, 2)
    assert [made.hash_wanted for made in taken.bulk] == [True, False, False, False]


def test_own_writes_are_dropped_only_under_the_state_directory() -> None:
    monitor = FileMonitor(b"/state")
    monitor.own = frozenset({(_ME, procfs.start(_ME) or 0)})
    changes = [
        Change(_WRITE, _ME, b"/state/db", WATCHED | CRITICAL),
        Change(_WRITE, _ME, b"/state", WATCHED | CRITICAL),
        Change(_WRITE, _ME, b"/statement", WATCHED | CRITICAL),
        Change(_WRITE, 1, b"/state/db", WATCHED | CRITICAL),
    ]
    taken = monitor.take(sweep(*changes), 1, 2)
    assert [(made.path, made.pid) for made in taken.vital] == [
        (b"/statement", _ME),
        (b"/state/db", 1),
    ]
    assert monitor.own_dropped == 2


def test_our_own_opening_of_a_file_watched_for_reading_is_not_told() -> None:
    taken = FileMonitor(b"/state").take(sweep(Change(_OPEN, _ME, b"/etc/shadow", WATCHED)), 1, 2)
    assert taken.bulk == []
    other = FileMonitor(b"/state").take(sweep(Change(_OPEN, 1, b"/etc/shadow", WATCHED)), 1, 2)
    assert [made.actions for made in other.bulk] == [OPEN]


def test_a_barred_mount_point_is_not_looked_at(tmp_path: Path) -> None:
    point = os.fsencode(tmp_path)
    monitor = FileMonitor(b"/state", barred=lambda: frozenset({point}))
    (made,) = monitor.take(sweep(Change(_WRITE, _ME, point, WATCHED)), 1, 2).bulk
    assert made.state is None
    assert not made.absent


def test_a_process_in_no_namespace_of_ours_has_no_number() -> None:
    (made,) = FileMonitor(b"/state").take(sweep(Change(_WRITE, 0, b"/x", WATCHED)), 1, 2).bulk
    assert (made.pid, made.start) == (None, None)


def test_a_writer_that_ended_is_still_named_if_it_was_seen_a_moment_ago() -> None:
    with subprocess.Popen(["/bin/sleep", "5"]) as child:
        writers = Writers()
        seen = writers.who(child.pid, gone=False, now_secs=10.0)
        child.kill()
        child.wait()
        assert seen is not None
        assert seen.exe is not None
        assert writers.who(child.pid, gone=True, now_secs=11.0) == seen
        assert writers.who(child.pid, gone=False, now_secs=11.0) == seen
        assert writers.who(child.pid, gone=True, now_secs=20.0) is None


def test_a_writer_never_seen_that_ended_is_unknown() -> None:
    assert Writers().who(4_000_000, gone=True, now_secs=1.0) is None
    assert Writers().who(4_000_000, gone=False, now_secs=1.0) is None


def test_a_process_that_runs_another_program_is_looked_at_again() -> None:
    looks: list[int] = []

    def look(pid: int) -> Process | None:
        looks.append(pid)
        return procfs.look(pid)

    with subprocess.Popen(
        ["/bin/sh", "-c", "read x; exec sleep 5"], stdin=subprocess.PIPE
    ) as child:
        writers = Writers(look)
        before = writers.who(child.pid, gone=False, now_secs=1.0)
        again = writers.who(child.pid, gone=False, now_secs=1.5)
        assert before is again
        assert child.stdin is not None
        child.stdin.write(b"\n")
        child.stdin.flush()
        for _ in range(200):
            after = writers.who(child.pid, gone=False, now_secs=1.6)
            if after is not None and after != before:
                break
            os.sched_yield()
            subprocess.run(["/bin/true"], check=True)
        child.kill()
        assert before is not None
        assert after is not None
        assert after.exe != before.exe
        assert len(looks) >= 2
