r"""What a notice says: single lines that cannot drive a terminal.

Only bytes 0x20 to 0x7e leave here: shown() escapes what is a control character in Unicode, and a terminal of eight bits
would take parts of other characters' UTF-8 for such (0x9b is CSI there: ECMA-48, section 5.3), so what is not ASCII
becomes \xNN or \uNNNN, too.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from sentinair.codecs.times import rfc3339_or_none
from sentinair.model.alert import Alert
from sentinair.model.event import GAP_REASONS
from sentinair.model.standing import Loss, Standing
from sentinair.model.text import shown

__all__ = ["LINE", "alert_line", "blind_line", "loss_told", "message", "more_line", "plain", "sees_line", "trial_line"]  # fmt: skip

LINE: Final = 320
"""Characters of a line at most: four rows of a terminal that is 80 wide."""
LISTED: Final = 10  # alerts, and losses, that a message of the day names
_FIELD: Final = 90
_WHEN: Final = {"alert.reopened": "again ", "alert.escalated": "still unanswered: "}


def plain(text: str, room: int = _FIELD) -> str:
    """text as printable ASCII, at most room characters (>= 3); what was cut ends in three dots."""
    line = shown(text).encode("ascii", "backslashreplace").decode("ascii")
    return line if len(line) <= room else line[: room - 3] + "..."


def alert_line(kind: str, alert: Alert, *, objects: bool) -> str:
    """kind: of the record that says so."""
    drill = "drill: " if alert.details.get("drill") is True else ""
    when = _clock(alert.last_seen_ns)
    told = f"{drill}{_WHEN.get(kind, '')}critical alert: {_what(alert, objects=objects)}"
    return f"Sentinair {when} {told} -> sentinair alerts explain {plain(alert.id, 36)}"


def blind_line(now_ns: int, what: str) -> str:
    """what: as loss_told() or Blind gives it.  now_ns: wall clock."""
    return plain(f"Sentinair {_clock(now_ns)} BLIND: {what} -> sentinair status", LINE)


def sees_line(now_ns: int, what: str) -> str:
    """what: the same as when it was blind."""
    return plain(f"Sentinair {_clock(now_ns)} no longer blind, it was: {what}", LINE)


def more_line(now_ns: int, count: int) -> str:
    """count: notices that were not shown."""
    return f"Sentinair {_clock(now_ns)} and {count} more notices -> sentinair alerts list"


def trial_line(now_ns: int, by: str) -> str:
    return f"Sentinair {_clock(now_ns)} this is a test, asked for by {plain(by)}: no alert"


def loss_told(loss: Loss) -> str:
    """Who lost how much since when, and why."""
    reason = GAP_REASONS.get(loss.reason, loss.reason)
    count = "an unknown number of events" if loss.lost is None else f"{loss.lost} events"
    when = _clock(loss.since_ns)
    return f"{plain(loss.source, 40)} lost {count} since {when}: {plain(reason)}"


def message(now_ns: int, standing: Standing, blind: Iterable[str], *, objects: bool) -> str | None:
    """The message of the day; None: nothing is open.  blind: as blind_line() takes it."""
    reasons = list(blind)
    if not standing.critical and not reasons:
        return None
    lines = [f"Sentinair, {_clock(now_ns)}: critical alerts unanswered: {standing.critical}"]
    lines += [
        f"  {_clock(alert.last_seen_ns)} {_what(alert, objects=objects)}"
        for alert in standing.newest[:LISTED]
    ]
    more = standing.critical - len(standing.newest[:LISTED])
    if more > 0:
        lines.append(f"  and {more} more")
    lines += [f"  BLIND: {plain(reason, LINE - 9)}" for reason in reasons[:LISTED]]
    if len(reasons) > LISTED:
        lines.append(f"  and {len(reasons) - LISTED} more gaps")
    lines.append("  -> sentinair alerts list --severity critical --status open; sentinair status")
    return "".join(f"{line}\n" for line in lines)


def _what(alert: Alert, *, objects: bool) -> str:
    title = plain(alert.title)
    named = alert.filename or alert.process if objects else None
    return f"{title}: {plain(named)}" if named else title


def _clock(time_ns: int) -> str:
    """To the second, as everywhere in UTC."""
    told = rfc3339_or_none(time_ns)
    return "at an unknown time" if told is None else f"{told[:19]}Z"
