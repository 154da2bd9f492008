"""The child of HashWorker: hashes one file after the other, as its parent asks on descriptor 0.

It may be killed at any moment: a file on a server that does not answer hangs whoever touches it.
Nothing here follows a link, waits for a lease or a FIFO, or reads what is no regular file.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import stat
import time
from hashlib import sha256
from typing import Final

from sentinair.kernel.hashwire import HAS_ID, HAS_SHA256, IDLE_SECS, MAX_PACKET, REPLY, REQUEST

__all__ = ["Digest", "Pace", "Unsure", "digest", "main"]

CHUNK: Final = 1 << 18
_ZEROS: Final = bytes(CHUNK)
_REOPEN: Final = os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC | os.O_NOCTTY
NICE: Final = 10

Id = tuple[int, int, int]  # device, inode, ctime_ns
Digest = tuple[Id, bytes]


class Unsure(Exception):
    """There is no hash, and this sentence says why."""

    def __init__(self, why: str, seen: Id | None = None) -> None:
        super().__init__(why)
        self.seen = seen


class Pace:
    """The reading budget of all files together, in bytes a second."""

    def __init__(self) -> None:
        self._free = 0.0  # when the next bytes may be read

    def spend(self, size: int, rate: int, deadline: float) -> None:
        """Wait until size bytes are within rate.  Raises Unsure once deadline (time.monotonic) has passed."""
        now = time.monotonic()
        self._free = max(self._free, now) + size / rate
        if max(self._free, now) > deadline:
            raise Unsure("it takes longer than the deadline")
        if self._free > now:
            time.sleep(self._free - now)


def digest(
    path: bytes, pid: int, wanted: Id | None, limit: int, rate: int, deadline: float, pace: Pace
) -> Digest:
    """Identity and SHA-256 of the file path, or of the program that pid runs if that is wanted.

    wanted: hash only this state of the file.  limit: bytes.  deadline: time.monotonic.  Raises Unsure, OSError.
    """
    pinned = _pinned(path, pid, wanted)
    try:
        before = os.fstat(pinned)
        seen = _id(before)
        if wanted is not None and seen != wanted:
            raise Unsure("it is another file now, or changed", seen)
        if not stat.S_ISREG(before.st_mode):
            raise Unsure("it is no regular file", seen)
        if before.st_size > limit:
            raise Unsure(f"it has {before.st_size} bytes, limit {limit}", seen)
        file = _readable(pinned)
    finally:
        os.close(pinned)
    try:
        summed = _summed(file, before.st_size, rate, deadline, pace)
        after = os.fstat(file)
    except Unsure as unsure:
        raise Unsure(str(unsure), seen) from unsure
    finally:
        os.close(file)
    if _id(after) != seen or after.st_size != before.st_size:
        raise Unsure("it changed while it was read", _id(after))
    return seen, summed


def _id(found: os.stat_result) -> Id:
    return found.st_dev, found.st_ino, found.st_ctime_ns


def _pinned(path: bytes, pid: int, wanted: Id | None) -> int:
    """A descriptor by which nothing can be read yet, on a file system that surely answers."""
    if pid:  # the executed inode, even if its name is gone or leads elsewhere
        try:
            pinned = os.open(f"/proc/{pid}/exe", os.O_PATH | os.O_CLOEXEC)
        except OSError:
            pinned = -1
        if pinned >= 0:
            if not _served(pinned) and wanted == _id(os.fstat(pinned)):
                return pinned
            os.close(pinned)
    pinned = os.open(path, os.O_PATH | os.O_NOFOLLOW | os.O_CLOEXEC)
    if _served(pinned):
        os.close(pinned)
        raise Unsure("it lies on a file system that a user's process serves")
    return pinned


def _served(pinned: int) -> bool:
    """Whether it lies on FUSE; asks the kernel only (proc_pid_fdinfo(5), proc_pid_mountinfo(5))."""
    with open(f"/proc/self/fdinfo/{pinned}", "rb") as info:
        mount = next((line[7:].strip() for line in info if line.startswith(b"mnt_id:")), b"")
    with open("/proc/self/mountinfo", "rb") as mounts:
        for line in mounts:
            if line.startswith(mount + b" "):
                return line[line.index(b" - ") + 3 :].startswith(b"fuse")
    return False  # a memfd, or a mount of another namespace


def _readable(pinned: int) -> int:
    """Reopens what is pinned.  O_NONBLOCK: a lease (fcntl(2)) would hold us for 45 s."""
    path = f"/proc/self/fd/{pinned}"
    try:
        try:
            return os.open(path, _REOPEN | os.O_NOATIME)
        except PermissionError:  # not the owner, and without CAP_FOWNER
            return os.open(path, _REOPEN)
    except OSError as fault:
        if fault.errno == errno.EWOULDBLOCK:
            raise Unsure("another process holds a lease on it") from fault
        raise


def _summed(file: int, size: int, rate: int, deadline: float, pace: Pace) -> bytes:
    """SHA-256 of size bytes; holes count as zeros and are not read."""
    summed = sha256()
    at = 0
    while at < size:
        data, end = _extent(file, at, size)
        while at < data:  # a hole
            step = min(CHUNK, data - at)
            pace.spend(step, rate, deadline)
            summed.update(memoryview(_ZEROS)[:step])
            at += step
        while at < end:
            pace.spend(min(CHUNK, end - at), rate, deadline)
            chunk = os.pread(file, min(CHUNK, end - at), at)
            if not chunk:
                raise Unsure("it became shorter while it was read")
            summed.update(chunk)
            at += len(chunk)
    return summed.digest()


def _extent(file: int, at: int, size: int) -> tuple[int, int]:
    """Where the next data begins and ends.  Source: lseek(2), SEEK_DATA."""
    try:
        data = os.lseek(file, at, os.SEEK_DATA)
        return min(data, size), min(os.lseek(file, data, os.SEEK_HOLE), size)
    except OSError as fault:
        if fault.errno == errno.ENXIO:
            return size, size  # only a hole is left
        return at, size  # this file system cannot tell


def _answer(packet: bytes, pace: Pace) -> bytes:
    pid, flags, device, inode, ctime_ns, limit, rate, secs = REQUEST.unpack_from(packet)
    wanted = (device, inode, ctime_ns) if flags & HAS_ID else None
    seen: Id | None = None
    try:
        path = packet[REQUEST.size :]
        seen, summed = digest(path, pid, wanted, limit, rate, time.monotonic() + secs, pace)
        return REPLY.pack(HAS_ID | HAS_SHA256, *seen, summed)
    except Unsure as unsure:
        seen, why = unsure.seen, str(unsure)
    except OSError as fault:
        why = fault.strerror or type(fault).__name__
    return REPLY.pack(HAS_ID if seen else 0, *(seen or (0, 0, 0)), b"") + why.encode()


def main() -> int:
    """Answers until the parent closes its end, or nothing is asked for IDLE_SECS."""
    with contextlib.suppress(PermissionError):  # a filter may refuse it: not polite, but hashing
        os.nice(NICE)
    pace = Pace()
    parent = socket.socket(fileno=0)
    parent.settimeout(IDLE_SECS)
    try:
        while packet := parent.recv(MAX_PACKET):
            parent.settimeout(None)
            parent.send(_answer(packet, pace))
            parent.settimeout(IDLE_SECS)
    except (TimeoutError, ConnectionError):
        return 0
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
