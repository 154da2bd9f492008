"""One connection of a sender: its hello, its lanes' numbering, batches waiting for a name, and its receipts."""

from __future__ import annotations

import contextlib
import socket
from collections import deque
from collections.abc import Iterator, Mapping
from typing import Final

import msgspec

from sentinair.errors import DataFault
from sentinair.ipc.frames import FrameReader, frame
from sentinair.ipc.messages import (
    VERSION,
    AskExport,
    Batch,
    FromEngine,
    FromSender,
    Health,
    Hello,
    KeptSink,
    Welcome,
    decode_from_sender,
    encode,
)
from sentinair.ipc.sockets import Peer
from sentinair.roles.engine.form import check_batch, check_hello

__all__ = ["ROLES", "Held", "Sender"]

ROLES: Final = ("sensor", "execs", "api", "forwarder")
READ_BYTES: Final = 1 << 18
MAX_OUT_BYTES: Final = 4 << 20  # asks and receipts a sender does not take: it hangs, and is dropped


class Held(msgspec.Struct):
    """A batch, and the pids in it that nobody can name yet."""

    batch: Batch
    missing: set[int]
    deadline_mono_ns: int


class Sender:
    """A connected role.  Does no judging: hands out whole batches in lane order, takes what was committed."""

    def __init__(self, role: str, connection: socket.socket, peer: Peer) -> None:
        self.role = role
        self.socket = connection
        self.peer = peer
        self.hello: Hello | None = None
        self.health: Health | None = None
        self.heard_mono_ns = 0
        self.expected: dict[str, int] = {}  # lane to the seq its next event must have
        self.held: dict[str, deque[Held]] = {}
        self._reader = FrameReader()
        self._out = bytearray()

    def fileno(self) -> int:
        return self.socket.fileno()

    @property
    def wants_write(self) -> bool:
        return bool(self._out)

    def receive(self) -> Iterator[FromSender]:
        """The messages that have come.  Raises DataFault or OSError when the connection must end."""
        try:
            chunk = self.socket.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not chunk:
            raise DataFault(f"{self.role} closed the connection")
        for body in self._reader.feed(chunk):
            yield decode_from_sender(body)

    def welcome(
        self,
        hello: Hello,
        committed: Mapping[str, int],
        own: tuple[tuple[int, int], ...],
        chain: str = "",
        sinks: tuple[KeptSink, ...] | None = None,
        exports: tuple[AskExport, ...] = (),
    ) -> None:
        """Answer a hello.  Raises DataFault if the sender is not what its socket says."""
        if hello.version != VERSION:
            raise DataFault(f"{self.role} speaks version {hello.version}, this engine {VERSION}")
        if hello.sender != self.role:
            raise DataFault(f"{hello.sender!r} connected to the socket of {self.role}")
        if hello.pid != self.peer.pid:
            raise DataFault(f"{self.role} says pid {hello.pid}, the kernel says {self.peer.pid}")
        if self.hello is not None:
            raise DataFault(f"{self.role} said hello twice")
        check_hello(hello)
        self.hello = hello
        self.expected = {lane: seq + 1 for lane, seq in committed.items()}
        self.held = {}
        if sinks is None:
            self.send(Welcome(VERSION, dict(committed), own))
        else:
            self.send(Welcome(VERSION, dict(committed), own, chain, sinks, exports))

    def accept(self, batch: Batch) -> Batch | None:
        """batch without what was taken before; None if nothing is left of it.

        A hole before it is loss; the sender's own gap names it, so it is only stepped over here.
        """
        if self.hello is None:
            raise DataFault(f"{self.role} sent a batch before its hello")
        check_batch(batch, self.role)
        expected = self.expected.get(batch.lane, 1)
        behind = expected - batch.first_seq
        if behind >= len(batch.events):
            return None
        if behind > 0:
            batch = msgspec.structs.replace(batch, first_seq=expected, events=batch.events[behind:])
        self.expected[batch.lane] = batch.first_seq + len(batch.events)
        return batch

    def send(self, message: FromEngine) -> None:
        self._out += frame(encode(message))
        if len(self._out) > MAX_OUT_BYTES:
            raise DataFault(f"{self.role} does not read what it is sent")
        self.flush()

    def flush(self) -> None:
        """Send what fits; OSError when the connection is gone."""
        while self._out:
            try:
                sent = self.socket.send(self._out)
            except BlockingIOError:
                return
            del self._out[:sent]

    def hang_up(self) -> None:
        """End the connection: the loop reads its end and drops it."""
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        self.socket.close()
