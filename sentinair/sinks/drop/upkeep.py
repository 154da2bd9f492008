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
_MAX_NAME: Final = 255  # bytes: NAME_MAX, limits.h
_MAX_WORD: Final = 64  # of a chain id, a sink's name, or a digest in hex


class _File(msgspec.Struct):
    signed: msgspec.Raw


class _Kept(msgspec.Struct, frozen=True):
    """One segment with its manifest, as far as it matters here."""

    sink: str
    number: int
    file: str
    chain: str
    stream: str
    first: int
    last: int
    count: int
    bytes: int  # of both
    sha256: str  # of what its manifest signs
    previous: str | None


class Shelf:
    """What this sink put away and is still there, the oldest first.

    Strictly in this order they go: then a manifest that says what went is always younger than what follows the gone.
    Nothing else in the directory counts, however large: others may write there.  A manifest is known to be ours by the
    next one, which names it, and the last by the memory on this host; what lies before one that was taken away is the
    far side's to take.
    """

    def __init__(self, place: Place, last: str | None) -> None:
        """Reads the manifests in place.  last: SHA-256 of what the last one signs.  Raises SinkAway."""
        found: dict[str, _Kept] = {}
        for name in place.names(ENDING):
            held = _read(place, name)
            if held is not None:
                found[held.sha256] = held
        self._kept = deque[_Kept]()
        while last is not None and (one := found.pop(last, None)) is not None:
            self._kept.appendleft(one)
            last = one.previous
        self._bytes = sum(one.bytes for one in self._kept)

    def add(self, manifest: Manifest, sha256: str, line_bytes: int) -> None:
        """line_bytes: size of its file."""
        one = _kept(manifest, sha256, line_bytes)
        self._kept.append(one)
        self._bytes += one.bytes

    def claim(
        self, place: Place, coming: int, cap_bytes: int, received: Received
    ) -> tuple[Loss, ...]:
        """What has to go before `coming` bytes more stay below the cap.  Raises SinkAway."""
        if self._bytes + coming <= cap_bytes:
            return ()
        self._kept = deque(one for one in self._kept if place.is_file(one.file))
        self._bytes = sum(one.bytes for one in self._kept)  # the far side took the others
        over, losses = self._bytes + coming - cap_bytes, list[Loss]()
        for one in self._kept:
            if over <= 0 or len(losses) >= MAX_GONE:
                break
            why = "cap, received" if one.last <= received(one.chain, one.stream) else "cap"
            losses.append(Loss(one.file, one.first, one.last, one.count, one.sha256, why))
            over -= one.bytes
        return tuple(losses)

    def forget(self, losses: tuple[Loss, ...]) -> None:
        """They are deleted, with all that went before them."""
        while losses and self._kept:
            gone = self._kept.popleft()
            self._bytes -= gone.bytes
            if gone.sha256 == losses[-1].manifest:
                return


def highest(place: Place, sink: str) -> int:
    """The greatest number its manifests in place have; 0: none.  For a drop that forgot it: nothing else is believed."""
    held = (_read(place, name) for name in place.names(ENDING))
    numbers = (one.number for one in held if one is not None and one.sink == sink)
    return max((number for number in numbers if number < _SANE), default=0)


def _read(place: Place, name: str) -> _Kept | None:
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
    words = (said.sink, said.chain, said.previous or "")
    if len(said.file) > _MAX_NAME or any(len(word) > _MAX_WORD for word in words):
        return None  # a stranger's, which would take memory
    return _kept(said, sha256_of(signed), len(line))


def _kept(said: Manifest, sha256: str, line_bytes: int) -> _Kept:
    return _Kept(
        said.sink,
        said.number,
        said.file,
        said.chain,
        said.stream,
        said.first,
        said.last,
        said.count,
        said.bytes + line_bytes,
        sha256,
        said.previous,
    )
