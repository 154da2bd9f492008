"""The rights of a mere reader: everything may be read, nothing may be written."""

from __future__ import annotations

import ctypes
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

__all__ = ["mere_reader"]

_libc = ctypes.CDLL(None, use_errno=True)
_NOBODY: Final = 65534  # owns nothing; the overflow uid of user_namespaces(7)
_VERSION_3: Final = 0x20080522  # _LINUX_CAPABILITY_VERSION_3 of linux/capability.h
_READ_SEARCH: Final = 1 << 2  # CAP_DAC_READ_SEARCH
_HEADER: Final = struct.Struct("=Ii")  # version, pid (0: this thread)
_SETS: Final = struct.Struct(
    "=3I3I"
)  # effective, permitted, inheritable: low words, then high words


@contextmanager
def mere_reader(group: int) -> Iterator[None]:
    """As root: this thread reaches files as nobody in group, with CAP_DAC_READ_SEARCH, until the end.

    setfsuid(2) takes the rights over files away and gives them back; other threads do not notice.  Where the
    capability is not to be had, what nobody may reach is all that is left; an ordinary user keeps what he has.
    """
    before = _libc.setfsgid(group)
    _libc.setfsuid(_NOBODY)
    try:
        _raise_read_search()
        yield
    finally:
        _libc.setfsuid(0)
        _libc.setfsgid(before)


def _raise_read_search() -> None:
    header = _HEADER.pack(_VERSION_3, 0)
    sets = ctypes.create_string_buffer(_SETS.size)
    if _libc.capget(header, sets) != 0:
        return
    effective, permitted, *others = _SETS.unpack(sets.raw)
    wanted = effective | permitted & _READ_SEARCH
    _libc.capset(header, _SETS.pack(wanted, permitted, *others))  # refused: as without
