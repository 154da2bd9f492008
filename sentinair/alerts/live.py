"""The alerts that may still take detections in, bounded, with room of its own for critical ones."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from sentinair.model.alert import Alert

__all__ = ["Live", "LiveAlerts"]

SOON_NS: Final = 1_000_000_000  # the first update after an alert is raised or answered
SELDOM_NS: Final = (
    60_000_000_000  # and those that follow: one row a minute says how a flood goes on
)
_packer: Final = msgspec.msgpack.Encoder()
_details: Final = msgspec.msgpack.Decoder(dict[str, object])


class Live:
    """One alert that may still take detections in; its details are packed, which takes a fifth of the memory."""

    __slots__ = ("_packed", "_pause_ns", "_told_ns", "alert")

    def __init__(self, alert: Alert, told_ns: int) -> None:
        """told_ns: wall clock of its last change that left."""
        self.told(told_ns, SOON_NS)
        self.keep(alert)

    def keep(self, alert: Alert) -> None:
        """Hold this state of it."""
        self._packed = _packer.encode(alert.details)
        self.alert = replace(alert, details={})  # all but its details

    def whole(self) -> Alert:
        """The alert as the store keeps it."""
        return replace(self.alert, details=_details.decode(self._packed))

    def told(self, now_ns: int, pause_ns: int = SELDOM_NS) -> None:
        """A change has left; the next may in pause_ns."""
        self._told_ns, self._pause_ns = now_ns, pause_ns

    def may_tell(self, now_ns: int) -> bool:
        """Whether an update may leave now.  A clock set back must not silence updates."""
        return not 0 <= now_ns - self._told_ns < self._pause_ns


class LiveAlerts:
    """By fingerprint.  Ordinary and critical ones are bounded apart, so that neither can push the other out.

    Memory: at most max_open ordinary ones and as many critical ones; the longest unseen of each goes first.
    """

    def __init__(self, max_open: int) -> None:
        self.max_open = max_open
        self._ordinary: OrderedDict[str, Live] = OrderedDict()  # the longest unseen first
        self._critical: OrderedDict[str, Live] = OrderedDict()
        # event id to fingerprints of its alerts that know no process
        self._nameless: dict[int, list[str]] = {}

    def __len__(self) -> int:
        return len(self._ordinary) + len(self._critical)

    def get(self, mark: str) -> Live | None:
        """The alert of this fingerprint."""
        return self._ordinary.get(mark) or self._critical.get(mark)

    def by_id(self, alert_id: str, mark: str) -> Live | None:
        """The alert of this fingerprint, if it is the one with this id."""
        live = self.get(mark)
        return live if live is not None and live.alert.id == alert_id else None

    def hold(self, alert: Alert, told_ns: int) -> Live:
        """Takes alert in as the one seen last; one of its fingerprint must not be held."""
        live = Live(alert, told_ns)
        self._shelf(alert)[alert.fingerprint] = live
        if alert.process is None:
            for event_id in alert.event_ids:
                self._nameless.setdefault(event_id, []).append(alert.fingerprint)
        return live

    def seen(self, mark: str) -> None:
        """It is now the one seen last."""
        live = self.get(mark)
        if live is not None:
            self._shelf(live.alert).move_to_end(mark)

    def pop(self, mark: str) -> Live | None:
        """Lets go of it."""
        live = self._ordinary.pop(mark, None) or self._critical.pop(mark, None)
        for event_id in () if live is None else live.alert.event_ids:
            marks = self._nameless.get(event_id, [])
            if mark in marks:
                marks.remove(mark)
                if not marks:
                    del self._nameless[event_id]
        return live

    def nameless(self, event_id: int) -> list[str]:
        """Fingerprints of the alerts of this event that lack a process; asked once."""
        return self._nameless.pop(event_id, [])

    def excess(self) -> str | None:
        """One that must go, since there are more than may be."""
        for shelf in (self._ordinary, self._critical):
            if len(shelf) > self.max_open:
                return next(iter(shelf))
        return None

    def stale(self, done: Callable[[str, Alert], bool]) -> Iterator[str]:
        """Those unseen longest for which done() holds; the caller lets go of each before it asks for the next."""
        for shelf in (self._ordinary, self._critical):
            while shelf:
                mark, live = next(iter(shelf.items()))
                if not done(mark, live.alert):
                    break
                yield mark

    def _shelf(self, alert: Alert) -> OrderedDict[str, Live]:
        return self._critical if alert.severity == "critical" else self._ordinary
