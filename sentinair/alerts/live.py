"""The alerts that may still take detections in, bounded, with room of its own for critical ones; and when their counts leave."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterator
from typing import Final

import msgspec
from msgspec.structs import replace

from sentinair.model.alert import Alert, AlertChange

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
        # fingerprints with an update that has not left, oldest first
        self._untold: dict[str, None] = {}

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

    def changed(self, mark: str, live: Live) -> None:
        """It is now the one seen last, and its change has still to leave."""
        self._shelf(live.alert).move_to_end(mark)
        self._untold[mark] = None

    def pop(self, mark: str) -> Live | None:
        """Lets go of it, and of the update that waited."""
        live = self._ordinary.pop(mark, None) or self._critical.pop(mark, None)
        self._untold.pop(mark, None)
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

    def mute(self, mark: str) -> None:
        """Its newest state has left in a change of another kind."""
        self._untold.pop(mark, None)

    def tell(self, mark: str, live: Live, now_ns: int) -> list[AlertChange]:
        """Its update, which leaves now."""
        live.told(now_ns)
        self._untold.pop(mark, None)
        return [_updated(live)]

    def tell_due(self, mark: str, live: Live, now_ns: int) -> list[AlertChange]:
        """Its update, if one may leave by now."""
        return self.tell(mark, live, now_ns) if live.may_tell(now_ns) else []

    def tell_all_due(self, now_ns: int) -> list[AlertChange]:
        """Every update that waited and may leave by now."""
        waiting = [(mark, self.get(mark)) for mark in self._untold]
        return [
            change
            for mark, live in waiting
            if live is not None
            for change in self.tell_due(mark, live, now_ns)
        ]

    def flush(self) -> list[AlertChange]:
        """Every update that waited, due or not."""
        waiting = [self.get(mark) for mark in self._untold]
        self._untold.clear()
        return [_updated(live) for live in waiting if live is not None]

    def untold(self, mark: str) -> list[AlertChange]:
        """The update of it that waits, for whoever lets go of it next."""
        live = self.get(mark)
        return [_updated(live)] if live is not None and mark in self._untold else []

    def excess(self) -> str | None:
        """One that must go, since there are more than may be."""
        for shelf in (self._ordinary, self._critical):
            if len(shelf) > self.max_open:
                return next(iter(shelf))
        return None

    def stale(self, done: Callable[[Alert], bool]) -> Iterator[str]:
        """Those unseen longest for which done() holds and no update waits.

        The caller lets go of each before it asks for the next.
        """
        for shelf in (self._ordinary, self._critical):
            while shelf:
                mark, live = next(iter(shelf.items()))
                if mark in self._untold or not done(live.alert):
                    break
                yield mark

    def _shelf(self, alert: Alert) -> OrderedDict[str, Live]:
        return self._critical if alert.severity == "critical" else self._ordinary


def _updated(live: Live) -> AlertChange:
    return AlertChange("alert.updated", live.whole())
