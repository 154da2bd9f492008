"""What is mounted where, read from mountinfo without touching any of it, and a descriptor that says when it changes.

A FUSE or network file system whose server does not answer hangs even stat(2) of its mount point: whoever walks
or marks asks here first.  Source: proc_pid_mountinfo(5), proc(5) on poll of mountinfo.
"""

from __future__ import annotations

import os
import re
import select
from collections.abc import Iterable
from typing import Final

import msgspec

__all__ = ["CHANGED", "Mount", "MountTable", "covering", "parse"]

CHANGED: Final = select.POLLPRI | select.POLLERR
"""poll(2) events by which MountTable.fileno() says that something was mounted or unmounted."""

_REMOTE: Final = frozenset(
    (
        b"nfs",
        b"nfs4",
        b"cifs",
        b"smb3",
        b"smbfs",
        b"9p",
        b"ceph",
        b"afs",
        b"coda",
        b"ncpfs",
        b"autofs",
    )
)
_PSEUDO: Final = frozenset(
    b"proc sysfs cgroup cgroup2 devpts mqueue debugfs tracefs securityfs pstore bpf configfs hugetlbfs "
    b"binfmt_misc efivarfs rpc_pipefs nsfs selinuxfs".split()
)
_OCTAL: Final = re.compile(rb"\\([0-7]{3})")  # space, tab, newline, backslash and # are written so


class Mount(msgspec.Struct, frozen=True):
    """One line of mountinfo."""

    id: int
    device: bytes  # b"major:minor" of files on it
    root: bytes  # the directory of the file system that is seen at point
    point: bytes
    kind: bytes  # b"ext4", b"fuse.sshfs", …

    @property
    def untouchable(self) -> bool:
        """A server we do not control answers for it, or does not: no system call on a path in it."""
        return self.kind.startswith(b"fuse") or self.kind in _REMOTE

    @property
    def pseudo(self) -> bool:
        """The kernel's own windows: nothing in them is a file that somebody changes."""
        return self.kind in _PSEUDO or self.kind == b"fusectl"


def _plain(field: bytes) -> bytes:
    return _OCTAL.sub(lambda match: bytes([int(match[1], 8)]), field) if b"\\" in field else field


def parse(text: bytes) -> tuple[Mount, ...]:
    """The mounts of a mountinfo text, in its order; lines of another form are passed over."""
    mounts = []
    for line in text.split(b"\n"):
        fields = line.split(b" ")
        try:
            kind = fields[fields.index(b"-", 6) + 1]
            mounts.append(
                Mount(int(fields[0]), fields[2], _plain(fields[3]), _plain(fields[4]), kind)
            )
        except (ValueError, IndexError):
            continue
    return tuple(mounts)


def covering(mounts: Iterable[Mount], path: bytes) -> Mount | None:
    """The mount on which path lies: the longest point above it, and of equal ones the last mounted."""
    best: Mount | None = None
    for mount in mounts:
        below = path == mount.point or path.startswith(mount.point.rstrip(b"/") + b"/")
        if below and (best is None or len(mount.point) >= len(best.point)):
            best = mount
    return best


class MountTable:
    """The mounts of this process's namespace."""

    def __init__(self) -> None:
        """Raises OSError without /proc."""
        self._file = os.open("/proc/self/mountinfo", os.O_RDONLY | os.O_CLOEXEC)

    def fileno(self) -> int:
        return self._file

    def changed(self) -> bool:
        """Something was mounted or unmounted since the last such answer (poll acknowledges it)."""
        poll = select.poll()
        poll.register(self._file, select.POLLPRI)
        return bool(poll.poll(0))

    def read(self) -> tuple[Mount, ...]:
        """All mounts now."""
        os.lseek(self._file, 0, os.SEEK_SET)
        parts = []
        while part := os.read(self._file, 1 << 16):
            parts.append(part)
        return parse(b"".join(parts))

    def close(self) -> None:
        os.close(self._file)
