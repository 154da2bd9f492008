"""Who did it: facts about one process."""

from __future__ import annotations

import msgspec

__all__ = ["MAX_PARENTS", "FileId", "Parent", "Process"]

MAX_PARENTS = 16  # a longer chain is cut; init is reached in far fewer steps on any real host


class FileId(msgspec.Struct, frozen=True, array_like=True):
    """Identity of one state of one file: as long as these are equal, so is the content's hash."""

    device: int
    inode: int
    ctime_ns: int


class Parent(msgspec.Struct, frozen=True, array_like=True):
    """One step of a parent chain."""

    pid: int
    start: int | None  # clock ticks since boot; None: gone before it could be read
    exe: bytes | None
    argv: tuple[bytes, ...] | None = None


class Process(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What is known of one process at one moment.

    pid alone is reused by the kernel; pid and start together name one process of this boot.
    """

    pid: int
    start: int | None = (
        None  # clock ticks since boot, field 22 of /proc/pid/stat; None: not read in time
    )
    ppid: int | None = None
    exe: bytes | None = None  # raw path without the kernel's " (deleted)"
    argv: tuple[bytes, ...] | None = None  # masked by the engine before it is stored
    cwd: bytes | None = None
    uid: int | None = None  # real uid
    auid: int | None = None  # login uid; None: unknown or never logged in
    exe_id: FileId | None = None
    deleted: bool = False  # the executable has no name any more
    memfd: bool = False  # the executable never had a name on disk
    masked: bool = False  # secrets in argv were replaced
    exited: bool = False  # was gone when looked at
    parents: tuple[Parent, ...] = ()  # nearest first, joined by the engine
    euid: int | None = None  # effective uid: what it may do now
