"""One export as bytes: to a stream, or to a file that has its name only once it is whole.

1  temporary file, written and synced         killed here: only a name like `.export-….part` is left
2  a free name; its manifest is sealed         the same
3  certificates and manifest in place          killed here: a manifest without its file, which `verify` tells
4  the file gets its name; the folder synced
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import BinaryIO, Final, cast

import msgspec

from sentinair.errors import SinkAway, StorageFault
from sentinair.model.entry import Entry
from sentinair.model.export import Exported, Wanted
from sentinair.model.ports import Codec
from sentinair.settings.registered import load, look_up
from sentinair.sinks.drop.manifest import Certificate
from sentinair.sinks.drop.place import Place
from sentinair.sinks.export.manifest import ENDING, Sealed, Signer, Unsigned, line_of

__all__ = ["Certificates", "as_file", "as_stream", "codec_of"]

BLOCK_BYTES: Final = 256 * 1024
MAX_NAMES: Final = 10_000  # exports of one second
_TAIL: Final = 4096  # a certificate has some 500 bytes
_TRIES: Final = 3  # others may put an older certificate file in place at the same moment
Certificates = Callable[[str], Iterable[msgspec.Struct]]
"""All of a chain, by its id, from the enrolment key on; each with the fields of a Certificate."""


def codec_of(wanted: Wanted) -> Codec:
    """A new codec of that name.  Raises StorageFault."""
    places = look_up("sentinair.codecs")
    if wanted.codec not in places:
        raise StorageFault(
            f"no codec {wanted.codec} is installed", remedy="install the agent again"
        )
    return cast(Callable[[], Codec], load(places[wanted.codec]))()


class _Bytes:
    """What a codec makes of entries, in blocks; count, range and digest grow with them."""

    def __init__(self, codec: Codec, entries: Iterable[Entry], time_ns: int) -> None:
        self._codec, self._entries, self._time_ns = codec, entries, time_ns
        self.count = self.bytes = 0
        self.first: int | None = None
        self.last: int | None = None
        self._digest = hashlib.sha256()

    def blocks(self) -> Iterator[bytes]:
        waiting, size = [self._codec.begin(self._time_ns)], 0
        between = self._codec.between()
        for entry in self._entries:
            body = self._codec.encode(entry)
            if not body:
                continue  # the form has no place for it
            if self.count:
                waiting.append(between)
            waiting.append(body)
            self._counted(entry.seq)
            size += len(body)
            if size >= BLOCK_BYTES:
                yield self._taken(waiting)
                waiting, size = [], 0
        waiting.append(self._codec.end(self.count))
        yield self._taken(waiting)

    def told(self, file: str) -> Exported:
        """Once all blocks are out."""
        return Exported(
            file=file,
            count=self.count,
            bytes=self.bytes,
            sha256=self._digest.hexdigest(),
            first=self.first,
            last=self.last,
            made_ns=self._time_ns,
        )

    def _counted(self, seq: int) -> None:
        self.count += 1
        self.first = seq if self.first is None or seq < self.first else self.first
        self.last = seq if self.last is None or seq > self.last else self.last

    def _taken(self, parts: list[bytes]) -> bytes:
        block = b"".join(parts)
        self._digest.update(block)
        self.bytes += len(block)
        return block


def as_stream(codec: Codec, entries: Iterable[Entry], stream: BinaryIO, time_ns: int) -> None:
    """All entries to stream.  time_ns: wall clock."""
    stream.writelines(_Bytes(codec, entries, time_ns).blocks())
    stream.flush()


def as_file(
    place: Place,
    codec: Codec,
    entries: Iterable[Entry],
    stem: str,
    time_ns: int,
    *,
    seal: Signer,
    certificates: Certificates,
    watch: Callable[[int], None] | None = None,
) -> tuple[Exported, Sealed | Unsigned]:
    """`<stem>_<epoch seconds><suffix>` in place, and its manifest.

    watch: told after each block how many entries are in it; may raise, to give up.
    Raises SinkAway for what the folder refuses, and what seal, entries and watch raise.  Nothing is left behind then;
    no file is ever replaced.
    """
    made = _Bytes(codec, entries, time_ns)
    with _temporary(place) as (temporary, descriptor):
        for block in made.blocks():
            place.write(descriptor, block)
            if watch is not None:
                watch(made.count)
        place.sync(descriptor)
        for name in _names(f"{stem}_{time_ns // 1_000_000_000}", codec.suffix):
            if place.taken(name) or place.taken(name + ENDING):
                continue
            exported = made.told(name)
            sealed = seal(exported)
            if isinstance(sealed, Sealed):
                _certify(place, sealed, certificates)
            if not place.put_bytes(name + ENDING, line_of(sealed)):
                continue  # somebody was faster
            if place.put(temporary, name, exported.bytes, exported.sha256):
                place.sync()
                return exported, sealed
            place.remove(name + ENDING)
    raise SinkAway(
        f"{MAX_NAMES} names of one second are taken", where=place.directory, remedy="try again"
    )


def _names(stem: str, suffix: str) -> Iterator[str]:
    yield f"{stem}{suffix}"
    for number in range(2, MAX_NAMES):
        yield f"{stem}-{number}{suffix}"


@contextmanager
def _temporary(place: Place) -> Iterator[tuple[str, int]]:
    """A file that is gone afterwards, unless it has got another name."""
    name, descriptor = place.make()
    try:
        yield name, descriptor
    finally:
        os.close(descriptor)
        place.remove(name)


# -- certificates ------------------------------------------------------------------------------------------------------


def _certify(place: Place, sealed: Sealed, certificates: Certificates) -> None:
    """Let the folder's certificates of the seal's chain reach its key.  Raises SinkAway."""
    seal = sealed.seal
    name = f"sentinair_exports-{seal.chain}"
    for _ in range(_TRIES):
        if _reach(place, f"{name}.keys", seal.public_key, seal.epoch):
            return
        with _temporary(place) as (temporary, descriptor):
            for one in certificates(seal.chain):
                place.write(descriptor, msgspec.json.encode(one) + b"\n")
            place.sync(descriptor)
            place.give_name(temporary, name, ".keys")
    raise SinkAway(
        f"the record holds no certificate of epoch {seal.epoch}",
        where=place.directory,
        remedy="try again; if it stays so, run sentinair verify",
    )


def _reach(place: Place, name: str, public_key: str, epoch: int) -> bool:
    """Whether the last certificate of the file is of that key, or of a later one."""
    descriptor = place.open_file(name)
    if descriptor is None:
        return False
    try:
        size = os.fstat(descriptor).st_size
        tail = os.pread(descriptor, _TAIL, max(0, size - _TAIL))
        last = msgspec.json.decode(tail.splitlines()[-1], type=Certificate)
    except (OSError, IndexError, msgspec.DecodeError):
        return False
    finally:
        os.close(descriptor)
    return last.epoch > epoch or (last.epoch, last.public_key) == (epoch, public_key)
