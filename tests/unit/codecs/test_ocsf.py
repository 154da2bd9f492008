"""OCSF 1.8 by the JSON Schemas of its classes."""

from __future__ import annotations

import json
import os
from typing import Any

import pytest
from msgspec.structs import replace

from sentinair.codecs.ocsf import OcsfCodec
from sentinair.model.entry import Entry
from tests.harness.hostile import hostile_entries
from tests.harness.ocsf_schema import ocsf_faults
from tests.harness.ordinary import EVENTS, an_alert, event_entry, of_alert, ordinary, record_entry
from tests.harness.safe_text import at, ocsf_fields

needs_data = pytest.mark.skipif(
    "SENTINAIR_TEST_DATA" not in os.environ,
    reason="needs SENTINAIR_TEST_DATA, the folder that holds formats/ocsf",
)


def event_of(entry: Entry) -> Any:
    line = OcsfCodec().encode(entry)
    assert b"\n" not in line
    return json.loads(line)


@needs_data
def test_every_kind_of_record_and_event_is_valid_in_its_class() -> None:
    for entry in ordinary():
        assert ocsf_faults(event_of(entry)) == [], entry.kind


@needs_data
def test_hostile_entries_are_valid_in_their_class() -> None:
    for entry in hostile_entries(1200):
        found = event_of(entry)
        assert ocsf_faults(found) == [], entry.seq
        assert found["metadata"]["uid"].endswith(f"-{entry.stream}-{entry.seq}")


def test_hostile_texts_are_what_they_were_but_for_escapes_and_cuts() -> None:
    for entry in hostile_entries(1200, seed=2):
        if entry.alert is None:
            continue
        found = event_of(entry)
        for path, wanted in ocsf_fields(entry).items():
            assert at(found, path) == wanted, (entry.seq, path)


@needs_data
def test_the_schemas_would_refuse_what_is_wrong() -> None:
    found = event_of(of_alert())
    assert ocsf_faults(found | {"severity_id": 12})
    assert ocsf_faults(found | {"sentinair": 1})
    del found["metadata"]
    assert ocsf_faults(found)


@pytest.mark.parametrize(
    ("kind", "status", "activity", "status_id"),
    [
        ("alert.raised", "open", 1, 1),
        ("alert.updated", "open", 2, 1),
        ("alert.acknowledged", "acknowledged", 2, 2),
        ("alert.noted", "acknowledged", 2, 2),
        ("alert.resolved", "resolved", 3, 4),
        ("alert.false_positive", "false_positive", 3, 3),
        ("alert.reopened", "open", 1, 1),
    ],
)
def test_what_became_of_an_alert_is_create_update_or_close(
    kind: str, status: str, activity: int, status_id: int
) -> None:
    found = event_of(of_alert(kind, replace(an_alert(), status=status)))
    assert (found["class_uid"], found["activity_id"], found["status_id"]) == (
        2004, activity, status_id,
    )  # fmt: skip
    assert found["type_uid"] == 200400 + activity
    assert found["is_alert"] is True


def test_an_alert_says_who_what_which_rule_and_which_technique() -> None:
    found = event_of(of_alert())
    assert found["time"] == 1_795_167_841_003
    assert (found["severity_id"], found["confidence_score"], found["confidence"]) == (4, 75, "High")
    info = found["finding_info"]
    assert info["uid"] == "0193f0a2-7c1e-7abc-8def-0123456789ab"
    assert info["analytic"]["uid"] == an_alert().rule_id
    assert [sorted(one) for one in info["attacks"]] == [
        ["sub_technique", "technique"], ["technique"], ["tactic"], ["tactic"],
    ]  # fmt: skip
    assert info["attacks"][0]["sub_technique"] == {"uid": "T1548.001", "name": "Setuid and Setgid"}
    evidence = found["evidences"][0]
    assert evidence["file"]["path"] == "/etc/x.conf"
    assert evidence["process"]["user"] == {"uid": "1000", "name": "alice"}
    assert evidence["process"]["parent_process"]["path"] == "/sbin/init"
    assert found["unmapped"]["details"]["matches"][0]["wanted"] == "startswith /etc/"


def test_a_drill_and_a_false_positive_are_said_of_the_evidence() -> None:
    alert = an_alert()
    drill = replace(alert, details=alert.details | {"drill": True})
    wrong = replace(alert, status="false_positive")
    assert event_of(of_alert(alert=drill))["evidences"][0]["verdict"] == "Test"
    assert event_of(of_alert(alert=wrong))["evidences"][0]["verdict"] == "False Positive"


def test_a_file_event_is_file_activity_by_its_most_telling_action() -> None:
    made, renamed, opened = (event_of(event_entry(one)) for one in EVENTS["file"])
    assert (made["type_uid"], made["type_name"]) == (100101, "File Activity: Create")
    assert made["unmapped"]["data"]["actions"] == ["create", "write"]
    assert renamed["activity_id"] == 5
    assert (renamed["file"]["path"], renamed["file_result"]["path"]) == ("/etc/old", "/etc/new")
    assert opened["activity_id"] == 14
    assert made["actor"]["process"]["pid"] == 4242
    nobody = event_of(event_entry(EVENTS["file"][1], None))
    assert nobody["actor"] == {"app_name": "unknown"}


def test_a_process_event_is_process_activity_and_a_launch_is_its_parents() -> None:
    begun, ended, changed, listed = (event_of(event_entry(one)) for one in EVENTS["process"])
    assert [one["activity_id"] for one in (begun, ended, changed, listed)] == [1, 2, 5, 99]
    assert begun["actor"]["process"]["path"] == "/sbin/init"
    assert ended["actor"]["process"]["path"] == "/usr/bin/bash"
    assert ended["exit_code"] == 128 + 9
    assert begun["process"]["file"]["hashes"][0]["value"] == "01" * 32


def test_a_gap_and_its_repair_are_one_finding_that_is_no_alert() -> None:
    lost = event_of(record_entry("gap", {"id": "ab" * 8, "source": "fanotify"}))
    told = event_of(record_entry("gap.restored", {"id": "ab" * 8}))
    assert (lost["activity_id"], told["activity_id"]) == (1, 3)
    assert lost["finding_info"]["uid"] == told["finding_info"]["uid"]
    assert lost["is_alert"] is told["is_alert"] is False
    assert (lost["severity_id"], told["severity_id"]) == (3, 1)


def test_what_the_agent_says_of_itself_is_an_informational_record() -> None:
    found = event_of(record_entry("heartbeat"))
    assert (found["activity_name"], found["severity"]) == ("Record", "Informational")
    assert found["is_alert"] is False
    assert found["unmapped"]["data"] == {"why": "as asked"}
