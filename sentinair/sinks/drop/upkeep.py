"""The cap on a drop: which segments go, the oldest first, and what the next manifest says of them."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable
from typing import Final

import msgspec

from sentinair.sinks.drop.manifest import Loss, Manifest, sha256_of
from sentinair.sinks.drop.place import Place

__all__ = ["ENDING", "Received", "Shelf", "highest"]

Received = Callable[[str, str], int]
"""Chain and stream to the last seq the far side has confirmed; 0: none."""

ENDING: Final = ".manifest"
MAX_GONE: Final = 500  # in one manifest, which must fit in one request to the engine
_MAX_MANIFEST: Final = 4 << 20
_SANE: Final = 1 << 53  # every reader of JSON takes it


class _File(msgspec.Struct):
    signed: msgspec.Raw


class Shelf:
    """What this sink put away and is still there, the oldest first.

    Strictly in this order they go: then a manifest that says what went is always younger than what follows the gone.
    """

    def __init__(self, place: Place, sink: str, newest: int) -> None:
        """Reads the manifests in place.  newest: number of the last one that was made.  Raises SinkAway."""
        found: dict[int, tuple[Manifest, str]] = {}
        for name in place.sizes():
            if name.endswith(ENDING):
                held = _read(place, name)
                if held is not None and held[0].sink == sink and held[0].number <= newest:
                    found[held[0].number] = held
        self._kept = deque(found[number] for number in sorted(found))

    def add(self, manifest: Manifest, sha256: str) -> None:
        self._kept.append((msgspec.structs.replace(manifest, blocks=(), lost=()), sha256))

    def claim(self, wanted: int, sizes: dict[str, int], received: Received) -> list[Loss]:
        """The oldest that together free `wanted` bytes; sizes: of the files that are there."""
        losses: list[Loss] = []
        for said, sha256 in self._kept:
            if wanted <= 0 or len(losses) >= MAX_GONE:
                break
            if said.file not in sizes:
                continue  # the far side took it
            why = "cap, received" if said.last <= received(said.chain, said.stream) else "cap"
            losses.append(Loss(said.file, said.first, said.last, said.count, sha256, why))
            wanted -= sizes[said.file] + sizes.get(said.file + ENDING, 0)
        return losses

    def forget(self, losses: tuple[Loss, ...]) -> None:
        """They are deleted, with all that went before them."""
        if losses:
            while self._kept and self._kept.popleft()[1] != losses[-1].manifest:
                pass


def highest(place: Place, sink: str) -> int:
    """The greatest number its manifests in place have; 0: none.  For a drop that forgot it: nothing else is believed."""
    numbers = [0]
    for name in place.sizes():
        held = _read(place, name) if name.endswith(ENDING) else None
        if held is not None and held[0].sink == sink and held[0].number < _SANE:
            numbers.append(held[0].number)
    return max(numbers)


def _read(place: Place, name: str) -> tuple[Manifest, str] | None:
    descriptor = place.open_file(name)
    if descriptor is None:
        return None
    try:
        line = place.read(descriptor, _MAX_MANIFEST)
    finally:
        os.close(descriptor)
    try:
        signed = bytes(msgspec.json.decode(line, type=_File).signed)
        said = msgspec.json.decode(signed, type=Manifest)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return msgspec.structs.replace(said, blocks=(), lost=()), sha256_of(signed)
