"""Open Cybersecurity Schema Framework 1.8: one JSON event a line.

    alert.*            Detection Finding (2004): create when raised or reopened, close when resolved or called false, else update
    event file, hash   File Activity (1001)
    event process, writer   Process Activity (1007)
    all else           Detection Finding, never `is_alert`: a gap opens one that gap.restored closes, the others are
                       activity 99 "Record" (the framework has no class for what an agent says of itself)

What has no place in a class stands in `unmapped`, whole.  Source: schema.ocsf.io/1.8.0.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

import msgspec

from sentinair.codecs import ocsf_objects as made
from sentinair.codecs.facts import act_of, file_of, process_of
from sentinair.codecs.ocsf_finding import finding, record_finding
from sentinair.codecs.plain import json_of, plain, text, whole, without_none
from sentinair.codecs.summary import Summary, summary
from sentinair.model.entry import Entry

__all__ = ["OcsfCodec"]

_Data = dict[str, Any]
_encode = msgspec.json.encode
_SEVERITY: Final = {
    "low": (2, "Low"),
    "medium": (3, "Medium"),
    "high": (4, "High"),
    "critical": (5, "Critical"),
}
_INFORMATIONAL: Final = (1, "Informational")
_CLASSES: Final = {
    1001: (1, "System Activity", "File Activity"),
    1007: (1, "System Activity", "Process Activity"),
    2004: (2, "Findings", "Detection Finding"),
}
_FILE: Final = {
    # the most telling first: one read may merge several, and says nothing of their order
    "create": (1, "Create"),
    "rename": (5, "Rename"),
    "delete": (4, "Delete"),
    "write": (3, "Update"),
    "attrib": (6, "Set Attributes"),
    "open": (14, "Open"),
}
_PROCESS: Final = {"exec": (1, "Launch"), "exit": (2, "Terminate"), "setid": (5, "Set User ID")}
_NAMED: Final = (99, "Named")  # who an earlier event was done by
_HASHED: Final = (99, "Hash")
_OTHER: Final = (99, "Other")


class OcsfCodec:
    """One event for each entry; `metadata.uid` is its name for every receiver, so a repeat can be told."""

    name = "ocsf"
    suffix = ".ocsf.ndjson"
    lines = True

    def begin(self, time_ns: int) -> bytes:  # noqa: ARG002 - the protocol's
        return b""

    def encode(self, entry: Entry) -> bytes:
        """A JSON object without a line end in it."""
        told = summary(entry)
        kind, _ = act_of(entry)
        maker = finding if entry.alert is not None else _EVENTS.get(kind, record_finding)
        number, activity, body = maker(entry, told)
        whole_event = without_none(_common(entry, told, number, activity) | body)
        return _encode(whole_event | {"unmapped": _unmapped(entry)})  # where null means something

    def between(self) -> bytes:
        return b"\n"

    def end(self, count: int) -> bytes:
        return b"\n" if count else b""


def _common(entry: Entry, told: Summary, number: int, activity: tuple[int, str]) -> _Data:
    category, category_name, name = _CLASSES[number]
    severity, severity_name = _severity(entry, told)
    return {
        "class_uid": number,
        "class_name": name,
        "category_uid": category,
        "category_name": category_name,
        "activity_id": activity[0],
        "activity_name": activity[1],
        "type_uid": number * 100 + activity[0],
        "type_name": f"{name}: {activity[1]}",
        "severity_id": severity,
        "severity": severity_name,
        "time": made.ms(told.occurred_ns),
        "message": text(told.title if entry.alert is None else told.message or told.title),
        "metadata": made.metadata(entry, told),
        "device": made.device(entry.host),
    }


def _severity(entry: Entry, told: Summary) -> tuple[int, str]:
    if entry.alert is None and told.severity == "low":
        return _INFORMATIONAL
    return _SEVERITY.get(told.severity) or (99, text(told.severity) or "Other")


def _unmapped(entry: Entry) -> _Data:
    alert = entry.alert
    own: _Data = {
        "stream": entry.stream,
        "kind": text(entry.kind),
        "chain": text(entry.chain),
        "link": text(entry.link),
    }
    if alert is None:
        return own | {"data": msgspec.Raw(json_of(entry.data))}
    return own | {
        "details": msgspec.Raw(json_of(alert.details)),
        "why": plain(alert.why),
        "fingerprint": text(alert.fingerprint),
        "acknowledged_by": text(alert.acknowledged_by),
        "assignee": text(alert.assignee),
    }


def _file_activity(entry: Entry, told: Summary) -> tuple[int, tuple[int, str], _Data]:
    found = file_of(entry)
    if found is None:  # an event without its path: as much as can be said of it
        return record_finding(entry, told)
    process = process_of(entry)
    words = entry.data.get("actions")
    known = {one for one in words if isinstance(one, str)} if isinstance(words, list) else set()
    activity = next((pair for word, pair in _FILE.items() if word in known), _OTHER)
    body: _Data = {"file": made.file(found), "actor": made.actor(process)}
    if entry.kind == "hash":
        activity, body["actor"] = _HASHED, {"app_name": "Sentinair"}
    elif activity == _FILE["rename"] and found.old_path is not None:
        body["file"] = made.file_named(found.old_path)
        body["file_result"] = made.file(found)
    return 1001, activity, body


def _process_activity(entry: Entry, told: Summary) -> tuple[int, tuple[int, str], _Data]:
    found = process_of(entry)
    if found is None:
        return record_finding(entry, told)
    word = entry.data.get("action")
    activity = _PROCESS.get(word, _OTHER) if isinstance(word, str) else _OTHER
    if entry.kind == "writer":
        activity = _NAMED
    # who begins a program is its parent; all else a process does itself
    does = found if activity != _PROCESS["exec"] else next(iter(found.parents), None)
    return 1007, activity, {
        "process": made.process(found),
        "actor": made.actor(does),
        "exit_code": whole(found.exit_code),
    }  # fmt: skip


_Maker = Callable[[Entry, Summary], tuple[int, tuple[int, str], _Data]]
_EVENTS: Final[dict[str, _Maker]] = {
    "file": _file_activity,
    "hash": _file_activity,
    "process": _process_activity,
    "writer": _process_activity,
}
