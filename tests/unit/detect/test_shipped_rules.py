from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from sentinair.detect.sigma.correlation import Correlation
from sentinair.detect.sigma.examples import Tried, tried
from sentinair.detect.sigma.files import read_rules
from sentinair.detect.sigma.rule import Rule

ROOT = Path(__file__).parents[3]
READ = read_rules(ROOT / "config" / "rules")
RULES = READ.rules
TRIED = list(tried(RULES))
MANUAL = (ROOT / "docs" / "rules.md").read_text()
# What a host without a way out cannot do, and what nobody may tell it to.
FAR = re.compile(
    r"https?://|download|apt(-get)? install|dnf install|online|look up|virustotal", re.IGNORECASE
)
# Words of ATT&CK 19: what it retired is named by its successor (https://attack.mitre.org/resources/updates/).
TACTICS = {
    "collection",
    "command-and-control",
    "credential-access",
    "defense-impairment",
    "discovery",
    "execution",
    "exfiltration",
    "impact",
    "initial-access",
    "lateral-movement",
    "persistence",
    "privilege-escalation",
    "stealth",
}
RETIRED = re.compile(r"T1562(\.\d+)?|T1070\.00[12]|T1656|T1672")


def stem(rule: Rule) -> str:
    return Path(rule.file).stem


def test_every_shipped_rule_can_be_used() -> None:
    assert not READ.faults
    assert len(RULES) >= 60


@pytest.mark.parametrize("one", TRIED, ids=lambda one: f"{stem(one.rule)}:{one.example.line}")
def test_a_shipped_rule_does_what_its_examples_say(one: Tried) -> None:
    assert one.fault is None


@pytest.mark.parametrize("rule", RULES, ids=stem)
def test_a_shipped_rule_has_examples_of_both_kinds(rule: Rule) -> None:
    kinds = Counter(example.matches for example in rule.examples)
    assert kinds[True] >= 2
    assert kinds[False] >= 2


@pytest.mark.parametrize("rule", RULES, ids=stem)
def test_each_voice_of_a_shipped_rule_has_an_example(rule: Rule) -> None:
    voices = {adjust.severity for adjust in rule.adjust} | {rule.severity}
    shown = {one.severity for one in TRIED if one.rule is rule and one.matched}
    assert voices <= shown


@pytest.mark.parametrize("rule", RULES, ids=stem)
def test_a_shipped_rule_tells_why_and_what_next_without_internet(rule: Rule) -> None:
    assert rule.author == "Sentinair"
    assert rule.license == "Apache-2.0"
    assert rule.description.endswith(".")
    assert len(rule.why) >= 2  # one of its own, one on what is harmless
    assert any(line.startswith("Known to be harmless: ") for line in rule.why)
    assert len(rule.next_steps) >= 2
    assert not FAR.search(" ".join((*rule.next_steps, *rule.why)))
    assert all(line.endswith(".") for line in rule.next_steps)
    assert 0 < rule.confidence <= 1


@pytest.mark.parametrize("rule", RULES, ids=stem)
def test_a_shipped_rule_names_techniques_in_the_words_of_today(rule: Rule) -> None:
    assert rule.techniques
    assert rule.tactics
    assert set(rule.tactics) <= TACTICS
    assert not any(RETIRED.fullmatch(technique) for technique in rule.techniques)


@pytest.mark.parametrize("one", READ.correlations, ids=lambda one: Path(one.file).stem)
def test_a_shipped_correlation_tells_as_much_as_a_rule(one: Correlation) -> None:
    head = one.head
    assert (head.author, head.license) == ("Sentinair", "Apache-2.0")
    assert head.description.endswith(".")
    assert head.harmless
    assert len(one.why) >= 2
    assert len(one.next_steps) >= 2
    assert all(line.endswith(".") for line in one.next_steps)
    assert not FAR.search(" ".join((*one.next_steps, *one.why)))
    assert 0 < one.confidence <= 1
    assert head.techniques
    assert set(head.tactics) <= TACTICS
    assert not any(RETIRED.fullmatch(technique) for technique in head.techniques)


def test_no_two_shipped_rules_have_the_same_title() -> None:
    titles = [rule.title for rule in RULES] + [one.head.title for one in READ.correlations]
    assert max(Counter(titles).values()) == 1


def test_the_catalogue_says_level_and_techniques_as_the_rules_do() -> None:
    catalogue = MANUAL.split("## The catalogue\n", 1)[1].split("\n## ", 1)[0]
    rows = dict(re.findall(r"^\| `([\w-]+)\.yml` \| [^|]+ \| (.+) \|$", catalogue, re.MULTILINE))
    told = {stem(rule): f"{rule.severity} | {' '.join(rule.techniques)}" for rule in RULES}
    for one in READ.correlations:
        told[Path(one.file).stem] = f"{one.head.severity} | {' '.join(one.head.techniques)}"
    assert rows == told
