"""Elastic Common Schema: one JSON document a line.

Source: github.com/elastic/ecs, fields of release 9 that release 8 had as well.  What ECS has no field for stands below
`sentinair.`, and the whole of what the entry holds, as JSON text, in `event.original`.
"""

from __future__ import annotations

from typing import Any, Final

import msgspec

from sentinair.codecs.cut import fit
from sentinair.codecs.ecs_kinds import SEVERITY, sort_of
from sentinair.codecs.facts import FileFacts, ProcessFacts, file_of, process_of
from sentinair.codecs.plain import TEXT, clamped, day, items, json_of, text, whole, without_none
from sentinair.codecs.summary import Summary, summary
from sentinair.model.alert import Alert
from sentinair.model.attack import TACTICS, TECHNIQUES, tactic_name
from sentinair.model.entry import Entry

__all__ = ["EcsCodec"]

VERSION: Final = "9.0.0"
_ORIGINAL: Final = 16 * TEXT  # characters
_encode = msgspec.json.encode
_Data = dict[str, Any]


class EcsCodec:
    """One document for each entry; `event.id` is its name for every receiver, so a repeat can be told."""

    name = "ecs"
    suffix = ".ecs.ndjson"
    lines = True

    def begin(self, time_ns: int) -> bytes:  # noqa: ARG002 - the protocol's
        return b""

    def encode(self, entry: Entry) -> bytes:
        """A JSON object without a line end in it."""
        return _encode(without_none(_document(entry)))

    def between(self) -> bytes:
        return b"\n"

    def end(self, count: int) -> bytes:
        return b"\n" if count else b""


def _document(entry: Entry) -> _Data:
    told = summary(entry)
    alert = entry.alert
    process, file = process_of(entry), file_of(entry)
    host, version = text(entry.host), text(entry.version)
    user_id = None if process is None else process.uid
    user = text(told.user) if alert is not None else None
    hashes = {one.sha256 for one in (process, file) if one is not None and one.sha256}
    return {
        "@timestamp": day(told.occurred_ns),
        "ecs": {"version": VERSION},
        "message": text(told.title if alert is None else told.message or told.title),
        "tags": ["drill"] if alert is not None and alert.details.get("drill") else None,
        "event": _event(entry, told),
        "host": {"name": host, "hostname": host},
        "agent": {"type": "sentinair", "version": version, "id": text(entry.chain), "name": host},
        "observer": {
            "vendor": "ZehraSec",
            "product": "Sentinair",
            "type": "agent",
            "version": version,
            "hostname": host,
        },
        "user": {"id": user_id, "name": user},
        "process": None if process is None else _process(process, host),
        "file": None if file is None else _file(file),
        "related": {
            "hash": sorted(hashes),
            "user": sorted({one for one in (user, user_id) if one}),
            "hosts": [host],
        },
        **({} if alert is None else {"rule": _rule(alert), "threat": _threat(alert)}),
        "sentinair": _own(entry),
    }


def _event(entry: Entry, told: Summary) -> _Data:
    alert = entry.alert
    sort = sort_of(entry)
    data = entry.data if alert is None else alert.details
    first = told.first_ns
    return {
        "kind": sort.kind,
        "category": list(sort.categories),
        "type": list(sort.types),
        "outcome": sort.outcome,
        "id": text(f"{entry.chain}-{entry.stream}-{entry.seq}"),
        "code": text(told.event_class),
        "action": text(told.action),
        "severity": SEVERITY.get(told.severity),
        "module": "sentinair",
        "dataset": f"sentinair.{'alert' if alert is not None else entry.stream}",
        "provider": None if alert is None else text(alert.source),
        "reason": None if alert is None else text(" ".join(alert.why)) or None,
        "reference": None if alert is None else text(alert.rule_link),
        "created": day(entry.time_ns),
        "start": None if first is None else day(first),
        "end": None if first is None else day(max(first, told.occurred_ns)),
        "sequence": whole(entry.seq),
        "hash": text(entry.link),
        "original": fit(json_of(data).decode(), _ORIGINAL) if data else None,
    }


def _process(found: ProcessFacts, host: str | None) -> _Data:
    parent = found.parents[0] if found.parents else None
    return {
        **_program(found, host),
        "working_directory": found.cwd,
        "real_user": {"id": found.uid},
        "hash": {"sha256": found.sha256},
        "exit_code": found.exit_code,
        "parent": None if parent is None else _program(parent, host),
    }


def _program(found: ProcessFacts, host: str | None) -> _Data:
    known = found.pid is not None and found.start is not None
    return {
        "pid": found.pid,
        # unique within one boot of one host: the kernel knows no more
        "entity_id": text(f"{host}-{found.pid}-{found.start}") if known else None,
        "executable": found.exe,
        "name": found.name,
        "command_line": found.cmdline,
        "args": found.argv,
        "args_count": found.argc,
    }


def _file(found: FileFacts) -> _Data:
    stem, dot, extension = found.name.rpartition(".")
    return {
        "path": found.path,
        "directory": found.path.rpartition("/")[0] or ("/" if "/" in found.path else None),
        "name": found.name,
        "extension": extension if stem and dot and extension else None,
        "type": found.type,
        "mode": found.mode,
        "uid": found.uid,
        "gid": found.gid,
        "size": found.size,
        "inode": found.inode,
        "hash": {"sha256": found.sha256},
    }


def _rule(alert: Alert) -> _Data:
    author = text(alert.rule_author)
    return {
        "id": text(alert.rule_id),
        "name": text(alert.title),
        "description": text(alert.description),
        "category": text(alert.category),
        "author": None if author is None else [author],
        "license": text(alert.rule_license),
        "reference": text(alert.rule_link),
        "ruleset": text(alert.source),
    }


def _threat(alert: Alert) -> _Data:
    if not (alert.techniques or alert.tactics):
        return {}
    parts = [one for one in alert.techniques if "." in one]
    wholes = list(dict.fromkeys(one.partition(".")[0] for one in alert.techniques))
    return {
        "framework": "MITRE ATT&CK",
        "tactic": {
            "id": list(dict.fromkeys(TACTICS[one] for one in alert.tactics if one in TACTICS)),
            "name": items([tactic_name(one) for one in alert.tactics]),
        },
        "technique": {
            "id": items(wholes),
            "name": [TECHNIQUES[one] for one in wholes if one in TECHNIQUES],
            "subtechnique": {
                "id": items(parts),
                "name": [TECHNIQUES[one] for one in parts if one in TECHNIQUES],
            },
        },
    }


def _own(entry: Entry) -> _Data:
    """What ECS has no field for."""
    alert = entry.alert
    return {
        "chain": text(entry.chain),
        "stream": entry.stream,
        "record_kind": text(entry.kind),
        "time_ns": clamped(entry.time_ns),
        "old_path": text(entry.data.get("old_path")),
        "alert": None if alert is None else _answer(alert),
    }


def _answer(alert: Alert) -> _Data:
    at_ns = alert.acknowledged_at_ns
    return {
        "id": text(alert.id),
        "severity": text(alert.severity),
        "status": text(alert.status),
        "confidence": float(alert.confidence) if 0 <= alert.confidence <= 1 else None,
        "count": whole(alert.count),
        "fingerprint": text(alert.fingerprint),
        "next_steps": items(alert.next_steps),
        "acknowledged_by": text(alert.acknowledged_by),
        "acknowledged_at": None if at_ns is None else day(at_ns),
        "comment": text(alert.comment),
        "assignee": text(alert.assignee),
    }
