"""inotify by watchdog's bindings, read here: watchdog's own reader tells nobody what an overflow took.

watchdog costs 3 MB, so nothing imports this module at its top: who has chosen inotify loads it by
importlib.import_module.  Source: inotify(7).
"""

from __future__ import annotations

import ctypes
import errno
import os
import struct
from typing import Final

import msgspec
from watchdog.observers import inotify_c

from sentinair.model.ports import Probe

__all__ = ["ISDIR", "LIMITS", "MOVED_FROM", "MOVED_TO", "Inotify", "Raw", "probe"]

NAME: Final = "inotify"
LIMITS: Final = (
    "no process is named",
    "files put into a directory within moments of its making are found by listing it, without their kinds",
    "reading of files is not seen, and neither is the state directory: our own writes look like others'",
    "one watch per directory: fs.inotify.max_user_watches bounds how much can be watched",
)
ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x4, 0x8, 0x40, 0x80, 0x100, 0x200
OVERFLOW, IGNORED, ISDIR = 0x4000, 0x8000, 0x40000000
_NAMES: Final = ATTRIB | MOVED_FROM | MOVED_TO | CREATE | DELETE
_ONLYDIR_DONT_FOLLOW: Final = 0x01000000 | 0x02000000
_READ_BYTES: Final = 256 << 10
_HEAD: Final = struct.Struct("=iIII")  # wd, mask, cookie, length of name


class Raw(msgspec.Struct, frozen=True):
    """One record.  The kinds have the numbers fanotify gives them too."""

    watch: int  # -1 with OVERFLOW
    mask: int
    cookie: int  # equal for the two halves of a rename
    name: bytes  # b"": the watched directory itself


class Inotify:
    """One instance; does not block."""

    def __init__(self, *, writes: bool = True) -> None:
        """writes: tell of written files too.  Raises OSError: EMFILE when the user has too many instances."""
        self._wanted = _NAMES | CLOSE_WRITE if writes else _NAMES
        self._file: int = inotify_c.inotify_init()
        if self._file < 0:
            raise _fault()
        os.set_inheritable(self._file, False)
        os.set_blocking(self._file, False)
        self._test_file = os.memfd_create("sentinair-test", os.MFD_CLOEXEC)
        path = b"/proc/self/fd/%d" % self._test_file
        inotify_c.inotify_add_watch(self._file, path, inotify_c.Mask(ATTRIB))

    def fileno(self) -> int:
        return self._file

    def add(self, directory: bytes) -> int:
        """Watch a directory; returns its watch, the same one if it is watched already.

        Raises OSError: ENOSPC at the limit of watches, ENOENT or ENOTDIR when it is gone or a link.
        """
        mask = inotify_c.Mask(self._wanted | _ONLYDIR_DONT_FOLLOW)
        watch: int = inotify_c.inotify_add_watch(self._file, directory, mask)
        if watch < 0:
            raise _fault()
        return watch

    def remove(self, watch: int) -> None:
        """Watch it no longer; nothing happens if it was gone."""
        inotify_c.inotify_rm_watch(self._file, inotify_c.WatchDescriptor(watch))

    def test(self) -> None:
        """Cause one record, of a file of our own that no path leads to."""
        os.fchmod(self._test_file, 0o600)

    def read(self) -> list[Raw]:
        """What waits.  A record with OVERFLOW says that others were lost."""
        try:
            data = os.read(self._file, _READ_BYTES)
        except BlockingIOError:
            return []
        found: list[Raw] = []
        at, end = 0, len(data)
        while at < end:
            watch, mask, cookie, length = _HEAD.unpack_from(data, at)
            at += _HEAD.size + length
            found.append(Raw(watch, mask, cookie, data[at - length : at].rstrip(b"\0")))
        return found

    def close(self) -> None:
        os.close(self._file)
        os.close(self._test_file)


def _fault() -> OSError:
    number = ctypes.get_errno()
    if number == errno.ENOSPC:
        return OSError(number, "the limit of watches is reached: raise fs.inotify.max_user_watches")
    return OSError(number, os.strerror(number))


def probe() -> Probe:
    """What works here, found by watching the root directory for a moment."""
    try:
        made = Inotify()
    except OSError as fault:
        return Probe(NAME, works=False, reason=f"inotify cannot be used: {fault.strerror}")
    try:
        made.add(b"/")
    except OSError as fault:
        return Probe(NAME, works=False, reason=f"inotify cannot be used: {fault.strerror}")
    finally:
        made.close()
    return Probe(NAME, works=True, reason="works", limits=LIMITS)
