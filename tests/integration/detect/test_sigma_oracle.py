"""Our verdicts beside pySigma's, whose SQLite backend judges the same rules and events."""

from __future__ import annotations

import os

import pytest
import yaml
from sigma.exceptions import SigmaError

from sentinair.detect.fields import FIELDS, NETWORK_CONNECTION
from tests.harness.campaigns import broken
from tests.harness.sigma_cases import CASES, PLACEHOLDERS, SigmaCase
from tests.harness.sigma_oracle import Oracle
from tests.harness.sigma_rules import NEEDS_DATA

RULE = {
    "title": "T",
    "id": "3bc18b76-9dc5-445c-8c6b-9fa02e6a9c23",
    "logsource": {"product": "linux", "category": NETWORK_CONNECTION},
}


@pytest.mark.slow
@pytest.mark.skipif("SENTINAIR_TEST_DATA" not in os.environ, reason=NEEDS_DATA)
def test_the_communitys_rules_hold_for_the_same_events_as_the_oracle_says() -> None:
    assert broken("sigma") == []


def _said(case: SigmaCase) -> bool | None:
    """The oracle's verdict; None where it has none."""
    detection = yaml.safe_load("detection:\n" + case.body)
    try:
        oracle = Oracle(FIELDS[NETWORK_CONNECTION], [case.fields], PLACEHOLDERS)
        held = oracle.holds(RULE | detection)
    except (SigmaError, UnicodeEncodeError, ValueError):
        return None
    oracle.close()
    return bool(held)


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{case.clause}" for n, case in enumerate(CASES)])
def test_the_oracle_judges_a_corner_case_alike_or_the_table_says_why_not(case: SigmaCase) -> None:
    said = _said(case)
    assert (said is case.holds) is not bool(case.oracle), f"{said}: {case} {case.oracle}"
