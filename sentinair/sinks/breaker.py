"""A circuit breaker: after failures it is open; when the wait is over one probe may try."""

from __future__ import annotations

from typing import Final, Literal

from sentinair.sinks.backoff import wait_secs

__all__ = ["OPEN_AFTER", "Breaker"]

OPEN_AFTER: Final = 5  # failures one after the other
_NS: Final = 1_000_000_000


class Breaker:
    """Closed: all may go. Open: nothing before retry_ns. Half open: one probe.  Times: steady clock, ns."""

    def __init__(self) -> None:
        self.failures = 0  # one after the other
        self.retry_ns: int | None = None  # None: nothing is waited for

    @property
    def is_open(self) -> bool:
        return self.failures >= OPEN_AFTER

    def allows(self, now_ns: int) -> Literal["all", "probe", "none"]:
        """What may be tried now."""
        if self.retry_ns is not None and now_ns < self.retry_ns:
            return "none"
        return "probe" if self.is_open else "all"

    def succeeded(self) -> None:
        self.failures, self.retry_ns = 0, None

    def failed(self, now_ns: int, share: float) -> None:
        """share: a random number, 0 <= share < 1."""
        self.failures += 1
        self.retry_ns = now_ns + int(wait_secs(self.failures, share) * _NS)

    def refused(self, now_ns: int, share: float) -> None:
        """One entry was refused for good and none delivered: no reason to wait before it happens again and again."""
        self.failures += 1
        if self.is_open:
            self.retry_ns = now_ns + int(wait_secs(self.failures, share) * _NS)

    def hurry(self) -> None:
        """A person wants it tried now."""
        self.retry_ns = None

    def wait_secs(self, now_ns: int) -> float:
        """Until something may be tried again; 0: now."""
        return 0.0 if self.retry_ns is None else max(0.0, (self.retry_ns - now_ns) / _NS)
