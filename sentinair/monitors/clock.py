"""Whether the wall clock was set: it is held against the steady clock, which nobody can set."""

from __future__ import annotations

from typing import Final

__all__ = ["STEP_NS", "ClockWatch"]

STEP_NS: Final = 1_000_000_000  # slewing drifts at most 500 ppm (adjtimex(2)), 0.5 ms a look


class ClockWatch:
    """Fed with both clocks about once a second."""

    def __init__(self) -> None:
        self._offset_ns: int | None = None

    def look(self, wall_ns: int, mono_ns: int) -> int | None:
        """How far the wall clock was moved since the last look, in ns; None if it was not (by STEP_NS or more)."""
        offset = wall_ns - mono_ns
        before, self._offset_ns = self._offset_ns, offset
        if before is None or abs(offset - before) < STEP_NS:
            return None
        return offset - before
