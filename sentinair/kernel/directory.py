"""Directories by descriptor: opened, named and looked at without following a link or asking a FUSE server.

A descriptor pins its directory: what is renamed, replaced or mounted over meanwhile does not lead astray.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Final

from sentinair.kernel.statx import state
from sentinair.model.event import FileState

__all__ = ["MayEnter", "OtherMountError", "entered", "names", "reached", "states", "subdirectories"]

MayEnter = Callable[[bytes, int], bool]
"""Whether the mount with this device (as st_dev) at this path may be walked."""

_FLAGS: Final = os.O_PATH | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC


class OtherMountError(Exception):
    """The directory lies on a mount that may not be entered."""


@contextmanager
def entered(at: int, path: bytes, name: bytes, may_enter: MayEnter) -> Iterator[int]:
    """A descriptor that pins the directory name in the directory at; path is its full name.

    Neither reads it nor asks a server.  Raises FileNotFoundError, NotADirectoryError (also for a link),
    OtherMountError, OSError.
    """
    below = _entered(at, path, name, may_enter)
    try:
        yield below
    finally:
        os.close(below)


@contextmanager
def reached(path: bytes, may_enter: MayEnter) -> Iterator[int]:
    """A descriptor that pins the directory path, reached step by step from the root.  Raises as entered()."""
    at = os.open(b"/", _FLAGS)
    try:
        here = b""
        for step in path.split(b"/"):
            if step:
                here += b"/" + step
                below = _entered(at, here, step, may_enter)
                os.close(at)
                at = below
        yield at
    finally:
        os.close(at)


def _entered(at: int, path: bytes, name: bytes, may_enter: MayEnter) -> int:
    below = os.open(name, _FLAGS, dir_fd=at)
    allowed = False
    try:
        here, there = state(at, b""), state(below, b"")
        same = here is None or there is None or here.device == there.device
        allowed = same or (there is not None and may_enter(path, there.device))
    finally:
        if not allowed:
            os.close(below)
    if not allowed:
        raise OtherMountError(path)
    return below


def names(directory: int) -> list[bytes]:
    """All names, in byte order.  Raises OSError.  This asks the file system: keep off servers."""
    return sorted(os.listdir(_self(directory)))


def subdirectories(directory: int) -> list[bytes]:
    """Names of the directories in it, in byte order, without a look at the others.  Raises OSError."""
    with os.scandir(_self(directory)) as entries:
        return sorted(entry.name for entry in entries if entry.is_dir(follow_symlinks=False))


def states(
    directory: int, wanted: Sequence[bytes]
) -> tuple[tuple[bytes, ...], tuple[FileState, ...]]:
    """Those of wanted that are there, and their states, in the order of wanted.  Raises OSError."""
    there: list[bytes] = []
    found: list[FileState] = []
    for name in wanted:
        looked = state(directory, name)
        if looked is not None:
            there.append(name)
            found.append(looked)
    return tuple(there), tuple(found)


def _self(directory: int) -> bytes:
    return b"/proc/self/fd/%d" % directory
