"""Detections and alerts: what a detector judged, and what a person sees and answers."""

from __future__ import annotations

from typing import Final

import msgspec

from sentinair.model.event import Event, ProcessEvent
from sentinair.model.process import Process

__all__ = [
    "SEVERITIES",
    "STATUSES",
    "TRANSITIONS",
    "Alert",
    "AlertChange",
    "Closed",
    "Detection",
    "Joined",
    "Match",
    "Note",
]

SEVERITIES: Final = ("low", "medium", "high", "critical")
STATUSES: Final = ("open", "acknowledged", "resolved", "false_positive")
TRANSITIONS: Final[dict[str, tuple[frozenset[str], str]]] = {
    # verb: (statuses it may start from, status it leads to)
    "acknowledge": (frozenset({"open"}), "acknowledged"),
    "resolve": (frozenset({"open", "acknowledged"}), "resolved"),
    "false_positive": (frozenset({"open", "acknowledged"}), "false_positive"),
    "reopen": (frozenset({"acknowledged", "resolved", "false_positive"}), "open"),
}


class Joined(msgspec.Struct, frozen=True):
    """An event with who did it: what detectors judge."""

    event: Event
    process: Process | None  # with parents; None: cannot be known
    event_id: int | None = None  # its row in `events`, once the store has given it

    @property
    def actor(self) -> Process | None:
        """Who acted: as joined; else as the event of a process says itself; None: not known."""
        if self.process is None and isinstance(self.event, ProcessEvent):
            return self.event.process
        return self.process


class Match(msgspec.Struct, frozen=True):
    """One field that made a rule match."""

    field: str  # Sigma field name, as in the rule
    value: str  # what the event held (escaped text)
    wanted: str  # the rule's condition, as written: "endswith /nc"


class Detection(msgspec.Struct, frozen=True, kw_only=True):
    """One detector's judgement of one event."""

    rule_id: str
    title: str
    description: str
    category: str
    severity: str  # of SEVERITIES
    confidence: float  # 0 to 1
    source: str  # which detector: "sigma", "gap"
    matches: tuple[Match, ...]
    why: tuple[str, ...]  # sentences
    next_steps: tuple[str, ...]  # sentences; nothing that needs internet
    techniques: tuple[str, ...] = ()  # ATT&CK ids, "T1548.001"
    tactics: tuple[str, ...] = ()
    rule_author: str | None = None
    rule_license: str | None = None
    rule_link: str | None = None
    group: tuple[str, ...] = ()  # what, besides rule_id, makes two detections the same alert
    event_ids: tuple[int, ...] = ()  # of several events: the first that made it; (): the one judged


class Note(msgspec.Struct, frozen=True):
    """What a person wrote beside an alert; escaped text."""

    time_ns: int  # wall clock
    by: str  # who the writer proved to be
    text: str


class Alert(msgspec.Struct, frozen=True, kw_only=True):
    """One or more detections of one fingerprint, with a status and a human's answer.

    Text fields are escaped (model.text.shown): no control characters, no undecodable bytes.
    """

    id: str  # lower-case UUIDv7
    time_ns: int  # when it was first raised
    severity: str
    category: str
    title: str
    description: str
    source: str
    rule_id: str
    fingerprint: str  # 32 hexadecimal digits
    details: dict[str, object]  # matches, process with parents, event: JSON-able and escaped
    status: str = "open"
    confidence: float = 0.5
    count: int = 1
    first_seen_ns: int
    last_seen_ns: int
    why: tuple[str, ...] = ()
    next_steps: tuple[str, ...] = ()
    techniques: tuple[str, ...] = ()
    tactics: tuple[str, ...] = ()
    rule_author: str | None = None
    rule_license: str | None = None
    rule_link: str | None = None
    user: str | None = None
    filename: str | None = None
    pid: int | None = None
    process: str | None = None
    host: str = ""
    event_ids: tuple[int, ...] = ()  # the first 10
    acknowledged_by: str | None = None
    acknowledged_at_ns: int | None = None
    comment: str | None = None
    seq: int | None = None  # ledger seq of the record that last changed it; given by the store
    assignee: str | None = None  # who is to look at it; None: nobody in particular
    notes: tuple[Note, ...] = ()  # oldest first
    escalated_at_ns: int | None = (
        None  # when it had waited too long; None: it has not since it opened
    )
    closed_at_ns: int | None = (
        None  # when it was last resolved or called false; None: it is not closed
    )
    reopened_at_ns: int | None = None  # when it was last opened again; None: never
    gathered: bool = False  # it counts what a rule found beyond so many alerts a minute
    held_since_ns: int | None = (
        None  # begin of the maintenance in which its notice was held; None: it was not
    )


class Closed(msgspec.Struct, frozen=True):
    """As much of a closed alert as it takes to know its like again."""

    id: str
    fingerprint: str
    status: str  # resolved or false_positive
    closed_ns: int  # wall clock


class AlertChange(msgspec.Struct, frozen=True):
    """What became of one alert: one ledger record, which holds the whole alert as it is after the change."""

    kind: str  # a record kind: "alert.raised", "alert.updated", "alert.acknowledged", …
    alert: Alert
    by: str | None = None  # the person who answered; None: the agent itself
    comment: str | None = None
