"""Losses and their repair: which gaps are open, who is asked to restore the truth, and when it is restored."""

from __future__ import annotations

from typing import Final

import msgspec

from sentinair.model.event import GapEvent, Scanned

__all__ = ["Gaps", "OpenGap"]

REPAIR: Final = {"sensor": "files", "execs": "processes"}
"""Which kind of truth each sender's loss damages: the scope of the Scanned that restores it."""


class OpenGap(msgspec.Struct, frozen=True):
    gap: GapEvent
    scope: str  # "files" or "processes"


class Gaps:
    """Gaps noticed and not yet repaired, by gap_id.  Restored from the store after a restart."""

    def __init__(self) -> None:
        self.open: dict[bytes, OpenGap] = {}
        self.total = 0

    def restore(self, gap: GapEvent) -> None:
        """A gap of an earlier life that is still open."""
        processes = gap.source.split("/")[0] in ("execs", "cnproc")
        self.open[gap.gap_id] = OpenGap(gap, "processes" if processes else "files")

    def note(self, gap: GapEvent, sender: str) -> None:
        """A gap was recorded. sender: "sensor" or "execs", whose events it misses."""
        self.open[gap.gap_id] = OpenGap(gap, REPAIR[sender])
        self.total += 1

    def repaired_by(self, scanned: Scanned) -> list[GapEvent]:
        """The open gaps that scanned repairs, which are then closed.

        A file system that could not be marked stays unseen whatever is listed: only a new run may try again.
        A scan repairs the gaps it names; one of all that is watched ("start") also repairs every gap of its scope
        whose interval ended before the scan began.
        """
        if scanned.unreadable and scanned.directories == 0:
            return []
        wanted = set(scanned.gaps)
        if scanned.reason == "start":
            wanted |= {
                gap_id
                for gap_id, found in self.open.items()
                if found.scope == scanned.scope and found.gap.until_ns <= scanned.began_ns
            }
        known = [gap_id for gap_id in sorted(wanted) if gap_id in self.open]
        if scanned.reason != "start":
            known = [key for key in known if self.open[key].gap.reason != "mark_failed"]
        return [self.open.pop(gap_id).gap for gap_id in known]
