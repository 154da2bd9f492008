"""Waiting after failures, the breaker, and the rate: time is handed in."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.sinks.backoff import FIRST_SECS, LONGEST_SECS, wait_secs
from sentinair.sinks.breaker import OPEN_AFTER, Breaker
from sentinair.sinks.bucket import Bucket

MINUTE = 60_000_000_000
SHARES = st.floats(0, 1, exclude_max=True)


@given(st.integers(1, 10_000), SHARES)
def test_a_wait_is_a_share_of_a_doubling_span_of_at_most_five_minutes(
    failures: int, share: float
) -> None:
    span = min(LONGEST_SECS, FIRST_SECS * 2 ** min(failures - 1, 30))
    assert wait_secs(failures, share) == pytest.approx(share * span)


@pytest.mark.parametrize(("failures", "share"), [(0, 0.5), (1, 1.0), (1, -0.1)])
def test_a_wait_for_nothing_is_refused(failures: int, share: float) -> None:
    with pytest.raises(ValueError, match="failures"):
        wait_secs(failures, share)


@given(st.integers(0, 20), SHARES)
def test_the_breaker_opens_after_five_failures_and_lets_one_probe_through(
    failures: int, share: float
) -> None:
    breaker, now = Breaker(), 0
    for _ in range(failures):
        breaker.failed(now, share)
        assert breaker.retry_ns is not None
        if breaker.retry_ns > now:
            assert breaker.allows(breaker.retry_ns - 1) == "none"
        now = breaker.retry_ns
    assert breaker.allows(now) == ("probe" if failures >= OPEN_AFTER else "all")
    breaker.succeeded()
    assert breaker.allows(now) == "all"


def test_a_person_who_wants_it_now_does_not_wait() -> None:
    breaker = Breaker()
    for _ in range(OPEN_AFTER):
        breaker.failed(0, 0.9)
    assert breaker.allows(1) == "none"
    breaker.hurry()
    assert breaker.allows(1) == "probe"


def test_refusals_alone_make_a_wait_only_when_nothing_else_is_taken() -> None:
    breaker = Breaker()
    for _ in range(OPEN_AFTER - 1):
        breaker.refused(0, 0.9)
        assert breaker.allows(0) == "all"
    breaker.refused(0, 0.9)
    assert breaker.allows(0) == "none"


@given(
    st.integers(1, 6000),
    st.integers(1, 500),
    st.lists(st.tuples(st.integers(0, 10 * MINUTE), st.integers(0, 300)), max_size=40),
)
def test_no_more_than_rate_and_burst_ever_goes(
    rate: int, burst: int, steps: list[tuple[int, int]]
) -> None:
    bucket, now, gone = Bucket(rate, burst, 0), 0, 0
    for passed, wanted in steps:
        now += passed
        free = bucket.free(now)
        assert free is not None
        bucket.take(min(free, wanted))
        gone += min(free, wanted)
        assert gone <= burst + rate * now // MINUTE


@given(st.integers(1, 100_000), st.integers(1, 1000), st.integers(0, 3000))
def test_after_the_wait_one_may_go(rate: int, burst: int, taken: int) -> None:
    bucket = Bucket(rate, burst, 0)
    bucket.take(taken)
    later = int(bucket.wait_secs(0) * 1e9) + 1
    free = bucket.free(later)
    assert free is not None
    assert free >= 1


def test_without_a_rate_any_number_may_go() -> None:
    bucket = Bucket(0, 1, 0)
    bucket.take(10**9)
    assert bucket.free(0) is None
    assert bucket.wait_secs(0) == 0
