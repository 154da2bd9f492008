"""Alerts that nobody has answered in time: each is said once, louder."""

from __future__ import annotations

import heapq
from collections.abc import Mapping

from msgspec.structs import replace

from sentinair.model.alert import Alert, AlertChange

__all__ = ["Escalation", "escalated"]


def escalated(alert: Alert, now_ns: int) -> AlertChange:
    """alert as one that has waited too long; its severity is not touched."""
    return AlertChange("alert.escalated", replace(alert, escalated_at_ns=now_ns))


class Escalation:
    """Open alerts by when their time is up; knows ids only.

    Memory: at most max_waiting; of more, the one due first is escalated at once rather than forgotten.
    """

    def __init__(self, after_ns: Mapping[str, int], max_waiting: int) -> None:
        """after_ns: by severity, how long an alert may stay open; 0 or absent: as long as it likes."""
        self.open = 0  # escalated ones that are still unanswered
        self._after_ns = {severity: after for severity, after in after_ns.items() if after > 0}
        self._max = max_waiting
        self._due: list[tuple[int, str]] = []  # a heap of (when, id), with some that are answered
        self._waiting: dict[str, tuple[int, str]] = {}  # id to (when, fingerprint)

    def __len__(self) -> int:
        """How many wait."""
        return len(self._waiting)

    def follow(self, before: Alert | None, after: Alert) -> None:
        """Takes in what an alert has become.  before: what it was; None: it was not known."""
        self.open += _is_loud(after) - (before is not None and _is_loud(before))
        after_ns = self._after_ns.get(after.severity)
        if after.status != "open" or after.escalated_at_ns is not None or after_ns is None:
            self._waiting.pop(after.id, None)
        elif after.id not in self._waiting:
            since = after.time_ns if after.reopened_at_ns is None else after.reopened_at_ns
            self._waiting[after.id] = (since + after_ns, after.fingerprint)
            heapq.heappush(self._due, (since + after_ns, after.id))

    def put_off(self, alert: Alert, now_ns: int) -> None:
        """alert, which due() gave, waits as long once more: its notice is held, so nobody could answer it."""
        when = now_ns + self._after_ns.get(alert.severity, 0)
        self._waiting[alert.id] = (when, alert.fingerprint)
        heapq.heappush(self._due, (when, alert.id))

    def due(self, now_ns: int) -> list[tuple[str, str]]:
        """Id and fingerprint of those whose time is up, the longest due first; each is given once."""
        found: list[tuple[str, str]] = []
        while self._due and (self._due[0][0] <= now_ns or len(self._waiting) > self._max):
            when, alert_id = heapq.heappop(self._due)
            if self._waiting.get(alert_id, (None,))[0] == when:
                found.append((alert_id, self._waiting.pop(alert_id)[1]))
        if len(self._due) > 2 * max(self._max, 100):  # answered ones that have not come to the top
            self._due = [(when, key) for key, (when, _) in self._waiting.items()]
            heapq.heapify(self._due)
        return found


def _is_loud(alert: Alert) -> bool:
    return alert.status == "open" and alert.escalated_at_ns is not None
