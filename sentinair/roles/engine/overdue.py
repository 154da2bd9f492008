"""Detections that time alone made: a window is over, and the event they hang on is in the record already."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from typing import Final

from sentinair.alerts.manager import AlertManager
from sentinair.model.alert import Detection, Joined
from sentinair.model.ports import Detector
from sentinair.model.record import Stamp
from sentinair.roles.engine.commits import Commits
from sentinair.store.events import StoredEvent

__all__ = ["QUIET_NS", "Overdue"]

log = logging.getLogger("sentinair.engine")

QUIET_NS: Final = 10_000_000_000
"""After a start windows are not judged so long: senders still hand over what they held meanwhile."""


class Overdue:
    """Asks the detectors once a second what is over, and hands it to the alert manager."""

    def __init__(
        self,
        commits: Commits,
        alerts: AlertManager,
        recall: Callable[[int], StoredEvent | None],
        new_id: Callable[[], str],
    ) -> None:
        """recall: the stored event with that id, None if the record no longer has it."""
        self._commits = commits
        self._alerts = alerts
        self._recall = recall
        self._new_id = new_id
        self._from_ns: int | None = None

    def tick(self, detectors: Iterable[Detector], stamp: Stamp) -> None:
        """Once a second.  While the disk refuses, windows stay open: what could be found could not be told."""
        if self._from_ns is None:
            self._from_ns = stamp.mono_ns + QUIET_NS
        if stamp.mono_ns < self._from_ns or self._commits.refusal is not None:
            return
        for detector in detectors:
            for detection in detector.tick(stamp.time_ns):
                self._raise(detection, stamp)

    def _raise(self, detection: Detection, stamp: Stamp) -> None:
        if self._commits.waiting:
            self._commits.commit()
        event_id = detection.event_ids[-1] if detection.event_ids else None
        stored = None if event_id is None else self._recall(event_id)
        if stored is None:
            log.error("no alert for %s: its events are no longer in the record", detection.rule_id)
            what = {
                "rule": detection.rule_id,
                "title": detection.title,
                "severity": detection.severity,
            }
            self._commits.record("detection.unplaced", what)
            return
        joined = Joined(stored.event, stored.process, stored.id)
        self._commits.alert(
            self._alerts.take([detection], joined, stored.id, stamp.time_ns, self._new_id)
        )
