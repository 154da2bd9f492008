"""The process connector: fork, exec, uid change and exit of every process, as they happen.

Every message carries a number that its CPU counts up (cn_msg.seq in drivers/connector/cn_proc.c), so what did not
arrive is counted exactly, as long as one is subscribed to all kinds of message.  When the socket's buffer
overflowed, or to have a first number of each CPU, the reader visits each CPU once and renames itself to its own
name there: that makes one message with the CPU's present number.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import socket
import struct
import time
from typing import Final

import msgspec

from sentinair.errors import PermissionFault
from sentinair.model.ports import Probe

__all__ = ["NAME", "Exec", "Exit", "Fork", "Lost", "ProcConnector", "Raw", "Uid", "probe"]

NAME: Final = "cnproc"
LIMITS: Final = (
    "the command line of a process that ends within some microseconds can be gone before it is read",
    "of two programs begun by one process within some microseconds only the second is described",
    "after the exit of its first thread a process counts as ended, even if other threads go on",
)

# linux/netlink.h, linux/connector.h, linux/cn_proc.h
_NETLINK_CONNECTOR: Final = 11
_SO_RCVBUFFORCE: Final = 33
_CN_IDX_PROC: Final = 1
_NLMSG_DONE: Final = 3
_LISTEN, _IGNORE = 1, 2  # enum proc_cn_mcast_op
_ACK, _FORK, _EXEC, _UID, _EXIT = 0, 1, 2, 4, 0x80000000  # enum proc_cn_event
_HEAD: Final = struct.Struct(
    "=III I 4x IIQ"
)  # from 16: idx, val, seq, ack, len+flags, what, cpu, ns
_FIELDS: Final = struct.Struct("=IIII")  # from 52: the first four numbers of the event
_PAIR: Final = struct.Struct("=II")
_HEAD_AT, _FIELDS_AT = 16, 52
_ASK: Final = struct.Struct("=IHHII IIIIHHI")
_PR_SET_NAME, _PR_GET_NAME = 15, 16  # prctl(2)

_ACK_SECS: Final = 0.5
_SETTLE_SECS: Final = 0.2  # losses within this time become one


class Fork(msgspec.Struct, frozen=True):
    """A process (not a thread) was made."""

    ns: int  # CLOCK_MONOTONIC of the kernel
    parent: int
    pid: int


class Exec(msgspec.Struct, frozen=True):
    """A process runs another program now."""

    ns: int
    pid: int


class Uid(msgspec.Struct, frozen=True):
    """One thread of a process has other user ids now."""

    ns: int
    pid: int  # of the process
    real: int
    effective: int


class Exit(msgspec.Struct, frozen=True):
    """A process ended."""

    ns: int
    pid: int
    code: int  # wait status, wait(2)


class Lost(msgspec.Struct, frozen=True):
    """Messages of any kind, threads included, that the kernel could not deliver."""

    count: (
        int | None
    )  # None: the buffer overflowed, and no later number of the CPUs tells how many yet
    since_ns: int  # CLOCK_MONOTONIC, as all ns here
    until_ns: int


Raw = Fork | Exec | Uid | Exit | Lost


class _Cpu(msgspec.Struct):
    seq: int  # the next number it will give
    ns: int


class ProcConnector:
    """An open subscription.  Not thread-safe; visits other CPUs with the thread that calls read()."""

    def __init__(self, buffer_bytes: int = 32 << 20) -> None:
        """Subscribe and learn each CPU's number.

        buffer_bytes: what the kernel may hold for us.  Beyond net.core.rmem_max it needs CAP_NET_ADMIN.
        Raises PermissionFault, with the reason, where the connector does not answer.
        """
        self.received = 0  # messages of any kind, our own visits included
        self.lost = 0
        self._cpus: dict[int, _Cpu] = {}
        self._room = bytearray(4096)
        self._loss: Lost | None = None
        self._overflowed = False
        self._settled = 0.0
        self._libc = ctypes.CDLL(None)
        self._socket = _subscribed(buffer_bytes)
        self._visit_cpus()

    def fileno(self) -> int:
        return self._socket.fileno()

    @property
    def unsettled(self) -> bool:
        """A loss is being counted: call read() again within `_SETTLE_SECS`, even if nothing is readable."""
        return self._overflowed or self._loss is not None

    def knock(self) -> None:
        """Make one message, which read() then counts: proof that the connector still answers."""
        name = ctypes.create_string_buffer(16)
        if not self._libc.prctl(_PR_GET_NAME, name, 0, 0, 0):
            self._libc.prctl(_PR_SET_NAME, name, 0, 0, 0)

    def close(self) -> None:
        if self._socket.fileno() >= 0:
            self._tell(_IGNORE)
            self._socket.close()

    def _tell(self, what: int) -> None:
        try:
            self._socket.send(_asking(what))
        except OSError:  # nobody to tell
            return

    def read(self, limit: int = 64) -> list[Raw]:
        """What happened to processes, oldest first; empty when nothing waits.  Never blocks.

        limit: messages looked at, of which those about threads and names are left out.
        """
        found: list[Raw] = []
        room, take = self._room, self._socket.recvfrom_into
        for _ in range(limit):
            try:
                size, sender = take(room)
            except BlockingIOError:
                if not self._settle(found):
                    break
                continue
            except OSError as fault:
                if fault.errno != errno.ENOBUFS:
                    raise
                self._overflowed = True
                continue
            if (
                sender[0] == 0 and size >= _FIELDS_AT + _FIELDS.size
            ):  # from the kernel, not from a process
                self._take(found)
        return found

    def _take(self, found: list[Raw]) -> None:
        idx, _val, seq, _ack, what, cpu, ns = _HEAD.unpack_from(self._room, _HEAD_AT)
        if idx != _CN_IDX_PROC:
            return
        self.received += 1
        # Answers to anybody's subscription are numbered too: cn_proc_ack() ends in send_msg().
        self._count(cpu, seq, ns)
        if what == _FORK:
            _, parent, pid, group = _FIELDS.unpack_from(self._room, _FIELDS_AT)
            if pid == group:
                found.append(Fork(ns, parent, pid))
        elif what == _EXEC:
            found.append(Exec(ns, _PAIR.unpack_from(self._room, _FIELDS_AT)[1]))
        elif what == _EXIT:
            pid, group, code, _ = _FIELDS.unpack_from(self._room, _FIELDS_AT)
            if pid == group:
                found.append(Exit(ns, pid, code))
        elif what == _UID:
            _, group, real, effective = _FIELDS.unpack_from(self._room, _FIELDS_AT)
            found.append(Uid(ns, group, real, effective))

    def _count(self, number: int, seq: int, ns: int) -> None:
        cpu = self._cpus.get(number)
        if cpu is None:
            self._cpus[number] = _Cpu(seq + 1, ns)
            return
        missed = (seq - cpu.seq) & 0xFFFFFFFF
        if missed:
            self.lost += missed
            loss = self._loss
            self._loss = Lost(
                missed + (loss.count or 0 if loss else 0),
                min(cpu.ns, loss.since_ns) if loss else cpu.ns,
                max(ns, loss.until_ns) if loss else ns,
            )
        cpu.seq = (seq + 1) & 0xFFFFFFFF
        cpu.ns = ns

    def _settle(self, found: list[Raw]) -> bool:
        """With the buffer empty: close the count of a loss.  True if there is something to read again."""
        if not self.unsettled or time.monotonic() - self._settled < _SETTLE_SECS:
            return False
        if self._overflowed:
            self._overflowed = False
            if self._visit_cpus():
                if self._loss is None:  # counted as none, unless the visits' numbers tell
                    now = time.monotonic_ns()
                    self._loss = Lost(
                        None, min((c.ns for c in self._cpus.values()), default=now), now
                    )
                return True
        if self._loss is not None:
            found.append(self._loss)
            self._loss = None
        self._settled = time.monotonic()
        return False

    def _visit_cpus(self) -> bool:
        """Make one message on each CPU that we may run on.  True if there was any."""
        name = ctypes.create_string_buffer(16)
        home = os.sched_getaffinity(0)
        visited = moved = False
        if self._libc.prctl(_PR_GET_NAME, name, 0, 0, 0):
            return False
        try:
            for cpu in range(os.cpu_count() or 1):
                try:
                    os.sched_setaffinity(0, {cpu})
                except OSError:  # offline, not for us, or filtered: its next message will tell
                    continue
                moved = True
                visited |= self._libc.prctl(_PR_SET_NAME, name, 0, 0, 0) == 0
        finally:
            if moved:
                os.sched_setaffinity(0, home)
        return visited


def probe() -> Probe:
    """Whether the process connector answers here, and if not, why."""
    try:
        ProcConnector(1 << 16).close()
    except PermissionFault as fault:
        return Probe(NAME, works=False, reason=str(fault))
    return Probe(NAME, works=True, reason="works", limits=LIMITS)


def _asking(what: int) -> bytes:
    return _ASK.pack(_ASK.size, _NLMSG_DONE, 0, 0, 0, _CN_IDX_PROC, 1, 0, 0, 4, 0, what)


def _subscribed(buffer_bytes: int) -> socket.socket:
    """A socket on which the kernel has acknowledged our subscription."""
    try:
        link = socket.socket(
            socket.AF_NETLINK, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC, _NETLINK_CONNECTOR
        )
    except OSError as fault:
        raise _refused(f"the kernel has no connector ({fault.strerror})", "") from fault
    try:
        _enlarge(link, buffer_bytes)
        link.bind((0, _CN_IDX_PROC))
        link.send(_asking(_LISTEN))
        _await_ack(link)
    except OSError as fault:
        link.close()
        if fault.errno in (errno.EPERM, errno.EACCES):
            raise _refused("not allowed", "give the role CAP_NET_ADMIN") from fault
        remedy = "run it in the initial network namespace (no PrivateNetwork=)"
        raise _refused(f"no connector here ({fault.strerror})", remedy) from fault
    except PermissionFault:
        link.close()
        raise
    link.setblocking(False)
    return link


def _enlarge(link: socket.socket, buffer_bytes: int) -> None:
    try:
        link.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
    except (
        PermissionError
    ):  # up to net.core.rmem_max then; binding will tell what else we may not do
        link.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, buffer_bytes)


def _await_ack(link: socket.socket) -> None:
    """Source: cn_proc_ack() and cn_proc_mcast_ctl() in drivers/connector/cn_proc.c."""
    deadline = time.monotonic() + _ACK_SECS
    waiter = select.poll()
    waiter.register(link, select.POLLIN)
    while (left := deadline - time.monotonic()) > 0:
        if not waiter.poll(left * 1000):
            break
        try:
            answer = link.recv(4096)
        except OSError as fault:
            if fault.errno == errno.ENOBUFS:
                continue
            raise
        if len(answer) < _FIELDS_AT + 4:
            continue
        what = _HEAD.unpack_from(answer, _HEAD_AT)[4]
        if what == _ACK:
            (code,) = struct.unpack_from("=I", answer, _FIELDS_AT)
            if code:
                raise OSError(code, os.strerror(code))
            return
    raise _refused(
        "the kernel does not answer the subscription",
        "run it in the initial user, pid and network namespaces",
    )


def _refused(what: str, remedy: str) -> PermissionFault:
    return PermissionFault(what, where="process connector", remedy=remedy)
