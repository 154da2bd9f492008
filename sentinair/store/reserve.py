"""A file that is given up when the disk is full, so that one record can say so and upkeep can go on."""

from __future__ import annotations

import contextlib
import os
from pathlib import Path
from typing import Final

__all__ = ["NAME", "Reserve"]

NAME: Final = "reserve"


class Reserve:
    """`size_bytes` of real blocks on the ledger's disk."""

    def __init__(self, state: Path, size_bytes: int) -> None:
        self._path = state / NAME
        self._size = size_bytes

    @property
    def held(self) -> bool:
        with contextlib.suppress(OSError):
            status = self._path.lstat()
            return status.st_blocks * 512 >= self._size  # st_blocks counts 512 bytes, stat(2)
        return False

    def make(self) -> bool:
        """Take the blocks unless held; False if there is not twice as much room, so that it never fills the disk."""
        if self.held:
            return True
        with contextlib.suppress(OSError):
            space = os.statvfs(self._path.parent)
            if space.f_bavail * space.f_frsize < 2 * self._size:
                return False
            file = os.open(
                self._path, os.O_WRONLY | os.O_CREAT | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600
            )
            try:
                os.posix_fallocate(file, 0, self._size)
                os.fsync(file)
            finally:
                os.close(file)
        return self.held

    def release(self) -> bool:
        """Give the blocks back; True if there were any."""
        held = self.held
        with contextlib.suppress(OSError):
            self._path.unlink(missing_ok=True)
        return held
