"""The events of one process around one moment, found without an index over processes: a bounded look at both sides."""

from __future__ import annotations

from typing import Final

import msgspec

from sentinair.model.event import FileEvent, ProcessEvent
from sentinair.store.events import StoredEvent
from sentinair.store.pages import Cursor
from sentinair.store.read import EventFilter, Reader

__all__ = ["Around", "Suspect", "around"]

LIMIT: Final = 20  # events on each side
LOOKED_AT: Final = 5_000  # rows on each side
_PAGE: Final = 500
_WANTED: Final = ("file", "process")


class Suspect(msgspec.Struct, frozen=True):
    """The process asked for."""

    pid: int
    start: int | None  # clock ticks since boot; None: unknown, then the pid alone decides
    began_ns: int | None = None  # wall clock; nothing before it can be its own

    def did(self, event: FileEvent | ProcessEvent) -> bool:
        """Whether it, or a child it started, is behind the event."""
        if isinstance(event, FileEvent):
            return self._is(event.pid, event.start)
        process = event.process
        if self._is(process.pid, process.start):
            return True
        if event.action != "exec" or process.ppid != self.pid:
            return False
        nearest = process.parents[0] if process.parents else None
        return nearest is None or self._is(nearest.pid, nearest.start)

    def _is(self, pid: int | None, start: int | None) -> bool:
        same = self.start is None or start is None or start == self.start
        return pid == self.pid and same


class Around(msgspec.Struct, frozen=True):
    """The nearest LIMIT events on each side, each side in the order in which it was walked.

    whole: both sides were walked to where nothing more of it can be.
    """

    events: tuple[StoredEvent, ...]
    whole: bool


def around(reader: Reader, suspect: Suspect, event_id: int | None, at_ns: int) -> Around:
    """What suspect did near the event of that row (None: no row), seen at at_ns.  Raises StorageFault, DataFault."""
    before, whole_before = _before(reader, suspect, at_ns)
    if event_id is None:
        return Around(tuple(before), whole_before)
    after, whole_after = _after(reader, suspect, event_id)
    return Around((*before, *after), whole_before and whole_after)


def _before(reader: Reader, suspect: Suspect, at_ns: int) -> tuple[list[StoredEvent], bool]:
    wanted = EventFilter(since_ns=suspect.began_ns, until_ns=at_ns + 1, kind=_WANTED)
    found: list[StoredEvent] = []
    after: Cursor | None = None
    for _ in range(LOOKED_AT // _PAGE):
        page = reader.events(wanted, after, _PAGE)
        found += [row for row in page.rows if _did(suspect, row)]
        after = page.next
        if after is None or len(found) > LIMIT:
            break
    return found[: LIMIT + 1], after is None and len(found) <= LIMIT + 1


def _after(reader: Reader, suspect: Suspect, event_id: int) -> tuple[list[StoredEvent], bool]:
    found: list[StoredEvent] = []
    for _ in range(LOOKED_AT // _PAGE):
        rows = reader.events_after(event_id, EventFilter(kind=_WANTED), _PAGE)
        found += [row for row in rows if _did(suspect, row)]
        if len(found) > LIMIT:
            return found[:LIMIT], False
        if len(rows) < _PAGE or any(_ends(suspect, row) for row in rows):
            return found, True
        event_id = rows[-1].id
    return found, False


def _did(suspect: Suspect, row: StoredEvent) -> bool:
    return isinstance(row.event, FileEvent | ProcessEvent) and suspect.did(row.event)


def _ends(suspect: Suspect, row: StoredEvent) -> bool:
    event = row.event
    if not isinstance(event, ProcessEvent) or event.action != "exit":
        return False
    return suspect.start is not None and (event.process.pid, event.process.start) == (
        suspect.pid,
        suspect.start,
    )
