"""Alert ids: UUID version 7, so that ids sort by time."""

from __future__ import annotations

__all__ = ["uuid7"]

_MILLISECOND_NS = 1_000_000


def uuid7(time_ns: int, random: bytes) -> str:
    """Lower-case UUIDv7 of a wall-clock time and 10 random bytes.

    Raises ValueError if random is not 10 bytes long.  Source: RFC 9562, section 5.7.
    """
    if len(random) != 10:
        raise ValueError(f"10 random bytes are needed, got {len(random)}")
    stamp = (time_ns // _MILLISECOND_NS).to_bytes(6, "big")
    raw = bytearray(stamp + random)
    raw[6] = (raw[6] & 0x0F) | 0x70  # version
    raw[8] = (raw[8] & 0x3F) | 0x80  # variant
    text = raw.hex()
    return f"{text[:8]}-{text[8:12]}-{text[12:16]}-{text[16:20]}-{text[20:]}"
