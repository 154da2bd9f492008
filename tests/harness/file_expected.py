"""What CSV, JSON and XML files must say of an alert, worked out from what docs/formats-text.md says."""

from __future__ import annotations

import json
from typing import Any
from xml.etree import ElementTree as ET

from sentinair.codecs.summary import summary
from sentinair.model.alert import Alert
from sentinair.model.entry import Entry
from tests.harness.expected import (
    cut_text,
    escaped,
    formula_starts,
    guarded,
    json_entry,
    json_value,
    raw_bytes,
    time_text,
)  # fmt: skip

__all__ = [
    "COLUMNS", "FIELDS", "SIGNS", "cell", "csv_row", "cut_bytes", "formula", "json_alert", "plain", "xml_alert", "xml_read",
]  # fmt: skip

COLUMNS = [
    "id",
    "timestamp",
    "severity",
    "category",
    "title",
    "description",
    "source",
    "status",
    "acknowledged_by",
]
FIELDS = [
    "id",
    "timestamp",
    "severity",
    "category",
    "title",
    "description",
    "source",
    "details",
    "status",
    "acknowledged_by",
    "acknowledged_at",
]
TEXTS = ("id", "severity", "category", "title", "description", "source", "status")
SIGNS = formula_starts()


def cell(text: str | None) -> str:
    """A text as the spreadsheet must find it: escaped, guarded, cut to 32,767 units of UTF-16."""
    safe = guarded(escaped(text or ""), SIGNS)
    units = len(safe.encode("utf-16-le")) // 2
    if units <= 32_767:
        return safe
    return cut_text(safe, 32_767 if units == len(safe) else 16_383, escaped(text or ""))


def csv_row(entry: Entry) -> list[str]:
    when = time_text(entry.time_ns if entry.alert is None else entry.alert.time_ns)
    if entry.alert is None:
        words = summary(entry)
        key = f"{entry.chain}-{entry.stream}-{entry.seq}"
        row = [key, when or far(entry.time_ns), words.severity, words.category, words.title]
        return [*map(cell, row), cell(words.message), entry.stream, "", ""]
    alert = entry.alert
    row = [alert.id, when or far(alert.time_ns), alert.severity, alert.category, alert.title]
    rest = (alert.description, alert.source, alert.status, alert.acknowledged_by)
    return [*map(cell, row), *map(cell, rest)]


def far(time_ns: int) -> str:
    return f"{time_ns} ns"


def formula(text: str) -> bool:
    """Whether a spreadsheet could take a cell for a formula, also one that separates cells by semicolons."""
    return any(part.lstrip(' "\u00a0\u3000')[:1] in tuple(SIGNS) for part in text.split(";"))


def json_alert(entry: Entry) -> dict[str, Any]:
    """Of all that NDJSON says of the alert the fields that the guide names, and what stands beside them."""
    alert = json_entry(entry)["alert"]
    beside = [f"{name}{end}" for name in FIELDS for end in ("", "_hex", "_ns")]
    return {name: alert[name] for name in beside if name in alert}


def plain(text: str) -> str:
    return escaped(text).replace("\ufffe", "\\ufffe").replace("\uffff", "\\uffff")


def cut_bytes(text: str, most: int = 4_900_000) -> str:
    if len(text.encode()) <= most:
        return text
    mark = cut_text(text, 100)[-60:]
    mark = mark[mark.index("…") :]
    return text.encode()[: most - len(mark.encode())].decode(errors="ignore") + mark


Element = tuple[object, dict[str, str]]  # what it holds and its attributes


def xml_alert(alert: Alert) -> dict[str, Element]:
    """The elements of an alert."""
    found: dict[str, Element] = {}
    for name in (*TEXTS, "acknowledged_by"):
        text = getattr(alert, name)
        if text is not None:
            whole = plain(text)
            kept = cut_bytes(whole)
            raw = {"hex": raw_bytes(text).hex()} if whole != text and kept == whole else {}
            found[name] = kept, raw
    found["details"] = json_value(alert.details), {}  # the bytes stand within the JSON
    times = (("timestamp", alert.time_ns), ("acknowledged_at", alert.acknowledged_at_ns))
    for name, time_ns in times:
        if time_ns is not None:
            when = time_text(time_ns)
            found[name] = when or "", {} if when else {"ns": str(time_ns)}
    return found


def xml_read(element: ET.Element) -> dict[str, Element]:
    """The same of what was read.  Raises ValueError for an element that stands there twice."""
    found: dict[str, Element] = {}
    for child in element:
        if child.tag in found:
            raise ValueError(f"{child.tag} twice")
        text = child.text or ""
        found[child.tag] = json.loads(text) if child.tag == "details" else text, dict(child.attrib)
    return found
