"""What CEF and LEEF must hold of a text, worked out from what docs/formats.md says and by nothing of the program's."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator
from ipaddress import ip_address
from typing import Any

from sentinair.model.entry import Entry
from tests.harness.expected import escaped

__all__ = ["cef_fields", "cut_to", "escaped_but", "leef_fields", "milliseconds"]


def escaped_but(text: str, keep: str) -> str:
    """text with what is unsafe written out, but for the characters in keep."""
    parts = re.split(f"([{keep}])", text)
    return "".join([part if part in keep else escaped(part) for part in parts])


def cut_to(rendered: str, whole: str, octets: int) -> str:
    """rendered if it has at most so many bytes, else as much of it as leaves room for the mark of what whole was."""
    if len(rendered.encode()) <= octets:
        return rendered
    raw = escaped(whole).encode()
    digest = hashlib.sha256(raw).hexdigest()
    mark = f"…[{len(raw)} {digest[:16]}]" if octets < 60 else f"…[{len(raw)} bytes, sha256 {digest[:16]}]"  # fmt: skip
    room, kept = octets - len(mark.encode()), []
    for character in rendered:
        room -= len(character.encode())
        if room < 0:
            break
        kept.append(character)
    return "".join(kept) + mark


def milliseconds(time_ns: int) -> str | None:
    """None before 1970 and from the year 10000 on."""
    return str(time_ns // 10**6) if 0 <= time_ns < 253_402_300_800 * 10**9 else None


_CEF_LIMITS = {
    "externalId": 40, "dvchost": 100, "deviceExternalId": 255, "ZehraSecSentinairLink": 64, "cat": 1023, "act": 63,
    "suser": 1023, "suid": 1023, "sproc": 1023, "fname": 1023, "filePath": 1023, "fileHash": 255, "cs1": 4000,
    "cs2": 4000, "cs3": 4000, "cs4": 4000, "cs5": 4000, "cs6": 4000, "ZehraSecSentinairAnsweredBy": 1023,
    "reason": 1023, "msg": 1023,
}  # fmt: skip
_LABELS = {
    "cn1": "Confidence", "cn2": "Sequence", "cs1": "ATT&CK techniques", "cs2": "Why", "cs3": "Rule author",
    "cs4": "Rule licence", "cs5": "Rule link", "cs6": "Status", "c6a2": "Source IPv6 address",
    "c6a3": "Destination IPv6 address",
}  # fmt: skip
_SEVERITIES = {"low": "3", "medium": "5", "high": "8", "critical": "10"}


def _in_header(text: str, limit: int) -> str:
    line = text.replace("\r", " ").replace("\n", " ").strip(" ") or "-"
    return cut_to(escaped(line), text, limit)


def _in_extension(text: str, limit: int) -> str:
    return cut_to(escaped_but(text.strip(" "), "\r\n"), text, limit)


def _within(value: int | None, bits: int) -> str | None:
    return str(value) if value is not None and 0 <= value < 2**bits else None


def _addresses(data: dict[str, Any]) -> Iterator[tuple[str, str]]:
    for name, keys in (("src", ("src", "c6a2")), ("dst", ("dst", "c6a3"))):
        try:
            found = ip_address(str(data.get(name)).partition("%")[0])
        except ValueError:
            continue
        yield (keys[0] if found.version == 4 else keys[1]), str(found)


def cef_fields(entry: Entry) -> tuple[list[str], dict[str, str]]:
    """Header from the version on, and extension, that a reader must get of an alert."""
    alert = entry.alert
    assert alert is not None
    event = alert.details.get("event")
    inner = event.get("data") if isinstance(event, dict) else None
    data = inner if isinstance(inner, dict) else {}
    user = alert.user or ""
    digits = user.isascii() and user.isdigit()
    fields: dict[str, str | None] = {
        "rt": milliseconds(entry.time_ns), "externalId": alert.id, "dvchost": entry.host,
        "deviceExternalId": entry.chain, "cn2": _within(entry.seq, 63), "ZehraSecSentinairStream": entry.stream,
        "ZehraSecSentinairLink": entry.link, "cat": alert.category, "act": entry.kind.removeprefix("alert."),
        "outcome": "success", "suid" if digits else "suser": user, "sproc": alert.process,
        "spid": _within(alert.pid, 31), "fname": (alert.filename or "").split("/")[-1], "filePath": alert.filename,
        "fileHash": escaped(data.get("sha256") or ""), "start": milliseconds(alert.first_seen_ns),
        "end": milliseconds(alert.last_seen_ns), "cnt": _within(alert.count, 31),
        "cn1": str(round(alert.confidence * 100)) if 0 <= alert.confidence <= 1 else None,
        "cs1": " ".join(alert.techniques), "cs2": " ".join(alert.why), "cs3": alert.rule_author,
        "cs4": alert.rule_license, "cs5": alert.rule_link, "cs6": alert.status,
        "ZehraSecSentinairAnsweredBy": alert.acknowledged_by, "reason": alert.comment, "msg": alert.description,
        **dict(_addresses(data)),
    }  # fmt: skip
    rendered = {
        key: _in_extension(text, _CEF_LIMITS.get(key, 1 << 30))
        for key, text in fields.items()
        if text
    }
    kept = {key: text for key, text in rendered.items() if text}
    kept |= {f"{key}Label": label for key, label in _LABELS.items() if key in kept}
    header = ["0", "ZehraSec", "Sentinair", _in_header(entry.version, 31), _in_header(alert.rule_id, 1023), _in_header(alert.title, 512)]  # fmt: skip
    return [*header, _SEVERITIES.get(alert.severity, "Unknown")], kept


_SHORT = {"cat", "usrName", "resource", "fileHash", "action", "outcome", "externalId", "chain", "stream", "link", "status", "answeredBy"}  # fmt: skip


def _value(text: str, limit: int, delimiter: str) -> str:
    spaced = "".join([" " if one in "\t|^\r\n" + delimiter else one for one in text])
    return cut_to(escaped(spaced.strip(" ")), text, limit)


def _address(value: object) -> str | None:
    try:
        return str(ip_address(str(value).partition("%")[0]))
    except ValueError:
        return None


def leef_fields(entry: Entry, delimiter: str = "\t") -> tuple[list[str], dict[str, str]]:
    """Header from the product's version on, and attributes, that a reader must get of an alert."""
    alert = entry.alert
    assert alert is not None
    event = alert.details.get("event")
    inner = event.get("data") if isinstance(event, dict) else None
    data: dict[str, Any] = inner if isinstance(inner, dict) else {}
    moment = milliseconds(entry.time_ns) or ""
    fields: dict[str, str | None] = {
        "devTime": moment if len(moment) == 13 else None, "sev": _SEVERITIES.get(alert.severity), "cat": alert.category,
        "usrName": alert.user, "src": _address(data.get("src")), "dst": _address(data.get("dst")),
        "resource": entry.host, "fileName": (alert.filename or "").split("/")[-1], "filePath": alert.filename,
        "processName": alert.process, "processId": _within(alert.pid, 63), "action": entry.kind.removeprefix("alert."),
        "outcome": "success", "externalId": alert.id, "chain": entry.chain, "stream": entry.stream,
        "sequence": _within(entry.seq, 63), "link": entry.link, "firstSeen": milliseconds(alert.first_seen_ns),
        "lastSeen": milliseconds(alert.last_seen_ns), "count": _within(alert.count, 63),
        "confidence": str(round(alert.confidence * 100)) if 0 <= alert.confidence <= 1 else None,
        "techniques": " ".join(alert.techniques), "why": " ".join(alert.why), "ruleAuthor": alert.rule_author,
        "ruleLicence": alert.rule_license, "ruleLink": alert.rule_link, "status": alert.status,
        "answeredBy": alert.acknowledged_by, "comment": alert.comment, "title": alert.title, "msg": alert.description,
        # a hash comes through codecs.summary, which shows what is unsafe in it before anything is replaced
        "fileHash": escaped(data.get("sha256") or ""),
    }  # fmt: skip
    rendered = {
        key: _value(text, 255 if key in _SHORT else 1023, delimiter)
        for key, text in fields.items()
        if text
    }
    header = [_value(text, 255, delimiter) or "-" for text in (entry.version, alert.rule_id)]
    return header, {key: text for key, text in rendered.items() if text}
