"""A sink for tests with receipts: each batch is one frame to a unix socket, answered by `ok` or by what is refused.

frame   8 bytes, big-endian: how many follow; then the lines
answer  one byte `o`, or `n` and 4 bytes, big-endian: which line is refused; those before it are taken
"""

from __future__ import annotations

import contextlib
import os
import socket
import threading
import time
from collections.abc import Mapping, Sequence
from io import RawIOBase
from pathlib import Path
from typing import Self

import msgspec

from sentinair.errors import SinkAway, SinkRefused
from sentinair.model.entry import Parcel
from sentinair.model.ports import SinkKind
from sentinair.sinks.ground import Ground

__all__ = ["KIND", "Receiver", "SocketOptions", "SocketSink"]

_PATIENCE_SECS = 10.0


class SocketOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """path: of the receiver's socket.  reconnect: after each batch."""

    path: str = ""
    reconnect: bool = False


class SocketSink:
    """One connection; a batch is delivered once it is answered."""

    def __init__(self, ground: Ground, options: SocketOptions) -> None:
        self.name = ground.name
        self._options = options
        self._socket: socket.socket | None = None

    def open(self) -> None:
        self.close()
        made = socket.socket(socket.AF_UNIX)
        made.settimeout(_PATIENCE_SECS)
        try:
            made.connect(self._options.path)
        except OSError as fault:
            made.close()
            raise SinkAway(str(fault), where=self._options.path) from fault
        self._socket = made

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        data = b"".join(parcel.body + b"\n" for parcel in parcels)
        try:
            if self._socket is None:
                self.open()
            assert self._socket is not None
            self._socket.sendall(len(data).to_bytes(8, "big") + data)
            answer = _exactly(self._socket, 1)
            refused = int.from_bytes(_exactly(self._socket, 4), "big") if answer == b"n" else None
        except OSError as fault:
            raise SinkAway(str(fault), where=self._options.path) from fault
        if self._options.reconnect:
            self.close()
        if refused is not None:
            raise SinkRefused("the test says so", index=refused)

    def holding(self) -> Mapping[str, int]:
        return {}

    def idle(self, mono_ns: int) -> None:
        """Nothing is due."""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None


def _exactly(connection: socket.socket, size: int) -> bytes:
    """Raises ConnectionError if it ends before."""
    data = b""
    while len(data) < size:
        part = connection.recv(min(size - len(data), 1 << 20))
        if not part:
            raise ConnectionResetError("the receiver hung up")
        data += part
    return data


class Receiver:
    """Writes what it takes to file.  mute_every: that many-th batch is taken and not answered (0: never).

    poison: a line that holds it is refused.  pause_secs: before each answer.
    """

    def __init__(
        self,
        folder: Path,
        *,
        mute_every: int = 0,
        pause_secs: float = 0.0,
        poison: bytes | None = None,
    ) -> None:
        self.path, self.file = folder / "receiver.sock", folder / "received.jsonl"
        self.batches = self.muted = self.connections = 0
        self.longest_secs = 0.0  # between two batches that it took lines of
        self._took_at: float | None = None
        self.poison = poison
        self._mute_every, self.pause_secs = mute_every, pause_secs
        self._ending = threading.Event()
        self.path.unlink(missing_ok=True)
        self._listener = socket.socket(socket.AF_UNIX)
        self._listener.bind(os.fspath(self.path))
        self.path.chmod(0o666)
        self._listener.listen(8)
        self._listener.settimeout(0.2)
        self._thread = threading.Thread(target=self._serve, name="receiver")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._ending.set()
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with self.file.open("ab", buffering=0) as file:
            while not self._ending.is_set():
                with contextlib.suppress(TimeoutError):
                    connection, _ = self._listener.accept()
                    self.connections += 1
                    with connection, contextlib.suppress(OSError):
                        connection.settimeout(0.2)
                        self._take_from(connection, file)

    def _take_from(self, connection: socket.socket, file: RawIOBase) -> None:
        while not self._ending.is_set():
            try:
                head = connection.recv(8, socket.MSG_WAITALL)
            except TimeoutError:
                continue
            if len(head) < 8:
                return
            connection.settimeout(_PATIENCE_SECS)
            data = _exactly(connection, int.from_bytes(head, "big"))
            if not self._answer(connection, data, file):
                return
            connection.settimeout(0.2)

    def _answer(self, connection: socket.socket, data: bytes, file: RawIOBase) -> bool:
        """False: the connection ends without an answer."""
        self.batches += 1
        lines = data.splitlines(keepends=True)
        poison = self.poison
        bad = next((n for n, line in enumerate(lines) if poison and poison in line), None)
        if lines[:bad]:
            file.write(b"".join(lines[:bad]))
            now = time.monotonic()
            self.longest_secs = max(self.longest_secs, now - (self._took_at or now))
            self._took_at = now
        if self._mute_every and self.batches % self._mute_every == 0:
            self.muted += 1
            return False
        self._ending.wait(self.pause_secs)
        connection.sendall(b"o" if bad is None else b"n" + bad.to_bytes(4, "big"))
        return True


KIND = SinkKind(options=SocketOptions, make="tests.harness.sink_socket:SocketSink")
