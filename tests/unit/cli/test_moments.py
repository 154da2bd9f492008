"""Times as people write and read them."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Iterator
from datetime import UTC, datetime

import click
import pytest
from click.testing import CliRunner
from hypothesis import given
from hypothesis import strategies as st

from sentinair.cli.moments import ago, as_moment, length, local, offset, parse, short, span
from sentinair.errors import UsageFault

NOW = 1_800_000_000 * 10**9


@pytest.fixture
def zone(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    monkeypatch.setenv("TZ", "IST-5:30")
    time.tzset()
    yield
    monkeypatch.undo()
    time.tzset()


@pytest.mark.parametrize(
    ("text", "seconds"),
    [("90s", 90), ("15m", 900), ("2h", 7200), ("3d", 259_200), ("1 w", 604_800)],
)
def test_a_relative_time_lies_that_long_before_now(text: str, seconds: int) -> None:
    assert parse(text, NOW) == NOW - seconds * 10**9


def test_a_relative_time_before_the_epoch_is_the_epoch() -> None:
    assert parse("9999w", 10**18) == 0


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("2026-03-01T12:00Z", 1_772_366_400 * 10**9),
        ("2026-03-01T13:00+01:00", 1_772_366_400 * 10**9),
        ("2026-03-01T12:00:00.000001Z", 1_772_366_400 * 10**9 + 1000),
        ("1772366400", 1_772_366_400 * 10**9),
        ("1772366400.5", 1_772_366_400 * 10**9 + 500_000_000),
        ("1969-12-31T00:00Z", 0),
    ],
)
def test_iso_8601_and_epoch_seconds_are_times(text: str, wanted: int) -> None:
    assert parse(text, NOW) == wanted


def test_a_time_without_zone_is_local(zone: None) -> None:
    assert parse("2026-03-01T17:30", NOW) == 1_772_366_400 * 10**9


@pytest.mark.parametrize(
    "text", ["", "yesterday", "2h3", "-2h", "2026-13-01", "0001-01-01", "1e9", "h"]
)
def test_what_is_no_time_is_said_to_be_none(text: str) -> None:
    with pytest.raises(UsageFault, match="is not a time"):
        parse(text, NOW)


@given(st.text(max_size=30))
def test_no_text_raises_anything_but_a_usage_fault(text: str) -> None:
    with contextlib.suppress(UsageFault):
        assert parse(text, NOW) >= 0


@given(st.integers(min_value=0, max_value=4_000_000_000))
def test_what_is_written_in_iso_is_read_back(seconds: int) -> None:
    assert parse(datetime.fromtimestamp(seconds, UTC).isoformat(), NOW) == seconds * 10**9


def test_people_read_local_time_with_its_zone(zone: None) -> None:
    assert local(1_772_366_400 * 10**9) == "2026-03-01 17:30:00 +05:30"
    assert short(1_772_366_400 * 10**9) == "2026-03-01 17:30:00"
    assert offset() == "+05:30"


@pytest.mark.parametrize(
    ("seconds", "wanted"),
    [
        (0, "0 s"),
        (45.9, "45 s"),
        (60, "1 min"),
        (3725, "1 h 2 min"),
        (90_000, "1 d 1 h"),
        (-3, "0 s"),
    ],
)
def test_a_span_is_given_in_its_two_largest_units(seconds: float, wanted: str) -> None:
    assert span(seconds) == wanted


def test_a_time_ahead_of_the_clock_is_said_to_be() -> None:
    assert ago(NOW - 61 * 10**9, NOW) == "1 min 1 s ago"
    assert ago(NOW + 61 * 10**9, NOW) == "1 min 1 s ahead of the clock"


def test_an_option_that_is_no_time_is_a_usage_error() -> None:
    @click.command()
    @click.option("--since", callback=as_moment)
    def show(since: int | None) -> None:
        click.echo(since)

    assert CliRunner().invoke(show, ["--since", "1772366400"]).output == "1772366400000000000\n"
    assert CliRunner().invoke(show, []).output == "\n"
    refused = CliRunner().invoke(show, ["--since", "soon"])
    assert refused.exit_code == 2
    assert "'soon' is not a time" in refused.output


def test_a_length_of_time_is_so_many_seconds() -> None:
    assert [length(text) for text in ("90s", "15m", "2h", "3d", " 1w ")] == [
        90, 900, 7200, 259_200, 604_800,
    ]  # fmt: skip
    for wrong in ("", "2", "h", "-2h", "2026-01-01"):
        with pytest.raises(UsageFault, match="is no length of time"):
            length(wrong)
