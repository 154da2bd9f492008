"""What else the process of an alert did, before and after: a bounded list, each step in a few words."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

import msgspec

from sentinair.codecs.times import rfc3339
from sentinair.model.alert import Alert
from sentinair.model.event import (
    ATTRIB,
    CREATE,
    DELETE,
    OPEN,
    RENAME,
    WRITE,
    Event,
    FileEvent,
    ProcessEvent,
)
from sentinair.model.text import shown, shown_argv

__all__ = ["Step", "Timeline", "lines", "rendered", "timeline"]

_MAX_COMMAND: Final = 160
_DONE: Final = {
    CREATE: "created",
    WRITE: "wrote",
    ATTRIB: "changed mode or owner of",
    DELETE: "deleted",
    OPEN: "opened",
}
_NS: Final = 1_000_000_000


class Step(msgspec.Struct, frozen=True):
    """One event of the process, or of a child it started."""

    event_id: int
    time_ns: int
    what: str  # escaped


class Timeline(msgspec.Struct, frozen=True):
    """Steps in order of time, the alert's own events left out.

    whole: everything kept of the process was looked at; else there may be more than is told.
    """

    steps: tuple[Step, ...]
    whole: bool


def timeline(
    alert: Alert, pid: int, events: Iterable[tuple[int, Event]], *, whole: bool
) -> Timeline:
    """events: (row, event) of the process with this pid and its children, in any order."""
    steps = [
        Step(event_id, event.seen_ns, _what(event, pid))
        for event_id, event in dict(events).items()
        if event_id not in alert.event_ids
    ]
    return Timeline(tuple(sorted(steps, key=lambda step: (step.time_ns, step.event_id))), whole)


def _what(event: Event, pid: int) -> str:
    if isinstance(event, FileEvent):
        return _file(event)
    if not isinstance(event, ProcessEvent):
        return type(event).__name__
    process = event.process
    if event.action == "exit":
        own = "it ended" if process.pid == pid else f"{process.pid} ended"
        return own if event.exit_code in (None, 0) else f"{own}, {_exit(event.exit_code or 0)}"
    if event.action == "setid":
        return f"changed its user from {event.old_uid} to {event.new_uid}"
    command = shown_argv(process.argv) if process.argv else shown(process.exe or b"unknown")
    if len(command) > _MAX_COMMAND:
        command = command[: _MAX_COMMAND - 1] + "…"
    return f"became {command}" if process.pid == pid else f"started {process.pid}: {command}"


def _exit(code: int) -> str:
    """As of wait(2): the low seven bits are a signal."""
    return f"by signal {code & 0x7F}" if code & 0x7F else f"with status {code >> 8 & 0xFF}"


def _file(event: FileEvent) -> str:
    verbs = [word for bit, word in _DONE.items() if event.actions & bit]
    if event.actions & RENAME:
        name = "something else" if event.old_path is None else shown(event.old_path)
        verbs.append(f"renamed {name} to")
    return f"{' and '.join(verbs) or 'touched'} {shown(event.path)}"


def lines(alert: Alert, found: Timeline) -> list[str]:
    """For people: time against the alert, and what."""
    told = [
        f"{_offset(step.time_ns - alert.first_seen_ns):>9}  {step.what}" for step in found.steps
    ]
    if told:
        before = sum(step.time_ns <= alert.first_seen_ns for step in found.steps)
        told.insert(before, f"{'0':>9}  what this alert tells")
    if not found.whole:
        told.append("There may be more: only what lies nearest to the alert was looked at.")
    return told or ["Nothing else of this process is kept."]


def _offset(ns: int) -> str:
    secs = abs(ns) / _NS
    sign = "-" if ns < 0 else "+"
    if secs < 100:
        return f"{sign}{secs:.3f} s" if secs < 10 else f"{sign}{secs:.1f} s"
    return f"{sign}{secs / 60:.0f} min" if secs < 7200 else f"{sign}{secs / 3600:.0f} h"


def rendered(alert: Alert, found: Timeline) -> dict[str, Any]:
    """The same, JSON-able."""
    return {
        "steps": [
            {
                "event_id": step.event_id,
                "timestamp": rfc3339(step.time_ns),
                "offset_secs": round((step.time_ns - alert.first_seen_ns) / _NS, 6),
                "what": step.what,
            }
            for step in found.steps
        ],
        "whole": found.whole,
    }
