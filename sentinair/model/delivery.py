"""How far each sink is, how it is, and what it would never take."""

from __future__ import annotations

from typing import Annotated, Final, Literal

import msgspec

__all__ = [
    "MAX_LETTERS",
    "REFUSED",
    "SINK_STATES",
    "UNDELIVERED",
    "Count",
    "Key",
    "Letter",
    "Position",
    "SinkHealth",
    "SinkName",
    "SinkState",
    "Stream",
]

REFUSED: Final = "sentinair-sink-refused"
UNDELIVERED: Final = "sentinair-sink-undelivered"
"""Rules of the alerts that tell of a sink's trouble."""
MAX_LETTERS: Final = 1000
"""Dead letters kept of one sink; then the oldest go."""
Stream = Literal["record", "event"]
SinkState = Literal["healthy", "degraded", "stale", "unhealthy"]
SINK_STATES: Final = ("healthy", "degraded", "stale", "unhealthy")
SinkName = Annotated[str, msgspec.Meta(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")]
Count = Annotated[int, msgspec.Meta(ge=0, le=1 << 62)]
Key = tuple[Stream, Count]
"""An entry of this host's chain: which numbers, and which of them."""


class Position(msgspec.Struct, frozen=True, array_like=True):
    """The last record and the last event that a sink has done with: delivered, left out, or a dead letter."""

    seq: Count
    event: Count


class Letter(msgspec.Struct, frozen=True, array_like=True):
    """An entry that a sink will never take.  Its content stays in the record, so only its number is kept."""

    stream: Stream
    seq: Count
    tries: Annotated[int, msgspec.Meta(ge=1, le=1000)]
    time_ns: Annotated[int, msgspec.Meta(ge=0, le=(1 << 63) - 1)]  # wall clock of the last try
    why: Annotated[str, msgspec.Meta(max_length=500)]  # escaped

    @property
    def key(self) -> Key:
        return self.stream, self.seq


class SinkHealth(msgspec.Struct, frozen=True, kw_only=True):
    """How a sink is, as its own thread saw it; counts are of this life of the forwarder."""

    state: SinkState = "healthy"
    why: Annotated[str, msgspec.Meta(max_length=500)] = ""  # escaped; "" when healthy
    last_success_ns: int | None = None  # wall clock; None: none yet
    failures: Count = 0  # one after the other, since the last success
    retry_secs: float | None = None  # until the next try; None: none is waited for
    latency_secs: float | None = None  # of the last delivery
    delivered: Count = 0
    left_out: Count = 0  # by its own filter
    refused: Count = 0  # became dead letters
    own_refused: Count = 0  # refused, but only told of this very trouble: counted, not kept
    failed: Count = 0  # deliveries that did not work
    limited: bool = False  # its rate limit holds something back now
