"""So many a minute, and none forgotten in the count."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from sentinair.sinks.notice.pace import Pace

S = 1_000_000_000


def test_so_many_are_shown_and_the_rest_is_counted_when_the_minute_is_over() -> None:
    pace = Pace(3)
    assert [pace.take(0) for _ in range(5)] == [True, True, True, False, False]
    assert pace.over(59 * S) == 0
    assert pace.over(60 * S) == 2
    assert pace.over(61 * S) == 0
    assert pace.take(61 * S)


def test_a_quiet_minute_has_nothing_more_to_say() -> None:
    pace = Pace(3)
    assert pace.take(0)
    assert pace.over(1000 * S) == 0


@given(st.integers(1, 10), st.lists(st.integers(0, 30 * S), max_size=200))
def test_what_is_shown_and_what_is_counted_is_all_there_was(most: int, steps: list[int]) -> None:
    pace, now, shown, counted = Pace(most), 0, 0, 0
    begun: list[int] = []
    for step in steps:
        now += step
        counted += pace.over(now)
        if pace.take(now):
            shown += 1
            begun.append(now)
        assert sum(now - 60 * S < moment for moment in begun) <= 2 * most
    assert shown + counted + pace.over(now + 60 * S) == len(steps)
