"""Detection Finding (2004) of OCSF 1.8: an alert, and what the agent says of itself."""

from __future__ import annotations

from typing import Any, Final

from sentinair.codecs import ocsf_objects as made
from sentinair.codecs.facts import file_of, process_of
from sentinair.codecs.plain import items, text, whole
from sentinair.codecs.summary import Summary
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry

__all__ = ["finding", "record_finding"]

_Data = dict[str, Any]
_CREATE: Final = (1, "Create")
_UPDATE: Final = (2, "Update")
_CLOSE: Final = (3, "Close")
_RECORD: Final = (99, "Record")
_ACTIVITY: Final = {
    "alert.raised": _CREATE,
    "alert.reopened": _CREATE,
    "alert.resolved": _CLOSE,
    "alert.false_positive": _CLOSE,
}
_STATUS: Final = {
    "open": (1, "New"),
    "acknowledged": (2, "In Progress"),
    "false_positive": (3, "Suppressed"),  # its definition: found benign or a false positive
    "resolved": (4, "Resolved"),
}
_RULE: Final = 1  # analytic.type_id
_FALSE_POSITIVE: Final = (1, "False Positive")  # evidences.verdict
_TEST: Final = (6, "Test")
_OF_GAPS: Final = {"gap": _CREATE, "gap.restored": _CLOSE}


def finding(entry: Entry, _told: Summary) -> tuple[int, tuple[int, str], _Data]:
    """Class, activity and what an alert says in it."""
    alert = entry.alert
    assert alert is not None
    activity = _ACTIVITY.get(entry.kind, _UPDATE)
    status = _STATUS.get(alert.status) or (99, text(alert.status) or "Other")
    body: _Data = {
        "is_alert": True,
        "finding_info": _info(entry, alert),
        "status_id": status[0],
        "status": status[1],
        "count": whole(alert.count),
        "start_time": made.ms(alert.first_seen_ns),
        "end_time": made.ms(alert.last_seen_ns),
        "comment": text(alert.comment),
        "actor": _actor(entry, alert),
        "evidences": _evidences(entry, alert),
        "remediation": {"desc": text(" ".join(alert.next_steps))} if alert.next_steps else None,
    }
    return 2004, activity, body | _confidence(alert.confidence)


def _info(entry: Entry, alert: Alert) -> _Data:
    return {
        "uid": text(alert.id),
        "title": text(alert.title),
        "desc": text(alert.description),
        "types": [text(alert.category)],
        "data_sources": [text(alert.source)],
        "product": made.product(entry.version),
        "analytic": {
            "type_id": _RULE,
            "type": "Rule",
            "uid": text(alert.rule_id),
            "name": text(alert.title),
        },
        "attacks": made.attacks(alert.techniques, alert.tactics),
        "created_time": made.ms(alert.time_ns),
        "modified_time": made.ms(entry.time_ns),
        "first_seen_time": made.ms(alert.first_seen_ns),
        "last_seen_time": made.ms(alert.last_seen_ns),
        "related_events": [
            {"uid": text(f"{entry.chain}-event-{one}")} for one in items(alert.event_ids)
        ],
        "src_url": text(alert.rule_link),
    }


def _confidence(share: float) -> _Data:
    """share: 0 to 1; what is none is left out."""
    if not 0 <= share <= 1:
        return {}
    level = (1, "Low") if share < 0.4 else (2, "Medium") if share < 0.7 else (3, "High")
    return {
        "confidence_score": round(100 * share),
        "confidence_id": level[0],
        "confidence": level[1],
    }


def _actor(entry: Entry, alert: Alert) -> _Data | None:
    process = process_of(entry)
    if process is None and alert.user is None:
        return None
    return made.actor(process, text(alert.user))


def _evidences(entry: Entry, alert: Alert) -> list[_Data]:
    """What the detection saw: at most one file and the process."""
    process, file = process_of(entry), file_of(entry)
    if process is None and file is None:
        return []
    drill = bool(alert.details.get("drill"))
    verdict = _TEST if drill else _FALSE_POSITIVE if alert.status == "false_positive" else None
    return [
        {
            "process": None if process is None else made.process(process, text(alert.user)),
            "file": None if file is None else made.file(file),
            "verdict_id": None if verdict is None else verdict[0],
            "verdict": None if verdict is None else verdict[1],
        }
    ]


def record_finding(entry: Entry, told: Summary) -> tuple[int, tuple[int, str], _Data]:
    """What is no alert and fits no class: never is_alert.  A gap and its repair are one finding."""
    activity, uid = _RECORD, made.entry_uid(entry)
    gap = entry.data.get("gap_id" if entry.stream == "event" else "id")
    if entry.kind in _OF_GAPS and isinstance(gap, str) and gap:
        activity, uid = _OF_GAPS[entry.kind], text(f"{entry.chain}-gap-{gap}")
    return 2004, activity, {
        "is_alert": False,
        "finding_info": {
            "uid": uid,
            "title": text(told.title),
            "types": [text(told.category)],
            "product": made.product(entry.version),
            "created_time": made.ms(entry.time_ns),
        },
        "status_id": 4 if activity == _CLOSE else None,
        "status": "Resolved" if activity == _CLOSE else None,
    }  # fmt: skip
