"""The cap on a drop: which segments go, the oldest first, and what the next manifest says of them."""

from __future__ import annotations

import os
import re
from collections.abc import Callable, Iterable, Sequence
from typing import Final

import msgspec

from sentinair.sinks.drop.manifest import Loss, Manifest, sha256_of
from sentinair.sinks.drop.place import Place, safe

__all__ = ["ENDING", "Received", "doomed", "ended", "signed_part"]

Received = Callable[[str, str], int]
"""Chain and stream to the last seq the far side has confirmed; 0: none."""

ENDING: Final = ".manifest"
MAX_GONE: Final = 500  # in one manifest, which must fit in one request to the engine
_MAX_MANIFEST: Final = 4 << 20
_BROKEN: Final = (msgspec.DecodeError, UnicodeDecodeError, RecursionError)
_NAME: Final = re.compile(
    r"(?P<host>[^-]+)-(?P<chain>[^-]+)(?P<events>-events)?-(?P<first>\d+)-(?P<last>\d+)(?P<rest>\..*)?"
)


class _File(msgspec.Struct):
    signed: msgspec.Raw


def signed_part(line: bytes) -> bytes | None:
    """What is signed in the file of a manifest; None if it is none."""
    try:
        return bytes(msgspec.json.decode(line, type=_File).signed)
    except _BROKEN:
        return None


def doomed(
    place: Place, sink: str, order: Sequence[str], wanted: int, received: Received
) -> list[tuple[Loss, int]]:
    """The oldest segments of this sink that together free `wanted` bytes, with the size of each.

    order: chains in the order in which they came.  Confirmed ones go first, then events before records.
    """
    age = {safe(chain): number for number, chain in enumerate(order)}
    sizes = place.sizes()
    found = []
    for name in sizes:
        match = _NAME.fullmatch(name)
        if match and match["chain"] in age and name + ENDING in sizes:
            stream = "event" if match["events"] else "record"
            chain = order[age[match["chain"]]]
            safe_there = int(match["last"]) <= received(chain, stream)
            key = (not safe_there, age[match["chain"]], stream == "record", int(match["first"]))
            found.append((key, name))
    gone: list[tuple[Loss, int]] = []
    freed = 0
    for key, name in sorted(found):
        if freed >= wanted or len(gone) >= MAX_GONE:
            break
        loss = _loss(place, sink, name, "cap" if key[0] else "cap, received")
        if loss is not None:
            size = sizes[name] + sizes[name + ENDING]
            gone.append((loss, size))
            freed += size
    return gone


def ended(place: Place, order: Sequence[str], gone: Iterable[str]) -> list[str]:
    """Certificates and heartbeats of chains, but the newest, of which no segment is left once gone are deleted."""
    left = [name for name in place.sizes() if name not in set(gone)]
    matches = filter(None, map(_NAME.fullmatch, left))
    alive = {match["chain"] for match in matches} | {safe(chain) for chain in order[-1:]}
    over = tuple(f"-{safe(chain)}." for chain in order if safe(chain) not in alive)
    return [
        name
        for name in left
        if name.endswith((".keys", ".heartbeat")) and any(stem in name for stem in over)
    ]


def _loss(place: Place, sink: str, name: str, why: str) -> Loss | None:
    """What deleting this segment loses; None: it is not this sink's."""
    descriptor = place.open_file(name + ENDING)
    if descriptor is None:
        return None
    try:
        signed = signed_part(place.read(descriptor, _MAX_MANIFEST))
    finally:
        os.close(descriptor)
    if signed is None:
        return None
    try:
        said = msgspec.json.decode(signed, type=Manifest)
    except _BROKEN:
        return None
    if said.sink != sink or said.file != name:
        return None
    return Loss(name, said.first, said.last, said.count, sha256_of(signed), why)
