from __future__ import annotations

import re

from sentinair.detect.sigma.files import read_rules
from sentinair.model.attack import TACTICS, TECHNIQUES, tactic_name, technique_name
from tests.harness.agent import ROOT


def test_each_technique_our_rules_name_has_a_name() -> None:
    read = read_rules(ROOT / "config" / "rules")
    named = {name for rule in read.rules for name in rule.techniques}
    named |= {name for one in read.correlations for name in one.head.techniques}
    assert named - set(TECHNIQUES) == set()


def test_each_tactic_our_rules_name_has_an_id() -> None:
    named = {name for rule in read_rules(ROOT / "config" / "rules").rules for name in rule.tactics}
    assert named - set(TACTICS) == set()


def test_a_tactic_is_told_as_it_is_written() -> None:
    assert tactic_name("command-and-control") == "Command and Control"
    assert tactic_name("stealth") == "Stealth"


def test_a_part_is_told_with_what_it_is_part_of() -> None:
    assert technique_name("T1053.003") == "Scheduled Task/Job: Cron"
    assert technique_name("T1105") == "Ingress Tool Transfer"
    assert technique_name("T9999.001") is None


def test_the_table_is_in_order_and_well_formed() -> None:
    assert list(TECHNIQUES) == sorted(TECHNIQUES)
    assert all(re.fullmatch(r"T\d{4}(\.\d{3})?", name) for name in TECHNIQUES)
    assert all(name.partition(".")[0] in TECHNIQUES for name in TECHNIQUES)
