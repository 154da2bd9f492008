"""What config/siem tells QRadar is true of what our codec for LEEF sends.

It does not run here: its files are read as its manual says, and tried on real output.
"""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from sentinair.codecs.leef import LeefCodec
from sentinair.codecs.siem import SEVERITIES
from sentinair.detect.gaps import LOST
from sentinair.detect.gaps import detector as gap_detector
from sentinair.detect.ground import Ground
from sentinair.detect.sigma.files import read_rules
from sentinair.detect.sinks import SinkDetector
from sentinair.model.alert import Joined
from sentinair.model.event import KINDS, SinkEvent
from sentinair.model.record import RECORD_KINDS
from tests.harness.agent import ROOT
from tests.harness.ordinary import AT_NS, EVENTS
from tests.harness.siem_content import (
    SIEM,
    entries,
    qradar,
)
from tests.harness.siem_readers import read_leef

LEEF = LeefCodec()


def test_the_map_for_qradar_is_made_from_what_ships(tmp_path: Path) -> None:
    script = ROOT / "scripts" / "build-qradar-map"
    subprocess.run([sys.executable, script, tmp_path], check=True)
    for name in ("qid.txt", "events.csv"):
        made = (tmp_path / name).read_text("utf-8")
        assert made == (SIEM / "qradar" / name).read_text("utf-8"), "run scripts/build-qradar-map"


def own_rule_ids() -> Iterator[str]:
    """Texts of the package that name a rule of the agent's own."""
    for path in (ROOT / "sentinair").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.AnnAssign) and isinstance(node.value, ast.Constant):
                text = str(node.value.value)
                named = getattr(node.target, "id", "")
                if (
                    text.startswith("sentinair-") and "alerts" in str(path.parent) + named.lower()
                ) or (text.startswith("sentinair-") and path.parent.name in ("detect", "model")):
                    yield text


def test_qradar_knows_every_rule_kind_and_severity() -> None:
    known = {
        (one["event_id"], one["event_category"]): one["severity"] for one in qradar("events.csv")
    }
    read = read_rules(ROOT / "config" / "rules")
    for rule in read.rules:
        if rule.id not in read.silent:
            assert known[rule.id, rule.category] == SEVERITIES[rule.severity], rule.file
    for one in read.correlations:
        assert known[one.head.id, one.category] == SEVERITIES[one.head.severity]
    ids = {event_id for event_id, _ in known}
    assert set(RECORD_KINDS) <= ids
    assert {f"event.{kind}" for kind in KINDS} <= ids
    own = set(own_rule_ids())
    assert LOST in own
    assert len(own) >= 6
    assert own <= ids
    assert set(known.values()) == set(SEVERITIES.values())


def test_each_leef_line_of_the_agents_own_finds_its_place_in_qradar() -> None:
    known = {
        (one["event_id"], one["event_category"]): one["severity"] for one in qradar("events.csv")
    }
    for one in entries():
        if one.alert is None:
            head, _, fields = read_leef(LEEF.encode(one).decode())
            assert known[head[4], fields["cat"]] == fields["sev"]


def test_what_the_agents_own_detectors_say_is_what_qradar_is_told() -> None:
    rows = {one["event_id"]: one for one in qradar("events.csv")}
    gaps = gap_detector(
        Ground(rules_dir=ROOT / "config" / "rules", state_dir=Path("/var/lib/sentinair"))
    )
    said = [
        *gaps.judge(Joined(EVENTS["gap"][0], None, 1)),
        *gaps.judge(Joined(EVENTS["tamper"][0], None, 1)),
    ]
    for what in ("refused", "unhealthy"):
        event = SinkEvent(seen_ns=AT_NS, mono_ns=1, sink="s", what=what, count=1, why="w")
        said += SinkDetector().judge(Joined(event, None, 1))
    assert len(said) == 4
    for one in said:
        row = rows[one.rule_id]
        assert (row["event_category"], row["qid_name"]) == (one.category, one.title)
        if one.rule_id != LOST:  # its severity depends on what was lost
            assert row["severity"] == SEVERITIES[one.severity]


def test_qradar_can_import_the_names() -> None:
    rows = [
        line.split(",") for line in (SIEM / "qradar" / "qid.txt").read_text("utf-8").splitlines()
    ]
    table = qradar("events.csv")
    assert len(rows) == len(table)
    for line, event in zip(rows, table, strict=True):
        number, name, described, severity, category = line
        assert number == ""  # a new one
        assert 0 < len(name) <= 255
        assert event["event_id"] in described
        assert (name, severity, category) == (
            event["qid_name"],
            event["severity"],
            event["low_level_category"],
        )
    assert '"' not in (SIEM / "qradar" / "events.csv").read_text(
        "utf-8"
    )  # the guide splits at commas
    names = [row[1] for row in rows]
    assert len(set(names)) == len(names)
