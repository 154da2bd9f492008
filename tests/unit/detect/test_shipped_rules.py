from __future__ import annotations

import re
from pathlib import Path

import pytest

from sentinair.detect.fields import FieldsView
from sentinair.detect.sigma.detector import CompiledRule, detect
from sentinair.detect.sigma.files import load_rules
from sentinair.detect.sigma.rule import Example, Rule

RULES_DIR = Path(__file__).parents[3] / "config" / "rules"
RULES = load_rules(RULES_DIR)
COMPILED = {rule.id: CompiledRule(rule) for rule in RULES}
EXAMPLES = [
    pytest.param(COMPILED[rule.id], example, id=f"{Path(rule.file).stem}:{example.line}")
    for rule in RULES
    for example in rule.examples
]


@pytest.mark.parametrize(("compiled", "example"), EXAMPLES)
def test_a_shipped_rule_does_what_its_examples_say(
    compiled: CompiledRule, example: Example
) -> None:
    found = detect(compiled, FieldsView(example.fields))
    assert (found is not None) is example.matches
    if found is not None:
        assert found.matches
        if example.severity is not None:
            assert found.severity == example.severity


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: Path(rule.file).stem)
def test_a_shipped_rule_tells_why_and_what_next_without_internet(rule: Rule) -> None:
    assert rule.author == "Sentinair"
    assert rule.license == "Apache-2.0"
    assert rule.techniques
    assert rule.tactics
    assert len(rule.why) >= 2  # one of its own, one on what is harmless
    assert any(line.startswith("Known to be harmless: ") for line in rule.why)
    assert len(rule.next_steps) >= 2
    assert not re.search(r"https?://|download|apt install|online", " ".join(rule.next_steps))
    assert 0 < rule.confidence <= 1
    wanted = {example.matches for example in rule.examples}
    assert wanted == {True, False}


def test_the_issue_of_many_rules_is_kept() -> None:
    assert len(RULES) >= 42
