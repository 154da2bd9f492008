"""What an export is made of: alerts as they are now, or events, the newest first, a page at a time."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from itertools import islice

from sentinair import __version__
from sentinair.errors import StorageFault
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry
from sentinair.model.export import Wanted
from sentinair.store.newest import newest_alerts, newest_events
from sentinair.store.outgoing import OutgoingReader, event_entry
from sentinair.store.read import AlertFilter, EventFilter, StoredEvent

__all__ = ["Chosen"]


class Chosen:
    """What of the record is wanted, as entries.  Methods raise StorageFault and DataFault."""

    def __init__(self, reader: OutgoingReader, wanted: Wanted, host: str) -> None:
        """host: escaped name of this host, for alerts without one and for events."""
        self._reader = reader
        self._wanted = wanted
        self._host = host
        self._chains = reader.chains()

    def whole(self) -> int | None:
        """How many there are; None: counting them takes too long."""
        wanted = self._wanted
        try:
            if wanted.what == "events":
                found = self._reader.count_events(self._events(), None)
            else:
                found = self._reader.count_alerts(self._alerts(), None)
        except (
            StorageFault
        ):  # a reader's transaction has its limit; what cannot be read shows at once
            return None
        return min(found, wanted.limit or found)

    def entries(self) -> Iterator[Entry]:
        """An alert stands under the record that last changed it."""
        if self._wanted.what == "events":
            found = map(self._event, newest_events(self._reader, self._events()))
        else:
            found = map(self._alert, newest_alerts(self._reader, self._alerts()))
        return islice(found, self._wanted.limit or None)

    def _alerts(self) -> AlertFilter:
        wanted = self._wanted
        return AlertFilter(
            since_ns=wanted.since_ns,
            until_ns=wanted.until_ns,
            severity=wanted.severity,
            status=wanted.status,
            source=wanted.source,
        )

    def _events(self) -> EventFilter:
        wanted = self._wanted
        return EventFilter(wanted.since_ns, wanted.until_ns, wanted.kind, wanted.source)

    def _alert(self, alert: Alert) -> Entry:
        seq = alert.seq or 0
        return Entry(
            host=alert.host or self._host,
            chain=self._chain(seq),
            stream="record",
            seq=seq,
            kind="alert.raised" if alert.status == "open" else f"alert.{alert.status}",
            time_ns=alert.time_ns,
            version=__version__,
            alert=alert,
        )

    def _event(self, stored: StoredEvent) -> Entry:
        return event_entry(stored, self._host, self._chains[-1][1] if self._chains else "")

    def _chain(self, seq: int) -> str:
        at = bisect_right(self._chains, (seq, "g"))  # no chain id is greater than "g"
        return self._chains[at - 1][1] if at else ""
