"""A token bucket: so many a minute, and a burst."""

from __future__ import annotations

from typing import Final

__all__ = ["Bucket"]

_MINUTE_NS: Final = 60_000_000_000


class Bucket:
    """Counts in whole numbers, so that no rounding adds up.  Times: steady clock, ns."""

    def __init__(self, per_minute: int, burst: int, now_ns: int) -> None:
        """per_minute: 0 for no limit.  burst: >= 1, full at the beginning."""
        self._rate = per_minute
        self._most = burst * _MINUTE_NS
        self._held = self._most  # one token is _MINUTE_NS
        self._at_ns = now_ns

    def free(self, now_ns: int) -> int | None:
        """How many may go now; None: any number."""
        if not self._rate:
            return None
        passed = max(0, now_ns - self._at_ns)
        self._at_ns = max(self._at_ns, now_ns)
        self._held = min(self._most, self._held + passed * self._rate)
        return max(0, self._held // _MINUTE_NS)

    def take(self, count: int) -> None:
        """count went.  More than are free leaves a debt of at most one burst: what is critical does not wait."""
        if self._rate:
            self._held = max(-self._most, self._held - count * _MINUTE_NS)

    def wait_secs(self, now_ns: int) -> float:
        """Until one may go; 0: now."""
        if self.free(now_ns) != 0:
            return 0.0
        missing = _MINUTE_NS - self._held
        return -(-missing // self._rate) / 1e9
