"""The certificates in a drop: one line an epoch, from the enrolment key on.

Lines are appended while the file is byte for byte what was written before; else all of it is written again.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator

import msgspec

from sentinair.errors import SinkAway
from sentinair.sinks.drop.manifest import Certificate, Signer
from sentinair.sinks.drop.memory import KeysMark, Memory
from sentinair.sinks.drop.place import Place, safe

__all__ = ["lead_to"]


def lead_to(
    place: Place, memory: Memory, signer: Signer, host: str, chain: str, epoch: int
) -> None:
    """Let the keys file of chain reach epoch at least.  Raises SinkAway."""
    mark = memory.told.keys.get(chain)
    descriptor = None if mark is None else place.open_file(mark.file, os.O_RDWR | os.O_APPEND)
    try:
        if mark is not None and descriptor is not None and _unchanged(place, descriptor, mark):
            if mark.epoch >= epoch:
                return
            lines = _lines(signer, chain, mark.epoch, epoch)
            name, before = mark.file, place.read(descriptor, mark.bytes)
            place.write(descriptor, lines)
            place.sync(descriptor)
        else:
            before, lines = b"", _lines(signer, chain, -1, epoch)
            name = place.replace(f"{safe(host)}-{safe(chain)}", ".keys", lines)
    finally:
        if descriptor is not None:
            os.close(descriptor)
    whole = before + lines
    last = msgspec.json.decode(whole.splitlines()[-1], type=Certificate)
    digest = hashlib.sha256(whole).hexdigest()
    memory.told.keys[chain] = KeysMark(name, last.epoch, len(whole), digest)


def _unchanged(place: Place, descriptor: int, mark: KeysMark) -> bool:
    if os.fstat(descriptor).st_size != mark.bytes:
        return False
    return hashlib.sha256(place.read(descriptor, mark.bytes)).hexdigest() == mark.sha256


def _lines(signer: Signer, chain: str, after: int, epoch: int) -> bytes:
    return b"".join(msgspec.json.encode(one) + b"\n" for one in _pages(signer, chain, after, epoch))


def _pages(signer: Signer, chain: str, after: int, epoch: int) -> Iterator[Certificate]:
    while after < epoch:
        page = signer.certificates(chain, after)
        if not page or page[0].epoch != after + 1:
            raise SinkAway(f"there is no certificate of epoch {after + 1} of chain {chain}")
        yield from page
        after = page[-1].epoch
