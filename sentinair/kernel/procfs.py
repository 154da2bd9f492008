"""What /proc says of a process, read raw and in the order in which it vanishes.

A process that ends loses its memory map first: cmdline and exe go before the rest, which a zombie
still has.  All files of one look are opened below one descriptor of /proc/pid: when the kernel gives
the number to another process meanwhile, they fail instead of telling of the other one.
"""

from __future__ import annotations

import os
import time
from pathlib import Path
from typing import Final

from sentinair.kernel.statx import identity
from sentinair.model.process import FileId, Process

__all__ = [
    "MAX_ARGV_BYTES",
    "TICKS_PER_SEC",
    "boot_id",
    "look",
    "parent",
    "pids",
    "start",
    "ticks_of",
]

MAX_ARGV_BYTES: Final = 32 << 10  # a longer argument vector is cut here
TICKS_PER_SEC: Final = os.sysconf("SC_CLK_TCK")

_NO_LOGIN: Final = b"4294967295"  # (uid_t) -1: never logged in, proc(5)
_READ: Final = os.O_RDONLY | os.O_CLOEXEC
_PIN: Final = os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC
_DELETED: Final = b" (deleted)"
_STATE, _PPID, _START = 0, 1, 19  # fields 3, 4 and 22 of proc_pid_stat(5), counted after the name
_FLAGS: Final = 6  # PF_* of include/linux/sched.h
_PF_EXITING, _PF_KTHREAD = 0x4, 0x200000


def boot_id() -> str:
    """This boot's id, 32 lower-case hexadecimal digits.  Raises OSError without /proc.

    Source: random(4).
    """
    return Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip().replace("-", "")


def pids() -> list[int]:
    """Numbers of all processes (not threads) visible here, ascending.

    Raises OSError without /proc.
    """
    return sorted(int(name) for name in os.listdir("/proc") if name.isdecimal())


def start(pid: int) -> int | None:
    """When pid began, in clock ticks since boot; None if it is gone or cannot be read."""
    fields = _stat_fields(None, f"/proc/{pid}/stat")
    return None if fields is None else int(fields[_START])


def parent(pid: int) -> int | None:
    """pid's parent (0: the kernel itself); None if pid is gone or cannot be read."""
    fields = _stat_fields(None, f"/proc/{pid}/stat")
    return None if fields is None else int(fields[_PPID])


def ticks_of(mono_ns: int) -> int:
    """The start() of a process that began at mono_ns (CLOCK_MONOTONIC), or one tick more.

    The kernel takes a process's start before it reports its fork, so a tick can end in between.
    proc_pid_stat(5) counts on CLOCK_BOOTTIME, which runs on while the host sleeps.
    """
    slept = time.clock_gettime_ns(time.CLOCK_BOOTTIME) - time.monotonic_ns()
    return (mono_ns + slept) // (1_000_000_000 // TICKS_PER_SEC)


def look(pid: int) -> Process | None:
    """All facts on pid that can still be read; None if there is no such process.

    argv: cut at MAX_ARGV_BYTES; () for a kernel thread; None when it ended before it could be read.
    exited: it had ended, or ended while being read; what could not be read is None.
    Costs 8 short reads, about 40 µs.  Never waits for a file system.  Source: proc(5).
    """
    try:
        at = os.open(f"/proc/{pid}", _PIN)
    except OSError:
        return None
    try:
        return _facts(pid, at)
    finally:
        os.close(at)


def _facts(pid: int, at: int) -> Process:
    line = _read(at, "cmdline", MAX_ARGV_BYTES)
    raw_exe = _link(at, "exe")
    exe, exe_id, deleted = (None, None, False) if raw_exe is None else _executable(at, raw_exe)
    fields = _stat_fields(at, "stat")
    uid, euid = _uids(_read(at, "status", 4096))
    cwd = _link(at, "cwd")
    login = _read(at, "loginuid", 16)
    flags = 0 if fields is None else int(fields[_FLAGS])
    exited = fields is None or fields[_STATE] in (b"Z", b"X") or flags & _PF_EXITING != 0
    memfd = deleted and exe is not None and exe.startswith(b"/memfd:")
    return Process(
        pid=pid,
        start=None if fields is None else int(fields[_START]),
        ppid=None if fields is None else int(fields[_PPID]),
        exe=exe,
        argv=_argv(line, kernel=flags & _PF_KTHREAD != 0),
        cwd=cwd,
        uid=uid,
        auid=None if not login or login == _NO_LOGIN else int(login),
        exe_id=exe_id,
        deleted=deleted and not memfd,
        memfd=memfd,
        exited=exited,
        euid=euid,
    )


def _read(at: int | None, name: str, limit: int) -> bytes | None:
    try:
        file = os.open(name, _READ, dir_fd=at)
    except OSError:
        return None
    try:
        return os.read(file, limit)
    except OSError:  # ESRCH: it ended between open and read
        return None
    finally:
        os.close(file)


def _link(at: int, name: str) -> bytes | None:
    try:
        return os.readlink(name.encode(), dir_fd=at)
    except OSError:  # ENOENT: a kernel thread or a zombie
        return None


def _stat_fields(at: int | None, name: str) -> list[bytes] | None:
    """Fields of proc_pid_stat(5) from the third on.

    The name before them may itself hold brackets and spaces.
    """
    line = _read(at, name, 1024)
    return line[line.rindex(b")") + 2 :].split(b" ", _START + 1) if line else None


def _argv(line: bytes | None, *, kernel: bool) -> tuple[bytes, ...] | None:
    """kernel: a kernel thread, which has none; else an empty line is that of an exec or an exit half done."""
    if not line:
        return () if kernel and line is not None else None
    return tuple((line[:-1] if line.endswith(b"\0") else line).split(b"\0"))


def _uids(status: bytes | None) -> tuple[int | None, int | None]:
    """Real and effective uid of proc_pid_status(5)."""
    at = status.find(b"\nUid:\t") if status else -1
    if not status or at < 0:
        return None, None
    real, effective = status[at + 6 : at + 40].split(b"\t", 2)[:2]
    return int(real), int(effective)


def _executable(at: int, raw: bytes) -> tuple[bytes, FileId | None, bool]:
    """Path without the kernel's mark, identity, and whether the name is gone.

    A name that itself ends like the mark counts as gone: telling it apart needs a look at the path,
    and a path can lead to a file system that never answers.
    """
    deleted = raw.endswith(_DELETED)
    return (raw[: -len(_DELETED)] if deleted else raw), identity(at, b"exe"), deleted
