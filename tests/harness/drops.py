"""Drops made by the real sink, signed by a real key ring, on a clock that can be set."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Sequence
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from sentinair.errors import SinkAway
from sentinair.model.entry import Entry, Parcel
from sentinair.sinks.drop.check.found import Drop, Known
from sentinair.sinks.drop.check.lines import judge
from sentinair.sinks.drop.manifest import SIGN_DOMAIN, Certificate, Seal
from sentinair.sinks.drop.segment import Limits
from sentinair.sinks.drop.sink import DropSink
from sentinair.store.chain import EMPTY, Head
from sentinair.store.keys import KeyRing
from sentinair.store.keys import Known as KnownEpoch
from sentinair.store.seals import EpochData

__all__ = ["SECOND_NS", "Chain", "LineCodec", "Station", "SteadyClock", "parcels", "sent"]

SECOND_NS = 1_000_000_000


class SteadyClock:
    """A wall clock that can be set, and a steady one that only goes on."""

    def __init__(self) -> None:
        self.wall, self.mono = 1_700_000_000 * SECOND_NS, SECOND_NS

    def wall_ns(self) -> int:
        return self.wall

    def mono_ns(self) -> int:
        return self.mono

    def pass_secs(self, secs: float) -> None:
        self.wall += int(secs * SECOND_NS)
        self.mono += int(secs * SECOND_NS)


class LineCodec:
    """A line of JSON an entry: seq, link and as many bytes as wanted."""

    name, suffix, lines = "ndjson", ".ndjson", True

    def __init__(self, pad: int = 40) -> None:
        self.pad = "x" * pad

    def begin(self, time_ns: int) -> bytes:
        return b""

    def encode(self, entry: Entry) -> bytes:
        told = {"chain": entry.chain, "seq": entry.seq, "link": entry.link, "pad": self.pad}
        return json.dumps(told).encode()

    def between(self) -> bytes:
        return b"\n"

    def end(self, count: int) -> bytes:
        return b"\n"


class Chain:
    """Signs as the engine does: a real key ring, whose certificates it keeps."""

    def __init__(self, state: Path) -> None:
        self.keys = state / "keys"
        state.mkdir(parents=True, exist_ok=True)
        self.away = False
        self.signed: list[bytes] = []
        self._last_event = 0
        self._old_keys: dict[str, Ed25519PrivateKey] = {}
        self._certificates: dict[str, list[Certificate]] = {}
        self.begin()

    def begin(self) -> None:
        """A new chain, as after a lost key."""
        (self.keys / "epoch").unlink(missing_ok=True)
        self.ring = KeyRing.open(self.keys, None)
        self.head = EMPTY
        self._certify(self.ring.enrolment(EMPTY), EMPTY)
        self.ring.recorded()
        self.restart()

    def stolen(self) -> tuple[Ed25519PrivateKey, int, str]:
        """The private key of the chain's epoch 1, its number and the chain: what a thief had then."""
        return self._old_keys[self.ring.chain], 1, self.ring.chain

    def restart(self) -> list[Entry]:
        """The next epoch, as at each start of the engine; returns its record."""
        if self.ring.epoch == 1:
            self._old_keys[self.ring.chain] = self.ring._key
        data = self.ring.stage(self.head)
        made = self._certify(data, self.head)
        self.ring.promote()
        known = KnownEpoch(self.ring.chain, data.epoch, data.public_key)
        self.ring = KeyRing.open(self.keys, known)
        return made

    def _certify(self, data: EpochData, head: Head) -> list[Entry]:
        chain = self.ring.chain
        one = Certificate(
            chain, data.epoch, data.public_key, head.seq + 1, head.link.hex(), data.signature
        )
        self._certificates.setdefault(chain, []).append(one)
        return self.grow(1)

    def grow(self, count: int) -> list[Entry]:
        """So many more records."""
        made = []
        for _ in range(count):
            seq = self.head.seq + 1
            link = hashlib.sha256(self.head.link + f"{self.ring.chain} {seq}".encode()).digest()
            self.head = Head(seq, link)
            made.append(
                Entry(
                    host="bay-7",
                    chain=self.ring.chain,
                    stream="record",
                    seq=seq,
                    kind="heartbeat",
                    time_ns=seq,
                    version="1",
                    link=link.hex(),
                )
            )
        return made

    def events(self, count: int) -> list[Entry]:
        """So many more events."""
        first, self._last_event = self._last_event + 1, self._last_event + count
        return [
            Entry(
                host="bay-7",
                chain=self.ring.chain,
                stream="event",
                seq=number,
                kind="file",
                time_ns=number,
                version="1",
            )
            for number in range(first, first + count)
        ]

    def sign(self, signed: bytes, runs: Sequence[tuple[int, int]]) -> Seal:
        if self.away:
            raise SinkAway("the engine does not answer")
        said = json.loads(signed)
        if runs and said["stream"] == "event":  # as the engine looks at them
            raise SinkAway("the engine does not sign: events have no links")
        self.signed.append(signed)
        ring = self.ring
        return Seal(ring.chain, ring.epoch, ring.public_key, ring.sign(SIGN_DOMAIN + signed))

    def certificates(self, chain: str, after: int) -> Sequence[Certificate]:
        return self._certificates[chain][
            after + 1 : after + 3
        ]  # small pages, so that there are several


def parcels(entries: Sequence[Entry], codec: LineCodec) -> list[Parcel]:
    return [Parcel(entry, codec.encode(entry)) for entry in entries]


def sent(folder: Path, count: int) -> Station:
    """A host whose drop holds so many records, and has ended."""
    made = Station(folder)
    made.send(count)
    made.sink.close()
    return made


class Station:
    """A host with one drop."""

    def __init__(
        self,
        folder: Path,
        limits: Limits = Limits(segment_count=10),  # noqa: B008 - frozen
        *,
        pad: int = 40,
        complete: bool = True,
        chain: Chain | None = None,
    ) -> None:
        self.folder = folder
        self.drop = folder / "drop"
        self.drop.mkdir(parents=True, exist_ok=True)
        self.chain = chain or Chain(folder / "state")
        self.codec = LineCodec(pad)
        self.clock = SteadyClock()
        self.memory = folder / "memory"
        self._limits, self._complete = limits, complete
        self.sent: list[Entry] = []
        self.sink = self.opened()

    def opened(self) -> DropSink:
        sink = self.unopened()
        sink.open()
        return sink

    def unopened(self) -> DropSink:
        return DropSink(
            "siem",
            self.drop,
            self.codec,
            self.chain,
            self.clock,
            self.memory,
            limits=self._limits,
            complete=self._complete,
        )

    def send(self, count: int) -> None:
        """Records go out as they are made."""
        self.deliver(self.chain.grow(count))

    def deliver(self, entries: Sequence[Entry]) -> None:
        self.sent += entries
        self.sink.deliver(parcels(entries, self.codec))

    def restart(self, *, killed: bool = False) -> None:
        """The forwarder ends and begins again; what was not put away comes again."""
        held = self.sink.holding()
        if killed:
            self.crash()
        else:
            self.sink.close()
            held = self.sink.holding()
        self.sink = self.opened()
        again = [entry for entry in self.sent if entry.seq >= held.get(entry.stream, 1 << 62)]
        self.sink.deliver(parcels(again, self.codec))

    def crash(self) -> None:
        """What the kernel does with a process that is killed: its descriptors are closed, nothing else."""
        for segment in self.sink._segments.values():
            if segment._file >= 0:
                os.close(segment._file)
        self.sink._segments.clear()
        if self.sink._place is not None:
            self.sink._place.close()

    def quiet(self, secs: float = 61) -> None:
        """Time passes, and the forwarder's thread looks once a second, or as often as it takes."""
        for _ in range(2):
            self.clock.pass_secs(secs)
            self.sink.idle(self.clock.mono)

    @property
    def public_key(self) -> Path:
        return self.chain.keys / "enrolment.pub"

    def judged(self, known: dict[str, Known] | None = None, folder: Path | None = None) -> Drop:
        return judge(os.fspath(folder or self.drop), os.fspath(self.public_key), known)

    def segments(self) -> list[Path]:
        return sorted(self.drop.glob("*.ndjson"))

    def seqs(self) -> list[int]:
        """Of all entries in the drop, in order of files."""
        lines = [line for file in self.segments() for line in file.read_text().splitlines()]
        return [json.loads(line)["seq"] for line in lines]
