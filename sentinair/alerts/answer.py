"""What people say of an alert: answers, notes, who is to look.  Alert in, change out; each leaves one record."""

from __future__ import annotations

from typing import Final

from msgspec.structs import replace

from sentinair.errors import UsageFault
from sentinair.model.alert import TRANSITIONS, Alert, AlertChange, Note
from sentinair.model.text import shown

__all__ = ["LIVE", "MAX_COMMENT_CHARS", "MAX_NOTES", "answered", "assigned", "noted", "reopened"]

LIVE: Final = frozenset({"open", "acknowledged"})  # what nobody has closed
MAX_COMMENT_CHARS: Final = 4_000
MAX_NOTES: Final = 50  # each record of an alert holds them all
MAX_NOTE_CHARS: Final = 1_000
MAX_NAME_CHARS: Final = 100
_DONE_BY_VERB: Final = {
    "acknowledge": "acknowledged",
    "resolve": "resolved",
    "false_positive": "called a false positive",
    "reopen": "opened again",
}
_IN_WORDS: Final = {
    "open": "open",
    "acknowledged": "acknowledged",
    "resolved": "resolved",
    "false_positive": "a false positive",
}
_RECORD_OF_VERB: Final = {
    "acknowledge": "alert.acknowledged",
    "resolve": "alert.resolved",
    "false_positive": "alert.false_positive",
    "reopen": "alert.reopened",
}


def answered(alert: Alert, verb: str, *, by: str, comment: str | None, now_ns: int) -> AlertChange:
    """A person's answer.

    verb: one of model.alert.TRANSITIONS.  by: who the caller proved to be.
    Raises UsageFault for an unknown verb, a status it does not lead from, or a comment that is too long.
    """
    if verb not in TRANSITIONS:
        raise UsageFault(
            f"no such answer: {shown(verb)}", remedy=f"use one of {', '.join(TRANSITIONS)}"
        )
    allowed, status = TRANSITIONS[verb]
    if alert.status not in allowed:
        raise UsageFault(
            f"it is {_IN_WORDS[alert.status]}, and only one that is "
            f"{' or '.join(_IN_WORDS[one] for one in sorted(allowed))} can be {_DONE_BY_VERB[verb]}",
            where=f"alert {alert.id}",
            remedy="" if verb == "reopen" else "reopen it first if it needs another answer",
        )
    safe = None if comment is None else _text(alert, "comment", comment, MAX_COMMENT_CHARS)
    after = _after(alert, status, shown(by), safe, now_ns)
    return AlertChange(_RECORD_OF_VERB[verb], after, shown(by), safe)


def noted(alert: Alert, text: str, *, by: str, now_ns: int) -> AlertChange:
    """A note beside the alert, whatever its status.  Raises UsageFault if it is empty, too long, or one too many."""
    safe = _text(alert, "note", text, MAX_NOTE_CHARS)
    if not safe.strip():
        raise UsageFault("the note is empty", where=f"alert {alert.id}")
    if len(alert.notes) >= MAX_NOTES:
        raise UsageFault(
            f"it has {MAX_NOTES} notes, more are not kept",
            where=f"alert {alert.id}",
            remedy="keep the rest where the case is worked on",
        )
    notes = (*alert.notes, Note(now_ns, shown(by), safe))
    return AlertChange("alert.noted", replace(alert, notes=notes), shown(by), safe)


def assigned(alert: Alert, to: str | None, *, by: str) -> AlertChange:
    """Who is to look at it; None: nobody in particular.  Raises UsageFault for a name that is empty or too long."""
    name = None if to is None else _text(alert, "name", to, MAX_NAME_CHARS).strip()
    if name == "":
        raise UsageFault("the name is empty", where=f"alert {alert.id}", remedy="- means nobody")
    return AlertChange("alert.assigned", replace(alert, assignee=name), shown(by), name)


def reopened(alert: Alert, now_ns: int) -> AlertChange:
    """A resolved alert whose like has come again: what was dealt with is not."""
    after = _after(alert, "open", None, alert.comment, now_ns)
    why = "It came again after it had been resolved."
    return AlertChange("alert.reopened", after, None, why)


def _text(alert: Alert, what: str, text: str, limit: int) -> str:
    if len(text) > limit:
        raise UsageFault(
            f"the {what} has {len(text)} characters, at most {limit} are kept",
            where=f"alert {alert.id}",
            remedy="shorten it",
        )
    return shown(text)


def _after(alert: Alert, status: str, by: str | None, comment: str | None, now_ns: int) -> Alert:
    if status == "open":
        return replace(
            alert,
            status=status,
            acknowledged_by=None,
            acknowledged_at_ns=None,
            comment=comment,
            escalated_at_ns=None,
            closed_at_ns=None,
            reopened_at_ns=now_ns,
        )
    first = alert.acknowledged_by is None  # closing an open alert acknowledges it
    return replace(
        alert,
        status=status,
        acknowledged_by=by if first else alert.acknowledged_by,
        acknowledged_at_ns=now_ns if first else alert.acknowledged_at_ns,
        comment=alert.comment if comment is None else comment,
        closed_at_ns=None if status in LIVE else now_ns,
    )
