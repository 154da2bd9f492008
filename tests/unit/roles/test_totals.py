from __future__ import annotations

from typing import Any

from msgspec.structs import replace

from sentinair.model.alert import AlertChange
from sentinair.model.event import Event
from sentinair.roles.engine.totals import BOUNDS, Spread, Totals
from sentinair.store.events import LaneKey, Pending
from tests.harness.ordinary import EVENTS, an_alert

LANE = LaneKey("sensor", b"12345678", "vital")


def pending(kind: str, event: Event) -> Pending:
    return Pending(1, kind, "fanotify", LANE, 1, event.seen_ns, event, None)


def test_a_duration_lies_at_or_below_its_bound() -> None:
    spread = Spread()
    for duration_ns in (1_000_000, 1_000_001, 99_000_000_000, -5):
        spread.add(duration_ns)
    told: Any = spread.told()
    assert told["counts"][0] == 2  # 1 ms, and what a clock made less than nothing
    assert told["counts"][1] == told["counts"][-1] == 3
    assert told["count"] == 4
    assert (len(told["counts"]), told["sum"]) == (len(BOUNDS), 99.002)


def test_events_alerts_and_losses_are_counted_as_they_are_written() -> None:
    totals = Totals()
    raised = AlertChange("alert.raised", an_alert())
    others = [replace(raised, kind=kind) for kind in ("alert.updated", "alert.resolved")]
    gap = EVENTS["gap"][0]
    events = [pending("file", EVENTS["file"][0]), pending("gap", gap)]
    events.append(pending("gap", replace(gap, lost=7)))
    totals.committed(events, [raised, *others], took_ns=5, waited_ns=6)
    totals.committed([], [raised], took_ns=5, waited_ns=6)
    told: Any = totals.told(["usb"])
    assert (told["events"]["file"], told["events"]["gap"], told["events"]["process"]) == (1, 2, 0)
    counts = {(one["severity"], one["category"]): one["count"] for one in told["alerts"]}
    assert counts["high", "persistence"] == 2
    assert counts["critical", "usb"] == 0  # a rate begins at nothing, not at its first alert
    assert told["gaps"] == [{"source": "fanotify", "reason": "overflow", "count": 2}]
    assert told["lost"] == {"fanotify": 7}
    assert told["commit_secs"]["count"] == 2
