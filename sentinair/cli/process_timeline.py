"""What else the process behind an alert did, read from the record when somebody asks."""

from __future__ import annotations

from sentinair.alerts.explain import process_of
from sentinair.alerts.timeline import Timeline, timeline
from sentinair.model.alert import Alert
from sentinair.store.read import Reader
from sentinair.store.timeline import Suspect, around

__all__ = ["what_it_did"]


def what_it_did(reader: Reader, alert: Alert) -> Timeline | None:
    """None: nobody knows which process it was.  Raises StorageFault, DataFault."""
    who = process_of(alert)
    if who is None:
        return None
    pid, start, began_ns = who
    first = alert.event_ids[0] if alert.event_ids else None
    # The boot time in an alert is good to a clock tick; a second leaves room for a step of the wall clock.
    since_ns = None if began_ns is None else began_ns - 1_000_000_000
    found = around(reader, Suspect(pid, start, since_ns), first, alert.first_seen_ns)
    events = ((row.id, row.event) for row in found.events)
    return timeline(alert, pid, events, whole=found.whole)
