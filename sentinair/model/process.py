"""Who did it: facts about one process."""

from __future__ import annotations

from typing import Annotated

import msgspec

__all__ = [
    "MAX_PARENTS",
    "FileId",
    "Int64",
    "Parent",
    "Pid",
    "Process",
    "Unsigned",
    "Word",
    "brief",
]

# What the kernel can say; a decoder refuses more, where it comes in: the database and struct(3) would later.
Int64 = Annotated[int, msgspec.Meta(ge=-(1 << 63), le=(1 << 63) - 1)]
Unsigned = Annotated[int, msgspec.Meta(ge=0)]  # msgpack itself holds no more than 64 bits
Word = Annotated[int, msgspec.Meta(ge=0, le=(1 << 32) - 1)]  # modes and user ids
Pid = Annotated[int, msgspec.Meta(ge=0, le=(1 << 31) - 1)]

MAX_PARENTS = 16  # a longer chain is cut; init is reached in far fewer steps on any real host
MAX_PARENT_ARGV = 1024  # bytes stored of the nearest parent's arguments with what a child does
MAX_ANCESTOR_ARGV = 256  # and of each one further up
_CUT = "…".encode()


class FileId(msgspec.Struct, frozen=True, array_like=True):
    """Identity of one state of one file: as long as these are equal, so is the content's hash."""

    device: Unsigned
    inode: Unsigned
    ctime_ns: Int64


class Parent(msgspec.Struct, frozen=True, array_like=True):
    """One step of a parent chain."""

    pid: Pid
    start: Int64 | None  # clock ticks since boot; None: gone before it could be read
    exe: bytes | None
    argv: tuple[bytes, ...] | None = None


class Process(msgspec.Struct, frozen=True, array_like=True, kw_only=True):
    """What is known of one process at one moment.

    pid alone is reused by the kernel; pid and start together name one process of this boot.
    """

    pid: Pid
    start: Int64 | None = (
        None  # clock ticks since boot, field 22 of /proc/pid/stat; None: not read in time
    )
    ppid: Pid | None = None
    exe: bytes | None = None  # raw path without the kernel's " (deleted)"
    argv: tuple[bytes, ...] | None = None  # masked by the engine before it is stored
    cwd: bytes | None = None
    uid: Word | None = None  # real uid
    auid: Word | None = None  # login uid; None: unknown or never logged in
    exe_id: FileId | None = None
    deleted: bool = False  # the executable has no name any more
    memfd: bool = False  # the executable never had a name on disk
    masked: bool = False  # secrets in argv were replaced
    exited: bool = False  # was gone when looked at
    parents: tuple[Parent, ...] = ()  # nearest first, joined by the engine
    euid: Word | None = None  # effective uid: what it may do now


def brief(process: Process) -> Process:
    """process as it is stored: of its parents' arguments the beginning, since their own events hold them whole.

    Else one shell with a script of 32 KiB that forks all day fills the disk, and pushes out what is worth keeping.
    """
    limits = (MAX_PARENT_ARGV, *[MAX_ANCESTOR_ARGV] * (len(process.parents) - 1))
    if all(_fits(one.argv, limit) for one, limit in zip(process.parents, limits, strict=False)):
        return process
    parents = tuple(
        msgspec.structs.replace(one, argv=_begin(one.argv, limit))
        for one, limit in zip(process.parents, limits, strict=False)
    )
    return msgspec.structs.replace(process, parents=parents)


def _fits(argv: tuple[bytes, ...] | None, limit: int) -> bool:
    return argv is None or sum(map(len, argv)) + len(argv) <= limit


def _begin(argv: tuple[bytes, ...] | None, limit: int) -> tuple[bytes, ...] | None:
    if argv is None or _fits(argv, limit):
        return argv
    kept: list[bytes] = []
    for word in argv:
        kept.append(word[:limit])
        limit -= len(word) + 1
        if limit <= 0:
            break
    return (*kept[:-1], kept[-1] + _CUT)
