"""Listening sockets: made here, or made by systemd or the runner and handed over; and who is at the other end.

Mode and group of the socket file decide who may connect; SO_PEERCRED (unix(7)) says who did.
"""

from __future__ import annotations

import os
import socket
import stat
import struct
from collections.abc import Mapping
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import PermissionFault, StorageFault

__all__ = ["HANDED_OVER", "Peer", "handed_over", "listen", "peer"]

HANDED_OVER: Final = "SENTINAIR_SOCKETS"  # "name=descriptor,…", as the runner passes them
_FIRST_FD: Final = 3  # SD_LISTEN_FDS_START, sd_listen_fds(3)
_UCRED: Final = struct.Struct("3i")


class Peer(msgspec.Struct, frozen=True):
    """The process that connected, as the kernel saw it at connect(2)."""

    pid: int
    uid: int
    gid: int


def peer(connection: socket.socket) -> Peer:
    raw = connection.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _UCRED.size)
    return Peer(*_UCRED.unpack(raw))


def listen(path: Path, *, mode: int = 0o600, gid: int | None = None) -> socket.socket:
    """A non-blocking listening socket at path, replacing a dead one.

    Raises StorageFault if another process listens there, PermissionFault if something else is in the way.
    """
    try:
        found = os.lstat(path)
    except FileNotFoundError:
        found = None
    if found is not None:
        if not stat.S_ISSOCK(found.st_mode):
            raise PermissionFault(
                "is not a socket", where=os.fspath(path), remedy="remove it, then start again"
            )
        if _answers(path):
            raise StorageFault(
                "another agent listens here",
                where=os.fspath(path),
                remedy="stop that one first, or give another --state directory",
            )
        os.unlink(path)
    server = socket.socket(
        socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK | socket.SOCK_CLOEXEC
    )
    try:
        # bind(2) gives the file the mode of the socket, less the umask (unix_bind() in af_unix.c); to change the umask
        # for a moment would change it for other threads, too.
        os.fchmod(server.fileno(), 0o600)
        server.bind(os.fspath(path))
    except OSError as fault:
        server.close()
        raise StorageFault(
            f"cannot listen: {fault.strerror or fault}",
            where=os.fspath(path),
            remedy="a path of at most 107 bytes on a writable disk is needed",
        ) from fault
    if gid is not None:
        os.chown(path, -1, gid)
    os.chmod(path, mode)
    server.listen(64)
    return server


def _answers(path: Path) -> bool:
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as probe:
        try:
            probe.connect(os.fspath(path))
        except OSError:
            return False
        return True


def handed_over(environ: Mapping[str, str] = os.environ) -> dict[str, socket.socket]:
    """Listening sockets this process inherited, by name: from the runner, or from systemd (sd_listen_fds(3))."""
    found: dict[str, int] = {}
    for entry in filter(None, environ.get(HANDED_OVER, "").split(",")):
        name, _, number = entry.partition("=")
        found[name] = int(number)
    if environ.get("LISTEN_PID") == str(os.getpid()):
        names = environ.get("LISTEN_FDNAMES", "").split(":")
        for index in range(int(environ.get("LISTEN_FDS", "0"))):
            found[names[index].removesuffix(".socket").removeprefix("sentinair-")] = (
                _FIRST_FD + index
            )
    sockets = {}
    for name, descriptor in found.items():
        os.set_inheritable(descriptor, False)
        server = socket.socket(fileno=descriptor)
        server.setblocking(False)
        sockets[name] = server
    return sockets
