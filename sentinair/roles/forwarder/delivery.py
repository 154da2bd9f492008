"""Entries to one sink: made ready, tried, and what became of each."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, cast

import msgspec

from sentinair.errors import SinkAway, SinkRefused
from sentinair.model.delivery import Letter
from sentinair.model.entry import Entry, Parcel
from sentinair.model.ports import Codec, Flushes, Sink, SinkKind
from sentinair.model.standing import Standing
from sentinair.model.text import shown
from sentinair.settings.compiled import PlacedSink
from sentinair.settings.registered import load
from sentinair.sinks.ground import Ground
from sentinair.sinks.health import brief
from sentinair.sinks.mapping import change
from sentinair.store.outgoing import OutgoingReader

__all__ = ["TRIES", "Delivery", "Outcome"]

log = logging.getLogger("sentinair.forwarder")

TRIES: Final = 5  # of a parcel that the sink refuses
PAUSE_SECS: Final = 0.25  # between them: what comes after it waits at most TRIES of these


class Outcome(msgspec.Struct, frozen=True):
    """What became of entries: the first `delivered` are there; then one may be a dead letter."""

    delivered: int
    refused: Letter | None = None


class Delivery:
    """One sink and its codec, made when first needed.  Not thread-safe: the sink's thread only."""

    def __init__(
        self,
        placed: PlacedSink,
        *,
        state: Path,
        host: str,
        networks: tuple[str, ...],
        wall_ns: Callable[[], int],
        pause: Callable[[float], bool],
    ) -> None:
        """pause: waits so many seconds; True if the thread shall end."""
        self._placed = placed
        self._state = state
        self._host = host
        self._networks = networks
        self._wall_ns = wall_ns
        self._pause = pause
        self._sink: Sink | None = None
        self._codec: Codec | None = None
        self._is_open = False

    def deliver(self, entries: Sequence[Entry]) -> Outcome:
        """Hand over entries (not empty), in order.  Raises SinkAway; then all of them come again."""
        ready, broken = self._parcels(entries)
        if ready:
            try:
                self._try(ready)
            except SinkRefused as fault:
                at = fault.index
                if not 0 <= at < len(ready):
                    raise SinkAway(f"it refused entry {at} of {len(ready)}") from fault
                return self._insist(ready[at], at, fault)
        return Outcome(len(ready), broken)

    def idle(self, mono_ns: int) -> None:
        """Nothing is to be delivered.  Raises SinkAway."""
        with _Edge(self):
            self._opened().idle(mono_ns)

    def flush(self) -> None:
        """A person waits for what the sink holds.  Raises SinkAway."""
        with _Edge(self):
            sink = self._opened()
            if isinstance(sink, Flushes):
                sink.flush()

    def holding(self) -> Mapping[str, int]:
        """What the sink may still lose."""
        return self._sink.holding() if self._sink is not None and self._is_open else {}

    def close(self) -> None:
        """At the end of the thread."""
        if self._sink is not None:
            sink, self._sink = self._sink, None
            with _Edge(self):
                sink.close()

    def _parcels(self, entries: Sequence[Entry]) -> tuple[list[Parcel], Letter | None]:
        """As far as they can be encoded, and the first that cannot."""
        changes = self._placed.settings.fields
        parcels: list[Parcel] = []
        for entry in entries:
            try:
                self._make_codec()
                ready = change(entry, changes) if changes else entry
                body = b"" if self._codec is None else self._codec.encode(ready)
            except SinkAway:
                raise
            except Exception as fault:  # a codec's bug: one entry must not hold up all others
                log.exception("%s cannot be encoded", entry.kind)
                why = f"its codec failed: {type(fault).__name__}: {fault}"
                return parcels, self._letter(entry, 1, why)
            parcels.append(Parcel(ready, body))
        return parcels, None

    def _insist(self, parcel: Parcel, before: int, fault: SinkRefused) -> Outcome:
        """Try a refused parcel again: alone, so that what it would hold up waits little."""
        for _ in range(TRIES - 1):
            if self._pause(PAUSE_SECS):
                return Outcome(before)
            try:
                self._try([parcel])
            except SinkRefused as again:
                fault = again
            else:
                return Outcome(before + 1)
        return Outcome(before, self._letter(parcel.entry, TRIES, fault.what))

    def _letter(self, entry: Entry, tries: int, why: str) -> Letter:
        return Letter(entry.stream, entry.seq, tries, self._wall_ns(), brief(why))

    def _try(self, parcels: Sequence[Parcel]) -> None:
        with _Edge(self):
            self._opened().deliver(parcels)

    def _opened(self) -> Sink:
        sink = self._make_sink()
        if not self._is_open:
            sink.open()
            self._is_open = True
        return sink

    def _make_codec(self) -> None:
        if self._codec is None and self._placed.codec is not None:
            with _Edge(self):
                make = cast(Callable[..., Codec], load(self._placed.codec))
                self._codec = make(**self._placed.settings.codec_options)

    def _make_sink(self) -> Sink:
        if self._sink is None:
            self._make_codec()
            ground = Ground(
                name=self._placed.settings.name or "",
                host=self._host,
                state=self._state,
                codec=self._codec,
                allow_networks=self._networks,
                standing=self._standing,
            )
            kind = cast(SinkKind, load(self._placed.sink))
            options = msgspec.convert(self._placed.settings.options, kind.options)
            self._sink = cast(Callable[..., Sink], load(kind.make))(ground, options)
        return self._sink

    def _standing(self) -> Standing:
        """A connection for each look: it is seldom asked for, and what is not open costs no memory."""
        with OutgoingReader.open(self._state) as reader:
            return reader.standing()

    def closed(self) -> None:
        """The sink went away: it is opened again before the next try."""
        self._is_open = False


class _Edge:
    """What sinks raise beyond their contract becomes SinkAway: a sink is somebody else's code in our thread."""

    def __init__(self, delivery: Delivery) -> None:
        self._delivery = delivery

    def __enter__(self) -> None:
        return

    def __exit__(
        self, kind: type[BaseException] | None, fault: BaseException | None, _: object
    ) -> None:
        if fault is None or isinstance(fault, SinkRefused):
            return
        self._delivery.closed()
        if isinstance(fault, SinkAway) or not isinstance(fault, Exception):
            return
        what = f"{type(fault).__name__}: {shown(str(fault))}"
        raise SinkAway(what, remedy="see docs/sinks.md") from fault
