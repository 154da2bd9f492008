"""What detectors remember, kept over a restart: one file in the state directory."""

from __future__ import annotations

import logging
from collections.abc import Iterable
from pathlib import Path
from typing import Final

import msgspec

from sentinair.errors import DataFault, SentinairError
from sentinair.model.ports import Detector, Keeper
from sentinair.settings.guarded import read_guarded, write_atomically

__all__ = ["EVERY_NS", "MAX_BYTES", "NAME", "Memory"]

log = logging.getLogger("sentinair.engine")

NAME: Final = "detect.msgpack"
EVERY_NS: Final = 60_000_000_000
MAX_BYTES: Final = 64 << 20
_VERSION: Final = 1


class _Kept(msgspec.Struct, frozen=True):
    version: int
    detectors: dict[str, bytes]  # by name


class Memory:
    """Nothing in it is the record: without it, windows that were open begin anew."""

    def __init__(self, state: Path) -> None:
        self._path = state / NAME
        self._saved = -1  # sum of the detectors' changes
        self._due_ns: int | None = None
        self.fault: str | None = None  # why it could not be read or written

    def recall(self, detectors: Iterable[Detector]) -> None:
        """Gives detectors back what they remembered.  A file that cannot be believed is left where it is and not used."""
        try:
            owner = frozenset({self._path.parent.stat().st_uid})
            data = read_guarded(self._path, MAX_BYTES, trusted=owner)
            kept = _decode(data)
            for one in detectors:
                if isinstance(one, Keeper) and one.name in kept:
                    one.restore(kept[one.name])
        except FileNotFoundError:
            pass
        except (SentinairError, OSError) as fault:
            self.fault = f"{self._path}: {fault}"
            log.error("what correlations remembered is not used: %s", self.fault)
        self._saved = _changes(detectors)

    def tick(self, mono_ns: int, detectors: Iterable[Detector], *, settled: bool) -> None:
        """Once a minute, if something changed.  settled: all that was judged is on disk, so nothing counts twice."""
        if self._due_ns is None:
            self._due_ns = mono_ns + EVERY_NS
        if mono_ns >= self._due_ns and settled:
            self._due_ns = mono_ns + EVERY_NS
            self.save(detectors)

    def save(self, detectors: Iterable[Detector]) -> None:
        """Now, if something changed."""
        changes = _changes(detectors)
        if changes == self._saved:
            return
        kept = {one.name: one.save() for one in detectors if isinstance(one, Keeper)}
        try:
            write_atomically(
                self._path, msgspec.msgpack.encode(_Kept(_VERSION, kept)), 0o600, alone=True
            )
        except SentinairError as fault:
            if self.fault is None:
                log.error("what correlations remember cannot be kept: %s", fault)
            self.fault = str(fault)
        else:
            self._saved, self.fault = changes, None


def _decode(data: bytes) -> dict[str, bytes]:
    try:
        kept = msgspec.msgpack.decode(data, type=_Kept)
    except (msgspec.DecodeError, UnicodeDecodeError) as fault:
        raise DataFault(f"is damaged: {fault}") from fault
    if kept.version != _VERSION:
        raise DataFault(f"has version {kept.version}, not {_VERSION}")
    return kept.detectors


def _changes(detectors: Iterable[Detector]) -> int:
    return sum(one.changes for one in detectors if isinstance(one, Keeper))
