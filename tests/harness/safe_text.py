"""What an alert becomes in ECS and OCSF, worked out from what docs/formats-siem.md says and by nothing of the program's."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any

from sentinair.model.alert import Alert
from sentinair.model.entry import Entry
from tests.harness.expected import escaped

__all__ = ["at", "ecs_fields", "expected_text", "ocsf_fields"]

_ECS_SEVERITIES = {"low": 3, "medium": 5, "high": 8, "critical": 10}
_OCSF_SEVERITIES = {"low": 2, "medium": 3, "high": 4, "critical": 5}
_OCSF_STATUS = {"open": 1, "acknowledged": 2, "false_positive": 3, "resolved": 4}


def expected_text(text: str, characters: int = 8_191) -> str:
    """text with what is unsafe written out; what is then too long ends in length and hash of what it was."""
    safe = escaped(text)
    if len(safe) <= characters:
        return safe
    raw = safe.encode()
    mark = f"…[{len(raw)} bytes, sha256 {hashlib.sha256(raw).hexdigest()[:16]}]"
    return safe[: characters - len(mark)] + mark


def at(document: Any, path: str) -> Any:
    """What stands there, "a.b.0" for a list's first; None where nothing does."""
    for step in path.split("."):
        if isinstance(document, Mapping):
            document = document.get(step)
        elif isinstance(document, list) and step.isdecimal() and int(step) < len(document):
            document = document[int(step)]
        else:
            return None
    return document


def _whole(value: int | None) -> int | None:
    return value if value is not None and -(2**63) <= value < 2**63 else None


def _told(fields: Mapping[str, object]) -> dict[str, object]:
    """Texts as they are sent, lists of them as lists."""
    return {
        path: expected_text(value)
        if isinstance(value, str)
        else [expected_text(one) for one in value]
        if isinstance(value, tuple)
        else value
        for path, value in fields.items()
    }


def _of(entry: Entry) -> Alert:
    assert entry.alert is not None
    return entry.alert


def ecs_fields(entry: Entry) -> dict[str, object]:
    """Path to what stands there of an alert; None: nothing does."""
    alert, host = _of(entry), entry.host
    named = dict.fromkeys(("host.name", "host.hostname", "agent.name", "observer.hostname"), host)  # fmt: skip
    return _told(named | {
        "message": alert.description or alert.title, "agent.version": entry.version, "agent.id": entry.chain,
        "user.name": alert.user, "file.path": alert.filename, "process.executable": alert.process,
        "process.pid": _whole(alert.pid), "related.hosts": (host,),
        "event.kind": "alert", "event.id": f"{entry.chain}-{entry.stream}-{entry.seq}", "event.code": alert.rule_id,
        "event.action": entry.kind.removeprefix("alert."), "event.severity": _ECS_SEVERITIES.get(alert.severity),
        "event.provider": alert.source, "event.reason": " ".join(alert.why) or None,
        "event.reference": alert.rule_link, "event.sequence": _whole(entry.seq), "event.hash": entry.link,
        "rule.id": alert.rule_id, "rule.name": alert.title, "rule.description": alert.description,
        "rule.category": alert.category, "rule.license": alert.rule_license, "rule.reference": alert.rule_link,
        "rule.author": None if alert.rule_author is None else (alert.rule_author,), "rule.ruleset": alert.source,
        "threat.technique.id": tuple(dict.fromkeys(one.split(".")[0] for one in alert.techniques)) or None,
        "sentinair.chain": entry.chain, "sentinair.record_kind": entry.kind, "sentinair.stream": entry.stream,
        "sentinair.time_ns": min(max(entry.time_ns, -(2**63)), 2**63 - 1), "sentinair.alert.id": alert.id,
        "sentinair.alert.severity": alert.severity, "sentinair.alert.status": alert.status,
        "sentinair.alert.confidence": alert.confidence if 0 <= alert.confidence <= 1 else None,
        "sentinair.alert.count": _whole(alert.count), "sentinair.alert.fingerprint": alert.fingerprint,
        "sentinair.alert.next_steps": alert.next_steps or None, "sentinair.alert.comment": alert.comment,
        "sentinair.alert.acknowledged_by": alert.acknowledged_by, "sentinair.alert.assignee": alert.assignee,
    })  # fmt: skip


def ocsf_fields(entry: Entry) -> dict[str, object]:
    """Path to what stands there of an alert; None: nothing does."""
    alert = _of(entry)
    return _told({
        "class_uid": 2004, "is_alert": True, "message": alert.description or alert.title,
        "severity_id": _OCSF_SEVERITIES.get(alert.severity, 99), "status_id": _OCSF_STATUS.get(alert.status, 99),
        "metadata.uid": f"{entry.chain}-{entry.stream}-{entry.seq}", "metadata.event_code": alert.rule_id,
        "metadata.product.version": entry.version, "metadata.sequence": _whole(entry.seq),
        "device.hostname": entry.host, "count": _whole(alert.count), "comment": alert.comment,
        "confidence_score": round(100 * alert.confidence) if 0 <= alert.confidence <= 1 else None,
        "actor.user.name": alert.user, "finding_info.uid": alert.id, "finding_info.title": alert.title,
        "finding_info.desc": alert.description, "finding_info.types": (alert.category,),
        "finding_info.data_sources": (alert.source,), "finding_info.analytic.uid": alert.rule_id,
        "finding_info.analytic.name": alert.title, "finding_info.src_url": alert.rule_link,
        "remediation.desc": " ".join(alert.next_steps) if alert.next_steps else None,
        "evidences.0.file.path": alert.filename, "evidences.0.process.path": alert.process,
        "evidences.0.process.pid": _whole(alert.pid), "unmapped.why": alert.why,
        "unmapped.fingerprint": alert.fingerprint, "unmapped.acknowledged_by": alert.acknowledged_by,
        "unmapped.assignee": alert.assignee,
    })  # fmt: skip
