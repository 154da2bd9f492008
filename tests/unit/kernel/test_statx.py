"""statx(2) on real files, some with dates that only a liar gives."""

from __future__ import annotations

import os
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest

from sentinair.kernel.statx import held, identity, state
from sentinair.model.event import FileState
from sentinair.monitors.file import state_of

FAR = (9_223_372_036_854_775_807, 99_999_999_999, -99_999_999_999)  # seconds
LAST = (1 << 63) - 1


@pytest.fixture
def shared() -> Iterator[Path]:
    """A directory on tmpfs, which keeps every date; disks cut them to what they can hold."""
    if not os.path.ismount("/dev/shm"):
        pytest.skip("there is no tmpfs at /dev/shm")
    with tempfile.TemporaryDirectory(dir="/dev/shm") as made:
        yield Path(made)


def test_a_state_is_what_lstat_says(tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to("nowhere")
    at = os.open(tmp_path, os.O_PATH)
    try:
        assert state(at, b"link") == state_of(os.fsencode(tmp_path / "link"))[0]
        assert state(at, b"none") is None
        assert identity(at, b"link") is None
    finally:
        os.close(at)


@pytest.mark.parametrize("secs", FAR)
def test_a_file_dated_beyond_64_bits_of_nanoseconds_can_still_be_sent(
    shared: Path, secs: int
) -> None:
    path = shared / "dated"
    path.touch()
    subprocess.run(["touch", "-d", f"@{secs}", path], check=True)
    at = os.open(shared, os.O_PATH)
    try:
        for found in (state(at, b"dated"), state_of(os.fsencode(path))[0]):
            assert found is not None
            assert found.mtime_ns == (LAST if secs > 0 else -LAST)
            raw = msgspec.msgpack.encode(found)
            assert msgspec.msgpack.decode(raw, type=FileState) == found
    finally:
        os.close(at)


def test_what_64_bits_hold_is_left_alone() -> None:
    assert [held(n) for n in (0, -5, LAST, -LAST)] == [0, -5, LAST, -LAST]
