from __future__ import annotations

import pytest

from sentinair.detect.fields import NETWORK_CONNECTION, FieldsView
from sentinair.detect.sigma.files import read_rule
from sentinair.detect.sigma.match import compile_evidence, compile_test
from tests.harness.sigma_cases import CASES, PLACEHOLDERS, SigmaCase

HEAD = (
    "title: T\nid: 3bc18b76-9dc5-445c-8c6b-9fa02e6a9c23\nlevel: low\n"
    f"logsource: {{product: linux, category: {NETWORK_CONNECTION}}}\ndetection:\n"
)


@pytest.mark.parametrize("case", CASES, ids=[f"{n}-{case.clause}" for n, case in enumerate(CASES)])
def test_a_corner_case_is_judged_as_the_specification_says(case: SigmaCase) -> None:
    rule, faults = read_rule((HEAD + case.body).encode(), "r.yml", dict(PLACEHOLDERS))
    assert rule is not None, [str(fault) for fault in faults]
    view = FieldsView({name: (text,) for name, text in case.fields.items()})
    assert compile_test(rule.test)(view) is case.holds, str(case)
    if case.holds:
        for match in compile_evidence(rule.test)(view):
            assert match.field in {*case.fields, "any field"} or match.wanted in {
                "null",
                "exists false",
            }


def test_more_than_a_hundred_corner_cases_stand_for_every_clause() -> None:
    assert len(CASES) >= 200
    assert len({str(case) for case in CASES}) == len(CASES)
    assert {case.holds for case in CASES} == {True, False}
