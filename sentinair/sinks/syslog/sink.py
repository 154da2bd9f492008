"""The sink that speaks syslog: envelopes around what a codec made, and what may be lost is sent again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Sequence
from typing import Final

from sentinair.model.entry import Entry, Parcel
from sentinair.sinks.syslog.transport import Transport

__all__ = ["AGAIN_NS", "AGAIN_PARCELS", "SyslogSink"]

AGAIN_PARCELS: Final = 10_000
AGAIN_NS: Final = 30_000_000_000
Envelope = Callable[[Entry, bytes], bytes]


class SyslogSink:
    """At least once as far as syslog lets: what was sent within AGAIN_NS, at most AGAIN_PARCELS, is unsure."""

    def __init__(
        self,
        name: str,
        transport: Transport,
        envelope: Envelope,
        mono_ns: Callable[[], int],
        *,
        again: bool = True,
    ) -> None:
        """envelope: one framed message of an entry and its body.  again: False sends nothing twice."""
        self.name = name
        self._transport = transport
        self._envelope = envelope
        self._mono_ns = mono_ns
        self._again = again
        self._sent: deque[tuple[int, int]] = (
            deque()
        )  # when, how many parcels: each delivery not sure yet
        self.unsure = 0

    def open(self) -> None:
        self._sent.clear()
        self.unsure = 0
        self._transport.open()

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        self._transport.send([self._envelope(one.entry, one.body) for one in parcels])
        if self._again:
            self._sent.append((self._mono_ns(), len(parcels)))
            self.unsure += len(parcels)
            self._settle()

    def idle(self, mono_ns: int) -> None:  # noqa: ARG002 - the protocol's
        self._settle()

    def _settle(self) -> None:
        before = self._mono_ns() - AGAIN_NS
        while self._sent and (
            self._sent[0][0] < before or self.unsure - self._sent[0][1] >= AGAIN_PARCELS
        ):
            self.unsure -= self._sent.popleft()[1]

    def close(self) -> None:
        self._transport.close()
