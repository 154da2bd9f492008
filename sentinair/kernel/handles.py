"""Kernel file handles of directories as paths, with the verdict on each, in a bounded cache.

A handle keeps its meaning through renames, a path does not: whoever sees a directory move calls clear().  Mounts
are opened for the moment of a look-up only, because a descriptor kept open would make umount(8) fail.
Source: open_by_handle_at(2), name_to_handle_at(2).
"""

from __future__ import annotations

import ctypes
import itertools
import os
from collections.abc import Callable
from typing import Final, Protocol

__all__ = ["UNKNOWN", "Directories", "Directory", "Interest"]

_libc = ctypes.CDLL(None, use_errno=True)
_open_by_handle = _libc.open_by_handle_at
_open_by_handle.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int)
_PATH: Final = os.O_PATH | os.O_CLOEXEC
_MOUNT: Final = (
    os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK | os.O_CLOEXEC
)  # O_PATH gives EBADF here
_FSID: Final = 8  # bytes of the file system id before the handle in a key


class Interest(Protocol):
    """What somebody wants of the names in one directory (monitors.watch.Verdict)."""

    @property
    def constant(self) -> int | None: ...
    @property
    def any(self) -> bool: ...
    @property
    def below(self) -> bool: ...
    def flags(self, name: bytes) -> int: ...


class Directory:
    """One resolved directory."""

    __slots__ = ("constant", "flags", "path", "prefix")

    def __init__(self, path: bytes, interest: Interest | None) -> None:
        self.path = path
        self.prefix = path if path == b"/" else path + b"/"
        self.constant: int | None = 0 if interest is None else interest.constant
        self.flags: Callable[[bytes], int] = (lambda _: 0) if interest is None else interest.flags


UNKNOWN: Final = Directory(b"", None)
"""Stands for a directory whose path cannot be learned: it is gone."""


class Directories(dict[bytes, Directory]):
    """Key (8 bytes file system id + struct file_handle, as fanotify reports both) to Directory.

    Indexing resolves and keeps what is missing; a directory that is gone gives UNKNOWN, kept until
    forget_unknown(), because a later record of the same read may still name it.
    """

    def __init__(self, judge: Callable[[bytes], Interest], limit: int = 4096) -> None:
        """limit: directories kept, about 400 bytes each; the oldest quarter goes first."""
        super().__init__()
        self._judge = judge
        self._limit = limit
        self._points: dict[bytes, list[bytes]] = {}
        self._unknown: list[bytes] = []

    def place(self, points: dict[bytes, list[bytes]]) -> None:
        """File system id to the mount points it is seen at, the widest first; forgets all paths."""
        self._points = points
        self.clear()

    def __missing__(self, key: bytes) -> Directory:
        best: bytes | None = None
        points = self._points.get(key[:_FSID]) or itertools.chain(*self._points.values())
        for point in points:
            path = _look_up(point, key[_FSID:])
            if path is None:
                continue
            if best is None:
                best = path
            interest = self._judge(path)
            if interest.any or interest.below:  # a bind mount may show it at a watched place
                best = path
                break
        if best is not None:
            return self.learn(key, best)
        self[key] = UNKNOWN
        self._unknown.append(key)
        return UNKNOWN

    def forget_unknown(self) -> None:
        for key in self._unknown:
            if self.get(key) is UNKNOWN:
                del self[key]
        self._unknown.clear()

    def flags_of(self, path: bytes) -> int:
        """Flags of one path."""
        parent, _, name = path.rpartition(b"/")
        return self._judge(parent or b"/").flags(name)

    def learn(self, key: bytes, path: bytes) -> Directory:
        """Keep what an event itself told: this handle is the directory path."""
        if len(self) >= self._limit:
            for old in list(itertools.islice(self, self._limit // 4)):
                del self[old]
        directory = self[key] = Directory(path, self._judge(path))
        return directory


def _look_up(point: bytes, handle: bytes) -> bytes | None:
    """Path of a handle as seen from the mount at point; None: gone, or not below that mount."""
    try:
        mount = os.open(point, _MOUNT)
    except OSError:
        return None
    try:
        found = _open_by_handle(mount, handle, _PATH)
    finally:
        os.close(mount)
    if found < 0:
        return None
    try:
        path = os.readlink(b"/proc/self/fd/%d" % found)
        if path.endswith(b" (deleted)") and not os.fstat(found).st_nlink:
            return None
    finally:
        os.close(found)
    # outside of a bind mount's part d_path gives the path within the file system: not a path of ours
    inside = path == point or path.startswith(point if point == b"/" else point + b"/")
    return path if inside else None
