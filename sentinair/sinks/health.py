"""What became of deliveries, as numbers and as one word."""

from __future__ import annotations

from typing import Final

from sentinair.model.delivery import SinkHealth, SinkState
from sentinair.model.text import shown
from sentinair.sinks.breaker import OPEN_AFTER

__all__ = ["STALE_NS", "Health", "brief"]

STALE_NS: Final = 60_000_000_000
"""A delivery that takes so long, or something that waits so long behind a limit: nobody knows how the sink is."""
REFUSAL_NS: Final = 600_000_000_000  # so long a dead letter is part of how a sink is
_MOST: Final = 300


def brief(text: str) -> str:
    """text as one safe line of at most 300 characters."""
    line = shown(text)
    return line if len(line) <= _MOST else line[: _MOST - 1] + "…"


class Health:
    """One sink's; written by its thread, read by another: single fields only, each assigned in one step.

    Times: *_mono_ns steady clock, *_ns wall clock.
    """

    def __init__(self) -> None:
        self.busy_since_mono_ns: int | None = None  # a delivery began and has not ended
        self.last_success_ns: int | None = None
        self.latency_secs: float | None = None
        self.delivered = 0
        self.left_out = 0
        self.refused = 0
        self.own_refused = 0
        self.failed = 0
        self.failures = 0
        self.limited_since_mono_ns: int | None = None
        self.why = ""  # of the last failure or refusal
        self.refused_mono_ns: int | None = None

    def succeeded(self, count: int, began_ns: int, now_ns: int, wall_ns: int) -> None:
        """count entries were delivered between began_ns and now_ns (steady clock)."""
        self.delivered += count
        self.failures = 0
        self.latency_secs = (now_ns - began_ns) / 1e9
        self.last_success_ns = wall_ns

    def failed_once(self, why: str, failures: int) -> None:
        """failures: one after the other."""
        self.failed += 1
        self.failures = failures
        self.why = brief(why)

    def refused_one(self, why: str, now_ns: int) -> None:
        self.refused += 1
        self.refused_mono_ns = now_ns
        self.why = brief(why)

    def state(self, now_ns: int) -> tuple[SinkState, str]:
        """The word, and why.  now_ns: steady clock."""
        busy, limited, refused = (
            self.busy_since_mono_ns,
            self.limited_since_mono_ns,
            self.refused_mono_ns,
        )
        if self.failures >= OPEN_AFTER:
            return "unhealthy", self.why
        if busy is not None and now_ns - busy >= STALE_NS:
            return "stale", f"a delivery has not ended for {(now_ns - busy) // 10**9} s"
        if limited is not None and now_ns - limited >= STALE_NS:
            return "degraded", "its rate limit holds entries back"
        if self.failures:
            return "degraded", self.why
        if refused is not None and now_ns - refused < REFUSAL_NS:
            return "degraded", f"refused: {self.why}"
        return "healthy", ""

    def word(self, now_ns: int, retry_secs: float | None) -> SinkHealth:
        """All of it.  now_ns: steady clock."""
        state, why = self.state(now_ns)
        return SinkHealth(
            state=state,
            why=why,
            last_success_ns=self.last_success_ns,
            failures=self.failures,
            retry_secs=retry_secs,
            latency_secs=self.latency_secs,
            delivered=self.delivered,
            left_out=self.left_out,
            refused=self.refused,
            own_refused=self.own_refused,
            failed=self.failed,
            limited=self.limited_since_mono_ns is not None,
        )
