"""Closed alerts that still answer for their like: which, and until when."""

from __future__ import annotations

from collections import OrderedDict

from sentinair.alerts.answer import LIVE
from sentinair.model.alert import Alert, Closed

__all__ = ["ClosedAlerts"]


class ClosedAlerts:
    """By fingerprint, ids only.  Memory: at most max_closed; the longest closed goes first."""

    def __init__(self, reopen_ns: int, max_closed: int) -> None:
        """reopen_ns: how long after its end an alert answers for its like; 0: not at all."""
        self._reopen_ns = reopen_ns
        self._max = max_closed
        self._closed: OrderedDict[str, Closed] = OrderedDict()

    def __len__(self) -> int:
        return len(self._closed)

    def answers(self, closed_ns: int, seen_ns: int) -> bool:
        """Whether one closed then answers for what is seen now."""
        return seen_ns - closed_ns <= self._reopen_ns

    def get(self, mark: str, seen_ns: int) -> Closed | None:
        """The one that answers for a detection of this fingerprint."""
        closed = self._closed.get(mark)
        if closed is not None and not self.answers(closed.closed_ns, seen_ns):
            del self._closed[mark]
            return None
        return closed

    def add(self, closed: Closed) -> None:
        if self._reopen_ns > 0:
            self._closed[closed.fingerprint] = closed
            self._closed.move_to_end(closed.fingerprint)
            if len(self._closed) > self._max:
                self._closed.popitem(last=False)

    def follow(self, alert: Alert) -> None:
        """Takes in what an alert has become."""
        mark = alert.fingerprint
        if alert.status not in LIVE and alert.closed_at_ns is not None:
            self.add(Closed(alert.id, mark, alert.status, alert.closed_at_ns))
        elif mark in self._closed and self._closed[mark].id == alert.id:
            del self._closed[mark]

    def pop(self, mark: str) -> None:
        self._closed.pop(mark, None)
