"""One segment while it grows: a temporary file, and what its manifest will say."""

from __future__ import annotations

import hashlib
import os
from typing import Final

import msgspec

from sentinair.model.entry import Entry, Parcel
from sentinair.model.ports import Codec
from sentinair.sinks.drop.manifest import BLOCK, Stream
from sentinair.sinks.drop.options import MAX_BYTES
from sentinair.sinks.drop.place import Place

__all__ = ["Limits", "Segment"]

_BUFFER: Final = 16 * BLOCK
MAX_COUNT: Final = 20_000


class Limits(msgspec.Struct, frozen=True):
    """When a segment is cut, and how much the drop may hold in all."""

    segment_bytes: int = 8 << 20
    segment_count: int = 5_000  # the engine looks up as many links before it signs: some 40 ms
    segment_ns: int = 60_000_000_000  # from its first entry, on the steady clock
    cap_bytes: int = 1 << 30
    quiet_ns: int = 60_000_000_000  # a heartbeat after so long without a file

    def __post_init__(self) -> None:
        if not 0 < self.segment_bytes <= MAX_BYTES or not 0 < self.segment_count <= MAX_COUNT:
            raise ValueError(f"a segment has at most {MAX_BYTES} bytes and {MAX_COUNT} entries")


class Segment:
    """Entries of one host, chain and stream, in order of seq, in a temporary file of place."""

    def __init__(
        self,
        place: Place,
        codec: Codec,
        first: Entry,
        now: tuple[int, int],
        *,
        late: bool,
    ) -> None:
        """now: wall and steady clock, ns.  late: its entries come after their turn.  Raises SinkAway."""
        self.late = late
        self.host, self.chain = first.host, first.chain
        self.stream: Stream = first.stream
        self.first = first.seq
        self.last = first.seq - 1
        self.count = self.bytes = 0
        self.link: str | None = None
        self.runs: list[tuple[int, int]] = []  # of records: first and last of each row of them
        self.began_mono_ns = now[1]
        self._place, self._codec = place, codec
        self._digest, self._links = hashlib.sha256(), hashlib.sha256()
        self._held = bytearray()
        self.blocks: list[str] = []
        self.temporary, self._file = place.make()
        self._write(codec.begin(now[0]))

    def fits(self, entry: Entry) -> bool:
        """Whether entry belongs to the same host and chain."""
        return (entry.host, entry.chain) == (self.host, self.chain)

    def add(self, parcel: Parcel) -> None:
        """Raises SinkAway."""
        entry = parcel.entry
        if self.count:
            self._write(self._codec.between())
        self._write(parcel.body)
        if entry.link is not None:
            self._linked(entry.seq, entry.link)
        self.count += 1
        self.last, self.link = entry.seq, entry.link

    def _linked(self, seq: int, link: str) -> None:
        """The engine looks a record's link up before it signs; events have none."""
        self._links.update(bytes.fromhex(link))
        if seq == self.last + 1 and self.runs:
            self.runs[-1] = self.runs[-1][0], seq
        else:
            self.runs.append((seq, seq))

    def due(self, limits: Limits, mono_ns: int) -> bool:
        """Whether it is large or old enough to be cut."""
        return (
            self.bytes >= limits.segment_bytes
            or self.count >= limits.segment_count
            or mono_ns - self.began_mono_ns >= limits.segment_ns
        )

    def finish(self) -> None:
        """All of it is on the disk, under its temporary name.  Raises SinkAway."""
        self._write(self._codec.end(self.count))
        self._flush(len(self._held))
        self._place.sync(self._file)
        os.close(self._file)
        self._file = -1

    def drop(self) -> None:
        """Let it go; its entries must come again."""
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
        self._place.remove(self.temporary)

    @property
    def sha256(self) -> str:
        """Of the finished file: 64 hex."""
        return self._digest.hexdigest()

    @property
    def links(self) -> str | None:
        """Of records: SHA-256 over their links, 64 hex."""
        return self._links.hexdigest() if self.link is not None else None

    def _write(self, data: bytes) -> None:
        self._held += data
        self.bytes += len(data)
        if len(self._held) >= _BUFFER:
            self._flush(len(self._held) // BLOCK * BLOCK)

    def _flush(self, size: int) -> None:
        """Write the first `size` bytes of what is held: whole blocks, but at the end."""
        data = bytes(self._held[:size])
        for at in range(0, size, BLOCK):
            self.blocks.append(hashlib.sha256(data[at : at + BLOCK]).hexdigest()[:32])
        self._digest.update(data)
        self._place.write(self._file, data)
        del self._held[:size]
