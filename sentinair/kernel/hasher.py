"""Content hashes, computed in a child process that can be killed.

The child starts with the first request and ends after hashwire.IDLE_SECS without one, so that it costs nothing
while nothing is to be hashed.  One request is with the child, the others wait here.
"""

from __future__ import annotations

import os
import signal
import socket
import sys
import time
from collections import deque
from pathlib import Path
from typing import Final

import msgspec

from sentinair.kernel.hashwire import HAS_ID, HAS_SHA256, MAX_PACKET, REPLY, REQUEST
from sentinair.model.process import FileId

__all__ = ["HashRequest", "HashResult", "HashWorker"]

GRACE_SECS: Final = 2.0  # after the deadline, which the child keeps by itself unless it hangs
MAX_HUNG: Final = 4  # killed children that the kernel still holds; with more, nothing is hashed
_PACKAGE: Final = Path(__file__).resolve().parents[2]
_CHILD: Final = "sentinair.kernel.hashing"


class HashRequest(msgspec.Struct, frozen=True):
    """One file to be hashed."""

    path: bytes  # absolute
    file_id: FileId | None = None  # only this state of it; None: whatever is there
    pid: int | None = None  # /proc/pid/exe is tried first, if it is file_id
    of: int | None = None  # id of the event that asked, handed through


class HashResult(msgspec.Struct, frozen=True):
    """The answer to one request."""

    request: HashRequest
    file_id: FileId | None  # of what was found, if anything was
    sha256: bytes | None
    unsure: str | None  # why there is no hash


class HashWorker:
    """Poll fileno() (it changes: ask each time) for reading, at most timeout_secs(), then call results()."""

    def __init__(
        self,
        *,
        max_bytes: int = 1 << 30,
        bytes_per_sec: int = 64 << 20,
        deadline_secs: float = 60.0,
        max_waiting: int = 10_000,
        max_cached: int = 512,
    ) -> None:
        """max_bytes: larger files are not hashed.  bytes_per_sec: of all files together."""
        self._max_bytes = max_bytes
        self._rate = bytes_per_sec
        self._deadline_secs = deadline_secs
        self._max_waiting = max_waiting
        self._max_cached = max_cached
        self._cache: dict[FileId, bytes] = {}
        self._waiting: deque[HashRequest] = deque()
        self._current: HashRequest | None = None
        self._deadline = 0.0
        self._socket: socket.socket | None = None
        self._pid = 0
        self._hung: list[int] = []
        self.hashed = 0
        self.killed = 0

    @property
    def waiting(self) -> int:
        return len(self._waiting) + (self._current is not None)

    def fileno(self) -> int:
        """The descriptor on which an answer arrives, or -1 while there is no child."""
        return -1 if self._socket is None else self._socket.fileno()

    def timeout_secs(self) -> float | None:
        """In how many seconds results() must be called at the latest; None: there is nothing to wait for."""
        return None if self._current is None else max(0.0, self._deadline - time.monotonic())

    def submit(self, request: HashRequest) -> HashResult | None:
        """The answer if it is known at once; None if results() will bring it."""
        if request.file_id is not None and request.file_id in self._cache:
            return HashResult(request, request.file_id, self._cache[request.file_id], None)
        if len(self._waiting) >= self._max_waiting:
            return HashResult(request, None, None, f"{self._max_waiting} files wait already")
        self._waiting.append(request)
        return self._next()

    def results(self) -> list[HashResult]:
        """What has been answered since, given up ones too.  Never blocks."""
        found: list[HashResult] = []
        self._receive(found)
        if self._current is not None and time.monotonic() >= self._deadline:
            self.killed += 1
            self._end_child(kill=True)
            found.append(self._given_up("reading it hung; the hashing process was killed"))
        while self._current is None and self._waiting:
            failed = self._next()
            if failed is not None:
                found.append(failed)
        return found

    def close(self) -> list[HashRequest]:
        """Give up what waits and end the child; returns what is given up."""
        waiting = [*([] if self._current is None else [self._current]), *self._waiting]
        self._waiting.clear()
        self._current = None
        self._end_child(kill=True)
        return waiting

    def _next(self) -> HashResult | None:
        """Hand the next request to the child, unless it is busy.  A result only if there can be no child."""
        if self._current is not None or not self._waiting:
            return None
        request = self._waiting.popleft()
        self._current = request
        self._deadline = time.monotonic() + self._deadline_secs + GRACE_SECS
        for _ in range(2):
            try:
                if self._socket is None:
                    self._start_child()
                self._send(request)
            except BrokenPipeError:  # it ended for want of work just now
                self._end_child(kill=False)
            except OSError as fault:
                self._end_child(kill=True)
                return self._given_up(f"no hashing process: {fault.strerror}")
            else:
                return None
        return self._given_up("the hashing process ends at once")

    def _send(self, request: HashRequest) -> None:
        assert self._socket is not None
        wanted = request.file_id
        head = REQUEST.pack(
            request.pid or 0,
            HAS_ID if wanted else 0,
            *((wanted.device, wanted.inode, wanted.ctime_ns) if wanted else (0, 0, 0)),
            self._max_bytes,
            self._rate,
            self._deadline_secs,
        )
        self._socket.send(head + request.path)

    def _receive(self, found: list[HashResult]) -> None:
        if self._socket is None:
            return
        try:
            packet = self._socket.recv(MAX_PACKET)
        except BlockingIOError:
            return
        except ConnectionError:
            packet = b""
        if packet and self._current is not None:
            found.append(self._result(self._current, packet))
            self._current = None
        elif not packet:
            code = self._end_child(kill=False)
            if self._current is not None and code == 0:
                self._waiting.appendleft(self._current)
                self._current = None
            elif self._current is not None:
                found.append(self._given_up("the hashing process died"))

    def _result(self, request: HashRequest, packet: bytes) -> HashResult:
        flags, device, inode, ctime_ns, summed = REPLY.unpack_from(packet)
        file_id = FileId(device, inode, ctime_ns) if flags & HAS_ID else None
        if not flags & HAS_SHA256 or file_id is None:
            why = packet[REPLY.size :].decode(errors="replace")
            return HashResult(request, file_id, None, why)
        self.hashed += 1
        if request.file_id is not None:
            self._cache[file_id] = summed
            if len(self._cache) > self._max_cached:
                del self._cache[next(iter(self._cache))]
        return HashResult(request, file_id, summed, None)

    def _given_up(self, why: str) -> HashResult:
        assert self._current is not None
        request, self._current = self._current, None
        return HashResult(request, None, None, why)

    def _start_child(self) -> None:
        """posix_spawn(3): no copy of this process's memory, and no module for it."""
        self._hung = [pid for pid in self._hung if _hangs(pid)]
        if len(self._hung) >= MAX_HUNG:
            raise OSError(0, f"{len(self._hung)} of them hang in the kernel")
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        ours.setblocking(False)
        try:
            self._pid = os.posix_spawn(
                sys.executable,
                [sys.executable, "-S", "-s", "-P", "-B", "-m", _CHILD],
                {"PYTHONPATH": os.fspath(_PACKAGE)},
                file_actions=[(os.POSIX_SPAWN_DUP2, theirs.fileno(), 0)],
                setsigmask=(),
                setsigdef=(signal.SIGTERM, signal.SIGINT),
            )
        except OSError:
            ours.close()
            raise
        finally:
            theirs.close()
        self._socket = ours

    def _end_child(self, *, kill: bool) -> int | None:
        """Returns its exit code, None if it has not ended (yet): in the kernel even SIGKILL waits for a server."""
        if self._socket is not None:
            self._socket.close()
            self._socket = None
        if not self._pid:
            return None
        pid, self._pid = self._pid, 0
        if kill:
            os.kill(pid, signal.SIGKILL)
        for _ in range(20):
            ended, status = os.waitpid(pid, os.WNOHANG)
            if ended:
                return os.waitstatus_to_exitcode(status)
            time.sleep(0.005)
        self._hung.append(pid)
        return None


def _hangs(pid: int) -> bool:
    try:
        return os.waitpid(pid, os.WNOHANG)[0] == 0
    except ChildProcessError:  # somebody else has waited for it
        return False
