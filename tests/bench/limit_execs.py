"""Limit probe: the least Python must do to take process events with their command lines.

    python -m tests.bench.limit_execs [--out FILE] [--buffer BYTES]

Reads the process connector (connector: Documentation/driver-api/connector.rst, linux/cn_proc.h); prints READY,
then until SIGTERM reads command line, exe and stat of each exec; at the end one line of JSON, and to FILE the first
argument of each command line it got.  Needs CAP_NET_ADMIN in the initial network namespace.
"""

from __future__ import annotations

import argparse
import os
import resource
import select
import signal
import socket
import struct
import sys
from collections.abc import Sequence
from pathlib import Path
from types import FrameType

import msgspec

__all__ = ["ExecProbe", "Probed", "main"]

_NETLINK_CONNECTOR = 11
_SO_RCVBUFFORCE = 33
_LISTEN = struct.Struct("=IHHIIIIIIHHI")  # nlmsghdr, cn_msg {idx val seq ack len flags}, op
_FORK, _EXEC, _EXIT = 0x1, 0x2, 0x8000_0000
_WHAT_AT, _PID_AT = 36, 52  # nlmsghdr 16 + cn_msg 20; then what, cpu, timestamp: 16


class Probed(msgspec.Struct, frozen=True):
    """What the probe took."""

    execs: int
    forks: int
    exits: int
    command_lines: int
    exes: int
    overflows: int  # ENOBUFS
    cpu_secs: float


class ExecProbe:
    """One subscription to the process connector."""

    def __init__(self, buffer_bytes: int) -> None:
        """Raises OSError where the connector cannot be had."""
        self.socket = socket.socket(socket.AF_NETLINK, socket.SOCK_DGRAM, _NETLINK_CONNECTOR)
        self.socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, buffer_bytes)
        self.socket.bind((0, 1))
        self.socket.send(_LISTEN.pack(40, 3, 0, 0, os.getpid(), 1, 1, 0, 0, 4, 0, 1))
        self._buffer = bytearray(1 << 16)
        self.first_arguments: list[str] = []
        self.execs = self.forks = self.exits = self.command_lines = self.exes = self.overflows = 0

    def read(self) -> None:
        """Takes up to 512 messages."""
        for _ in range(512):
            try:
                self.socket.recv_into(self._buffer, 0, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return
            except OSError:  # ENOBUFS: some were lost, reading goes on (netlink(7))
                self.overflows += 1
                return
            (what,) = struct.unpack_from("=I", self._buffer, _WHAT_AT)
            if what == _EXEC:
                self.execs += 1
                self._look(struct.unpack_from("=i", self._buffer, _PID_AT)[0])
            self.forks += what == _FORK
            self.exits += what == _EXIT

    def _look(self, pid: int) -> None:
        """The command line first: it is gone soonest after an exit."""
        try:
            words = _content(f"/proc/{pid}/cmdline").split(b"\0")
            self.command_lines += bool(words[0])
            if len(words) > 1:
                self.first_arguments.append(os.fsdecode(words[1]))
            os.readlink(f"/proc/{pid}/exe")
            self.exes += 1
            _content(f"/proc/{pid}/stat")
        except OSError:
            return


def _content(path: str) -> bytes:
    opened = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
    try:
        return os.read(opened, 4096)
    finally:
        os.close(opened)


def main(words: Sequence[str]) -> int:
    """Runs the probe until SIGTERM."""
    parser = argparse.ArgumentParser(prog="limit_execs")
    parser.add_argument("--out", type=Path)
    parser.add_argument("--buffer", type=int, default=32 << 20)
    given = parser.parse_args(words)
    probe = ExecProbe(given.buffer)
    ended: list[int] = []

    def end(number: int, _: FrameType | None) -> None:
        ended.append(number)

    signal.signal(signal.SIGTERM, end)
    signal.signal(signal.SIGINT, end)
    print("READY", flush=True)
    poll = select.poll()
    poll.register(probe.socket, select.POLLIN)
    while not ended:
        if poll.poll(200):
            probe.read()
    used = resource.getrusage(resource.RUSAGE_SELF)
    found = Probed(
        probe.execs,
        probe.forks,
        probe.exits,
        probe.command_lines,
        probe.exes,
        probe.overflows,
        round(used.ru_utime + used.ru_stime, 3),
    )
    print(msgspec.json.encode(found).decode(), flush=True)
    if given.out is not None:
        given.out.write_text(
            "".join(f"{word}\n" for word in probe.first_arguments), errors="surrogateescape"
        )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
