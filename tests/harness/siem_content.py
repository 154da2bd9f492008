"""What lies below config/siem for receivers that cannot run here, read as their manuals say they read it."""

from __future__ import annotations

import configparser
import csv
import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from functools import cache
from typing import Any, Final

from msgspec.structs import replace

from sentinair.codecs.ndjson import NdjsonCodec
from sentinair.model.entry import Entry
from sentinair.model.event import CREATE, FileEvent
from tests.harness.agent import ROOT
from tests.harness.ordinary import AT_NS, BASH, an_alert, event_entry, of_alert, ordinary

__all__ = [
    "LOGSTASH",
    "SIEM",
    "conf",
    "dotted",
    "entries",
    "flat",
    "keys_of",
    "moment",
    "ndjson_keys",
    "os_regex",
    "qradar",
    "wazuh",
]

SIEM: Final = ROOT / "config" / "siem"
LOGSTASH: Final = (SIEM / "logstash" / "sentinair.conf").read_text("utf-8")
_EPOCH: Final = datetime(1970, 1, 1, tzinfo=UTC)


@cache
def entries() -> tuple[Entry, ...]:
    """One of each kind, and one with what only few have: addresses, a drill, a file with a hash, an answer."""

    alert = an_alert(
        FileEvent(seen_ns=AT_NS, mono_ns=1, path=b"/etc/x.conf", actions=CREATE, pid=4242), BASH
    )
    event = {
        "event_type": "file",
        "data": {"sha256": "ab" * 32, "src": "192.0.2.1", "dst": "192.0.2.2"},
    }
    full = replace(
        alert,
        details={**alert.details, "drill": "token", "event": event},
        acknowledged_by="bob",
        comment="seen",
        rule_link="https://example.org/rule",
    )
    base = event_entry(FileEvent(seen_ns=AT_NS, mono_ns=1, path=b"/etc/x", actions=CREATE))
    sent = {**base.data, "src": "192.0.2.1", "dst": "192.0.2.2", "sha256": "ab" * 32}
    return (*ordinary(), of_alert(alert=full), replace(base, data=sent))


def keys_of(value: object, path: str = "") -> Iterator[str]:
    """Each name in nested dicts, dotted, also of the dicts themselves."""
    if isinstance(value, Mapping):
        for name, inner in value.items():
            here = f"{path}.{name}" if path else str(name)
            yield here
            yield from keys_of(inner, here)


def flat(value: object, path: str = "") -> dict[str, str]:
    """As Wazuh's JSON decoder has the fields: dotted names, everything a text."""
    if isinstance(value, Mapping):
        return {
            key: text
            for name, inner in value.items()
            for key, text in flat(inner, f"{path}.{name}" if path else str(name)).items()
        }
    return {path: str(value)}


@cache
def ndjson_keys() -> frozenset[str]:

    codec = NdjsonCodec()
    return frozenset(key for one in entries() for key in keys_of(json.loads(codec.encode(one))))


# -- Logstash -------------------------------------------------------------------------------------------------------


def dotted(reference: str) -> str:
    """[event][id] as event.id."""
    return ".".join(re.findall(r"[^\[\]]+", reference))


# -- Splunk ----------------------------------------------------------------------------------------------------------


def conf(name: str) -> dict[str, dict[str, str]]:
    """A .conf file: stanzas with their settings."""
    parser = configparser.RawConfigParser(delimiters=("=",), comment_prefixes=("#",))
    parser.optionxform = str  # type: ignore[assignment,method-assign]
    parser.read(SIEM / "splunk" / name)
    return {stanza: dict(parser[stanza]) for stanza in parser.sections()}


def moment(line: str, stanza: Mapping[str, str]) -> int | None:
    """Nanoseconds since the epoch, as TIME_PREFIX, TIME_FORMAT and the lookahead find them; None: no time."""
    prefix = re.search(stanza["TIME_PREFIX"], line)
    if prefix is None:
        return None
    text = line[prefix.end() :][: int(stanza["MAX_TIMESTAMP_LOOKAHEAD"])]
    if stanza["TIME_FORMAT"] == "%s%3N":
        digits = re.match(r"\d{4,}", text)
        return None if digits is None else int(digits[0]) * 10**6
    wanted = stanza["TIME_FORMAT"].replace("%6N", "%f")
    try:
        found = datetime.strptime(text, wanted).replace(tzinfo=UTC)
    except ValueError:
        return None
    since = found - _EPOCH
    return (since.days * 86_400 + since.seconds) * 10**9 + since.microseconds * 1000


# -- Wazuh -----------------------------------------------------------------------------------------------------------


def wazuh(name: str) -> ET.Element:
    """A file of decoders or rules, which may have several roots, below one of our own."""
    text = (SIEM / "wazuh" / name).read_text("utf-8")
    return ET.fromstring(f"<all>{text}</all>")


def os_regex(text: str) -> re.Pattern[str]:
    """Wazuh's own regular expressions, as far as we use them: `.` is itself, `\\.` anything, `\\d` a digit, `|`."""
    made = ""
    for part in re.findall(r"\\.|.", text):
        if part.startswith("\\"):
            made += {"\\.": ".", "\\d": "[0-9]"}[part]
        else:
            made += part if part in "^$|+" else re.escape(part)
    return re.compile(made, re.IGNORECASE)


# -- QRadar ----------------------------------------------------------------------------------------------------------


def qradar(name: str) -> list[dict[str, Any]]:
    with (SIEM / "qradar" / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))
