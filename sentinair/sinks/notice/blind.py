"""Whether the agent sees: losses that stay open, senders that are not there, an engine that records nothing.

The ledger says all of it: `gap` records, the roles in each `heartbeat`, and that heartbeats come at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, NamedTuple

from sentinair.model.standing import Loss
from sentinair.sinks.notice.text import loss_told

__all__ = ["Blind", "Change"]

_NS: Final = 1_000_000_000
_MINUTE_SECS: Final = 60
_ABSENT: Final = {
    "sensor": "the sensor is not there, changes of files are not seen",
    "execs": "the process reader is not there, programs that start are not seen",
}
_BEATS: Final = 2  # without a sender: at the first one after a start it may not have connected yet
_OVERDUE: Final = 3  # heartbeats that did not come
_NOT_BLIND: Final = "restart"  # nobody looked then, but a stop and a start are ordinary work
_SILENT: Final = "silent"


class Change(NamedTuple):
    blind: bool  # False: it sees again
    what: str


class _Spot(NamedTuple):
    what: str
    due_ns: int  # when it has lasted long enough to be told


class Blind:
    """Pure: time is handed in, by the steady clock, in ns.  Keeps one short text for each open loss."""

    def __init__(self, after_secs: int) -> None:
        """after_secs: a loss that is made good sooner is not told."""
        self._after_ns = after_secs * _NS
        self._spots: dict[str, _Spot] = {}
        self._told: dict[str, str] = {}
        self._missed = dict.fromkeys(_ABSENT, 0)  # heartbeats in a row without that sender
        self._beat_ns: int | None = None  # None: no heartbeat has come, so none is missed
        self._every_secs = _MINUTE_SECS

    def losses(self, found: Iterable[Loss], now_ns: int) -> None:
        """All that are open now."""
        wanted = {f"gap {one.id}": one for one in found if one.reason != _NOT_BLIND}
        for key in [key for key in self._spots if key.startswith("gap ") and key not in wanted]:
            del self._spots[key]
        for key, loss in wanted.items():
            if key not in self._spots:
                self._spots[key] = _Spot(loss_told(loss), now_ns + self._after_ns)

    def heartbeat(self, data: Mapping[str, object], now_ns: int) -> None:
        """data: of the record of that kind."""
        self._beat_ns = now_ns
        every = data.get("next_due_secs")
        if isinstance(every, int) and 0 < every <= 3600:
            self._every_secs = every
        roles = data.get("roles")
        if not isinstance(roles, Mapping):
            return
        for role, what in _ABSENT.items():
            self._missed[role] = 0 if role in roles else self._missed[role] + 1
            if self._missed[role] >= _BEATS:
                self._spots.setdefault(role, _Spot(what, now_ns))
            else:
                self._spots.pop(role, None)

    def changes(self, now_ns: int) -> list[Change]:
        """What is to be told since the last call."""
        self._listen(now_ns)
        found = [
            Change(False, self._told.pop(key)) for key in [*self._told] if key not in self._spots
        ]
        for key, spot in self._spots.items():
            if key not in self._told and now_ns >= spot.due_ns:
                self._told[key] = spot.what
                found.append(Change(True, spot.what))
        return found

    def now(self) -> list[str]:
        """What was told and still is so."""
        return [what for key, what in self._told.items() if key in self._spots]

    def _listen(self, now_ns: int) -> None:
        if self._beat_ns is None:
            return
        quiet_secs = (now_ns - self._beat_ns) // _NS
        if quiet_secs < _OVERDUE * self._every_secs:
            self._spots.pop(_SILENT, None)
            return
        minutes = _OVERDUE * self._every_secs // _MINUTE_SECS
        what = f"nothing has been recorded for {minutes} min, the engine hangs, is gone, or cannot write"
        self._spots.setdefault(_SILENT, _Spot(what, now_ns))
