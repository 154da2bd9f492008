"""So many lines a minute, then how many more there were."""

from __future__ import annotations

from typing import Final

__all__ = ["Pace"]

_MINUTE_NS: Final = 60_000_000_000


class Pace:
    """A minute begins with its first line.  Times: steady clock, ns."""

    def __init__(self, per_minute: int) -> None:
        self._most = per_minute
        self._began_ns: int | None = None  # None: no minute goes on
        self._shown = 0
        self._held = 0

    def take(self, now_ns: int) -> bool:
        """Whether one more line may be shown; else it is counted.  over() was asked before."""
        if self._began_ns is None:
            self._began_ns, self._shown = now_ns, 0
        if self._shown >= self._most:
            self._held += 1
            return False
        self._shown += 1
        return True

    def over(self, now_ns: int) -> int:
        """How many were not shown in a minute that has ended, told once; 0 while it goes on."""
        if self._began_ns is None or now_ns - self._began_ns < _MINUTE_NS:
            return 0
        held, self._held, self._began_ns = self._held, 0, None
        return held
