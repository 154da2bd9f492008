"""Ways for syslog messages: datagrams (UDP, /dev/log), TCP, and TLS with client certificates.

None of them has an answer by which a receiver says that it took a message (RFC 5424, section 8.5): a receiver that
ends with messages in its buffers loses them, and the sender notices with a later message only, if at all.
"""

from __future__ import annotations

import errno
import fcntl
import os
import pwd
import socket
import ssl
import struct
import termios
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import Final, Protocol

import msgspec

from sentinair.errors import SinkAway, SinkRefused

__all__ = ["Datagrams", "Stream", "Tls", "Transport", "tls_context"]

CONNECT_SECS: Final = 5.0
SEND_SECS: Final = 10.0
FLUSH_SECS: Final = 2.0
_BURST_BYTES: Final = (
    64 * 1024
)  # of one write: a receiver that ends loses no more than a few of them
_POLL_SECS: Final = 0.01
_SAID_BYTES: Final = 4096


class Transport(Protocol):
    """One way to a receiver.  All raise SinkAway; send() raises SinkRefused for a frame that no socket takes."""

    def open(self) -> None: ...

    def send(self, frames: Sequence[bytes]) -> None:
        """All frames are with the kernel when this returns."""
        ...

    def check(self) -> None:
        """Whether the receiver is still there, as far as it can be told without a message."""
        ...

    def close(self) -> None:
        """Waits at most FLUSH_SECS for what is on its way; raises nothing."""
        ...


class Datagrams:
    """One message a datagram: UDP (RFC 5426), or the socket of the host's own syslog."""

    def __init__(self, address: tuple[str, int] | str) -> None:
        """address: host and port, or the path of a unix datagram socket."""
        self._address = address
        self._socket: socket.socket | None = None
        self._where = address if isinstance(address, str) else f"udp {address[0]}:{address[1]}"

    def open(self) -> None:
        self.close()
        try:
            self._socket = _datagram_socket(self._address)
        except OSError as fault:
            raise self._away(fault) from fault

    def send(self, frames: Sequence[bytes]) -> None:
        if self._socket is None:
            raise SinkAway("not connected", where=self._where)
        for index, frame in enumerate(frames):
            try:
                self._socket.send(frame)
            except (
                OSError
            ) as fault:  # of a connected UDP socket also: the last datagram found no receiver
                if fault.errno == errno.EMSGSIZE:  # it would be no smaller the next time
                    raise SinkRefused(
                        f"a datagram of {len(frame)} bytes is too long",
                        index=index,
                        where=self._where,
                        remedy="set max_bytes lower",
                    ) from fault
                raise self._away(fault) from fault

    def check(self) -> None:
        """Nothing can be told of datagrams."""

    def close(self) -> None:
        if self._socket is not None:
            self._socket.close()
            self._socket = None

    def _away(self, fault: OSError) -> SinkAway:
        return SinkAway(f"{fault.strerror}", where=self._where, remedy="see that it receives")


def _datagram_socket(address: tuple[str, int] | str) -> socket.socket:
    if isinstance(address, str):
        made = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        target: object = address
    else:
        family, kind, number, _, target = socket.getaddrinfo(*address, type=socket.SOCK_DGRAM)[0]
        made = socket.socket(family, kind, number)
    made.settimeout(SEND_SECS)
    try:
        made.connect(target)  # type: ignore[arg-type]  # what getaddrinfo gave for this family
    except OSError:
        made.close()
        raise
    return made


class Stream:
    """TCP (RFC 6587); frames follow each other on one connection."""

    def __init__(self, host: str, port: int) -> None:
        self._host, self._port = host, port
        self._socket: socket.socket | None = None
        self._where = f"{self._scheme} {host}:{port}"

    _scheme = "tcp"

    def open(self) -> None:
        self.close()
        try:
            self._socket = self._connected()
        except OSError as fault:
            raise self._away(fault) from fault

    def _connected(self) -> socket.socket:
        made = socket.create_connection((self._host, self._port), CONNECT_SECS)
        made.settimeout(SEND_SECS)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        made.setsockopt(socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, int(SEND_SECS * 1000))
        return made

    def send(self, frames: Sequence[bytes]) -> None:
        connection = self._socket
        if connection is None:
            raise SinkAway("not connected", where=self._where)
        try:
            for piece in _bursts(frames):
                if self._has_ended(connection):
                    raise SinkAway("the receiver closed the connection", where=self._where)
                connection.sendall(piece)
        except OSError as fault:
            raise self._away(fault) from fault

    def check(self) -> None:
        if self._socket is None:
            return
        try:
            ended = self._has_ended(self._socket)
        except OSError as fault:
            raise self._away(fault) from fault
        if ended:
            raise SinkAway("the receiver closed the connection", where=self._where)

    def _has_ended(self, connection: socket.socket) -> bool:
        """Whether the receiver has said that it reads no more.  A syslog receiver says nothing else."""
        # With another one Python waits for something to read, whatever the flags.
        connection.settimeout(0)
        try:
            return connection.recv(_SAID_BYTES) == b""
        except (BlockingIOError, ssl.SSLWantReadError, ssl.SSLWantWriteError):
            return False
        finally:
            connection.settimeout(SEND_SECS)

    def close(self) -> None:
        connection, self._socket = self._socket, None
        if connection is None:
            return
        with suppress(OSError):  # it is gone already: nobody to take leave of
            self._say_goodbye(connection)
        connection.close()

    def _say_goodbye(self, connection: socket.socket) -> None:
        _flush(connection)
        connection.shutdown(socket.SHUT_WR)

    def _away(self, fault: OSError) -> SinkAway:
        what = fault.strerror or str(fault) or type(fault).__name__
        remedy = "see that it receives, and that certificates and names are those of sinks.yaml"
        return SinkAway(what, where=self._where, remedy=remedy)


class TlsFiles(msgspec.Struct, frozen=True):
    """PEM files for TLS; cert and key None: without a client certificate."""

    ca: Path
    cert: Path | None = None
    key: Path | None = None


def tls_context(files: TlsFiles) -> ssl.SSLContext:
    """For a client, TLS 1.2 or newer (RFC 9662), the receiver's certificate and name checked.  Raises SinkAway."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    for path in (files.ca, files.cert, files.key):
        if path is not None:
            _check_readable(path)
    try:
        context.load_verify_locations(files.ca)
        if files.cert is not None:
            context.load_cert_chain(files.cert, files.key)
    except (OSError, ssl.SSLError) as fault:
        name = files.ca if files.cert is None else f"{files.ca}, {files.cert}, {files.key}"
        remedy = "they must be PEM files that belong together, the key without a password"
        raise SinkAway(f"cannot be used: {fault}", where=str(name), remedy=remedy) from fault
    return context


def _check_readable(path: Path) -> None:
    """ssl says that a file cannot be read, but not which."""
    try:
        path.open("rb").close()
    except OSError as fault:
        remedy = f"it must be there, and user {_own_name()} must be allowed to read it"
        raise SinkAway(
            f"cannot be read: {fault.strerror}", where=str(path), remedy=remedy
        ) from fault


def _own_name() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:
        return str(os.geteuid())


class Tls(Stream):
    """TLS over TCP (RFC 5425)."""

    _scheme = "tls"

    def __init__(
        self, host: str, port: int, files: TlsFiles, server_name: str | None = None
    ) -> None:
        """server_name: what the receiver's certificate must say; None: host."""
        super().__init__(host, port)
        self._files = files
        self._server_name = server_name or host

    def _connected(self) -> socket.socket:
        context = tls_context(self._files)
        plain = super()._connected()
        try:
            return context.wrap_socket(plain, server_hostname=self._server_name)
        except OSError:
            plain.close()
            raise

    def _say_goodbye(self, connection: socket.socket) -> None:
        assert isinstance(connection, ssl.SSLSocket)
        end = time.monotonic() + FLUSH_SECS
        _flush(connection)
        connection.settimeout(max(_POLL_SECS, end - time.monotonic()))
        connection.unwrap()  # close_notify, without which a receiver must suspect a cut (RFC 5425, section 4.4)


def _bursts(frames: Sequence[bytes]) -> list[bytes]:
    bursts: list[bytes] = []
    waiting: list[bytes] = []
    size = 0
    for frame in frames:
        if waiting and size + len(frame) > _BURST_BYTES:
            bursts.append(b"".join(waiting))
            waiting, size = [], 0
        waiting.append(frame)
        size += len(frame)
    return [*bursts, b"".join(waiting)] if waiting else bursts


def _flush(connection: socket.socket) -> None:
    """Until the receiver's kernel has acknowledged all, at most FLUSH_SECS (SIOCOUTQ, tcp(7))."""
    end = time.monotonic() + FLUSH_SECS
    while time.monotonic() < end:
        room = fcntl.ioctl(connection.fileno(), termios.TIOCOUTQ, bytes(4))
        if struct.unpack("=i", room)[0] == 0:
            return
        time.sleep(_POLL_SECS)
