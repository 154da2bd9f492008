"""statx(2), which unlike stat(2) can be told to take what the kernel already holds.

A FUSE server that never answers hangs every stat(2) of its files, and its mount point is the choice of an
ordinary user.  AT_STATX_DONT_SYNC asks no server.
"""

from __future__ import annotations

import ctypes
import os
import struct
from typing import Final

from sentinair.model.event import FileState
from sentinair.model.process import FileId

__all__ = ["held", "identity", "state"]

_statx = ctypes.CDLL(None, use_errno=True).statx
_statx.argtypes = (ctypes.c_int, ctypes.c_char_p, ctypes.c_int, ctypes.c_uint, ctypes.c_char_p)
_NOFOLLOW, _NO_AUTOMOUNT, _EMPTY_PATH, _DONT_SYNC = 0x100, 0x800, 0x1000, 0x4000
_STATE_FLAGS: Final = _NOFOLLOW | _NO_AUTOMOUNT | _EMPTY_PATH | _DONT_SYNC
_BASIC: Final = 0x7FF  # STATX_BASIC_STATS
_SIZE: Final = 256

# struct statx of linux/stat.h: uid gid mode, ino size, ctime mtime, device; device is major and minor number.
_WHOLE: Final = struct.Struct("=20xIIH2xQQ48xqI4xqI12xII")
_ID: Final = struct.Struct("=32xQ56xqI28xII")


_LAST: Final = (1 << 63) - 1


def held(number: int) -> int:
    """number, or the nearest that 64 bits hold.

    Anybody may date a file to any second of 64 bits (utimensat(2)), which tmpfs keeps: too many nanoseconds.
    """
    return max(-_LAST, min(number, _LAST))


def state(at: int, name: bytes) -> FileState | None:
    """What lies under name in the directory at, links not followed; name b"": at itself.  None: nothing.

    Raises OSError where the kernel cannot tell.
    """
    room = ctypes.create_string_buffer(_SIZE)
    if _statx(at, name, _STATE_FLAGS, _BASIC, room):
        code = ctypes.get_errno()
        if code == 2:  # ENOENT
            return None
        raise OSError(code, os.strerror(code), name)
    (uid, gid, mode, inode, size, csecs, cnanos, msecs, mnanos, major, minor) = _WHOLE.unpack_from(
        room
    )
    return FileState(
        mode,
        uid,
        gid,
        held(size),
        inode,
        os.makedev(major, minor),
        held(msecs * 1_000_000_000 + mnanos),
        held(csecs * 1_000_000_000 + cnanos),
    )


def identity(at: int, name: bytes) -> FileId | None:
    """Identity of what name leads to, links followed; None if it leads nowhere or may not be seen."""
    room = ctypes.create_string_buffer(_SIZE)
    if _statx(at, name, _DONT_SYNC | _NO_AUTOMOUNT, _BASIC, room):
        return None
    inode, secs, nanos, major, minor = _ID.unpack_from(room)
    return FileId(os.makedev(major, minor), inode, held(secs * 1_000_000_000 + nanos))
