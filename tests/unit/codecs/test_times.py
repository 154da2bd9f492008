from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.codecs.times import from_rfc3339, rfc3339


def test_a_time_has_microseconds_and_z() -> None:
    assert rfc3339(0) == "1970-01-01T00:00:00.000000Z"
    assert rfc3339(1_700_000_000_123_456_999) == "2023-11-14T22:13:20.123456Z"


def test_a_year_before_1000_keeps_its_zeros() -> None:
    year_one = int(datetime(33, 4, 3, tzinfo=UTC).timestamp()) * 1_000_000_000
    assert rfc3339(year_one) == "0033-04-03T00:00:00.000000Z"


@given(
    st.integers(-62_000_000_000, 250_000_000_000).map(lambda secs: secs * 1_000_000_000 + 123_000)
)
def test_a_time_comes_back_exact_to_the_microsecond(time_ns: int) -> None:
    assert from_rfc3339(rfc3339(time_ns)) == time_ns


def test_a_time_in_another_zone_or_without_one_is_understood() -> None:
    assert from_rfc3339("1970-01-01T01:00:00+01:00") == 0
    assert from_rfc3339("1970-01-01T00:00:00") == 0
    with pytest.raises(ValueError, match="Invalid isoformat"):
        from_rfc3339("yesterday")
