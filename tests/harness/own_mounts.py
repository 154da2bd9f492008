"""Mounts nobody else sees: a FUSE that never answers would hang whoever looks at it."""

from __future__ import annotations

import ctypes
import os
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, Self

import msgspec

from sentinair.errors import StorageFault

__all__ = ["SilentFuse", "apart", "tmpfs"]

_CLONE_NEWNS: Final = 0x20000  # unshare(2)
_MS_REC_PRIVATE: Final = 0x4000 | 1 << 18  # mount(2)
_MNT_DETACH: Final = 2
_libc = ctypes.CDLL(None, use_errno=True)


def _mount(source: bytes, point: bytes, kind: bytes, flags: int, options: bytes) -> None:
    if _libc.mount(source, point, kind, flags, options):
        why = os.strerror(ctypes.get_errno())
        raise StorageFault(
            f"{kind.decode() or 'nothing'} cannot be mounted: {why}", where=os.fsdecode(point)
        )


def apart(work: Callable[[], Any]) -> Any:
    """What work gives (JSON-able), done by a child in a mount namespace of its own.  Raises StorageFault."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        status = 1
        try:
            _unshare()
            with os.fdopen(writing, "wb") as pipe:
                pipe.write(msgspec.json.encode(work()))
            status = 0
        except BaseException:  # noqa: BLE001 - a forked child must never go on into its parent's code
            traceback.print_exc()
        finally:
            os._exit(status)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        told = pipe.read()
    _, ended = os.waitpid(child, 0)
    if ended or not told:
        raise StorageFault(f"the part with mounts of its own ended with {ended}")
    return msgspec.json.decode(told)


def _unshare() -> None:
    if _libc.unshare(_CLONE_NEWNS):
        raise StorageFault(f"no mount namespace: {os.strerror(ctypes.get_errno())}")
    _mount(b"none", b"/", b"", _MS_REC_PRIVATE, b"")


@contextmanager
def tmpfs(point: Path, size: str) -> Iterator[None]:
    """size: as in mount(8)."""
    _mount(b"tmpfs", os.fsencode(point), b"tmpfs", 0, f"size={size},mode=755".encode())
    try:
        yield
    finally:
        _libc.umount2(os.fsencode(point), _MNT_DETACH)


class SilentFuse:
    """A FUSE mount whose server never answers: whoever touches it hangs, until stale() or the end.

    Raises OSError where there is no /dev/fuse, StorageFault where it cannot be mounted.
    """

    def __init__(self, point: Path) -> None:
        self._point = os.fsencode(point)
        self._server: int | None = None

    def __enter__(self) -> Self:
        self._server = os.open("/dev/fuse", os.O_RDWR | os.O_CLOEXEC)
        options = f"fd={self._server},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        try:
            _mount(b"silent", self._point, b"fuse", 0, options)
        except StorageFault:
            os.close(self._server)
            raise
        return self

    def stale(self) -> None:
        """Its server is gone: everybody gets ENOTCONN."""
        if self._server is not None:
            os.close(self._server)
            self._server = None

    def __exit__(self, *_fault: object) -> None:
        _libc.umount2(self._point, _MNT_DETACH)
        self.stale()
