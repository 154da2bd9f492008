"""Counts what rules notice: groups of events in bounded memory, each judged by its window.

Pure: time comes with events and ticks, and the memory can be saved and restored between any two of them.
"""

from __future__ import annotations

import heapq
from collections import OrderedDict, deque
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Final

import msgspec

from sentinair.detect.fields import Texts, View, fold
from sentinair.detect.sigma.correlation import Correlation
from sentinair.detect.sigma.judged import judged
from sentinair.detect.sigma.windows import Found, Plan, Window
from sentinair.model.alert import Detection
from sentinair.model.text import shown

__all__ = ["MAX_EVENTS", "MAX_GROUPS", "Correlator"]

MAX_GROUPS: Final = 10_000
MAX_EVENTS: Final = 100_000
"""Held by all groups together."""
_MAX_CHARS: Final = 64
Key = tuple[int, tuple[str, ...]]
"""Which correlation, by its place, and the texts it groups by."""


class _Occurrence(msgspec.Struct, frozen=True):
    """A rule or correlation held."""

    id: str
    view: View
    time_ns: int
    event_id: int  # -1: none


class _Grouped:
    """What an inner correlation found, as an outer one sees it: its group first, then the event that completed it."""

    def __init__(self, group: dict[str, str], view: View | None) -> None:
        self._group = group
        self._view = view

    def texts(self, field: str) -> Texts:
        """As View.texts."""
        if field in self._group:
            return (self._group[field],)
        return () if self._view is None else self._view.texts(field)

    def lowered(self, field: str) -> Texts:
        """As View.lowered."""
        return tuple(fold(text) for text in self.texts(field))


class Correlator:
    """All correlations of a set of rules.

    Memory: MAX_GROUPS groups and MAX_EVENTS events in all; beyond that the group unseen longest goes, and is counted.
    """

    def __init__(
        self, correlations: Sequence[Correlation], silent: frozenset[str] = frozenset()
    ) -> None:
        """correlations: each behind those it counts.  silent: ids that raise no alert."""
        self.correlations = tuple(correlations)
        self.forgotten = 0  # groups and events that had to go before their time
        self.late = 0  # events whose window had been judged already
        self.changes = 0
        self._silent = silent
        self._plans = [Plan(one) for one in self.correlations]
        self._feeds: dict[str, list[tuple[int, int]]] = {}
        for number, one in enumerate(self.correlations):
            for place, id_ in enumerate(one.rules):
                self._feeds.setdefault(id_, []).append((number, place))
        self.windows: OrderedDict[Key, Window] = OrderedDict()  # the longest unseen first
        self.now_ns = 0  # the last tick
        self._held = 0
        self._due: list[tuple[int, Key]] = []

    def __len__(self) -> int:
        """Groups held."""
        return len(self.windows)

    def counts(self, id_: str) -> bool:
        """Whether some correlation counts what this rule notices."""
        return id_ in self._feeds

    def take(
        self, ids: Iterable[str], view: View, time_ns: int, event_id: int | None
    ) -> list[Detection]:
        """What the rules with these ids held for: one event."""
        number = -1 if event_id is None else event_id
        return self._follow([_Occurrence(id_, view, time_ns, number) for id_ in ids])

    def tick(self, now_ns: int) -> list[Detection]:
        """Judges windows that are over, and forgets groups nothing can come of."""
        self.now_ns = now_ns
        found: list[Detection] = []
        while self._due and self._due[0][0] <= now_ns:
            due_ns, key = heapq.heappop(self._due)
            window = self.windows.get(key)
            if window is None or window.queued_ns != due_ns:
                continue  # forgotten, or queued anew since
            self.changes += 1
            plan, held = self._plans[key[0]], len(window)
            inner = [self._occurred(key, one, None) for one in window.close(plan, now_ns)]
            self._held += len(window) - held
            found += self._tell(inner)
            if self.windows.get(key) is not window:
                continue  # what it found needed the room
            if window.due_ns(plan) <= now_ns:
                self._forget(key)
            else:
                self._queue(key, window)
        return found

    def restore(self, now_ns: int, windows: Iterable[tuple[Key, Window]]) -> None:
        """Goes on with windows of an earlier life, the longest unseen first.  now_ns: its last tick."""
        self.now_ns = now_ns
        for key, window in windows:
            self.windows[key] = window
            self._held += len(window)
            self._queue(key, window)
        self._make_room()

    # -- one occurrence after another --------------------------------------------------------------------------

    def _tell(self, found: list[tuple[Detection, _Occurrence]]) -> list[Detection]:
        told = [one for one, _ in found if one.rule_id not in self._silent]
        return told + self._follow([after for _, after in found])

    def _follow(self, occurrences: Iterable[_Occurrence]) -> list[Detection]:
        found: list[Detection] = []
        queue = deque(occurrences)
        counted: set[int] = set()  # one event counts once, however many rules notice it
        while queue:
            one = queue.popleft()
            for number, place in self._feeds.get(one.id, ()):
                temporal = self.correlations[number].kind.startswith("temporal")
                if number in counted and not temporal:
                    continue
                counted.add(number)
                made = self._count(number, place, one)
                if made is not None:
                    detection, after = made
                    if detection.rule_id not in self._silent:
                        found.append(detection)
                    queue.append(after)
        return found

    def _count(
        self, number: int, place: int, one: _Occurrence
    ) -> tuple[Detection, _Occurrence] | None:
        correlation, plan = self.correlations[number], self._plans[number]
        group = _texts(correlation, correlation.group_by, one)
        if group is None:
            return None
        value = str(place)
        if correlation.kind == "value_count":
            values = _texts(correlation, correlation.fields, one)
            if values is None:
                return None
            value = "\n".join(values)
        key = (number, group)
        window = self.windows.get(key)
        if window is None:
            window = self.windows[key] = Window(self.now_ns)
        else:
            self.windows.move_to_end(key)
        self.changes += 1
        if window.is_over(plan, one.time_ns):
            self.late += plan.closing
            return None
        found = self._add(key, window, one, value)
        return None if found is None else self._occurred(key, found, one)

    def _add(self, key: Key, window: Window, one: _Occurrence, value: str) -> Found | None:
        plan, held = self._plans[key[0]], len(window)
        found = window.add(plan, one.time_ns, one.event_id, value)
        if not plan.closing or one.time_ns <= window.times[0] + plan.span_ns:
            window.touched_ns = self.now_ns
        self.forgotten += window.shrink(plan)
        self._held += len(window) - held
        if not window.queued_ns or window.due_ns(plan) < window.queued_ns:
            self._queue(key, window)
        self._make_room()
        return found

    def _occurred(
        self, key: Key, found: Found, one: _Occurrence | None
    ) -> tuple[Detection, _Occurrence]:
        correlation = self.correlations[key[0]]
        group = dict(zip(correlation.group_by, key[1], strict=True))
        view = _Grouped(group, None if one is None else one.view)
        last = found.ids[-1] if one is None and found.ids else -1
        event_id = last if one is None else one.event_id
        after = _Occurrence(correlation.head.id, view, found.last_ns, event_id)
        return judged(correlation, found, group), after

    # -- room --------------------------------------------------------------------------------------------------

    def _queue(self, key: Key, window: Window) -> None:
        window.queued_ns = window.due_ns(self._plans[key[0]])
        heapq.heappush(self._due, (window.queued_ns, key))
        if len(self._due) > 2 * MAX_GROUPS:  # most are of groups that had to go
            self._due = [(one.queued_ns, key) for key, one in self.windows.items()]
            heapq.heapify(self._due)

    def _make_room(self) -> None:
        while len(self.windows) > MAX_GROUPS or self._held > MAX_EVENTS:
            self.forgotten += 1
            self._forget(next(iter(self.windows)))

    def _forget(self, key: Key) -> None:
        self._held -= len(self.windows.pop(key))


def _texts(
    correlation: Correlation, fields: Iterable[str], one: _Occurrence
) -> tuple[str, ...] | None:
    """What these fields hold; None if one is absent: absent equals nothing, not even another absent one."""
    found: list[str] = []
    for name in fields:
        field = correlation.aliases.get(name, {}).get(one.id, name)
        texts = one.view.texts(field)
        if not texts:
            return None
        found.append(_held("\n".join(texts)))
    return tuple(found)


def _held(text: str) -> str:
    """Safe text of at most _MAX_CHARS characters that still tells one value from another."""
    safe = shown(text)
    if len(safe) <= _MAX_CHARS:
        return safe
    digest = blake2b(safe.encode("utf-8", "surrogatepass"), digest_size=8).hexdigest()
    return f"{safe[: _MAX_CHARS - 17]}…{digest}"
