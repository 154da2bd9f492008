"""File systems that come and go while the sensor runs."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

from sentinair.errors import StorageFault
from sentinair.model.event import CREATE, DELETE, RENAME, WRITE, Listing
from tests.harness.own_mounts import SilentFuse
from tests.integration.sensor.conftest import Rig

pytestmark = pytest.mark.usefixtures("as_root")


@contextmanager
def mounted(point: Path, *words: str) -> Iterator[None]:
    subprocess.run(["mount", *words, str(point)], check=True)
    try:
        yield
    finally:
        subprocess.run(["umount", "-l", str(point)], check=False)


@contextmanager
def unanswered_fuse(point: Path) -> Iterator[None]:
    """Whoever touches it hangs."""
    with ExitStack() as stack:
        try:
            stack.enter_context(SilentFuse(point))
        except (OSError, StorageFault) as fault:
            pytest.skip(f"no FUSE here: {fault}")
        yield


def test_a_file_system_mounted_below_the_watch_is_watched_at_once_and_listed(
    rig: Rig, tmp_path: Path
) -> None:
    point, elsewhere = rig.watched / "disk", tmp_path / "elsewhere"
    point.mkdir()
    elsewhere.mkdir()
    engine = rig.start()
    with mounted(elsewhere, "-t", "tmpfs", "none"):
        (elsewhere / "before").touch()
        with mounted(point, "--bind", str(elsewhere)):
            wanted = os.fsencode(point)

            def listed() -> set[bytes]:
                found = [e for e in engine.events if isinstance(e, Listing)]
                return {name for e in found if e.directory == wanted for name in e.names}

            engine.until(lambda: b"before" in listed())
            (point / "after").touch()
            engine.until(lambda: bool(engine.of(point / "after")))
            (elsewhere / "beside").touch()  # through another mount: the mark is on the file system
            engine.until(lambda: bool(engine.of(point / "beside")))
        engine.until(lambda: b"before" not in _last_names(engine.events, wanted))
        assert _last_names(engine.events, wanted) == ()


def _last_names(events: Sequence[object], directory: bytes) -> tuple[bytes, ...]:
    found = [e for e in events if isinstance(e, Listing) and e.directory == directory]
    return found[-1].names if found else ()


def test_a_mount_that_never_answers_is_not_touched_and_said(rig: Rig) -> None:
    point = rig.watched / "silent"
    point.mkdir()
    engine = rig.start()
    with unanswered_fuse(point):
        engine.until(lambda: bool(engine.gaps))
        assert engine.gaps[0].reason == "mark_failed"
        (rig.watched / "f").touch()
        engine.until(lambda: bool(engine.of(rig.watched / "f")))
        engine.until(lambda: any(engine.gaps[0].gap_id in scan.gaps for scan in engine.scans))
    status, log = rig.stop()
    assert status == 0
    assert "silent" in log


@contextmanager
def subvolume(point: Path, folder: Path) -> Iterator[None]:
    """A Btrfs subvolume: the kernel refuses to mark it by name (EXDEV)."""
    if shutil.which("mkfs.btrfs") is None:
        pytest.skip("no mkfs.btrfs here: install btrfs-progs")
    image, top = folder / "image", folder / "top"
    top.mkdir()
    with image.open("wb") as file:
        file.truncate(256 << 20)
    subprocess.run(["mkfs.btrfs", "-q", str(image)], check=True)
    try:
        with mounted(top, "-o", "loop", str(image)):
            subprocess.run(["btrfs", "-q", "subvolume", "create", str(top / "sub")], check=True)
            (top / "sub" / "before").touch()
            device = subprocess.run(
                ["findmnt", "-no", "SOURCE", str(top)], check=True, capture_output=True, text=True
            ).stdout.strip()
            source = device.split("[")[0]
            with mounted(point, "-o", "subvol=sub", source):
                yield
    except subprocess.CalledProcessError as fault:
        pytest.skip(f"Btrfs cannot be mounted here: {fault}")


def test_a_file_system_that_refuses_marks_by_name_is_watched_with_the_writers(
    rig: Rig, tmp_path: Path
) -> None:
    point = rig.watched / "disk"
    point.mkdir()
    engine = rig.start()
    with subvolume(point, tmp_path):
        engine.until(lambda: b"before" in _last_names(engine.events, os.fsencode(point)))
        (point / "below").mkdir()
        made = point / "below" / "made"
        engine.until(lambda: bool(engine.of(point / "below")))
        time.sleep(0.2)  # the new directory is watched when its record is read
        with made.open("w") as file:
            file.write("x")
        engine.until(lambda: {WRITE, CREATE} <= _actions(rig, made))
        written = [event for event in engine.of(made) if event.actions & WRITE]
        assert [event.pid for event in written] == [os.getpid()]
        made.rename(point / "moved")
        engine.until(lambda: RENAME in _actions(rig, point / "moved"))
        moved = engine.of(point / "moved")[-1]
        assert (moved.old_path, moved.pid) == (os.fsencode(made), None)
        (point / "moved").unlink()
        engine.until(lambda: DELETE in _actions(rig, point / "moved"))
        assert not engine.gaps
        engine.until(lambda: any("inotify" in note for note in _notes(rig)), 12)  # each 10 s
    status, log = rig.stop()
    assert status == 0, log


def _notes(rig: Rig) -> list[str]:
    return [note for health in rig.engine.healths for note in health.notes.values()]


def _actions(rig: Rig, path: Path) -> set[int]:
    seen = 0
    for event in rig.engine.of(path):
        seen |= event.actions
    return {action for action in (CREATE, WRITE, RENAME, DELETE) if seen & action}


def test_a_disk_can_be_unmounted_while_it_is_watched(rig: Rig) -> None:
    point = rig.watched / "disk"
    point.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "none", str(point)], check=True)
    try:
        engine = rig.start()
        (point / "f").touch()
        engine.until(lambda: bool(engine.of(point / "f")))
    finally:
        assert subprocess.run(["umount", str(point)], check=False).returncode == 0
