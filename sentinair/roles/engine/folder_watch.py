"""Whether anything in a folder changed: a look costs a stat(2) a file, and nothing is held open."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

__all__ = ["EVERY_NS", "FolderWatch"]

EVERY_NS: Final = 5_000_000_000
SETTLE_NS: Final = 1_000_000_000
_MAX_DEPTH: Final = 8

Sight = tuple[tuple[str, int, int, int, int], ...]
"""Of each name below the folder: path, inode, bytes, times of last change of content and of owner or mode."""


class FolderWatch:
    """Says once that the folder is not what it was when seen() was called last, as soon as it holds still.

    It holds still if two looks SETTLE_NS apart saw the same: who copies ten files does not want ten answers.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._known = self._last = _sight(folder)
        self._next_ns = 0

    def seen(self) -> None:
        """What stands there now is known; call it before reading."""
        self._known = self._last = _sight(self._folder)

    def changed(self, mono_ns: int) -> bool:
        """Looks, if it is time to."""
        if mono_ns < self._next_ns:
            return False
        now = _sight(self._folder)
        still, self._last = now == self._last, now
        self._next_ns = mono_ns + (EVERY_NS if still else SETTLE_NS)
        return still and now != self._known


def _sight(folder: Path) -> Sight:
    found: list[tuple[str, int, int, int, int]] = []
    _look(os.fspath(folder), 0, found)
    return tuple(sorted(found))


def _look(folder: str, depth: int, found: list[tuple[str, int, int, int, int]]) -> None:
    try:
        with os.scandir(folder) as entries:
            for entry in entries:
                state = entry.stat(follow_symlinks=False)
                times = (state.st_mtime_ns, state.st_ctime_ns)
                found.append((entry.path, state.st_ino, state.st_size, *times))
                if depth < _MAX_DEPTH and entry.is_dir(follow_symlinks=False):
                    _look(entry.path, depth + 1, found)
    except OSError as fault:  # gone between two calls, or not ours to read: that is a sight, too
        found.append((folder, -(fault.errno or 1), 0, 0, 0))
