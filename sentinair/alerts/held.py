"""What a maintenance held back, shown together when it ends: one alert that names the others."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from typing import Final

from sentinair.codecs.times import rfc3339
from sentinair.model.alert import SEVERITIES, Alert, AlertChange

__all__ = ["MAX_NAMED", "RULE_ID", "summary"]

RULE_ID: Final = "sentinair-held-alerts"
MAX_NAMED: Final = 100  # alerts in its details; all are in the list of alerts anyway


def summary(
    counts: Mapping[str, int],
    named: Sequence[Alert],
    alert_id: str,
    *,
    began_ns: int,
    now_ns: int,
    host: str,
    reason: str,
) -> AlertChange:
    """The alert that ends a maintenance, as grave as the gravest it tells of.

    counts: alerts held, by severity; not all 0.  named: the gravest of them, at most MAX_NAMED.
    began_ns: when the maintenance began.  reason: why it ended, escaped.
    """
    severities = [name for name in reversed(SEVERITIES) if counts.get(name)]
    told = ", ".join(f"{counts[name]} {name}" for name in severities)
    total = sum(counts.values())
    number = "1 alert was" if total == 1 else f"{total} alerts were"
    alert = Alert(
        id=alert_id,
        time_ns=now_ns,
        severity=severities[0],
        category="maintenance",
        title=f"Maintenance is over: {number} held back",
        description=f"Raised in it, without a notice: {told}. It ended because {reason}.",
        source="mode",
        rule_id=RULE_ID,
        fingerprint=hashlib.sha256(f"{RULE_ID} {began_ns}".encode()).hexdigest()[:32],
        details={
            "held": [
                {
                    "id": one.id,
                    "timestamp": rfc3339(one.time_ns),
                    "severity": one.severity,
                    "title": one.title,
                    "subject": one.filename or one.process or "",
                    "count": one.count,
                }
                for one in named
            ],
            "held_count": total,
        },
        confidence=max((one.confidence for one in named), default=0.5),
        first_seen_ns=began_ns,
        last_seen_ns=now_ns,
        why=(
            "Work on the host explains many of them; who knows of the work can hide beside it.",
            "Nothing was left out of the record: only its notices waited until now.",
        ),
        next_steps=(
            "Go through the alerts named here with whoever did the work, the gravest first.",
            "Have one explained with `sentinair alerts explain ID`; answer each of them, then this one.",
        ),
        host=host,
    )
    return AlertChange("alert.raised", alert)
