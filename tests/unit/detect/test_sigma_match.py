from __future__ import annotations

import fnmatch
import re
import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.detect.fields import FieldsView
from sentinair.detect.sigma.files import read_rule
from sentinair.detect.sigma.match import compile_evidence, compile_test
from sentinair.detect.sigma.pattern import ANY, ONE, longest_literal, matcher, parse
from sentinair.detect.sigma.regex import MAX_CHARS as MAX_REGEX_CHARS
from sentinair.detect.sigma.rule import Rule

HEAD = """\
title: T
id: 3bc18b76-9dc5-445c-8c6b-9fa02e6a9c23
level: high
logsource: {product: linux, category: process_creation}
detection:
"""


def rule(body: str) -> Rule:
    found, faults = read_rule((HEAD + body).encode(), "r.yml")
    assert not faults, [str(fault) for fault in faults]
    assert found is not None
    return found


def holds(body: str, **fields: str) -> bool:
    view = FieldsView({name: (value,) for name, value in fields.items()})
    return compile_test(rule(body).test)(view)


def one(line: str, **fields: str) -> bool:
    return holds(f"  s:\n    {line}\n  condition: s\n", **fields)


@pytest.mark.parametrize(
    ("line", "value", "wanted"),
    [
        ("Image: /BIN/x", "/bin/X", True),
        ("Image: /bin/x", "/bin/xy", False),
        ("Image|cased: /bin/X", "/bin/x", False),
        ("Image|cased: /bin/X", "/bin/X", True),
        ("Image|contains: IN", "/bin/x", True),
        ("Image|contains|cased: IN", "/bin/x", False),
        ("Image|startswith: /b", "/bin/x", True),
        ("Image|startswith: in", "/bin/x", False),
        ("Image|endswith: /X", "/bin/x", True),
        ("Image|endswith: [/a, /b]", "/bin/b", True),
        ("Image|contains|all: [bin, x]", "/bin/x", True),
        ("Image|contains|all: [bin, y]", "/bin/x", False),
        ("Image: '/b*/x'", "/bin/sub/x", True),
        ("Image: '/b?n/x'", "/bin/x", True),
        ("Image: '/b?n/x'", "/bn/x", False),
        (r"Image: '/b\*/x'", "/b*/x", True),
        (r"Image: '/b\*/x'", "/bin/x", False),
        (r"Image: 'a\b'", r"a\b", True),
        (r"Image: 'a\\b'", r"a\b", True),
        (r"Image: 'a\\*'", r"a\bc", True),
        ("Image|contains: 'a*b'", "xxaxxbxx", True),
        ("Image|startswith: 'a*b'", "axxbxx", True),
        ("Image|startswith: 'a*b'", "xaxxb", False),
        ("Image|endswith: 'a?b'", "xxacb", True),
        ("Image|endswith: 'a?b'", "xxacbx", False),
        ("Image: ''", "", True),
        ("Image: ''", "x", False),
        ("Image|contains: '*'", "", True),
        ("Image: '?'", "x", True),
        ("Image: ['/a', '/b*']", "/bcd", True),
        ("Image|re: '^/b.n'", "/bin/x", True),
        ("Image|re: '^/B.n'", "/bin/x", False),
        ("Image|re|i: '^/B.n'", "/bin/x", True),
        ("Image|re: 'in'", "/bin/x", True),
        ("Image|re|all: ['b', 'q']", "/bin/x", False),
        ("Image|exists: true", "", True),
        ("Image|exists: false", "", False),
        ("LogonId: 0", "0", False),
    ],
)
def test_a_value_matches_as_sigma_says(line: str, value: str, wanted: bool) -> None:
    assert one(line, Image=value) is wanted


def test_numbers_and_truth_compare_as_text() -> None:
    assert one("LogonId: 0", LogonId="0")
    assert one("LogonId: [5, 1000]", LogonId="1000")
    assert one("Memfd: true", Memfd="true")
    assert one("Memfd: No", Memfd="false")


def test_an_absent_field_matches_nothing_and_its_negation_holds() -> None:
    assert not one("Image|contains: ''")
    assert one("Image|exists: false")
    assert holds(
        "  s:\n    Image: x\n  t:\n    User: root\n  condition: not s and t\n", User="root"
    )


def test_maps_are_and_and_lists_of_maps_are_or() -> None:
    body = "  s:\n    - Image: a\n      User: u\n    - Image: b\n  condition: s\n"
    assert holds(body, Image="a", User="u")
    assert not holds(body, Image="a", User="v")
    assert holds(body, Image="b")


@pytest.mark.parametrize(
    ("condition", "wanted"),
    [
        ("a1 and a2", False),
        ("a1 or a2", True),
        ("a2 or a1 and a1", True),
        ("a1 and not a2", True),
        ("not (a1 or a2)", False),
        ("1 of a*", True),
        ("any of a*", True),
        ("all of a*", False),
        ("1 of them", True),
        ("all of them", False),
        ("not a2 and not b", True),
        ("_hidden", True),
        ("(a1)", True),
        ("not not a1", True),
    ],
)
def test_a_condition_means_what_sigma_says(condition: str, wanted: bool) -> None:
    body = (
        "  a1:\n    Image: x\n  a2:\n    Image: y\n  b:\n    Image: z\n  _hidden:\n    Image: x\n"
    )
    assert holds(body + f"  condition: {condition}\n", Image="x") is wanted


def test_a_list_of_conditions_is_one_of_them() -> None:
    body = "  a:\n    Image: x\n  b:\n    Image: y\n  condition: [a, b]\n"
    assert holds(body, Image="y")


def test_what_is_hidden_is_not_among_them() -> None:
    body = "  a:\n    Image: x\n  _b:\n    Image: y\n  condition: 1 of them\n"
    assert not holds(body, Image="y")


def test_evidence_names_the_literal_that_matched_and_nothing_that_was_excluded() -> None:
    found = rule(
        "  s:\n    CommandLine|contains: [NOPE, -E]\n    User|exists: true\n  t:\n"
        "    Image|endswith|all: [/nc, c]\n  u:\n    Image: other\n  n:\n    User: ann\n"
        "  condition: s and (t or u) and not n\n"
    )
    view = FieldsView({"CommandLine": ("nc -e\x1b",), "Image": ("/bin/NC",), "User": ("bob",)})
    assert compile_test(found.test)(view)
    assert [(m.field, m.value, m.wanted) for m in compile_evidence(found.test)(view)] == [
        ("CommandLine", "nc -e\\x1b", "contains -E"),
        ("User", "bob", "exists true"),
        ("Image", "/bin/NC", "endswith /nc"),
        ("Image", "/bin/NC", "endswith c"),
    ]


def test_evidence_of_a_long_value_is_cut() -> None:
    found = rule("  s:\n    CommandLine|contains: a\n  condition: s\n")
    (match,) = compile_evidence(found.test)(FieldsView({"CommandLine": ("a" * 9999,)}))
    assert len(match.value) == 500


def test_a_regular_expression_sees_the_beginning_of_a_value_only() -> None:
    assert one("CommandLine|re: 'x$'", CommandLine="a" * (MAX_REGEX_CHARS - 1) + "x" + "b")
    assert not one("CommandLine|re: 'b'", CommandLine="a" * MAX_REGEX_CHARS + "b")


def test_a_pattern_is_read_into_literals_and_wildcards() -> None:
    assert parse("a**b?") == ("a", ANY, "b", ONE)
    assert parse("") == ()
    assert parse("\\") == ("\\",)
    assert longest_literal(parse("a*bcd?ef")) == "bcd"
    assert longest_literal(parse("*?")) == ""


@given(st.text("ab*?", max_size=8), st.text("ab", max_size=10))
def test_wildcards_match_as_the_shells_do(pattern: str, text: str) -> None:
    wanted = re.fullmatch(fnmatch.translate(pattern), text) is not None
    assert matcher(parse(pattern))(text) is wanted


def test_many_wildcards_cost_no_more_than_the_texts_length() -> None:
    match = matcher(parse("*a" * 30 + "*b"))
    began = time.process_time()
    assert not match("a" * 100_000)
    assert time.process_time() - began < 0.5
