"""Wall-clock nanoseconds as RFC 3339 text in UTC, with microseconds and Z, and back."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

__all__ = ["from_rfc3339", "rfc3339"]

_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND_NS: Final = 1_000


def rfc3339(time_ns: int) -> str:
    """`2026-11-20T11:29:52.000123Z`; nanoseconds below a microsecond are cut off, not rounded.

    Raises OverflowError for years outside 1 to 9999.  Source: RFC 3339, section 5.6.
    """
    when = _EPOCH + timedelta(microseconds=time_ns // _MICROSECOND_NS)
    return when.strftime("%Y-%m-%dT%H:%M:%S.%fZ") if when.year >= 1000 else _early(when)


def _early(when: datetime) -> str:
    # glibc's %Y writes years before 1000 without leading zeros
    return f"{when.year:04d}" + when.strftime("-%m-%dT%H:%M:%S.%fZ")


def from_rfc3339(text: str) -> int:
    """Nanoseconds since the epoch, exact to the microsecond.

    A time without zone is taken as UTC.  Raises ValueError if text is no such time.
    """
    when = datetime.fromisoformat(text)
    if when.tzinfo is None:
        when = when.replace(tzinfo=UTC)
    return (when - _EPOCH) // timedelta(microseconds=1) * _MICROSECOND_NS
