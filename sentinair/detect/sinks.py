"""Judges what keeps the record from leaving the host."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sentinair.detect.ground import Ground
from sentinair.model.alert import Detection, Joined, Match
from sentinair.model.delivery import REFUSED, UNDELIVERED
from sentinair.model.event import SinkEvent
from sentinair.model.text import shown

__all__ = ["SinkDetector", "detector"]

_MINUTE_SECS: Final = 60


class SinkDetector:
    """Raises an alert for entries a sink will never take, and for a sink that has not worked for long."""

    name = "sink"

    def judge(self, joined: Joined) -> Iterable[Detection]:
        """Detections for one event; empty for the usual event."""
        event = joined.event
        if not isinstance(event, SinkEvent):
            return ()
        return (_refused(event) if event.what == "refused" else _unhealthy(event),)

    def tick(self, now_ns: int) -> Iterable[Detection]:  # noqa: ARG002 - the protocol's
        """Knows no time."""
        return ()


def _refused(event: SinkEvent) -> Detection:
    sink, why = shown(event.sink), shown(event.why)
    return Detection(
        rule_id=REFUSED,
        title="A sink will never take some entries",
        description=f"{sink} refused {event.count} for good: {why}.",
        category="delivery",
        severity="medium",
        confidence=1.0,
        source="sink",
        matches=(Match("sink", sink, "any refusal"), Match("why", why, "any refusal")),
        why=(
            "What it refused is in the record here and not at the receiver.",
            "Each was tried five times; what came after it was delivered.",
        ),
        next_steps=(
            f"See which they are: `sentinair sinks list {sink}`.",
            f"Mend the receiver or the sink's settings, then `sentinair sinks replay {sink}`.",
        ),
        group=(event.sink,),
    )


def _unhealthy(event: SinkEvent) -> Detection:
    sink, why = shown(event.sink), shown(event.why)
    return Detection(
        rule_id=UNDELIVERED,
        title="A sink has not worked for long",
        description=f"Nothing has reached {sink} for {event.count // _MINUTE_SECS} min: {why}.",
        category="delivery",
        severity="high",
        confidence=1.0,
        source="sink",
        matches=(Match("sink", sink, "any"), Match("why", why, "sinks.alert_after_secs")),
        why=(
            "The receiver does not learn what happens here; who wants that cuts this way off first.",
            "Nothing is lost by it: the record keeps all, and the sink goes on where it stopped.",
        ),
        next_steps=(
            f"See what it says: `sentinair sinks list {sink}`.",
            f"Try it now: `sentinair sinks test {sink}`.",
        ),
        tactics=("defense-impairment",),
        group=(event.sink,),
    )


def detector(ground: Ground) -> SinkDetector:  # noqa: ARG001 - every factory gets it
    """The detector; it needs nothing."""
    return SinkDetector()
