"""Frames: 4 bytes big-endian length, then that many bytes of msgpack."""

from __future__ import annotations

import struct
from typing import Final

from sentinair.errors import DataFault

__all__ = ["MAX_FRAME_BYTES", "FrameReader", "frame"]

MAX_FRAME_BYTES: Final = 8 << 20
_HEAD: Final = struct.Struct(">I")


def frame(body: bytes) -> bytes:
    """body with its length before it.  Raises DataFault if body is larger than MAX_FRAME_BYTES."""
    if len(body) > MAX_FRAME_BYTES:
        raise DataFault(f"frame of {len(body)} bytes, limit {MAX_FRAME_BYTES}")
    return _HEAD.pack(len(body)) + body


class FrameReader:
    """Cuts a byte stream into frame bodies; holds at most one unfinished frame."""

    def __init__(self, max_bytes: int = MAX_FRAME_BYTES) -> None:
        self._max_bytes = max_bytes
        self._rest = bytearray()

    def feed(self, chunk: bytes) -> list[bytes]:
        """The bodies that chunk completes.  Raises DataFault at a length over the cap, before holding its bytes."""
        rest = self._rest
        rest += chunk
        bodies: list[bytes] = []
        at, end = 0, len(rest)
        while end - at >= _HEAD.size:
            (size,) = _HEAD.unpack_from(rest, at)
            if size > self._max_bytes:
                raise DataFault(f"frame of {size} bytes announced, limit {self._max_bytes}")
            if end - at - _HEAD.size < size:
                break
            at += _HEAD.size
            bodies.append(bytes(rest[at : at + size]))
            at += size
        if at:
            del rest[:at]
        return bodies
