from __future__ import annotations

import re
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from msgspec.structs import replace

from sentinair.detect.ground import Ground
from sentinair.detect.sigma.apart import read_apart
from sentinair.detect.sigma.detector import detector
from sentinair.detect.sigma.files import read_file, read_rules
from sentinair.errors import ConfigFault
from tests.unit.detect.correlations import IDS, OWN, SEC, base, correlation, resolved, text

GOOD = "type: event_count\nrules: [a, b]\ngroup-by: [User]\ntimespan: 90m\ncondition: {gte: 3}"


def said(body: str, rules: str = "abc") -> str:
    _, faults = resolved(text(body, rules))
    assert all(fault.where.startswith("c.yml:") for fault in faults)
    assert all(fault.remedy for fault in faults), [str(fault) for fault in faults]
    return "\n".join(map(str, faults))


def test_a_correlation_is_read_with_its_rules_span_and_bounds() -> None:
    made = correlation(GOOD)
    assert made.rules == (IDS["a"], IDS["b"])
    assert (made.span_ns, made.bounds) == (5400 * SEC, (("gte", 3),))
    assert made.head.severity == "high"


def test_rules_may_be_named_by_id_and_timespan_may_be_called_timeframe() -> None:
    body = f"type: event_count\nrules: ['{IDS['a'].upper()}']\ntimeframe: 2d\ncondition: {{gt: 3}}"
    made = correlation(body)
    assert (made.rules, made.span_ns) == ((IDS["a"],), 2 * 86_400 * SEC)


def test_the_specifications_own_chain_of_correlations_is_read_whatever_its_order() -> None:
    inner = (
        "title: Many\nid: 00000000-0000-4000-8000-0000000000ee\nname: many\ncorrelation:\n"
        "  type: event_count\n  rules: [a]\n  group-by: [User]\n  timespan: 10m\n  condition: {gte: 10}\n"
    )
    outer = (
        f"title: Then\nid: {OWN}\nlevel: high\ncorrelation:\n  type: temporal_ordered\n"
        "  rules: [many, b]\n  group-by: [User]\n  timespan: 10m\n"
    )
    joined, faults = resolved("---\n".join([outer, inner, base("a"), base("b")]).encode())
    assert not faults
    assert [one.head.title for one in joined.correlations] == ["Many", "Then"]
    assert joined.silent == {IDS["a"], IDS["b"], "00000000-0000-4000-8000-0000000000ee"}


@pytest.mark.parametrize("where", ["correlation", "document"])
def test_generate_lets_its_rules_speak_too(where: str) -> None:
    content = text(GOOD + ("\ngenerate: true" if where == "correlation" else ""))
    if where == "document":
        content = content.replace(b"level: high\n", b"level: high\ngenerate: true\n")
    joined, faults = resolved(content)
    assert not faults
    assert joined.silent == frozenset()


@pytest.mark.parametrize(
    ("change", "wanted"),
    [
        (("event_count", "value_sum"), "'value_sum' is not supported"),
        (("type: event_count\n", ""), "the type is missing"),
        (("[a, b]", "[a, z]"), "no rule 'z'"),
        (("[a, b]", "[a, a]"), "named twice"),
        (("[a, b]", "[a, {b: c}]"), "list of names"),
        (("[a, b]", "[]"), "missing or empty"),
        (("[a, b]", str([f"r{n}" for n in range(33)])), "33 rules, at most 32"),
        (("90m", "90"), "not a timespan: '90'"),
        (("90m", "1M"), "not a timespan"),
        (("90m", "0s"), "not a timespan"),
        (("90m", "8d"), "longer than 7d"),
        (("timespan: 90m\n", ""), "timespan is missing"),
        (("timespan: 90m", "timespan: 90m\ntimeframe: 1h"), "the same thing"),
        (("[User]", "[Usr]"), "have no field 'Usr'; did you mean User?"),
        (("{gte: 3}", "3"), "needs a condition with a number"),
        (("{gte: 3}", "{gte: '3'}"), "whole number from 0 to 10000"),
        (("{gte: 3}", "{gte: 10001}"), "whole number from 0 to 10000"),
        (("{gte: 3}", "{gte: -1}"), "whole number"),
        (("{gte: 3}", "{lt: 1}"), "no number of events fulfils"),
        (("{gte: 3}", "{gt: 3, lt: 4}"), "no number of events fulfils"),
        (("{gte: 3}", "{}"), "has no number"),
        (("{gte: 3}", "{gte: 3, field: User}"), "unknown key condition.field"),
        (("event_count", "value_count"), "condition.field is missing"),
        (
            ("condition", "conditions"),
            "unknown key correlation.conditions; did you mean condition?",
        ),
        (("timespan", "generate: 1\ntimespan"), "true or false"),
        (("timespan", "aliases: [x]\ntimespan"), "map of maps"),
        (("timespan", "aliases: {x: y}\ntimespan"), "no map of rules"),
        (("timespan", "aliases: {x: {a: User}}\ntimespan"), "alias 'x' is not used"),
        (("timespan", "aliases: {User: {c: Image}}\ntimespan"), "'c', which is none of its rules"),
        (
            ("timespan", "aliases: {User: {a: Imag}}\ntimespan"),
            "no field 'Imag'; did you mean Image?",
        ),
    ],
)
def test_what_cannot_run_is_refused_with_line_and_remedy(
    change: tuple[str, str], wanted: str
) -> None:
    assert change[0] in GOOD
    assert wanted in said(GOOD.replace(*change, 1))


@pytest.mark.parametrize(
    ("kind", "condition", "wanted"),
    [
        ("temporal", "a and (b or z)", "'z' is none of its rules"),
        ("temporal", "a and not b", "'not' is none of its rules"),
        ("temporal", "a and (b", "parenthesis is not closed"),
        ("temporal", "a and", "ends too early"),
        ("temporal", "a b", "what does 'b' do there"),
        ("temporal", "[a]", "a map or text"),
        ("temporal", "{gte: 4}", ""),
        ("temporal_ordered", "a or b", "wants all its rules"),
        ("temporal_ordered", "{gte: 2}", "wants all its rules"),
        ("temporal_ordered", "a and b and c", ""),
        ("temporal_ordered", "{gt: 2}", ""),
        ("temporal_ordered", "{eq: 3}", ""),
    ],
)
def test_a_temporal_condition_joins_rules_by_and_and_or(
    kind: str, condition: str, wanted: str
) -> None:
    body = f"type: {kind}\nrules: [a, b, c]\ntimespan: 1h\ncondition: {condition}"
    assert (wanted in said(body)) if wanted else not said(body)


def test_an_expression_with_too_many_ways_is_refused() -> None:
    names = [f"r{n}" for n in range(16)]
    pairs = " and ".join(
        f"({one} or {two})" for one, two in zip(names[::2], names[1::2], strict=True)
    )
    body = f"type: temporal\nrules: {names}\ntimespan: 1h\ncondition: {pairs}".replace("'", "")
    assert "more than 64 ways" in said(body)


def test_correlations_in_a_circle_are_refused() -> None:
    def one(name: str, other: str, id_: str) -> str:
        return (
            f"title: {name}\nid: {id_}\nname: {name}\nlevel: low\ncorrelation:\n  type: event_count\n"
            f"  rules: [{other}]\n  timespan: 1m\n  condition: {{gte: 2}}\n"
        )

    joined, faults = resolved(
        "---\n".join([one("x", "y", IDS["a"]), one("y", "x", IDS["b"])]).encode()
    )
    assert joined.correlations == ()
    assert any("counts itself through 'x'" in str(fault) for fault in faults)


def test_what_counts_a_refused_correlation_is_refused_too() -> None:
    inner = text("type: nonsense\nrules: [a]\ntimespan: 1m").decode()
    assert "not supported" in "\n".join(map(str, read_file(inner.encode(), "c.yml").faults))
    content = text("type: event_count\nrules: [gone]\ntimespan: 1m\ncondition: {gte: 2}")
    joined, faults = resolved(content)
    assert joined.correlations == ()
    assert "there is no rule 'gone'" in str(faults[0])
    line = int(faults[0].where.rpartition(":")[2])
    assert content.splitlines()[line - 1] == b"  rules: [gone]"


def test_a_name_that_two_rules_bear_must_be_said_by_id() -> None:
    twice = base("a").replace(IDS["a"], IDS["b"])
    content = f"{twice}---\n".encode() + text(GOOD.replace("[a, b]", "[a]"), "a")
    assert "2 rules are called 'a'" in str(resolved(content)[1][0])


def test_a_group_of_a_closing_correlation_is_all_that_an_outer_one_sees() -> None:
    inner = (
        "title: Few\nid: 00000000-0000-4000-8000-0000000000ee\nname: few\nlevel: low\ncorrelation:\n"
        "  type: event_count\n  rules: [a]\n  group-by: [User]\n  timespan: 10m\n  condition: {lt: 3}\n---\n"
    )
    outer = "type: event_count\nrules: [few]\ngroup-by: [GROUP]\ntimespan: 1h\ncondition: {gte: 2}"
    good, bad = (
        inner.encode() + text(outer.replace("GROUP", one), "a") for one in ("User", "Image")
    )
    assert not resolved(good)[1]
    assert "events of 'Few' have no field 'Image'; known are User" in str(resolved(bad)[1][0])


def test_rules_of_a_refused_correlation_stay_silent_and_the_folder_says_why(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "a.yml").write_text(base("a"))
    (tmp_path / "c.yml").write_bytes(
        text("type: event_count\nrules: [a, gone]\ntimespan: 1m\ncondition: {gte: 2}", "")
    )
    read = read_rules(tmp_path)
    assert len(read.rules) == 1
    assert read.silent == {IDS["a"]}
    assert read.correlations == ()
    assert "no rule 'gone'" in str(read.faults[0])
    with pytest.raises(ConfigFault, match="no rule 'gone'"):
        detector(Ground(rules_dir=tmp_path, state_dir=tmp_path))
    made = detector(Ground(rules_dir=tmp_path, state_dir=tmp_path, partial=True))
    assert (made.reading.rules, len(made.reading.faults)) == (1, 1)


def test_a_folder_without_one_good_rule_is_refused_even_in_part(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "bad.yml").write_text("title: [")
    with pytest.raises(ConfigFault):
        detector(Ground(rules_dir=tmp_path, state_dir=tmp_path, partial=True))


def test_the_digest_of_a_folder_changes_with_any_byte_or_name(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    file = tmp_path / "a.yml"
    file.write_text(base("a"))
    first = read_rules(tmp_path).digest
    assert read_rules(tmp_path).digest == first
    file.write_text(base("a") + "\n")
    second = read_rules(tmp_path).digest
    file.rename(tmp_path / "b.yml")
    assert len({first, second, read_rules(tmp_path).digest}) == 3


def test_a_rule_with_a_name_needs_no_id_and_no_level() -> None:
    bare = base("a").replace(f"id: {IDS['a']}\n", "").replace("level: low\n", "")
    (rule,) = read_file(bare.encode(), "r.yml").rules
    assert (rule.severity, rule.name) == ("medium", "a")
    assert read_file(bare.encode(), "other.yml").rules[0].id == rule.id
    assert "the key id is missing" in str(
        read_file(bare.replace("name: a\n", "").encode(), "r").faults
    )


def test_collections_of_the_older_kind_are_refused() -> None:
    read = read_file(f"action: global\ntitle: x\n---\n{base('a')}".encode(), "r.yml")
    assert "joins no documents" in str(read.faults[0])
    assert read.rules == ()


def test_the_manuals_example_is_a_correlation() -> None:
    manual = (Path(__file__).parents[3] / "docs" / "rules.md").read_text(encoding="utf-8")
    (example,) = re.findall(r"```yaml\n(title:(?:(?!```).)*)```", manual, re.DOTALL)
    named = (
        base("a").replace("name: a", "name: way_out"),
        base("b").replace("name: b", "name: medium"),
    )
    joined, faults = resolved("---\n".join([*named, example]).encode())
    assert [str(fault) for fault in faults] == []
    assert len(joined.correlations) == 1


def test_correlations_on_each_other_have_an_end() -> None:
    parts = [base("a")]
    for number in range(20):
        below = "a" if not number else f"n{number - 1}"
        parts.append(
            f"title: T{number}\nname: n{number}\ncorrelation:\n  type: event_count\n"
            f"  rules: [{below}]\n  timespan: 1m\n  condition: {{gte: 2}}\n"
        )
    assert not resolved("---\n".join(parts[:16]).encode())[1]
    assert "more than 16 correlations" in str(resolved("---\n".join(parts[::-1]).encode())[1][0])


LINES = text(GOOD + "\naliases: {User: {a: User, b: Image}}\ngenerate: true").decode().splitlines()
ODD = st.sampled_from(
    [
        "",
        "[]",
        "{}",
        "null",
        "'x'",
        "-1",
        "1.5",
        "yes",
        "[a, [b]]",
        "{a: {b: c}}",
        "a and (b",
        "*x",
        "- x",
        "9" * 30,
    ]
)


@settings(max_examples=400, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, len(LINES) - 1), ODD, st.booleans()), min_size=1, max_size=4)
)
def test_whatever_a_file_says_it_is_read_or_refused(changes: list[tuple[int, str, bool]]) -> None:
    lines = list(LINES)
    for number, odd, behind_key in changes:
        key, sign, _ = lines[number].partition(": ")
        lines[number] = f"{key}{sign or ': '}{odd}" if behind_key else f"  {odd}"
    joined, faults = resolved("\n".join(lines).encode())
    assert all(re.search(r":\d+$", fault.where) for fault in faults)
    assert all(fault.remedy for fault in faults), [str(fault) for fault in faults]
    assert joined.correlations or faults or not any("correlation" in line for line in lines)


def test_rules_read_in_a_process_of_their_own_are_the_same(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    (tmp_path / "a.yml").write_text(base("a"))
    (tmp_path / "b.yml").write_text("nonsense: [")
    here, apart = read_rules(tmp_path), read_apart(tmp_path)
    assert apart.rules == tuple(replace(rule, examples=()) for rule in here.rules)
    assert (apart.correlations, apart.silent) == (here.correlations, here.silent)
    assert apart.digest == here.digest
    assert [str(fault) for fault in apart.faults] == [str(fault) for fault in here.faults]
    assert len(apart.faults) == 1


@pytest.mark.parametrize("program", ["/nonexistent/python", "/bin/false", "/bin/true"])
def test_a_process_that_cannot_read_the_rules_is_a_fault_of_the_rules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, program: str
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(ConfigFault, match="cannot be read"):
        read_apart(tmp_path)
