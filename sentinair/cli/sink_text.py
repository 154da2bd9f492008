"""The engine's words on its sinks, as this program reads and shows them."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence

import msgspec

from sentinair.cli.doctor_findings import Finding, fail, ok, warn
from sentinair.cli.moments import ago, span
from sentinair.codecs.times import from_rfc3339
from sentinair.errors import DataFault

__all__ = ["Sink", "findings", "parse", "rows", "told"]


class Sink(msgspec.Struct, frozen=True, kw_only=True):
    """One sink; more fields may come, fewer are read as unknown."""

    name: str
    kind: str = "?"
    codec: str = "?"
    enabled: bool = True
    paused: bool = False
    seq: int = 0  # the last that cannot be lost any more
    given: int = 0  # the last that was handed over
    behind: int = 0  # records not handed over yet
    unsure: int = 0  # handed over, and come again should they be lost there
    events_behind: int = 0
    events_unsure: int = 0
    letters: int = 0  # dead letters kept
    state: str = "?"
    why: str = ""
    last_success: str | None = None  # RFC 3339
    failures: int = 0
    retry_secs: float | None = None
    latency_secs: float | None = None
    delivered: int = 0


def parse(answer: object) -> list[Sink]:
    """Raises DataFault if the engine's answer names no sinks."""
    try:
        return msgspec.convert(answer, dict[str, list[Sink]], strict=False)["sinks"]
    except (msgspec.ValidationError, KeyError) as fault:
        raise DataFault(
            f"the engine's answer names no sinks: {fault}", remedy="restart the engine"
        ) from fault


def told(sink: Sink) -> str:
    """How it is, in words."""
    if not sink.enabled:
        return "off"
    parts = ["paused" if sink.paused else sink.state]
    if sink.why and not sink.paused:
        parts.append(sink.why)
    if sink.retry_secs:
        parts.append(f"next try in {span(sink.retry_secs)}")
    if sink.letters:
        parts.append(f"{sink.letters} dead letters")
    return ", ".join(parts)


def _behind(sink: Sink) -> str:
    events = f" + {sink.events_behind}" if sink.events_behind else ""
    return f"{sink.behind}{events}" if sink.enabled else ""


def _last(sink: Sink) -> str:
    if sink.last_success is None:
        return "none yet" if sink.enabled else ""
    return ago(from_rfc3339(sink.last_success), time.time_ns())


def rows(sinks: Sequence[Sink]) -> list[tuple[str, ...]]:
    """Name, kind, behind, delivered, last success, state."""
    return [
        (
            one.name,
            f"{one.kind}/{one.codec}",
            _behind(one),
            str(one.delivered) if one.enabled else "",
            _last(one),
            told(one),
        )
        for one in sinks
    ]


def findings(sinks: Sequence[Sink]) -> Iterator[Finding]:
    """The doctor's lines."""
    enabled = [one for one in sinks if one.enabled]
    if not enabled:
        yield ok("sinks", "none is enabled: the record stays on this host (docs/sinks.md)")
    for one in enabled:
        name, text = f"sink {one.name}", f"{told(one)}; {_behind(one)} records behind"
        if one.paused:
            yield warn(name, text, f"`sentinair sinks resume {one.name}`")
        elif one.state in ("unhealthy", "stale"):
            remedy = f"mend what it names, then `sentinair sinks test {one.name}`"
            yield fail(name, text, remedy)
        elif one.letters:
            yield warn(name, text, f"mend the cause, then `sentinair sinks replay {one.name}`")
        elif one.state == "degraded":
            yield warn(name, text, "it is tried again by itself")
        else:
            yield ok(name, text)
