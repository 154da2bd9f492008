"""fanotify: every change on a marked file system, with the directory, the name and the process.

One mark per file system (a mount mark misses writes made from another mount namespace).  Nothing here reads
settings or makes events; records.py cuts what read() returns.  Source: fanotify(7), fanotify_init(2),
fanotify_mark(2), include/uapi/linux/fanotify.h.
"""

from __future__ import annotations

import ctypes
import errno
import os
import resource
from typing import Final

import msgspec

from sentinair.model.ports import Probe

__all__ = [
    "FULL",
    "LEVELS",
    "NAMES",
    "READ_BYTES",
    "WRITTEN",
    "Fanotify",
    "Level",
    "probe",
    "raise_file_limit",
]

READ_BYTES: Final = 256 << 10
_WANTED_FILES: Final = (
    16384  # one read holds up to 3,500 records, each with a descriptor of its process
)

_INIT_BASE: Final = (
    0x1 | 0x2 | 0x20
)  # FAN_CLOEXEC, FAN_NONBLOCK, FAN_UNLIMITED_MARKS; FAN_CLASS_NOTIF is 0
_DFID_NAME: Final = 0x400 | 0x800  # FAN_REPORT_DIR_FID, FAN_REPORT_NAME
_TARGET: Final = 0x200 | 0x1000  # FAN_REPORT_FID, FAN_REPORT_TARGET_FID
_PIDFD: Final = 0x80
_MARK_ADD: Final = 0x1
_MARK_DONT_FOLLOW: Final = 0x4
_MARK_FILESYSTEM: Final = 0x100
_CLOSE_WRITE: Final = 0x8
_EVENTS: Final = 0x4 | _CLOSE_WRITE | 0x100 | 0x200 | 0x40000000  # ATTRIB, CREATE, DELETE, ONDIR
_RENAME: Final = 0x10000000
_MOVED: Final = 0x40 | 0x80  # FAN_MOVED_FROM, FAN_MOVED_TO
_OPEN: Final = 0x20
_AT_FDCWD: Final = -100

_libc = ctypes.CDLL(None, use_errno=True)
_init = _libc.fanotify_init
_init.argtypes = (ctypes.c_uint, ctypes.c_uint)
_mark = _libc.fanotify_mark
_mark.argtypes = (ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p)


class Level(msgspec.Struct, frozen=True):
    """What one generation of kernels can report."""

    name: str
    init_flags: int
    mask: int
    limits: tuple[str, ...]

    @property
    def pidfds(self) -> bool:
        return bool(self.init_flags & _PIDFD)


_ALWAYS: Final = (
    "a write through a descriptor that stays open, or through mmap, is seen when it is closed",
    "changes made on another host of a network file system, or by a FUSE server itself, are not seen",
)
FULL: Final = Level(
    "names, processes and rename pairs",
    _INIT_BASE | _DFID_NAME | _TARGET | _PIDFD,
    _EVENTS | _RENAME,
    _ALWAYS,
)
NAMES: Final = Level(
    "names",
    _INIT_BASE | _DFID_NAME,
    _EVENTS | _MOVED,
    (
        *_ALWAYS,
        "old and new name of a rename come as two events, and a process number may be reused",
    ),
)
WRITTEN: Final = Level("written files by descriptor", _INIT_BASE | _PIDFD, _CLOSE_WRITE, _ALWAYS)
LEVELS: Final = (FULL, NAMES)  # best first; kernel 5.17 and 5.9, found by trying


class Fanotify:
    """One notification group."""

    def __init__(self, level: Level = FULL) -> None:
        """Raises OSError: EPERM without CAP_SYS_ADMIN, EINVAL on an older kernel, ENOSYS without fanotify."""
        self.level = level
        self._file = _checked(_init(level.init_flags, os.O_RDONLY | os.O_CLOEXEC), "fanotify_init")

    def fileno(self) -> int:
        return self._file

    def mark_filesystem(self, path: bytes) -> None:
        """Watch all of the file system path lies on.

        Raises OSError: ENODEV or EOPNOTSUPP where the file system gives no handles, EXDEV on a subvolume.
        """
        flags = _MARK_ADD | _MARK_FILESYSTEM
        _checked(_mark(self._file, flags, self.level.mask, _AT_FDCWD, path), "fanotify_mark")

    def mark_reading(self, path: bytes, *, follow: bool = False) -> None:
        """Report openings of this one file.  The mark is on the inode: a replaced file needs it again.

        Raises OSError, FileNotFoundError too.
        """
        flags = _MARK_ADD if follow else _MARK_ADD | _MARK_DONT_FOLLOW
        _checked(_mark(self._file, flags, _OPEN, _AT_FDCWD, path), "fanotify_mark")

    def read(self, size: int = READ_BYTES) -> bytes:
        """Waiting records, b"" when there are none.  Raises OSError."""
        try:
            return os.read(self._file, size)
        except BlockingIOError:
            return b""

    def close(self) -> None:
        os.close(self._file)


def _checked(result: int, call: str) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, f"{call}: {os.strerror(number)}")
    return result


def probe() -> tuple[Probe, Level | None]:
    """What works here, found by marking the root file system and letting go again: under the unit no other is sure."""
    why = ""
    for level in LEVELS:
        try:
            group = Fanotify(level)
        except OSError as fault:
            why = _reason(fault)
            continue
        try:
            group.mark_filesystem(b"/")
        except OSError as fault:
            why = _reason(fault)
            # the file system may be at fault, not the kernel: marks are tried one by one later
            if fault.errno not in (errno.ENODEV, errno.EOPNOTSUPP, errno.EXDEV):
                continue
        finally:
            group.close()
        return Probe(
            "fanotify", works=True, reason=f"works: {level.name}", limits=level.limits
        ), level
    return Probe("fanotify", works=False, reason=why), None


def _reason(fault: OSError) -> str:
    match fault.errno:
        case errno.EPERM:
            return "needs CAP_SYS_ADMIN: start the sensor by its unit or as root"
        case errno.EINVAL:
            return "this kernel reports no names (needs 5.9)"
        case errno.ENOSYS:
            return "this kernel was built without fanotify"
        case errno.EMFILE:
            return "too many fanotify groups: raise fs.fanotify.max_user_groups"
        case _:
            return fault.strerror or str(fault)


def raise_file_limit() -> int:
    """Raise RLIMIT_NOFILE as far as allowed; returns how many bytes one read may safely ask for."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    unlimited = hard == resource.RLIM_INFINITY
    wanted = _WANTED_FILES if unlimited else min(hard, _WANTED_FILES)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        try:
            resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
            soft = wanted
        except (OSError, ValueError):  # the unit's filter forbids prlimit; its LimitNOFILE stands
            pass
    return READ_BYTES if soft == resource.RLIM_INFINITY or soft >= 8192 else READ_BYTES // 16
