"""The sink that speaks syslog: envelopes around what a codec made, and what may be lost is sent again."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Final

import msgspec

from sentinair.errors import SinkAway, SinkRefused
from sentinair.model.entry import Entry, Parcel
from sentinair.sinks.syslog.transport import Transport

__all__ = ["AGAIN_NS", "AGAIN_PARCELS", "SyslogSink"]

AGAIN_PARCELS: Final = 10_000
AGAIN_NS: Final = 30_000_000_000
_SLOT_NS: Final = 1_000_000_000
_SLOT_PARCELS: Final = 500
"""Deliveries are remembered together, up to this age and number: a hundred slots hold all that may come again."""
Envelope = Callable[[Entry, bytes], bytes]


class _Slot(msgspec.Struct):
    """Deliveries that may still be lost."""

    began_ns: int  # steady clock, of the first
    ended_ns: int  # of the last
    parcels: int
    lowest: dict[str, int]  # stream to its lowest seq


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
        self._slots: deque[_Slot] = deque()
        self._parcels = 0  # of all of these

    def open(self) -> None:
        self._forget()
        self._transport.open()

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        try:
            self._transport.send([self._envelope(one.entry, one.body) for one in parcels])
        except SinkRefused as fault:
            self._remember(parcels[: fault.index])
            raise
        except SinkAway:
            self._forget()
            raise
        self._remember(parcels)

    def holding(self) -> Mapping[str, int]:
        """Not always the first of a slot: what is urgent, replayed or sent again goes out of its turn."""
        lowest: dict[str, int] = {}
        for slot in self._slots:
            _lower(lowest, slot.lowest.items())
        return lowest

    def _remember(self, parcels: Sequence[Parcel]) -> None:
        if not self._again or not parcels:
            return
        now_ns = self._mono_ns()
        slot = self._slots[-1] if self._slots else None
        if (
            slot is None
            or now_ns - slot.began_ns >= _SLOT_NS
            or slot.parcels + len(parcels) > _SLOT_PARCELS
        ):
            slot = _Slot(now_ns, now_ns, 0, {})
            self._slots.append(slot)
        slot.ended_ns = now_ns
        slot.parcels += len(parcels)
        self._parcels += len(parcels)
        _lower(slot.lowest, ((one.entry.stream, one.entry.seq) for one in parcels))
        self._settle()

    def idle(self, mono_ns: int) -> None:  # noqa: ARG002 - the protocol's
        self._settle()
        self._transport.check()

    def _settle(self) -> None:
        before = self._mono_ns() - AGAIN_NS
        while self._slots and (
            self._slots[0].ended_ns < before
            or self._parcels - self._slots[0].parcels >= AGAIN_PARCELS
        ):
            self._parcels -= self._slots.popleft().parcels

    def _forget(self) -> None:
        self._slots.clear()
        self._parcels = 0

    def close(self) -> None:
        self._transport.close()


def _lower(lowest: dict[str, int], seqs: Iterable[tuple[str, int]]) -> None:
    for stream, seq in seqs:
        lowest[stream] = min(seq, lowest.get(stream, seq))
