"""A rename that never replaces, by either way."""

from __future__ import annotations

import ctypes
import errno
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinair.kernel import rename
from sentinair.kernel.rename import rename_new


class WithoutFlags:
    """A C library on a file system that knows no flags of renameat2(2)."""

    def renameat2(self, *_: object) -> int:
        ctypes.set_errno(errno.EINVAL)
        return -1


@pytest.fixture(params=["by renameat2", "by link and unlink"])
def at(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[int]:
    """A descriptor of tmp_path, in which `old` lies."""
    (tmp_path / "old").write_bytes(b"old")
    descriptor = os.open(tmp_path, os.O_RDONLY | os.O_DIRECTORY)
    with pytest.MonkeyPatch.context() as patch:
        if request.param != "by renameat2":
            patch.setattr(rename, "_libc", WithoutFlags())
        yield descriptor
    os.close(descriptor)


def test_a_free_name_is_taken(at: int, tmp_path: Path) -> None:
    rename_new(at, "old", "new")
    assert os.listdir(tmp_path) == ["new"]
    assert (tmp_path / "new").read_bytes() == b"old"


@pytest.mark.parametrize("kind", ["file", "link", "dangling link", "folder", "fifo"])
def test_a_name_that_anything_has_is_left_alone(at: int, tmp_path: Path, kind: str) -> None:
    new = tmp_path / "new"
    if kind == "file":
        new.write_bytes(b"other")
    elif kind == "folder":
        new.mkdir()
    elif kind == "fifo":
        os.mkfifo(new)
    else:
        new.symlink_to(tmp_path / ("old" if kind == "link" else "none"))
    before = new.lstat()
    with pytest.raises(FileExistsError):
        rename_new(at, "old", "new")
    assert new.lstat() == before
    assert (tmp_path / "old").read_bytes() == b"old"
    assert not (tmp_path / "none").exists()


def test_what_is_not_there_is_not_renamed(at: int) -> None:
    with pytest.raises(FileNotFoundError):
        rename_new(at, "none", "new")
