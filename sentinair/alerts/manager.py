"""Raises and merges alerts, coalesces their updates, takes people's answers, and is loud about what nobody answers."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec
from msgspec.structs import replace

from sentinair.alerts import answer
from sentinair.alerts.answer import LIVE
from sentinair.alerts.build import MAX_EVENT_IDS, build, with_process
from sentinair.alerts.circumstances import Circumstances
from sentinair.alerts.closed import ClosedAlerts
from sentinair.alerts.escalate import Escalation, escalated
from sentinair.alerts.fingerprint import fingerprint
from sentinair.alerts.flood import Flood
from sentinair.alerts.live import SOON_NS, Live, LiveAlerts
from sentinair.alerts.suppress import Suppressions
from sentinair.model.alert import Alert, AlertChange, Closed, Detection, Joined
from sentinair.model.process import Process

__all__ = ["AlertManager", "Limits"]

HOUR_NS: Final = 3_600_000_000_000
NewId = Callable[[], str]
Recall = Callable[[str], Alert | None]
"""The alert with this id as it was last handed out; None: it is forgotten."""


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """How long and how many; times in ns."""

    window_ns: int = (
        HOUR_NS  # a like detection no later than this after the last one raises the count only
    )
    max_open: int = 10_000  # alerts ready for merging
    reopen_ns: int = 0  # how long after its end an alert answers for its like
    escalate_ns: Mapping[
        str, int
    ] = {}  # by severity: how long it may stay unanswered; 0 or absent: for ever


class AlertManager:
    """Alerts by fingerprint, as long as they may still merge.

    Pure: a caller gives time and ids, and stores every AlertChange it gets, in order.
    Memory: at most limits.max_open alerts and as many critical ones, and ids of as many closed and waiting ones.
    """

    def __init__(
        self,
        *,
        host: str,
        limits: Limits = Limits(),  # noqa: B008 - frozen
        users: Mapping[int, str] | None = None,
        suppressions: Suppressions | None = None,
        circumstances: Circumstances | None = None,
        recall: Recall = lambda _alert_id: None,
    ) -> None:
        """recall: asked for alerts that are not held any more."""
        if limits.window_ns < 0 or limits.max_open < 1:
            raise ValueError("window_ns must not be negative and max_open at least 1")
        self._host = host
        self._limits = limits
        self._users = {} if users is None else users
        self.suppressions = Suppressions(self._users) if suppressions is None else suppressions
        self.circumstances = Circumstances() if circumstances is None else circumstances
        self._recall = recall
        self._live = LiveAlerts(limits.max_open)
        self._flood = Flood()
        self.escalation = Escalation(limits.escalate_ns, limits.max_open)
        self._closed = ClosedAlerts(limits.reopen_ns, limits.max_open)

    def __len__(self) -> int:
        """Alerts held."""
        return len(self._live)

    def restore(self, alerts: Iterable[Alert], closed: Iterable[Closed] = ()) -> None:
        """Goes on with alerts of an earlier life.  closed: the longest closed first."""
        for alert in sorted(alerts, key=lambda one: one.last_seen_ns):
            if alert.status in LIVE:
                self._forget(alert.fingerprint)
                self._live.hold(alert, alert.last_seen_ns)
                self.escalation.follow(None, alert)
        for one in closed:
            self._closed.add(one)
        while (mark := self._live.excess()) is not None:
            self._forget(mark)

    def take(
        self,
        detections: Iterable[Detection],
        joined: Joined,
        event_id: int | None,
        now_ns: int,
        new_id: NewId,
    ) -> list[AlertChange]:
        """Changes to store now: alerts raised or opened again, and updates of alerts that were quiet for a while.

        now_ns: wall clock.  new_id: gives a fresh lower-case UUIDv7 at each call.
        """
        changes: list[AlertChange] = []
        for found in self.circumstances.apart(detections, joined):
            if self.suppressions.take(found, joined, now_ns):
                continue
            mark, detection = self._place(found, joined, now_ns)
            live = self._merging(mark, joined.event.seen_ns)
            closed = None if live is not None else self._recalled(mark, joined.event.seen_ns)
            if live is not None:
                self._count(mark, live, detection, joined, event_id)
                changes += self._live.tell_due(mark, live, now_ns)
            elif closed is not None:
                changes += self._recur(closed, detection, joined, event_id, now_ns)
            else:
                changes += self._raise(
                    mark,
                    detection,
                    joined,
                    event_id,
                    now_ns,
                    new_id,
                    gathered=detection is not found,
                )
            while (excess := self._live.excess()) is not None:
                changes += self._drop(excess)
        return changes

    def learn(self, event_id: int, process: Process, now_ns: int) -> list[AlertChange]:
        """The process behind an earlier event has become known: its alerts, if they lack one, get it."""
        changes: list[AlertChange] = []
        for mark in self._live.nameless(event_id):
            live = self._live.get(mark)
            if live is not None and live.alert.process is None:
                live.keep(with_process(live.whole(), process, self._users))
                changes += self._live.tell(mark, live, now_ns)  # once in its life: it need not wait
        return changes

    def tick(self, now_ns: int) -> list[AlertChange]:
        """Once a second: updates that waited, what nobody has answered, and forgetting what can merge no more."""
        changes = self._live.tell_all_due(now_ns)
        for alert_id, mark in self.escalation.due(now_ns):
            changes += self._escalate(alert_id, mark, now_ns)
        for mark in self._live.stale(lambda alert: not self._is_near(alert, now_ns)):
            self._forget(mark)
        while (excess := self._live.excess()) is not None:  # answers can bring alerts back
            changes += self._drop(excess)
        return changes

    def flush(self) -> list[AlertChange]:
        """Every update that waited, for the end of the engine's life."""
        return self._live.flush()

    def answer(
        self, verb: str, alert: Alert, *, by: str, comment: str | None, now_ns: int
    ) -> AlertChange:
        """A person's answer; raises as answer.answered() does.

        alert: as the store has it; a newer count held here is taken over.
        """
        current = self._current(alert)
        change = answer.answered(current, verb, by=by, comment=comment, now_ns=now_ns)
        self._follow(current, change, now_ns)
        return change

    def note(self, alert: Alert, text: str, *, by: str, now_ns: int) -> AlertChange:
        """A person's note; raises as answer.noted() does."""
        return self._kept(answer.noted(self._current(alert), text, by=by, now_ns=now_ns), now_ns)

    def assign(self, alert: Alert, to: str | None, *, by: str, now_ns: int) -> AlertChange:
        """Who is to look at it (None: nobody); raises as answer.assigned() does."""
        return self._kept(answer.assigned(self._current(alert), to, by=by), now_ns)

    # -- what a detection does -----------------------------------------------------------------------------------

    def _place(self, detection: Detection, joined: Joined, now_ns: int) -> tuple[str, Detection]:
        """The fingerprint it goes by, and the detection itself or what a flood makes of it."""
        mark = fingerprint(detection, joined)
        seen_ns = joined.event.seen_ns
        if self._merging(mark, seen_ns) is not None or self._closed.get(mark, seen_ns) is not None:
            return mark, detection
        gathered = self._flood.gathered(detection, now_ns)
        if gathered is detection:
            return mark, detection
        return fingerprint(gathered, joined), gathered

    def _is_near(self, alert: Alert, now_ns: int) -> bool:
        # A clock set back makes the difference negative: that is no reason for a second alert.
        return now_ns - alert.last_seen_ns <= self._limits.window_ns

    def _merging(self, mark: str, seen_ns: int) -> Live | None:
        """The alert held that takes in a detection of this fingerprint seen now."""
        live = self._live.get(mark)
        if live is None:
            return None
        closed_ns = live.alert.closed_at_ns
        if closed_ns is None:
            return live if self._is_near(live.alert, seen_ns) else None
        return live if self._closed.answers(closed_ns, seen_ns) else None

    def _recalled(self, mark: str, seen_ns: int) -> Alert | None:
        """The closed alert that answers for a detection of this fingerprint."""
        closed = self._closed.get(mark, seen_ns)
        if closed is None:
            return None
        self._closed.pop(mark)
        alert = self._recall(closed.id)
        return alert if alert is not None and alert.status == closed.status else None

    def _recur(
        self,
        alert: Alert,
        detection: Detection,
        joined: Joined,
        event_id: int | None,
        now_ns: int,
    ) -> list[AlertChange]:
        """A closed alert's like has come: a false one stays closed and counts, a resolved one is opened again."""
        mark = alert.fingerprint
        changes = self._drop(mark)
        if alert.status != "resolved":
            live = self._live.hold(alert, now_ns - SOON_NS)
            self._count(mark, live, detection, joined, event_id)
            return changes + self._live.tell_due(mark, live, now_ns)
        opened = answer.reopened(alert, now_ns)
        self.escalation.follow(alert, opened.alert)
        live = self._live.hold(opened.alert, now_ns)
        self._count(mark, live, detection, joined, event_id)
        self._live.mute(mark)
        return [*changes, replace(opened, alert=live.whole())]

    def _raise(
        self,
        mark: str,
        detection: Detection,
        joined: Joined,
        event_id: int | None,
        now_ns: int,
        new_id: NewId,
        *,
        gathered: bool,
    ) -> list[AlertChange]:
        changes = self._drop(mark)
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
        alert = replace(alert, gathered=gathered)
        self._live.hold(alert, now_ns)
        self.escalation.follow(None, alert)
        return [*changes, AlertChange("alert.raised", alert)]

    def _count(
        self, mark: str, live: Live, detection: Detection, joined: Joined, event_id: int | None
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
        self._live.changed(mark, live)

    # -- what is let go, and what is said louder -------------------------------------------------------------------

    def _drop(self, mark: str) -> list[AlertChange]:
        """Lets go of an alert; the update of it that waited, if one did."""
        changes = self._live.untold(mark)
        self._forget(mark)
        return changes

    def _forget(self, mark: str) -> None:
        live = self._live.pop(mark)
        if live is not None and live.alert.status not in LIVE:
            self._closed.follow(live.alert)  # it goes on answering for its like

    def _escalate(self, alert_id: str, mark: str, now_ns: int) -> list[AlertChange]:
        live = self._live.by_id(alert_id, mark)
        alert = self._recall(alert_id) if live is None else live.whole()
        if alert is None or alert.status != "open" or alert.escalated_at_ns is not None:
            return []
        holding = self.circumstances.holding_since_ns
        if holding is not None and alert.held_since_ns == holding:
            self.escalation.put_off(alert, now_ns)
            return []
        change = escalated(alert, now_ns)
        self.escalation.follow(alert, change.alert)
        return [self._kept(change, now_ns)]

    # -- what people do -------------------------------------------------------------------------------------------

    def _current(self, alert: Alert) -> Alert:
        """alert as it is now; alert: as the store has it."""
        held = self._live.by_id(alert.id, alert.fingerprint)
        return alert if held is None else held.whole()

    def _kept(self, change: AlertChange, now_ns: int) -> AlertChange:
        """change, held too if its alert is; the next count may leave soon, since somebody looks."""
        held = self._live.by_id(change.alert.id, change.alert.fingerprint)
        if held is not None:
            held.keep(change.alert)
            held.told(now_ns, SOON_NS)
            self._live.mute(change.alert.fingerprint)
        return change

    def _follow(self, before: Alert, change: AlertChange, now_ns: int) -> None:
        after = self._kept(change, now_ns).alert
        mark = after.fingerprint
        self.escalation.follow(before, after)
        self._closed.follow(after)
        if after.status not in LIVE and self._live.by_id(after.id, mark) is not None:
            self._forget(mark)
        elif after.status in LIVE and self._live.get(mark) is None:
            self._live.hold(after, now_ns)
