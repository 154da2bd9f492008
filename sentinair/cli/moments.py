"""Times as people write them (`2h`, `2026-03-01`, `2026-03-01T12:00Z`) and as they read them."""

from __future__ import annotations

import re
import time
from datetime import UTC, datetime
from typing import Final

import click

from sentinair.errors import UsageFault

__all__ = ["ago", "as_moment", "length", "local", "offset", "parse", "short", "span"]

_RELATIVE: Final = re.compile(r"(\d{1,9})\s*([smhdw])")
_SECONDS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_EPOCH: Final = re.compile(r"\d{9,11}(\.\d{1,9})?")
_NS: Final = 1_000_000_000
_LAST: Final = (
    1 << 63
) - 1  # of a 64-bit count of nanoseconds: the year 2262, which stands for all later


def parse(text: str, now_ns: int) -> int:
    """text as nanoseconds since the epoch, from 0 to 2^63 - 1.

    Relative (`90s`, `15m`, `2h`, `3d`, `1w`: that long before now), ISO 8601 (local time when it names no zone),
    or epoch seconds.  Raises UsageFault if it is none of these.
    """
    text = text.strip()
    if match := _RELATIVE.fullmatch(text):
        return max(0, now_ns - int(match[1]) * _SECONDS[match[2]] * _NS)
    if _EPOCH.fullmatch(text):
        whole, _, part = text.partition(".")
        return min(_LAST, int(whole) * _NS + int(part.ljust(9, "0")))
    try:
        moment = datetime.fromisoformat(text).astimezone(UTC)
        since = moment - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError) as fault:
        raise UsageFault(
            f"{text!r} is not a time",
            remedy="give ISO 8601 (2026-03-01T12:00Z) or relative (90s, 15m, 2h, 3d, 1w)",
        ) from fault
    time_ns = (since.days * 86400 + since.seconds) * _NS + since.microseconds * 1000
    return min(_LAST, max(0, time_ns))


def length(text: str) -> int:
    """A length of time (`90s`, `15m`, `2h`, `3d`, `1w`) in seconds.  Raises UsageFault if it is none."""
    match = _RELATIVE.fullmatch(text.strip())
    if match is None:
        raise UsageFault(f"{text!r} is no length of time", remedy="give 90s, 15m, 2h, 3d or 1w")
    return int(match[1]) * _SECONDS[match[2]]


def as_moment(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    """A click callback over parse(): nanoseconds since the epoch, None where the option was not given."""
    if value is None:
        return None
    try:
        return parse(value, time.time_ns())
    except UsageFault as fault:
        raise click.BadParameter(str(fault), ctx, param) from fault


def local(time_ns: int) -> str:
    """For people: local time to the second, with its zone: `2026-03-01 13:00:05 +01:00`."""
    moment = datetime.fromtimestamp(time_ns // _NS).astimezone()
    return f"{moment:%Y-%m-%d %H:%M:%S} {moment.isoformat()[-6:]}"


def span(seconds: float) -> str:
    """A length of time in its two largest units: `2 d 3 h`, `45 s`."""
    left = max(0, int(seconds))
    parts = []
    for name, size in (("d", 86400), ("h", 3600), ("min", 60), ("s", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {name}")
    return " ".join(parts[:2]) or "0 s"


def ago(time_ns: int, now_ns: int) -> str:
    """`3 min 2 s ago`; a time ahead of the clock is said to be."""
    if time_ns > now_ns + _NS:
        return f"{span((time_ns - now_ns) / _NS)} ahead of the clock"
    return f"{span((now_ns - time_ns) / _NS)} ago"


def short(time_ns: int) -> str:
    """For tables: local time to the second; offset() stands once in the head."""
    return f"{datetime.fromtimestamp(time_ns // _NS).astimezone():%Y-%m-%d %H:%M:%S}"


def offset() -> str:
    """The local zone now, as `+01:00`; moments of another season are shown in their own offset's local time."""
    return datetime.now().astimezone().isoformat()[-6:]
