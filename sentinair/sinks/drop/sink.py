"""The continuous drop as a sink: entries gather in segments, each put away whole, with its signed manifest.

In what order a segment is put away, and what a start finds that was killed after each step:

    1  the segment under a temporary name, synced      removed; its entries come again
    2  manifest signed, intent kept on this host       the same; the intent is dropped
    3  the segment gets its name                       its manifest is written from the intent
    4  the manifest gets its name                      taken for done
    5  the intent is forgotten, what the cap claims is deleted

deliver() takes entries into segments; holding() tells which are not put away yet.  After SinkAway the segments are
dropped, and they come again, as they do after a restart: what was put away meanwhile is known by its seq and left out,
so the same seq is never in two files by accident.  Once new entries have come, one of an old seq is there because a
person wants it: it goes into a segment that says it is late.  Entries must come in order otherwise.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import msgspec

from sentinair.errors import SinkAway
from sentinair.model.entry import Entry, Parcel
from sentinair.model.ports import Clock, Codec
from sentinair.sinks.drop.keys import lead_to
from sentinair.sinks.drop.manifest import (
    BEAT_FORMAT,
    MANIFEST_FORMAT,
    Beat,
    Loss,
    Manifest,
    Signer,
    Stream,
    encoded,
    line_of,
    segment_names,
    sha256_of,
)
from sentinair.sinks.drop.memory import Intent, Memory
from sentinair.sinks.drop.place import MAX_NAMES, Place, safe
from sentinair.sinks.drop.segment import Limits, Segment
from sentinair.sinks.drop.upkeep import ENDING, Received, Shelf, highest

__all__ = ["DropSink"]

log = logging.getLogger("sentinair.drop")

_Key = tuple[Stream, bool]
"""Of an open segment: its stream, and whether it is of late entries."""


def _nothing(_chain: str, _stream: str) -> int:
    return 0


class DropSink:
    """One directory.  Used by one thread."""

    def __init__(
        self,
        name: str,
        directory: Path,
        codec: Codec,
        signer: Signer,
        clock: Clock,
        memory: Path,
        *,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        complete: bool = False,
        mounted: bool = False,
        received: Received = _nothing,
    ) -> None:
        """memory: a file on this host only the forwarder may write.  complete: nothing is filtered out before deliver();
        what is missing all the same lies between two segments, where it is a finding.
        mounted: directory must be a mount point, so that nothing is written below it while the share is away.

        Raises DataFault, PermissionFault for a memory that cannot be used.
        """
        self.name = name
        self.repeated = 0  # entries left out because they were put away before
        self._directory = str(directory)
        self._codec, self._signer, self._clock = codec, signer, clock
        self._memory = Memory(memory)
        self._limits, self._complete, self._mounted = limits, complete, mounted
        self._received = received
        self._place: Place | None = None
        self._shelf: Shelf | None = None
        self._segments: dict[_Key, Segment] = {}
        self._caught_up: set[Stream] = set()
        self._bytes = 0  # in the directory, as far as it is known
        self._spoke_mono_ns: int | None = None  # the last file

    @property
    def lost(self) -> int:
        """Entries deleted so far to stay below the cap."""
        return self._memory.told.lost

    def holding(self) -> Mapping[str, int]:
        """Stream to the first seq in a segment that is not put away; empty after SinkAway: then they must come again."""
        firsts: dict[str, int] = {}
        for (stream, _), segment in self._segments.items():
            firsts[stream] = min(segment.first, firsts.get(stream, segment.first))
        return firsts

    def open(self) -> None:
        self._let_go()
        self._caught_up.clear()
        self._place = place = Place(self._directory, safe(self.name), mounted=self._mounted)
        place.tidy()
        self._finish_intent(place)
        if not self._memory.told.number:  # it was set aside, or this is the first start
            self._memory.told.number = highest(place, self.name)
        self._shelf = Shelf(place, self.name, self._memory.told.number)
        self._bytes = sum(place.sizes().values())

    def deliver(self, parcels: Sequence[Parcel]) -> None:
        with self._or_let_go():
            for parcel in parcels:
                self._take(parcel)
            self._cut_due(self._clock.mono_ns())

    def flush(self) -> None:
        with self._or_let_go():
            for key in tuple(self._segments):
                self._cut(key)

    def idle(self, mono_ns: int) -> None:
        with self._or_let_go():
            self._cut_due(mono_ns)
            if self._spoke_mono_ns is None:
                self._spoke_mono_ns = mono_ns
            elif mono_ns - self._spoke_mono_ns >= self._limits.quiet_ns:
                self._beat()

    def close(self) -> None:
        """Puts away what it holds, if that can be done now."""
        with contextlib.suppress(SinkAway), self._or_let_go():
            for key in tuple(self._segments):
                self._cut(key)
        self._let_go()

    # -- entries -----------------------------------------------------------------------------------------------

    def _take(self, parcel: Parcel) -> None:
        entry = parcel.entry
        if not parcel.body:
            return  # this format has no place for it
        key: _Key = entry.stream, False
        segment = self._fitting(key, entry)
        if entry.seq > self._last(entry, segment):
            self._caught_up.add(entry.stream)
        elif entry.stream not in self._caught_up:
            self.repeated += 1
            return
        else:
            key = entry.stream, True
            segment = self._fitting(key, entry)
            if segment is not None and entry.seq <= segment.last:
                self._cut(key)
                segment = None
        if segment is None:
            segment = self._segments[key] = self._begun(entry, late=key[1])
        segment.add(parcel)
        if segment.due(self._limits, segment.began_mono_ns):
            self._cut(key)

    def _fitting(self, key: _Key, entry: Entry) -> Segment | None:
        """The open segment for entry; one of another chain is cut, and one that would get a hole and may have none."""
        segment = self._segments.get(key)
        holed = segment is not None and self._complete and entry.seq > segment.last + 1
        if segment is not None and (holed or not segment.fits(entry)):
            self._cut(key)
            return None
        return segment

    def _begun(self, entry: Entry, *, late: bool) -> Segment:
        now = self._clock.wall_ns(), self._clock.mono_ns()
        place = self._opened()
        return Segment(place, self._codec, entry, now, late=late)

    def _last(self, entry: Entry, segment: Segment | None) -> int:
        """The last seq of entry's chain and stream that was taken; 0: none."""
        if segment is not None:
            return segment.last
        head = self._memory.head(entry.chain, entry.stream)
        return 0 if head is None else head.last

    def _cut_due(self, mono_ns: int) -> None:
        for key, segment in tuple(self._segments.items()):
            if segment.due(self._limits, mono_ns):
                self._cut(key)

    # -- segments ----------------------------------------------------------------------------------------------

    def _cut(self, key: _Key) -> None:
        """Put a segment away (see above)."""
        place, segment = self._opened(), self._segments[key]
        place.check_same()
        segment.finish()
        lost = self._claimed(place, segment.bytes)
        names = segment_names(
            segment.host,
            segment.chain,
            segment.stream,
            segment.first,
            segment.last,
            self._codec.suffix,
        )
        for _, name in zip(range(MAX_NAMES), names, strict=False):
            if place.taken(name + ENDING) or (
                place.taken(name) and not place.holds(name, segment.bytes, segment.sha256)
            ):
                log.warning("drop %s: something else has the name %s", self.name, name)
                continue
            manifest = self._manifest(segment, name, lost)
            signed = encoded(manifest)
            seal = self._signer.sign(signed, segment.runs)
            lead_to(place, self._memory, self._signer, segment.host, seal.chain, seal.epoch)
            files = tuple(file for loss in lost for file in (loss.file, loss.file + ENDING))
            self._memory.begin(Intent(signed.decode(), seal, files))
            if place.put(segment.temporary, name, segment.bytes, segment.sha256):
                del self._segments[key]
                place.sync()
                self._finish_intent(place)
                self._bytes += segment.bytes
                if self._shelf is not None:
                    self._shelf.forget(lost)
                    self._shelf.add(manifest, sha256_of(signed))
                self._spoke_mono_ns = self._clock.mono_ns()
                return
            self._memory.forget()
        raise place.crowded()

    def _finish_intent(self, place: Place) -> None:
        """Steps 4 and 5, of this life or of one that was killed."""
        intent = self._memory.told.intent
        if intent is None:
            return
        signed = intent.signed.encode()
        manifest = msgspec.json.decode(signed, type=Manifest)
        if not place.holds(manifest.file, manifest.bytes, manifest.sha256):
            self._memory.forget()  # it never got its name, or the far side took it: its entries come again
            return
        line = line_of(signed, intent.seal)
        names = (f"{manifest.file}{f'.{n}' if n > 1 else ''}{ENDING}" for n in range(1, MAX_NAMES))
        if not any(place.put_bytes(name, line) for name in names):
            raise place.crowded()
        place.sync()
        for name in intent.doomed:
            place.remove(name)
        self._memory.done(manifest, sha256_of(signed))

    def _manifest(self, segment: Segment, name: str, lost: tuple[Loss, ...]) -> Manifest:
        return Manifest(
            format=MANIFEST_FORMAT,
            host=segment.host,
            chain=segment.chain,
            sink=self.name,
            number=self._memory.told.number + 1,
            stream=segment.stream,
            file=name,
            first=segment.first,
            last=segment.last,
            count=segment.count,
            complete=self._complete,
            late=segment.late,
            bytes=segment.bytes,
            sha256=segment.sha256,
            blocks=tuple(segment.blocks),
            codec=self._codec.name,
            made_ns=self._clock.wall_ns(),
            previous=self._memory.told.manifest,
            link=segment.link,
            links=segment.links,
            lost=lost,
        )

    def _claimed(self, place: Place, coming: int) -> tuple[Loss, ...]:
        """What has to go so that the drop stays below its cap."""
        if self._bytes + coming <= self._limits.cap_bytes or self._shelf is None:
            return ()
        sizes = place.sizes()  # others may have taken files away; the new segment's is among them
        self._bytes = sum(sizes.values()) - coming
        over = self._bytes + coming - self._limits.cap_bytes
        return tuple(self._shelf.claim(over, sizes, self._received))

    def _beat(self) -> None:
        """Say that all is well, and where it ends."""
        place, told = self._opened(), self._memory.told
        self._spoke_mono_ns = self._clock.mono_ns()
        if told.manifest is None:
            return
        place.check_same()
        now_ns = self._clock.wall_ns()
        beat = Beat(
            format=BEAT_FORMAT,
            host=told.host,
            chain=told.chain,
            sink=self.name,
            made_ns=now_ns,
            next_due_ns=now_ns + self._limits.quiet_ns,
            number=told.number,
            manifest=told.manifest,
            heads=tuple(told.heads.get(told.chain, {}).values()),
        )
        signed = encoded(beat)
        seal = self._signer.sign(signed, ())
        lead_to(place, self._memory, self._signer, told.host, seal.chain, seal.epoch)
        self._memory.save()
        stem = f"{safe(told.host)}.{safe(self.name)}"
        place.replace(stem, ".heartbeat", line_of(signed, seal))

    # -- the place ---------------------------------------------------------------------------------------------

    def _opened(self) -> Place:
        if self._place is None:
            raise SinkAway("is not open", where=self._directory)
        return self._place

    @contextlib.contextmanager
    def _or_let_go(self) -> Iterator[None]:
        try:
            yield
        except SinkAway as fault:
            fault.undone = bool(self._segments)
            self._let_go()
            raise

    def _let_go(self) -> None:
        for segment in self._segments.values():
            segment.drop()
        self._segments.clear()
        if self._place is not None:
            self._place.close()
            self._place = None
