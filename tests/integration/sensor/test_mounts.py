"""File systems that come and go while the sensor runs."""

from __future__ import annotations

import ctypes
import os
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pytest

from sentinair.model.event import Listing
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
    """A FUSE mount whose server never answers: whoever touches it hangs."""
    try:
        server = os.open("/dev/fuse", os.O_RDWR)
    except OSError:
        pytest.skip("no /dev/fuse here")
    libc = ctypes.CDLL(None, use_errno=True)
    options = f"fd={server},rootmode=40000,user_id=0,group_id=0".encode()
    if libc.mount(b"silent", os.fsencode(point), b"fuse", 0, options):
        os.close(server)
        pytest.skip(f"FUSE cannot be mounted here: {os.strerror(ctypes.get_errno())}")
    try:
        yield
    finally:
        libc.umount2(os.fsencode(point), 2)  # MNT_DETACH
        os.close(server)


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
