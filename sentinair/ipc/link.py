"""A sender's side of the connection to the engine: a state machine for the sender's own poll loop.

No thread: `execs` must have nothing beside its reader.  The caller polls fileno() for `events()` (or sleeps up to
`retry_secs` when there is none) and calls pump() when something is ready or something was offered.
"""

from __future__ import annotations

import os
import select
import socket
import time
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sentinair.errors import DataFault
from sentinair.ipc.frames import FrameReader, frame
from sentinair.ipc.lane import Lane
from sentinair.ipc.messages import (
    VERSION,
    Ack,
    AskHash,
    AskInventory,
    AskRescan,
    ExportWord,
    ForForwarder,
    Health,
    Hello,
    Own,
    SinkReport,
    Welcome,
    decode_from_engine,
    encode,
)

__all__ = ["RETRY_SECS", "Ask", "Link"]

Ask = AskRescan | AskInventory | AskHash | Own
RETRY_SECS: Final = 0.2
IN_FLIGHT_BYTES: Final = (
    4 << 20
)  # sent and unacknowledged, per connection: what an engine crash makes us send again

OUT_BYTES: Final = 1 << 16  # laid out for the socket: what a vital batch may have to wait behind


class Link:
    """Connects, says hello, sends lanes (vital first), takes receipts and asks, and reconnects for ever."""

    def __init__(
        self,
        path: Path,
        lanes: tuple[Lane, ...],
        hello: Callable[[], Hello],
        on_ask: Callable[[Ask], None],
        on_welcome: Callable[[Welcome], None],
        on_sinks: Callable[[ForForwarder], None] | None = None,
    ) -> None:
        """on_sinks: the forwarder's."""
        self._path = path
        self._lanes = lanes
        self._hello = hello
        self._on_ask = on_ask
        self._on_welcome = on_welcome
        self._on_sinks = on_sinks
        self._socket: socket.socket | None = None
        self._welcomed = False
        self._reader = FrameReader()
        self._out = bytearray()
        self._flight = 0
        self._next_try = 0.0
        self.last_fault = "not connected yet"

    @property
    def connected(self) -> bool:
        return self._welcomed

    def fileno(self) -> int:
        """The connection's descriptor, or -1."""
        return -1 if self._socket is None else self._socket.fileno()

    def events(self) -> int:
        """poll(2) events the caller should wait for."""
        return select.POLLIN | (select.POLLOUT if self._out else 0)

    def tell(self, message: Health | SinkReport | ExportWord) -> None:
        """Queue a message; dropped while not connected, since the next one says the same."""
        if self._welcomed:
            self._out += frame(encode(message))

    def pump(self) -> None:
        """Connect if due, read what came, send what fits; never blocks."""
        if self._socket is None and not self._connect():
            return
        try:
            self._receive()
            self._fill()
            self._send()
        except (OSError, DataFault) as fault:
            self._drop(str(fault))

    def close(self) -> None:
        self._drop("closed")

    def _connect(self) -> bool:
        now = time.monotonic()
        if now < self._next_try:
            return False
        self._next_try = now + RETRY_SECS
        link = socket.socket(
            socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
        )
        try:
            link.connect(os.fspath(self._path))
        except OSError as fault:
            link.close()
            self.last_fault = f"{self._path}: {fault.strerror}"
            return False
        self._socket = link
        self._reader = FrameReader()
        self._out = bytearray(frame(encode(self._hello())))
        return True

    def _drop(self, why: str) -> None:
        if self._socket is not None:
            self._socket.close()
        self._socket = None
        self._welcomed = False
        self._flight = 0
        self._out.clear()
        self.last_fault = why

    def _receive(self) -> None:
        assert self._socket is not None
        while True:
            try:
                chunk = self._socket.recv(1 << 16)
            except BlockingIOError:
                return
            if not chunk:
                raise DataFault("the engine closed the connection")
            for body in self._reader.feed(chunk):
                self._take(body)

    def _take(self, body: bytes) -> None:
        match decode_from_engine(body):
            case Welcome() as welcome:
                if welcome.version != VERSION:
                    raise DataFault(
                        f"the engine speaks version {welcome.version}, this is {VERSION}"
                    )
                self._commit(welcome.committed)
                for lane in self._lanes:
                    lane.resend()
                self._flight = 0
                self._welcomed = True
                self._on_welcome(welcome)
            case Ack(committed):
                self._commit(committed)
            case AskRescan() | AskInventory() | AskHash() | Own() as ask:
                self._on_ask(ask)
            case word:
                if self._on_sinks is not None:
                    self._on_sinks(word)

    def _commit(self, committed: dict[str, int]) -> None:
        for lane in self._lanes:
            if lane.name in committed:
                self._flight -= lane.committed(committed[lane.name])

    def _fill(self) -> None:
        if not self._welcomed:
            return
        for lane in self._lanes:
            while len(self._out) < OUT_BYTES and self._flight < IN_FLIGHT_BYTES:
                data = lane.next_frame()
                if data is None:
                    break
                self._out += data
                self._flight += len(data)

    def _send(self) -> None:
        assert self._socket is not None
        while self._out:
            try:
                sent = self._socket.send(self._out)
            except BlockingIOError:
                return
            del self._out[:sent]
            self._fill()
