"""A small receiver of octet-counted syslog over TCP (RFC 6587, section 3.4.1), which writes one message a line."""

from __future__ import annotations

import contextlib
import socket
import threading
from io import RawIOBase
from pathlib import Path
from typing import Final, Self

from tests.harness.syslog_readers import read_5424

__all__ = ["SyslogFile", "wrong_envelopes"]

_LOOK_SECS: Final = 0.1
_CHUNK: Final = 4096


class SyslogFile:
    """One connection after the other.  Use as a context manager.

    drop_after: a connection is ended, and what is in its buffers lost, once so many messages came on it; None: never.
    """

    def __init__(self, path: Path) -> None:
        """path: of the file, which is gone on with."""
        self.path = path
        self.drop_after: int | None = None
        self.connections = 0
        self._ending = threading.Event()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._listener.settimeout(_LOOK_SECS)
        self.port: int = self._listener.getsockname()[1]
        self._idle = threading.Event()
        self._idle.set()
        self._thread = threading.Thread(target=self._serve, name="receiver of syslog")

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_fault: object) -> None:
        self._ending.set()
        self._thread.join()
        self._listener.close()

    def quiet(self, secs: float) -> bool:
        """Wait until nobody is connected: all that a dead sender had handed to the kernel is in the file."""
        return self._idle.wait(secs)

    def messages(self) -> list[bytes]:
        """All that came so far, as they came."""
        data = self.path.read_bytes() if self.path.exists() else b""
        return data[: data.rfind(b"\n") + 1].splitlines()

    def _serve(self) -> None:
        with self.path.open("ab", buffering=0) as file:
            while not self._ending.is_set():
                try:
                    connection, _ = self._listener.accept()
                except TimeoutError:
                    continue
                self._idle.clear()
                self.connections += 1
                with connection, contextlib.suppress(OSError):
                    self._take_from(connection, file)
                    # Processes that were forked meanwhile have this socket, too: closing it here alone ends nothing.
                    connection.shutdown(socket.SHUT_RDWR)
                self._idle.set()

    def _take_from(self, connection: socket.socket, file: RawIOBase) -> None:
        connection.settimeout(_LOOK_SECS)
        data, count = b"", 0
        while not self._ending.is_set():
            try:
                part = connection.recv(_CHUNK)
            except TimeoutError:
                continue
            data += part
            while (whole := _first(data)) is not None:
                message, data = whole
                file.write(message + b"\n")
                count += 1
                if self.drop_after is not None and count >= self.drop_after:
                    return
            if not part:
                return


def _first(data: bytes) -> tuple[bytes, bytes] | None:
    """The first message and the rest; None: it is not whole yet.  Raises OSError if it is none."""
    size, space, rest = data.partition(b" ")
    if not space:
        return None
    if not size.isdigit():
        raise OSError("no octet-counted syslog")
    if len(rest) < int(size):
        return None
    return rest[: int(size)], rest[int(size) :]


def wrong_envelopes(messages: list[bytes]) -> list[str]:
    """Messages that are none by RFC 5424, or whose structured data name another record than their text does."""
    wrong = []
    for message in messages:
        parts = read_5424(message)
        seq = None if parts is None else parts["sd"].get("sentinair@32473", {}).get("seq")
        if parts is None or f'"seq":{seq},' not in parts["msg"]:
            wrong.append(f"syslog: {message[:200]!r}")
    return wrong
