"""Limit probe: the least Python must do to take file events, with who did them, from fanotify(7).

    python -m tests.bench.limit_files ROOT [--out FILE]

Prints READY, then until SIGTERM reads, parses, resolves directories, looks each process up once and closes each
pidfd; at the end one line of JSON, and `KIND path` lines to FILE.  It keeps no state of files, joins nothing,
stores nothing: what it costs is what the kernel's interface costs, and the agent is measured against that.
Needs CAP_SYS_ADMIN and CAP_DAC_READ_SEARCH, kernel 5.17.
"""

from __future__ import annotations

import argparse
import ctypes
import os
import resource
import select
import signal
import struct
import sys
import time
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import msgspec

__all__ = ["FileProbe", "Probed", "main"]

# include/uapi/linux/fanotify.h
_INIT = 0x01 | 0x02 | 0x10 | 0x20 | 0x80 | 0x400 | 0x800
#       CLOEXEC NONBLOCK UNLIMITED_QUEUE UNLIMITED_MARKS REPORT_PIDFD REPORT_DIR_FID REPORT_NAME
_CLOSE_WRITE, _CREATE, _DELETE, _OVERFLOW = 0x8, 0x100, 0x200, 0x4000
_RENAME, _ONDIR = 0x1000_0000, 0x4000_0000
_MASK = _CLOSE_WRITE | _CREATE | _DELETE | _RENAME | _ONDIR
_ADD_FILESYSTEM = 0x01 | 0x100
_INFO_PIDFD = 4
_KINDS = ((_CREATE, "create"), (_CLOSE_WRITE, "write"), (_RENAME, "rename"), (_DELETE, "delete"))
_EVENT = struct.Struct("=IBBHQii").unpack_from  # event_len vers reserved metadata_len mask fd pid


class Probed(msgspec.Struct, frozen=True):
    """What the probe took."""

    events: int  # records read from the kernel, all of the file system
    overflows: int
    named: int  # records that came with a living process
    busy_secs: float  # from the first read to the last
    cpu_secs: float


class FileProbe:
    """One fanotify group on the file system of root."""

    def __init__(self, root: Path) -> None:
        """Raises OSError where fanotify cannot be had."""
        self._libc = ctypes.CDLL(None, use_errno=True)
        self._libc.fanotify_mark.argtypes = [
            ctypes.c_int,
            ctypes.c_uint,
            ctypes.c_uint64,
            ctypes.c_int,
            ctypes.c_char_p,
        ]
        self.fd = self._checked(self._libc.fanotify_init(_INIT, os.O_RDONLY | os.O_CLOEXEC))
        path = os.fsencode(root)
        self._checked(self._libc.fanotify_mark(self.fd, _ADD_FILESYSTEM, _MASK, -100, path))
        self._mount = os.open(root, os.O_RDONLY | os.O_DIRECTORY)
        self._below = path + b"/"
        self._directories: dict[bytes, bytes] = {}
        self._processes: dict[int, bool] = {}
        self.seen: list[tuple[int, bytes]] = []
        self.events = self.overflows = self.named = 0

    def _checked(self, result: int) -> int:
        if result < 0:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()))
        return result

    def read(self) -> None:
        """Takes one read(2) of up to 256 KiB."""
        try:
            data = os.read(self.fd, 1 << 18)
        except BlockingIOError:
            return
        at, end = 0, len(data)
        while at < end:
            length, _, _, head, mask, _, pid = _EVENT(data, at)
            self.events += 1
            if mask & _OVERFLOW:
                self.overflows += 1
            else:
                self._take(data, at + head, at + length, mask, pid)
            at += length

    def _take(self, data: bytes, at: int, end: int, mask: int, pid: int) -> None:
        if mask & _RENAME:  # two records, OLD and NEW: the name it has now is in the second
            at += data[at + 2] | data[at + 3] << 8
        # struct fanotify_event_info_fid: type, pad, len (u16), fsid (8), file_handle {bytes u32, type i32, ...}
        handle = data[at + 12 : at + 20 + data[at + 12]]
        folder = self._directories.get(handle)
        if folder is None:
            folder = self._directories[handle] = self._resolved(handle)
        name_at = at + 20 + data[at + 12]
        name = data[name_at : data.find(b"\0", name_at)]
        at += data[at + 2] | data[at + 3] << 8
        while at < end:
            if data[at] == _INFO_PIDFD:
                pidfd = int.from_bytes(data[at + 4 : at + 8], "little", signed=True)
                if pidfd >= 0:
                    self._look(pid)
                    os.close(pidfd)
            at += data[at + 2] | data[at + 3] << 8
        path = folder + name
        if path.startswith(self._below) and not mask & _ONDIR:
            self.seen.append((mask, path))

    def _resolved(self, handle: bytes) -> bytes:
        """open_by_handle_at(2): the directory's path with a slash; "?/" when it is gone."""
        found = self._libc.open_by_handle_at(
            self._mount, ctypes.create_string_buffer(handle), os.O_PATH | os.O_CLOEXEC
        )
        if found < 0:
            return b"?/"
        try:
            return os.readlink(b"/proc/self/fd/%d" % found) + b"/"
        finally:
            os.close(found)

    def _look(self, pid: int) -> None:
        self.named += 1
        if pid in self._processes:
            return
        try:
            os.readlink(f"/proc/{pid}/exe")
            stat = os.open(f"/proc/{pid}/stat", os.O_RDONLY | os.O_CLOEXEC)
            os.read(stat, 600)
            os.close(stat)
        except OSError:
            return
        self._processes[pid] = True

    def lines(self) -> list[str]:
        """`KIND path` for each kind of each event below root, in order of arrival."""
        return [
            f"{kind} {os.fsdecode(path)}\n"
            for mask, path in self.seen
            for bit, kind in _KINDS
            if mask & bit
        ]


def main(words: Sequence[str]) -> int:
    """Runs the probe until SIGTERM."""
    parser = argparse.ArgumentParser(prog="limit_files")
    parser.add_argument("root", type=Path)
    parser.add_argument("--out", type=Path)
    given = parser.parse_args(words)
    probe = FileProbe(given.root.resolve())
    ended: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        ended.append(number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print("READY", flush=True)
    began = last = 0.0
    poll = select.poll()
    poll.register(probe.fd, select.POLLIN)
    while not ended:
        if poll.poll(200):
            began = began or time.perf_counter()
            probe.read()
            last = time.perf_counter()
    used = resource.getrusage(resource.RUSAGE_SELF)
    cpu = used.ru_utime + used.ru_stime
    found = Probed(
        probe.events, probe.overflows, probe.named, round(last - began, 3), round(cpu, 3)
    )
    print(msgspec.json.encode(found).decode(), flush=True)
    if given.out is not None:
        given.out.write_text("".join(probe.lines()), errors="surrogateescape")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
