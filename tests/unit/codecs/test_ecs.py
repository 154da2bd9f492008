"""ECS by its own field list and allowed values."""

from __future__ import annotations

import csv
import hashlib
import json
import os
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from sentinair.codecs.ecs import EcsCodec
from sentinair.model.entry import Entry
from sentinair.model.event import CREATE, FileEvent
from tests.harness.hostile import hostile_entries
from tests.harness.ordinary import (  # fmt: skip
    AT_NS,
    BASH,
    EVENTS,
    an_alert,
    event_entry,
    of_alert,
    ordinary,
    record_entry,
)
from tests.harness.safe_text import at, ecs_fields

needs_data = pytest.mark.skipif(
    "SENTINAIR_TEST_DATA" not in os.environ,
    reason="needs SENTINAIR_TEST_DATA, the folder that holds formats/ecs",
)
UNSAFE = re.compile("[\x00-\x1f\x7f-\x9f\u061c\u200b-\u200f\u2028-\u202e\u2060-\u2069\ufeff]")
LONGS = {"event.severity", "event.sequence", "file.size", "process.pid", "process.exit_code"}


def document(entry: Entry) -> Any:
    line = EcsCodec().encode(entry)
    assert b"\n" not in line
    return json.loads(line)


def folder() -> Path:
    return Path(os.environ["SENTINAIR_TEST_DATA"]) / "formats" / "ecs"


@cache
def fields() -> dict[str, tuple[str, bool]]:
    """Name to type and whether it holds a list."""
    with (folder() / "fields_subset.csv").open(newline="", encoding="utf-8") as file:
        found = {
            row["field"]: (row["type"], row["normalization"] == "array")
            for row in csv.DictReader(file)
        }
    # the list lacks process.parent.*, where ECS uses the process fields again
    again = {
        f"process.parent.{name.removeprefix('process.')}": sort
        for name, sort in found.items()
        if name.startswith("process.")
    }
    return found | again


def leaves(value: Any, path: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield from leaves(one, f"{path}.{key}" if path else key)
    else:
        yield path, value


def texts(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, one in value.items():
            yield key
            yield from texts(one)
    elif isinstance(value, list):
        for one in value:
            yield from texts(one)
    elif isinstance(value, str):
        yield value


def faults(found: Any) -> list[str]:
    """Where found is not as the field list and the allowed values want it."""
    allowed = json.loads((folder() / "allowed_values.json").read_text("utf-8"))
    fits = allowed["event.category_expected_event_types"]
    wrong = []
    for name, value in leaves(found):
        if name.startswith("sentinair."):
            continue
        sort, many = fields().get(name, ("", False))
        if not sort:
            wrong.append(f"{name} is no field")
        elif isinstance(value, list) != many:
            wrong.append(f"{name} must{'' if many else ' not'} be a list")
        elif sort == "long" and not (isinstance(value, int) and -(2**63) <= value < 2**63):
            wrong.append(f"{name} is no long: {value!r}")
        elif sort == "date" and not re.fullmatch(r"\d{4}(-\d\d){2}T(\d\d:){2}\d\d\.\d{6}Z", value):
            wrong.append(f"{name} is no date: {value!r}")
        elif sort == "keyword" and not all(
            isinstance(one, str) for one in (value if many else [value])
        ):
            wrong.append(f"{name} is no text: {value!r}")
        words = allowed["allowed_values"].get(name)
        given = value if isinstance(value, list) else [value]
        wrong += [f"{name} may not be {one!r}" for one in given if words and one not in words]
    event = found["event"]
    wrong += [
        f"{category} goes not with {one}"
        for category in event["category"]
        for one in event["type"]
        if one not in fits[category]
    ]
    return wrong


@needs_data
def test_every_kind_of_record_and_event_is_what_ecs_allows() -> None:
    for entry in ordinary():
        assert faults(document(entry)) == [], entry.kind


@needs_data
def test_hostile_entries_are_what_ecs_allows_and_stay_one_safe_line_each() -> None:
    for entry in hostile_entries(1200):
        found = document(entry)
        assert faults(found) == [], entry.seq
        assert not any(UNSAFE.search(text) for text in texts(found)), entry.seq
        assert found["event"]["id"].endswith(f"-{entry.stream}-{entry.seq}")


def test_hostile_texts_are_what_they_were_but_for_escapes_and_cuts() -> None:
    for entry in hostile_entries(1200, seed=2):
        if entry.alert is None:
            continue
        found = document(entry)
        for path, wanted in ecs_fields(entry).items():
            assert at(found, path) == wanted, (entry.seq, path)


def test_an_alert_says_who_what_which_rule_and_which_technique() -> None:
    found = document(of_alert())
    assert found["@timestamp"] == "2026-11-20T09:44:01.003000Z"
    event = found["event"]
    assert (event["kind"], event["category"], event["type"]) == (
        "alert", ["intrusion_detection", "file"], ["info"],
    )  # fmt: skip
    assert (event["severity"], event["action"], event["sequence"]) == (8, "raised", 7)
    assert event["id"] == "5a" * 16 + "-record-7"
    assert found["user"] == {"id": "1000", "name": "alice"}
    assert found["file"]["path"] == "/etc/x.conf"
    assert (found["file"]["extension"], found["file"]["type"]) == ("conf", "file")
    assert found["process"]["args"] == ["bash", "-c", "echo a b"]
    assert found["process"]["parent"]["executable"] == "/sbin/init"
    assert found["rule"]["name"] == "Settings changed"
    threat = found["threat"]
    assert threat["tactic"] == {
        "id": ["TA0004", "TA0011"],
        "name": ["Privilege Escalation", "Command and Control"],
    }
    assert threat["technique"]["id"] == ["T1548", "T1105"]
    assert threat["technique"]["subtechnique"] == {
        "id": ["T1548.001"],
        "name": ["Setuid and Setgid"],
    }
    assert found["sentinair"]["alert"]["confidence"] == 0.75
    assert json.loads(event["original"])["matches"][0]["wanted"] == "startswith /etc/"


def test_an_event_says_what_was_done() -> None:
    made, renamed, opened = (document(event_entry(one)) for one in EVENTS["file"])
    assert made["event"]["type"] == ["creation", "change"]
    assert renamed["sentinair"]["old_path"] == "/etc/old"
    assert (opened["event"]["type"], opened["file"]["name"]) == (["access"], "/")
    begun, ended, *_ = (document(event_entry(one)) for one in EVENTS["process"])
    assert begun["event"]["type"] == ["start"]
    assert begun["process"]["hash"]["sha256"] == "01" * 32
    assert ended["process"]["exit_code"] == 128 + 9  # killed by signal 9, as a shell says it


def test_a_drill_is_tagged() -> None:
    alert = an_alert()
    drill = replace(alert, details=alert.details | {"drill": True})
    assert document(of_alert(alert=drill))["tags"] == ["drill"]
    assert "tags" not in document(of_alert())


def test_a_long_text_is_cut_and_says_its_length_and_hash() -> None:
    long = "é" * 600_000
    found = document(of_alert(alert=replace(an_alert(), description=long)))
    cut = found["message"]
    assert len(cut) == 8_191
    digest = hashlib.sha256(long.encode()).hexdigest()[:16]
    assert cut.endswith(f"…[1200000 bytes, sha256 {digest}]")
    assert found["rule"]["description"] == cut


def test_a_long_command_line_keeps_its_number_of_arguments() -> None:
    words = tuple(b"%d" % n for n in range(5_000))
    event = FileEvent(seen_ns=AT_NS, mono_ns=0, path=b"/x", actions=CREATE)
    process = document(event_entry(event, replace(BASH, argv=words)))["process"]
    assert process["args_count"] == 5_000
    assert len(process["args"]) == 1_024
    digest = hashlib.sha256("\0".join(map(str, range(5_000))).encode()).hexdigest()[:16]
    assert process["args"][-1] == f"…[5000 items, sha256 {digest}]"


def test_a_time_no_calendar_has_becomes_the_nearest_it_has_and_stays_readable() -> None:
    found = document(replace(record_entry("start"), time_ns=10**30))
    assert found["@timestamp"] == "9999-12-31T23:59:59.999999Z"
    assert found["sentinair"]["time_ns"] == 2**63 - 1


def test_a_file_is_lines() -> None:
    codec = EcsCodec()
    assert codec.begin(0) == b""
    one = codec.encode(of_alert())
    whole = one + codec.between() + one + codec.end(2)
    assert [json.loads(line)["event"]["code"] for line in whole.splitlines()] == [
        an_alert().rule_id
    ] * 2
    assert codec.end(0) == b""
