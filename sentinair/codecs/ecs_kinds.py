"""Which of ECS's allowed words an entry goes by.

Each type stands only where ECS expects it with every category beside it (ECS, allowed values of event.category).
"""

from __future__ import annotations

from typing import Final

import msgspec

from sentinair.codecs.facts import act_of
from sentinair.model.entry import Entry

__all__ = ["SEVERITY", "Sort", "sort_of"]

SEVERITY: Final = {"low": 3, "medium": 5, "high": 8, "critical": 10}
"""event.severity: the numbers CEF has; ECS leaves the scale to the source."""


class Sort(msgspec.Struct, frozen=True):
    categories: tuple[str, ...]
    types: tuple[str, ...]
    outcome: str | None = None  # "success" or "failure"; None: there is none to speak of
    kind: str = "event"


_HOST: Final = Sort(("host",), ("info",))
_CHANGED: Final = Sort(("configuration",), ("change",), "success")
_INTRUSION: Final = Sort(("intrusion_detection",), ("info",))
_RECORDS: Final = {
    "start": Sort(("host",), ("start",)),
    "stop": Sort(("host",), ("end",)),
    "unclean.stop": Sort(("host",), ("end",), "failure"),
    "heartbeat": Sort(("host",), ("info",), kind="state"),
    "suppression.added": Sort(("configuration",), ("creation",), "success"),
    "suppression.removed": Sort(("configuration",), ("deletion",), "success"),
    "suppression.counted": Sort(("configuration",), ("info",)),
    "clock.step": Sort(("host",), ("change",)),
    "config.changed": _CHANGED,
    "rules.loaded": _CHANGED,
    "rules.refused": Sort(("configuration",), ("info",), "failure"),
    "mode.changed": _CHANGED,
    "store.refused": Sort(("host",), ("info",), "failure"),
    "store.damaged": _INTRUSION,
    "tamper": _INTRUSION,
}
_PROCESS_TYPES: Final = {"exec": "start", "exit": "end", "setid": "change"}
_FILE_TYPES: Final = {
    "create": "creation",
    "write": "change",
    "attrib": "change",
    "rename": "change",
    "delete": "deletion",
    "open": "access",
}
_EVENTS: Final = {
    "hash": Sort(("file",), ("info",)),
    "writer": Sort(("process",), ("info",)),
    "clock": Sort(("host",), ("change",)),
    "tamper": _INTRUSION,
}
_CAUSES: Final = {"file": "file", "hash": "file", "process": "process", "writer": "process"}


def sort_of(entry: Entry) -> Sort:
    """kind, category, type and outcome of one entry."""
    kind, data = act_of(entry)
    if entry.alert is not None:
        cause = _CAUSES.get(kind, "host")
        return Sort(("intrusion_detection", cause), ("info",), kind="alert")
    if entry.stream == "record":
        return _RECORDS.get(entry.kind, _HOST)
    if kind == "file":
        return Sort(("file",), _file_types(data.get("actions")), "success")
    if kind == "process":
        word = data.get("action")
        known = _PROCESS_TYPES.get(word, "info") if isinstance(word, str) else "info"
        return Sort(("process",), (known,), "success" if known != "info" else None)
    if kind == "scanned":
        return Sort(("process" if data.get("scope") == "processes" else "file",), ("info",))
    return _EVENTS.get(kind, _HOST)


def _file_types(actions: object) -> tuple[str, ...]:
    words = actions if isinstance(actions, list | tuple) else ()
    known = [_FILE_TYPES[one] for one in words if isinstance(one, str) and one in _FILE_TYPES]
    return tuple(dict.fromkeys(known)) or ("info",)
