"""The detectors that judge: made anew when their rules change, with what they remember."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from sentinair.detect.ground import Ground
from sentinair.errors import ConfigFault, Fault
from sentinair.model.ports import Detector, FromRules, Keeper, Reading
from sentinair.model.record import Stamp
from sentinair.model.text import shown
from sentinair.roles.engine.commits import Commits
from sentinair.roles.engine.folder_watch import FolderWatch
from sentinair.roles.engine.memory import Memory
from sentinair.store.read import Reader

__all__ = ["MAX_FAULTS", "LoadedData", "Panel", "RefusedData"]

log = logging.getLogger("sentinair.engine")

MAX_FAULTS: Final = 20  # told in a record and in status; the count is whole


class LoadedData(msgspec.Struct, frozen=True):
    """rules.loaded: the rules that judge from now on."""

    digest: str  # SHA-256 over names and content of all files
    rules: int
    correlations: int
    why: str  # start, changed, asked
    by: str | None = None  # who asked


class RefusedData(msgspec.Struct, frozen=True):
    """rules.refused: files that could not be used; what judged before judges on, at a start the rest does."""

    digest: str  # of the rules that judge
    count: int  # of faults
    faults: tuple[str, ...]  # the first of them: file:line, what, remedy
    why: str
    by: str | None = None


class Panel:
    """All registered detectors, and the reloading of their rules.

    At a start what cannot be used is left out; ConfigFault is raised only if nothing at all can be.  Later a fault in
    any file leaves the rules read before in force.
    """

    def __init__(self, makers: Mapping[str, Callable[[Ground], Detector]], ground: Ground) -> None:
        """makers: by the detector's name."""
        self._makers = makers
        self._ground = ground
        self._watch = FolderWatch(ground.rules_dir)
        self._memory = Memory(ground.state_dir)
        partial = msgspec.structs.replace(ground, partial=True)
        self.detectors: tuple[Detector, ...] = tuple(make(partial) for make in makers.values())
        self._refused: tuple[Fault, ...] = self._reading().faults
        self._loaded_ns: int | None = None
        self._memory.recall(self.detectors)
        for fault in self._refused:
            log.error("rule refused: %s", shown(str(fault)))

    def begin(self, commits: Commits, reader: Reader, stamp: Stamp) -> None:
        """What this life of the engine judges by, in the record if it does not say so already."""
        reading = self._reading()
        if self._loaded_ns is None:
            self._loaded_ns = stamp.time_ns
        last = reader.last_record("rules.loaded")
        if last is None or msgspec.convert(last.data, LoadedData).digest != reading.digest:
            self._record(commits, reading, "start", None)
            if self._refused:
                self._record_refusal(commits, "start", None)

    def tick(self, stamp: Stamp, commits: Commits) -> None:
        """Once a second."""
        settled = not commits.waiting
        if self._watch.changed(stamp.mono_ns):
            self._reload(stamp, commits, "changed", None)
        self._memory.tick(stamp.mono_ns, self.detectors, settled=settled)

    def reload(self, stamp: Stamp, commits: Commits, by: str) -> None:
        """Reads the rules now.  Raises ConfigFault with all faults; then the rules before judge on."""
        self._reload(stamp, commits, "asked", by)
        if self._refused:
            raise ConfigFault(list(self._refused))

    def close(self) -> None:
        """Keeps what the detectors remember."""
        self._memory.save(self.detectors)

    def status(self) -> dict[str, object]:
        """JSON-able: what judges since when, what was refused, what detectors hold."""
        reading = self._reading()
        notes: dict[str, int] = {}
        for one in self.detectors:
            if isinstance(one, Keeper):
                notes |= one.notes()
        return {
            "loaded": reading.rules,
            "correlations": reading.correlations,
            "digest": reading.digest,
            "since_ns": self._loaded_ns,
            "refused": _told(self._refused),
            "refused_count": len(self._refused),
            "memory": notes,
            "memory_fault": self._memory.fault,
        }

    # -- inside ------------------------------------------------------------------------------------------------

    def _reading(self) -> Reading:
        found = [one.reading for one in self.detectors if isinstance(one, FromRules)]
        return found[0] if found else Reading()

    def _reload(self, stamp: Stamp, commits: Commits, why: str, by: str | None) -> None:
        self._watch.seen()
        before = self._reading()
        try:
            made = tuple(self._remade(one) for one in self.detectors)
        except ConfigFault as fault:
            self._refused = fault.faults
            log.error(
                "%d faults in the rules, those read before judge on: %s",
                len(fault.faults),
                shown(str(fault.faults[0])),
            )
            self._record_refusal(commits, why, by)
            return
        self.detectors = made
        reading = self._reading()
        if reading.digest != before.digest or self._refused or by is not None:
            self._loaded_ns = stamp.time_ns
            self._record(commits, reading, why, by)
            log.info("%d rules and %d correlations judge", reading.rules, reading.correlations)
        self._refused = ()

    def _remade(self, old: Detector) -> Detector:
        if not isinstance(old, FromRules):
            return old
        new = self._makers[old.name](self._ground)
        if isinstance(old, Keeper) and isinstance(new, Keeper):
            new.restore(old.save())
        return new

    def _record(self, commits: Commits, reading: Reading, why: str, by: str | None) -> None:
        data = LoadedData(reading.digest, reading.rules, reading.correlations, why, by)
        commits.record("rules.loaded", data)

    def _record_refusal(self, commits: Commits, why: str, by: str | None) -> None:
        told, count = _told(self._refused), len(self._refused)
        commits.record("rules.refused", RefusedData(self._reading().digest, count, told, why, by))


def _told(faults: Sequence[Fault]) -> tuple[str, ...]:
    return tuple(shown(str(fault)) for fault in faults[:MAX_FAULTS])
