"""Raises and merges alerts, coalesces their updates, and takes people's answers."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from sentinair.alerts.build import MAX_EVENT_IDS, build, with_process
from sentinair.alerts.circumstances import Circumstances
from sentinair.alerts.fingerprint import fingerprint
from sentinair.alerts.flood import Flood
from sentinair.errors import UsageFault
from sentinair.model.alert import TRANSITIONS, Alert, AlertChange, Detection, Joined
from sentinair.model.process import Process
from sentinair.model.text import shown

__all__ = ["MAX_COMMENT_CHARS", "AlertManager"]

MAX_COMMENT_CHARS: Final = 4_000
_LIVE: Final = frozenset({"open", "acknowledged"})  # statuses that still take detections in
_UPDATE_EVERY_NS: Final = 1_000_000_000
_RECORD_OF_VERB: Final = {
    "acknowledge": "alert.acknowledged",
    "resolve": "alert.resolved",
    "false_positive": "alert.false_positive",
    "reopen": "alert.reopened",
}
_packer: Final = msgspec.msgpack.Encoder()
_details: Final = msgspec.msgpack.Decoder(dict[str, object])


class _Live:
    """One alert that may still take detections in; its details are packed, which takes a fifth of the memory."""

    __slots__ = ("_packed", "alert", "told_ns")

    def __init__(self, alert: Alert, told_ns: int) -> None:
        self.told_ns = told_ns  # when its last change left, wall clock
        self.keep(alert)

    def keep(self, alert: Alert) -> None:
        """Hold this state of it."""
        self._packed = _packer.encode(alert.details)
        self.alert = replace(alert, details={})  # all but its details

    def whole(self) -> Alert:
        """The alert as the store keeps it."""
        return replace(self.alert, details=_details.decode(self._packed))


class AlertManager:
    """Alerts by fingerprint, as long as they may still merge.

    Pure: a caller gives time and ids, and stores every AlertChange it gets, in order.
    Memory: at most max_open alerts; the one unseen longest goes first, and is raised as new if it comes again.
    """

    def __init__(
        self,
        *,
        host: str,
        window_ns: int = 3_600_000_000_000,
        max_open: int = 10_000,
        users: Mapping[int, str] | None = None,
        circumstances: Circumstances | None = None,
    ) -> None:
        """window_ns: a like detection no later than this after the last one raises the count only."""
        if window_ns < 0 or max_open < 1:
            raise ValueError("window_ns must not be negative and max_open at least 1")
        self._host = host
        self._window_ns = window_ns
        self._max_open = max_open
        self._users = {} if users is None else users
        self.circumstances = Circumstances() if circumstances is None else circumstances
        self._live: OrderedDict[str, _Live] = OrderedDict()  # the longest unseen first
        self._flood = Flood()
        # fingerprints with an update that has not left, oldest first
        self._untold: dict[str, None] = {}
        # event id to fingerprints of its alerts that know no process
        self._nameless: dict[int, list[str]] = {}

    def __len__(self) -> int:
        """Alerts held."""
        return len(self._live)

    def restore(self, alerts: Iterable[Alert]) -> None:
        """Goes on with alerts of an earlier life; closed ones are passed over."""
        for alert in sorted(alerts, key=lambda one: one.last_seen_ns):
            if alert.status in _LIVE:
                self._hold(alert, alert.last_seen_ns)
        while len(self._live) > self._max_open:
            self._forget(next(iter(self._live)))

    def take(
        self,
        detections: Iterable[Detection],
        joined: Joined,
        event_id: int | None,
        now_ns: int,
        new_id: Callable[[], str],
    ) -> list[AlertChange]:
        """Changes to store now: alerts raised, and updates of alerts that were quiet for a second.

        now_ns: wall clock.  new_id: gives a fresh lower-case UUIDv7 at each call.
        """
        changes: list[AlertChange] = []
        for found in self.circumstances.apart(detections, joined):
            mark, detection = self._place(found, joined, now_ns)
            live = self._live.get(mark)
            if live is not None and self._merges(live.alert, joined.event.seen_ns):
                self._count(mark, live, detection, joined, event_id)
                changes += self._tell(mark, now_ns)
                continue
            changes += self._drop(mark)
            alert = build(
                detection,
                joined,
                alert_id=new_id(),
                event_id=event_id,
                now_ns=now_ns,
                host=self._host,
                users=self._users,
                circumstances=self.circumstances,
            )
            self._hold(alert, now_ns)
            changes.append(AlertChange("alert.raised", alert))
            while len(self._live) > self._max_open:
                changes += self._drop(next(iter(self._live)))
        return changes

    def learn(self, event_id: int, process: Process, now_ns: int) -> list[AlertChange]:
        """The process behind an earlier event has become known: its alert, if it lacks one, gets it."""
        changes: list[AlertChange] = []
        for mark in self._nameless.pop(event_id, ()):
            live = self._live.get(mark)
            if live is not None and live.alert.process is None:
                live.keep(with_process(live.whole(), process, self._users))
                self._untold[mark] = None
                changes += self._tell(mark, now_ns)
        return changes

    def tick(self, now_ns: int) -> list[AlertChange]:
        """Once a second: updates that waited, and forgetting what can merge no more."""
        changes: list[AlertChange] = []
        for mark in list(self._untold):
            changes += self._tell(mark, now_ns)
        while self._live:
            mark, live = next(iter(self._live.items()))
            if mark in self._untold or self._merges(live.alert, now_ns):
                break
            self._forget(mark)
        return changes

    def flush(self) -> list[AlertChange]:
        """Every update that waited, for the end of the engine's life."""
        changes = [AlertChange("alert.updated", self._live[mark].whole()) for mark in self._untold]
        self._untold.clear()
        return changes

    def answer(
        self, verb: str, alert: Alert, *, by: str, comment: str | None, now_ns: int
    ) -> AlertChange:
        """A person's answer.

        verb: one of model.alert.TRANSITIONS.  alert: as the store has it; a newer count held here is taken over.
        by: who the caller proved to be.  Raises UsageFault for an unknown verb, a status it does not lead from,
        or a comment of more than MAX_COMMENT_CHARS.
        """
        if verb not in TRANSITIONS:
            raise UsageFault(
                f"no such answer: {shown(verb)}", remedy=f"use one of {', '.join(TRANSITIONS)}"
            )
        held = self._live.get(alert.fingerprint)
        current = held.whole() if held is not None and held.alert.id == alert.id else alert
        allowed, status = TRANSITIONS[verb]
        if current.status not in allowed:
            raise UsageFault(
                f"an alert that is {current.status} cannot take {verb}",
                where=f"alert {current.id}",
                remedy=f"{verb} needs it to be {' or '.join(sorted(allowed))}",
            )
        if comment is not None and len(comment) > MAX_COMMENT_CHARS:
            raise UsageFault(
                f"the comment has {len(comment)} characters, at most {MAX_COMMENT_CHARS} are kept",
                where=f"alert {current.id}",
                remedy="shorten it",
            )
        safe = None if comment is None else shown(comment)
        answered = _answered(current, status, shown(by), safe, now_ns)
        self._follow(answered, now_ns)
        return AlertChange(_RECORD_OF_VERB[verb], answered, shown(by), safe)

    def _place(self, detection: Detection, joined: Joined, now_ns: int) -> tuple[str, Detection]:
        """The fingerprint it goes by, and the detection itself or what a flood makes of it."""
        mark = fingerprint(detection, joined)
        live = self._live.get(mark)
        if live is not None and self._merges(live.alert, joined.event.seen_ns):
            return mark, detection
        gathered = self._flood.gathered(detection, now_ns)
        if gathered is detection:
            return mark, detection
        return fingerprint(gathered, joined), gathered

    def _merges(self, alert: Alert, now_ns: int) -> bool:
        # A clock set back makes the difference negative: that is no reason for a second alert.
        return now_ns - alert.last_seen_ns <= self._window_ns

    def _hold(self, alert: Alert, told_ns: int) -> None:
        self._forget(alert.fingerprint)
        self._live[alert.fingerprint] = _Live(alert, told_ns)
        if alert.process is None:
            for event_id in alert.event_ids:
                self._nameless.setdefault(event_id, []).append(alert.fingerprint)

    def _count(
        self, mark: str, live: _Live, detection: Detection, joined: Joined, event_id: int | None
    ) -> None:
        alert = live.alert
        ids = alert.event_ids
        if event_id is not None and len(ids) < MAX_EVENT_IDS:
            ids = (*ids, event_id)
        live.alert = replace(
            alert,
            count=alert.count + 1,
            last_seen_ns=max(alert.last_seen_ns, joined.event.seen_ns),
            confidence=max(alert.confidence, detection.confidence),
            event_ids=ids,
        )
        self._live.move_to_end(mark)
        self._untold[mark] = None

    def _tell(self, mark: str, now_ns: int) -> list[AlertChange]:
        live = self._live[mark]
        # Outside the second in either direction: a clock set back must not silence updates.
        if 0 <= now_ns - live.told_ns < _UPDATE_EVERY_NS:
            return []
        live.told_ns = now_ns
        del self._untold[mark]
        return [AlertChange("alert.updated", live.whole())]

    def _drop(self, mark: str) -> list[AlertChange]:
        live = self._live.get(mark)
        waited = mark in self._untold
        self._forget(mark)
        return [AlertChange("alert.updated", live.whole())] if live is not None and waited else []

    def _forget(self, mark: str) -> None:
        live = self._live.pop(mark, None)
        self._untold.pop(mark, None)
        for event_id in () if live is None else live.alert.event_ids:
            marks = self._nameless.get(event_id, [])
            if mark in marks:
                marks.remove(mark)
                if not marks:
                    del self._nameless[event_id]

    def _follow(self, answered: Alert, now_ns: int) -> None:
        held = self._live.get(answered.fingerprint)
        ours = held is not None and held.alert.id == answered.id
        if held is not None and ours and answered.status in _LIVE:
            held.keep(answered)
            held.told_ns = now_ns
            self._untold.pop(answered.fingerprint, None)
        elif ours:
            self._forget(answered.fingerprint)
        elif held is None and answered.status in _LIVE:
            self._hold(answered, now_ns)


def _answered(alert: Alert, status: str, by: str, comment: str | None, now_ns: int) -> Alert:
    if status == "open":
        return replace(
            alert, status=status, acknowledged_by=None, acknowledged_at_ns=None, comment=comment
        )
    first = alert.acknowledged_by is None  # closing an open alert acknowledges it
    return replace(
        alert,
        status=status,
        acknowledged_by=by if first else alert.acknowledged_by,
        acknowledged_at_ns=now_ns if first else alert.acknowledged_at_ns,
        comment=alert.comment if comment is None else comment,
    )
