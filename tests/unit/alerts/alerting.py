"""A manager, detections for it, and the alerts it raises of them."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from sentinair.alerts.manager import AlertManager, Limits
from sentinair.model.alert import Alert, Detection, Joined, Match
from sentinair.model.event import WRITE, FileEvent
from sentinair.model.process import Process

SECOND = 1_000_000_000
HOUR = 3_600 * SECOND


def ids() -> Callable[[], str]:
    numbers = itertools.count()
    return lambda: f"id-{next(numbers)}"


def detection(**changes: Any) -> Detection:
    base = Detection(
        rule_id="r",
        title="A title",
        description="d",
        category="c",
        severity="high",
        confidence=0.5,
        source="sigma",
        matches=(Match("TargetFilename", "/etc/passwd", "equals /etc/passwd"),),
        why=("w",),
        next_steps=("n",),
    )
    return replace(base, **changes)


def joined(path: bytes = b"/etc/passwd", at_ns: int = 0, process: Process | None = None) -> Joined:
    return Joined(FileEvent(seen_ns=at_ns, mono_ns=0, path=path, actions=WRITE, pid=5), process)


def manager(*, users: dict[int, str] | None = None, **limits: Any) -> AlertManager:
    return AlertManager(host="h", users=users, limits=Limits(**limits))


def raised(alerts: AlertManager, new_id: Callable[[], str], now_ns: int = 0) -> Alert:
    (change,) = alerts.take([detection()], joined(at_ns=now_ns), 1, now_ns, new_id)
    assert change.kind == "alert.raised"
    return change.alert
