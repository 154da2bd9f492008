"""fanotify without names: each record carries an open descriptor of a written file, and /proc tells its path.

For file systems that give no handles (exFAT before Linux 6.6) or several (a Btrfs subvolume): the kernel tells
nothing of creating, renaming and deleting there.
Layout: struct fanotify_event_metadata, then the pidfd record.  Source: fanotify(7).
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable
from typing import Final

from sentinair.kernel.records import OVERFLOW, Change, Sweep

__all__ = ["cut"]

_META: Final = struct.Struct("=IxxHQii")  # event_len, metadata_len, mask, file, pid
_PIDFD: Final = struct.Struct("=Bxxxi")  # type, length; the descriptor, negative: it had ended
_PIDFD_TYPE: Final = 4
_DELETED: Final = b" (deleted)"


def cut(data: bytes, flags_of: Callable[[bytes], int]) -> Sweep:
    """One read, merged by process and path.  Closes every descriptor that came with it.

    flags_of: what a path is watched for, 0: not at all.
    """
    sweep = Sweep([], [], set(), set())
    index: dict[tuple[int, bytes], Change] = {}
    at = 0
    while at < len(data):
        length, after, mask, file, pid = _META.unpack_from(data, at)
        if length >= after + _PIDFD.size:
            kind, pidfd = _PIDFD.unpack_from(data, at + after)
            if kind == _PIDFD_TYPE:
                (sweep.alive if pidfd >= 0 else sweep.gone).add(pid)
                _close(pidfd)
        at += length
        sweep.records += 1
        if mask & OVERFLOW:
            sweep.overflow = True
            continue
        path = _path_of(file)
        _close(file)
        if path is None:
            sweep.unnamed += 1
            continue
        flags = flags_of(path)
        if not flags:
            continue
        change = index.get((pid, path))
        if change is None:
            change = index[pid, path] = Change(mask, pid, path, flags)
            sweep.changes.append(change)
        change.mask |= mask
    return sweep


def _path_of(file: int) -> bytes | None:
    """None: no path leads to it any more; who deleted it is told by another record."""
    if file < 0:
        return None
    try:
        path = os.readlink(b"/proc/self/fd/%d" % file)
        deleted = path.endswith(_DELETED) and os.fstat(file).st_nlink == 0
    except OSError:
        return None
    return None if deleted or not path.startswith(b"/") else path


def _close(descriptor: int) -> None:
    if descriptor >= 0:
        os.close(descriptor)
