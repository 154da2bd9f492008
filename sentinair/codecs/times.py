"""Wall-clock nanoseconds as RFC 3339 text in UTC, with microseconds and Z, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import lru_cache
from typing import Final

__all__ = ["from_rfc3339", "rfc3339", "rfc3339_or_none", "time_or_ns"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND_NS: Final = 1_000
_SECOND_NS: Final = 1_000_000_000
_DAY_SECS: Final = 86_400
_BITS: Final = 14_284  # of the 4,300 digits that Python writes: sys.set_int_max_str_digits()


def rfc3339(time_ns: int) -> str:
    """`2026-11-20T11:29:52.000123Z`; nanoseconds below a microsecond are cut off, not rounded.

    Raises OverflowError for years outside 1 to 9999.  Source: RFC 3339, section 5.6.
    """
    secs, below = divmod(time_ns, _SECOND_NS)
    # A seventh faster than an f-string, and this is a fifth of an alert's way into JSON.
    return "%s.%06dZ" % (_second(secs), below // _MICROSECOND_NS)  # noqa: UP031


@lru_cache(1024)
def _second(secs: int) -> str:
    # Many alerts and events of one record share their seconds, and nearly all share their day: five times faster.
    days, secs = divmod(secs, _DAY_SECS)
    minutes, secs = divmod(secs, 60)
    return f"{_day(days)}T{minutes // 60:02d}:{minutes % 60:02d}:{secs:02d}"


@lru_cache(1024)
def _day(days: int) -> str:
    return (_EPOCH + timedelta(days)).date().isoformat()


def rfc3339_or_none(time_ns: int) -> str | None:
    """rfc3339(), None for years that it cannot write."""
    try:
        return rfc3339(time_ns)
    except OverflowError:
        return None


def time_or_ns(time_ns: int) -> str:
    """rfc3339(), `253402300800000000000 ns` for years that it cannot write."""
    try:
        return rfc3339(time_ns)
    except OverflowError:
        return f"{time_ns if time_ns.bit_length() < _BITS else hex(time_ns)} ns"


def from_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch, exact to the microsecond.

    A time without zone is taken as UTC.  Raises ValueError if text is no such time.
    """
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return (when - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND_NS
