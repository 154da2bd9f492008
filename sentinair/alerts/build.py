"""A detection and its event as an alert: every text in it is safe to print, send and search."""

from __future__ import annotations

import stat
from collections.abc import Mapping
from typing import Final

from msgspec.structs import replace

from sentinair.alerts.advice import general_steps
from sentinair.alerts.circumstances import Circumstances
from sentinair.alerts.fingerprint import fingerprint
from sentinair.codecs import event_json
from sentinair.codecs.times import rfc3339
from sentinair.model.alert import Alert, Detection, Joined
from sentinair.model.event import FileEvent, FileState, HashEvent
from sentinair.model.process import Process, brief
from sentinair.model.text import shown

__all__ = ["MAX_EVENT_IDS", "build", "with_process"]

MAX_EVENT_IDS = 10  # the events an alert names; its count goes on
_TYPES: Final = {
    stat.S_IFREG: "file",
    stat.S_IFDIR: "directory",
    stat.S_IFLNK: "link",
    stat.S_IFSOCK: "socket",
    stat.S_IFIFO: "pipe",
    stat.S_IFCHR: "device",
    stat.S_IFBLK: "device",
}


def _shown(text: str | None) -> str | None:
    return None if text is None else shown(text)


def _user(process: Process | None, users: Mapping[int, str]) -> str | None:
    if process is None or process.uid is None:
        return None
    return shown(users.get(process.uid, str(process.uid)))


def _pid(joined: Joined) -> int | None:
    process = joined.actor
    if process is not None:
        return process.pid
    return joined.event.pid if isinstance(joined.event, FileEvent) else None


def _file_state(state: FileState | None) -> dict[str, object] | None:
    if state is None:
        return None
    return {
        "type": _TYPES.get(stat.S_IFMT(state.mode), "other"),
        "mode": f"{state.mode & 0o7777:04o}",
        "uid": state.uid,
        "gid": state.gid,
        "size": state.size,
        "inode": state.inode,
        "modified": rfc3339(state.mtime_ns),
    }


def _details(
    detection: Detection, joined: Joined, event_id: int | None, circumstances: Circumstances
) -> dict[str, object]:
    event = joined.event
    process = None if joined.actor is None else brief(joined.actor)
    details: dict[str, object] = {
        "matches": [
            {"field": shown(m.field), "value": shown(m.value), "wanted": shown(m.wanted)}
            for m in detection.matches
        ],
        "process": None if process is None else event_json.render_process(process),
        "event": event_json.render(event_id, event, joined.process and process, None),
        # a process's start counts from here, in clock ticks
        "booted": rfc3339(event.seen_ns - event.mono_ns),
    }
    if isinstance(event, FileEvent):
        before = circumstances.before(event, event_id)
        details["file"] = {"before": _file_state(before), "after": _file_state(event.state)}
    token = circumstances.drill(joined)
    if token is not None:
        details |= {"drill": True, "drill_token": token}
    return details


def build(
    detection: Detection,
    joined: Joined,
    *,
    alert_id: str,
    event_id: int | None,
    now_ns: int,
    host: str,
    users: Mapping[int, str],
    circumstances: Circumstances | None = None,
) -> Alert:
    """A new open alert.

    event_id: row of joined.event, None if it has none.  now_ns: wall clock when the alert is raised; the event's
    own time becomes first and last seen.  users: login names by uid; an unknown uid shows as its number.
    circumstances: of the moment; None: ordinary ones.
    """
    event = joined.event
    process = joined.actor
    circumstances = Circumstances() if circumstances is None else circumstances
    return Alert(
        id=alert_id,
        time_ns=now_ns,
        severity=detection.severity,
        category=shown(detection.category),
        title=shown(detection.title),
        description=shown(detection.description),
        source=detection.source,
        rule_id=detection.rule_id,
        fingerprint=fingerprint(detection, joined),
        details=_details(detection, joined, event_id, circumstances),
        confidence=detection.confidence,
        first_seen_ns=event.seen_ns,
        last_seen_ns=event.seen_ns,
        why=tuple(shown(line) for line in detection.why),
        next_steps=tuple(shown(line) for line in detection.next_steps or general_steps(event)),
        techniques=detection.techniques,
        tactics=detection.tactics,
        rule_author=_shown(detection.rule_author),
        rule_license=_shown(detection.rule_license),
        rule_link=_shown(detection.rule_link),
        user=_user(process, users),
        filename=shown(event.path) if isinstance(event, FileEvent | HashEvent) else None,
        pid=_pid(joined),
        process=None if process is None or process.exe is None else shown(process.exe),
        host=shown(host),
        event_ids=detection.event_ids[:MAX_EVENT_IDS] or (() if event_id is None else (event_id,)),
        held_since_ns=circumstances.hold(detection.severity),
    )


def with_process(alert: Alert, process: Process, users: Mapping[int, str]) -> Alert:
    """alert with the process that was learned after it had been raised."""
    facts = event_json.render_process(brief(process))
    details = {**alert.details, "process": facts}
    return replace(
        alert,
        details=details,
        user=_user(process, users),
        pid=process.pid,
        process=None if process.exe is None else shown(process.exe),
    )
