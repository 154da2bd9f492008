"""The memory of one group of a correlation: which events came when, and whether they fit into one window.

Time is each event's own.  Two ways of judging:

    at once     (gt, gte, temporal) as soon as some window of span_ns holds enough, wherever the event belongs that
                came last.  What lies in that window, up to its end, counts for nothing else.
    closing     (lt, lte, eq among the bounds) windows follow each other, each beginning with the first event behind
                the one before, and are judged CLOSE_NS after their end.

Events that come in order, or late by no more than KEEP_NS, are judged alike.
"""

from __future__ import annotations

from array import array
from bisect import bisect_left, bisect_right
from typing import Final

import msgspec

from sentinair.detect.sigma.correlation import Correlation
from sentinair.detect.sigma.counting import MAX_COUNT, holds, least

__all__ = ["CLOSE_NS", "KEEP_NS", "MAX_IDS", "Found", "Plan", "Window"]

CLOSE_NS: Final = 2_000_000_000
KEEP_NS: Final = 60_000_000_000
MAX_IDS: Final = 10
MAX_HELD: Final = 2 * MAX_COUNT  # events of one group; the oldest goes
MAX_ORDERED: Final = 512  # the same where order matters and each event may cost a look at all
_MAX_PAST: Final = 4
_MAX_SHOWN: Final = 5


class Found(msgspec.Struct, frozen=True):
    """The condition held in one window."""

    count: int  # of events, values or rules
    first_ns: int
    last_ns: int
    ids: tuple[int, ...]  # of the first MAX_IDS events
    values: tuple[str, ...]  # the first few that were counted, in order of their time


class Plan:
    """What of a correlation a window needs to know."""

    __slots__ = ("bounds", "closing", "least", "ordered", "span_ns", "valued", "wanted")

    def __init__(self, correlation: Correlation) -> None:
        self.span_ns = correlation.span_ns
        self.bounds = correlation.bounds
        self.closing = correlation.waits
        self.valued = correlation.kind != "event_count"
        self.ordered = len(correlation.rules) if correlation.kind == "temporal_ordered" else 0
        self.wanted = tuple(frozenset(map(str, one)) for one in correlation.wanted)
        """sets of values, of which one must be there whole; none: bounds speak of the number of them"""
        self.least = 0 if self.closing else least(self.bounds)


class Window:
    """Entries in order of their time; parallel, for a tuple each would take five times the room."""

    __slots__ = ("ids", "past", "queued_ns", "times", "touched_ns", "values")

    def __init__(self, now_ns: int) -> None:
        self.times = array("q")
        self.ids = array("q")  # -1: the event has none
        self.values: list[str] = []  # only where the plan is valued
        self.past: list[int] = []  # where windows began that were judged, in order of time
        self.touched_ns = now_ns  # the clock at the last event that belongs to the first window
        self.queued_ns = 0  # for whoever keeps the windows: when this one is to be looked at

    def __len__(self) -> int:
        return len(self.times)

    def due_ns(self, plan: Plan) -> int:
        """When it has to be looked at again: to be judged or forgotten."""
        if plan.closing and self.times:
            return max(self.times[0] + plan.span_ns, self.touched_ns) + CLOSE_NS
        newest = max(self.times[-1] if self.times else 0, self.past[-1] if self.past else 0)
        return max(newest + plan.span_ns, self.touched_ns) + KEEP_NS

    def is_over(self, plan: Plan, time_ns: int) -> bool:
        """Whether the window this event belongs to has been judged."""
        return any(begin <= time_ns <= begin + plan.span_ns for begin in self.past)

    def add(self, plan: Plan, time_ns: int, event_id: int, value: str) -> Found | None:
        """Takes one event of a window that is not over; says so if its condition holds by that."""
        at = bisect_right(self.times, time_ns)
        self.times.insert(at, time_ns)
        self.ids.insert(at, event_id)
        if plan.valued:
            self.values.insert(at, value)
        if plan.closing:
            return None
        found = self._search(plan, at)
        if found is not None:
            return self._take(plan, *found)
        if plan.valued:
            self._thin(plan, value)
        old = bisect_left(self.times, self.times[-1] - plan.span_ns - KEEP_NS)
        if old:
            self._cut(0, old)
        return None

    def shrink(self, plan: Plan) -> int:
        """Drops the oldest beyond what one group may hold; how many."""
        over = len(self.times) - (MAX_ORDERED if plan.ordered else MAX_HELD)
        if over > 0:
            self._cut(0, over)
        return max(over, 0)

    def close(self, plan: Plan, now_ns: int) -> list[Found]:
        """Judges the windows that are over by now; those whose condition holds."""
        found: list[Found] = []
        while plan.closing and self.times and self.due_ns(plan) <= now_ns:
            end = bisect_right(self.times, self.times[0] + plan.span_ns)
            if holds(plan.bounds, self._count(plan, 0, end)):
                found.append(self._take(plan, 0, end))
            else:
                self._pass(plan, self.times[0])
        return found

    # -- inside ------------------------------------------------------------------------------------------------

    def _count(self, plan: Plan, first: int, end: int) -> int:
        return len(set(self.values[first:end])) if plan.valued else end - first

    def _search(self, plan: Plan, at: int) -> tuple[int, int] | None:
        """First and end of a window around the entry at `at` in which the condition holds."""
        times = self.times
        first = bisect_left(times, times[at] - plan.span_ns)
        # of windows that end with the newest event the longest holds all the others
        for begin in range(first, first + 1 if at == len(times) - 1 else at + 1):
            end = bisect_right(times, times[begin] + plan.span_ns)
            if self._enough(plan, begin, end):
                return begin, end
        return None

    def _enough(self, plan: Plan, first: int, end: int) -> bool:
        if not plan.wanted:
            return end - first >= plan.least and self._count(plan, first, end) >= plan.least
        if plan.ordered:
            place = 0
            for value in self.values[first:end]:
                place += value == str(place)
            return place >= plan.ordered
        there = set(self.values[first:end])
        return any(one <= there for one in plan.wanted)

    def _take(self, plan: Plan, first: int, end: int) -> Found:
        values = tuple(dict.fromkeys(self.values[first:end]))
        found = Found(
            count=len(values) if plan.valued else end - first,
            first_ns=self.times[first],
            last_ns=self.times[end - 1],
            ids=tuple(one for one in self.ids[first : first + MAX_IDS] if one >= 0),
            values=values[:_MAX_SHOWN] if not plan.wanted else values,
        )
        self._pass(plan, self.times[first])
        return found

    def _pass(self, plan: Plan, begin_ns: int) -> None:
        """The window that begins here is judged: what lies in it counts no more."""
        first = bisect_left(self.times, begin_ns)
        self._cut(first, bisect_right(self.times, begin_ns + plan.span_ns))
        self.past = sorted([*self.past, begin_ns])[-_MAX_PAST:]

    def _cut(self, first: int, end: int) -> None:
        del self.times[first:end]
        del self.ids[first:end]
        del self.values[first:end]

    def _thin(self, plan: Plan, value: str) -> None:
        """Drops entries of one value without which the same windows hold.

        Between two of the same value that are no further apart than a window, every window that holds the one in
        the middle and not the first holds the last.  Where order counts, that is true of neighbours only.  A window
        that would have begun with the one in the middle begins later for it, and so its silence ends later.
        """
        if self.values.count(value) < 3:
            return
        places = [at for at, one in enumerate(self.values) if one == value]
        for before, at, after in zip(places[-3:], places[-2:], places[-1:], strict=False):
            near = self.times[after] - self.times[before] <= plan.span_ns
            if near and (not plan.ordered or after - before == 2):
                self._cut(at, at + 1)
