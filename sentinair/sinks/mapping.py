"""Changes to fields before a codec sees them: a constant, another name, a transformation."""

from __future__ import annotations

import hashlib
import posixpath
from collections.abc import Callable, Mapping, Sequence
from typing import Final

import msgspec

from sentinair.model.alert import Alert
from sentinair.model.entry import Entry
from sentinair.settings.sinks import FieldChange

__all__ = ["ALERT_FIELDS", "change"]

ALERT_FIELDS: Final = frozenset(
    {
        "title",
        "description",
        "category",
        "host",
        "user",
        "filename",
        "process",
        "comment",
        "assignee",
    }
)
"""Text of an alert that may be set, dropped or transformed; what identifies or orders it may not."""
_DETAILS: Final = "details."
_REQUIRED: Final = frozenset({"title", "description", "category", "host"})  # have no "unknown"
_TRANSFORMS: Final[dict[str, Callable[[str], str]]] = {
    "lower": str.lower,
    "upper": str.upper,
    "basename": posixpath.basename,
    "sha256": lambda text: hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest(),
}


def change(entry: Entry, changes: Sequence[FieldChange]) -> Entry:
    """entry with all changes made in order; fields that are not there are left so, but by `set`."""
    for one in changes:
        if one.field is None:
            continue
        if entry.alert is None:
            data = _changed(entry.data, one.field, one)
            entry = msgspec.structs.replace(entry, data=data)
        else:
            entry = msgspec.structs.replace(entry, alert=_alert(entry.alert, one.field, one))
    return entry


def _alert(alert: Alert, field: str, one: FieldChange) -> Alert:
    if field.startswith(_DETAILS):
        return msgspec.structs.replace(
            alert, details=_changed(alert.details, field.removeprefix(_DETAILS), one)
        )
    if field not in ALERT_FIELDS:
        return alert
    value: str | None = getattr(alert, field)
    match one.do:
        case "set":
            value = one.to
        case "drop":
            value = "" if field in _REQUIRED else None
        case "rename":  # into details, under the new name
            details = dict(alert.details)
            if value is not None and one.to:
                details[one.to.removeprefix(_DETAILS)] = value
            alert = msgspec.structs.replace(alert, details=details)
            value = "" if field in _REQUIRED else None
        case how:
            value = None if value is None else _TRANSFORMS[how](value)
    return msgspec.structs.replace(alert, **{field: value})


def _changed(data: Mapping[str, object], field: str, one: FieldChange) -> dict[str, object]:
    """A copy of data, changed at field; a.b is b inside the mapping a."""
    changed = dict(data)
    head, _, rest = field.partition(".")
    if rest:
        inner = changed.get(head)
        if isinstance(inner, dict) or (inner is None and one.do == "set"):
            changed[head] = _changed(inner or {}, rest, one)
        return changed
    if one.do == "set":
        changed[head] = one.to
    elif head in changed:
        value = changed.pop(head)
        if one.do == "rename" and one.to:
            changed[one.to] = value
        elif one.do in _TRANSFORMS:
            changed[head] = _TRANSFORMS[one.do](value) if isinstance(value, str) else value
    return changed
