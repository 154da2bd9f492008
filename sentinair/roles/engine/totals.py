"""What the engine has put on disk in this life, in counts that only grow: `status` shows them, metrics are made of them."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Sequence
from typing import Final

from sentinair.model.alert import SEVERITIES, AlertChange
from sentinair.model.event import KINDS, GapEvent
from sentinair.store.events import Pending

__all__ = ["BOUNDS", "Spread", "Totals"]

BOUNDS: Final = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 10.0)
"""Upper ends in seconds: a group commit waits 100 ms at most, a slow disk takes seconds."""


class Spread:
    """How durations lie between bounds: a cumulative histogram."""

    def __init__(self) -> None:
        self._counts = [0] * (len(BOUNDS) + 1)
        self._sum_secs = 0.0

    def add(self, duration_ns: int) -> None:
        secs = max(duration_ns, 0) / 1e9
        self._counts[bisect_left(BOUNDS, secs)] += 1
        self._sum_secs += secs

    def told(self) -> dict[str, object]:
        """{bounds, counts: at or below each bound, count: of all, sum: seconds}."""
        below, so_far = [], 0
        for count in self._counts:
            so_far += count
            below.append(so_far)
        return {
            "bounds": list(BOUNDS),
            "counts": below[:-1],
            "count": so_far,
            "sum": round(self._sum_secs, 6),
        }


class Totals:
    """Since the engine's start: what retention forgets, or an answer changes, stays counted."""

    def __init__(self) -> None:
        self._events: Counter[str] = Counter()
        self._alerts: Counter[tuple[str, str]] = Counter()
        self._gaps: Counter[tuple[str, str]] = Counter()
        self._lost: Counter[str] = Counter()
        self._commit = Spread()
        self._delay = Spread()

    def committed(
        self,
        events: Sequence[Pending],
        alerts: Sequence[AlertChange],
        *,
        took_ns: int,
        waited_ns: int,
    ) -> None:
        """One transaction is on disk.  waited_ns: from the first event in it that was seen until then."""
        self._commit.add(took_ns)
        self._delay.add(waited_ns)
        self._events.update([one.kind for one in events])
        self._alerts.update(
            [(c.alert.severity, c.alert.category) for c in alerts if c.kind == "alert.raised"]
        )
        for gap in [one.event for one in events if type(one.event) is GapEvent]:
            self._gaps[gap.source, gap.reason] += 1
            self._lost[gap.source] += gap.lost or 0

    def told(self, categories: Iterable[str]) -> dict[str, object]:
        """JSON-able.  categories: of alerts known from before, which count from 0: a rate needs a beginning."""
        known = sorted({*categories, *(category for _, category in self._alerts)})
        return {
            "events": {kind: self._events[kind] for kind in KINDS},
            "alerts": [
                {"severity": s, "category": c, "count": self._alerts[s, c]}
                for c in known
                for s in SEVERITIES
            ],
            "gaps": [
                {"source": source, "reason": reason, "count": count}
                for (source, reason), count in sorted(self._gaps.items())
            ],
            "lost": dict(sorted(self._lost.items())),
            "commit_secs": self._commit.told(),
            "delay_secs": self._delay.told(),
        }
