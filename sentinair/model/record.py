"""One entry of the ledger, and what it is made of."""

from __future__ import annotations

from typing import Final

import msgspec

__all__ = ["RECORD_KINDS", "Record", "Stamp"]

RECORD_KINDS: Final = (
    "start",
    "stop",
    "unclean.stop",
    "heartbeat",
    "epoch",
    "checkpoint",
    "events.batch",
    "alert.raised",
    "alert.updated",
    "alert.acknowledged",
    "alert.resolved",
    "alert.false_positive",
    "alert.reopened",
    "alert.noted",
    "alert.assigned",
    "alert.escalated",
    "detection.unplaced",
    "suppression.added",
    "suppression.counted",
    "suppression.removed",
    "gap",
    "gap.restored",
    "clock.step",
    "rules.loaded",
    "rules.refused",
    "rescan.asked",
    "rescan.completed",
    "retention",
    "store.damaged",
    "store.refused",
    "tamper",
    "mode.changed",
    "drill.started",
    "drill.ended",
    "manifest.signed",
    "export.signed",
    "sink.refused",
    "sink.replayed",
    "sink.paused",
    "sink.resumed",
    "sink.health",
    "sink.tested",
)


class Stamp(msgspec.Struct, frozen=True):
    """One moment on both clocks of one boot."""

    time_ns: int  # CLOCK_REALTIME
    mono_ns: int  # CLOCK_BOOTTIME would count sleep; an isolated host's servers do not sleep: CLOCK_MONOTONIC
    boot: str  # kernel boot id, 32 lower-case hexadecimal digits without dashes


class Record(msgspec.Struct, frozen=True):
    """Asks the store to append one record; the store gives chain, seq, stamp, salt, leaf and link."""

    kind: str  # one of RECORD_KINDS; docs/record.md says what each means
    data: object  # JSON-able: dict with string keys, msgspec structs, lists, text, int, float, bool, None

    def __post_init__(self) -> None:
        if self.kind not in RECORD_KINDS:
            raise ValueError(f"no record is of kind {self.kind!r}")
