"""The sink that speaks syslog: envelopes around what a codec made, and what may be lost is sent again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from sentinair.errors import SinkAway
from sentinair.model.entry import Entry, Parcel
from sentinair.sinks.syslog.transport import Transport

__all__ = ["AGAIN_NS", "AGAIN_PARCELS", "SyslogSink"]

AGAIN_PARCELS: Final = 10_000
AGAIN_NS: Final = 30_000_000_000
_STREAMS: Final = 2  # records and events
Envelope = Callable[[Entry, bytes], bytes]


class _Sent(msgspec.Struct, frozen=True):
    """One delivery that may still be lost."""

    mono_ns: int
    parcels: int
    firsts: dict[str, int]  # stream to its first seq


class SyslogSink:
    """At least once as far as syslog lets: of what was sent within AGAIN_NS the last AGAIN_PARCELS may still be lost."""

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
        self._sent: deque[_Sent] = deque()
        self._parcels = 0  # of all of these

    def open(self) -> None:
        self._forget()
        self._transport.open()

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        try:
            self._transport.send([self._envelope(one.entry, one.body) for one in parcels])
        except SinkAway:
            self._forget()
            raise
        if self._again:
            firsts: dict[str, int] = {}
            for one in parcels:
                firsts.setdefault(one.entry.stream, one.entry.seq)
            self._sent.append(_Sent(self._mono_ns(), len(parcels), firsts))
            self._parcels += len(parcels)
            self._settle()

    def holding(self) -> Mapping[str, int]:
        firsts: dict[str, int] = {}
        for sent in self._sent:
            for stream, seq in sent.firsts.items():
                firsts.setdefault(stream, seq)
            if len(firsts) == _STREAMS:
                break
        return firsts

    def idle(self, mono_ns: int) -> None:  # noqa: ARG002 - the protocol's
        self._settle()
        self._transport.check()

    def _settle(self) -> None:
        before = self._mono_ns() - AGAIN_NS
        while self._sent and (
            self._sent[0].mono_ns < before or self._parcels - self._sent[0].parcels >= AGAIN_PARCELS
        ):
            self._parcels -= self._sent.popleft().parcels

    def _forget(self) -> None:
        self._sent.clear()
        self._parcels = 0

    def close(self) -> None:
        self._transport.close()
