"""The JSON file of alerts: one object, written as a stream, so that its count stands behind its alerts."""

from __future__ import annotations

from typing import Any, Final

from sentinair.codecs.any_json import to_json
from sentinair.codecs.times import rfc3339_or_none
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry

__all__ = ["SOURCE", "VERSION", "JsonFileCodec", "alert_fields"]

SOURCE: Final = "Sentinair"
VERSION: Final = "1.0"  # of the file's shape


class JsonFileCodec:
    """export_time export_source version alerts[] alert_count; entries that are no alerts have no place in it.

    longest: texts of more characters are cut (cut.fit()), at least 60; None: nothing is.
    """

    name = "json"
    suffix = ".json"
    lines = False

    def __init__(self, *, longest: int | None = None) -> None:
        self._longest = longest

    def begin(self, time_ns: int) -> bytes:
        head = to_json(
            {
                "export_time": rfc3339_or_none(time_ns),
                "export_source": SOURCE,
                "version": VERSION,
            }
        )
        return head[:-1] + b',"alerts":[\n'

    def encode(self, entry: Entry) -> bytes:
        return b"" if entry.alert is None else to_json(alert_fields(entry.alert), self._longest)

    def between(self) -> bytes:
        return b",\n"

    def end(self, count: int) -> bytes:
        return b'%s],"alert_count":%d}\n' % (b"\n" if count else b"", count)


def alert_fields(alert: Alert) -> dict[str, Any]:
    """The alert in the fields that the guide names; a time outside years 1 to 9999 is null with `<name>_ns` beside."""
    shape: dict[str, Any] = {
        "id": alert.id,
        "timestamp": rfc3339_or_none(alert.time_ns),
        "severity": alert.severity,
        "category": alert.category,
        "title": alert.title,
        "description": alert.description,
        "source": alert.source,
        "details": alert.details,
        "status": alert.status,
        "acknowledged_by": alert.acknowledged_by,
        "acknowledged_at": None,
    }
    if alert.acknowledged_at_ns is not None:
        shape["acknowledged_at"] = rfc3339_or_none(alert.acknowledged_at_ns)
        if shape["acknowledged_at"] is None:
            shape["acknowledged_at_ns"] = alert.acknowledged_at_ns
    if shape["timestamp"] is None:
        shape["timestamp_ns"] = alert.time_ns
    return shape
