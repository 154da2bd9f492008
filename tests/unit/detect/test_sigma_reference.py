from __future__ import annotations

from typing import Any
from uuid import UUID

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from sentinair.detect.fields import FIELDS, FieldsView, fold
from sentinair.detect.sigma.detector import SigmaDetector
from sentinair.detect.sigma.files import read_file, read_rule
from sentinair.detect.sigma.match import compile_evidence, compile_test
from sentinair.detect.sigma.modifiers import SUPPORTED
from sentinair.detect.sigma.rule import Rule
from sentinair.model.alert import Joined
from sentinair.model.event import ProcessEvent
from sentinair.model.process import Parent, Process
from tests.harness.sigma_reference import Condition, condition_text, rule_holds

NAMES = ("a1", "a2", "b")
FIELD = st.sampled_from(("Image", "CommandLine", "ParentImage", "User", "Ancestors"))
TEXT = st.text("aAb/ -\\", max_size=5)
VALUE = st.text("aAb/*?\\ -", max_size=4)
MODIFIERS = ("", "|contains", "|startswith", "|endswith")


@st.composite
def lines(draw: st.DrawFn) -> tuple[str, Any]:
    """One line of a selection."""
    field, kind = draw(FIELD), draw(st.integers(0, 9))
    if kind == 0:
        return f"{field}|exists", draw(st.booleans())
    if kind == 1:
        return field, draw(st.lists(st.none() | VALUE, min_size=1, max_size=2))
    if kind == 2:
        return f"{field}|fieldref" + draw(st.sampled_from(("", "|cased", "|neq"))), draw(FIELD)
    key = field + draw(st.sampled_from(MODIFIERS))
    key += draw(st.sampled_from(("", "", "", "|all", "|cased", "|neq")))
    return key, draw(VALUE | st.lists(VALUE, min_size=1, max_size=3))


MAPS = st.lists(lines(), min_size=1, max_size=3).map(dict)
SELECTIONS = st.fixed_dictionaries(
    {name: MAPS | st.lists(MAPS | VALUE, min_size=1, max_size=2) for name in NAMES}
)
CONDITIONS: st.SearchStrategy[Condition] = st.recursive(
    st.sampled_from(NAMES).map(lambda name: ("name", name))
    | st.tuples(st.sampled_from(("1 of", "all of")), st.sampled_from(("a*", "b*", "*"))),
    lambda inner: (
        st.tuples(st.just("not"), inner) | st.tuples(st.sampled_from(("and", "or")), inner, inner)
    ),
    max_leaves=4,
)


def rule_text(selections: dict[str, Any], condition: Condition, number: int = 1) -> bytes:
    values = {
        "title": "T",
        "id": str(UUID(int=number)),
        "level": "low",
        "logsource": {"product": "linux", "category": "process_creation"},
        "detection": {**selections, "condition": condition_text(condition)},
    }
    return yaml.safe_dump(values, allow_unicode=True).encode()


def read(selections: dict[str, Any], condition: Condition, number: int = 1) -> Rule:
    rule, faults = read_rule(rule_text(selections, condition, number), "r.yml")
    assert rule is not None, [str(fault) for fault in faults]
    return rule


@given(SELECTIONS, CONDITIONS, st.dictionaries(FIELD, st.lists(TEXT, min_size=1, max_size=2)))
def test_the_matcher_agrees_with_a_naive_one_on_any_rule_and_event(
    selections: dict[str, Any], condition: Condition, event: dict[str, list[str]]
) -> None:
    rule = read(selections, condition)
    view = FieldsView({field: tuple(texts) for field, texts in event.items()})
    assert compile_test(rule.test)(view) is rule_holds(selections, condition, event)
    compile_evidence(rule.test)(view)


PATHS = st.none() | TEXT.map(str.encode)
LINES = st.none() | TEXT.map(lambda text: (text.encode(),))
PARENTS = st.lists(st.builds(Parent, st.just(1), st.just(2), PATHS, LINES), max_size=2)
PROCESSES = st.builds(
    Process,
    pid=st.just(5),
    start=st.just(9),
    exe=PATHS,
    argv=LINES,
    uid=st.none() | st.integers(0, 1),
    parents=PARENTS.map(tuple),
)
USERS = {0: "aA", 1: "b"}


def fields(process: Process) -> dict[str, list[str]]:
    """The fields the random rules speak of, and what else a keyword finds."""
    first = process.parents[0] if process.parents else Parent(1, 2, None, None)
    held: dict[str, list[str | None]] = {
        "Image": [None if process.exe is None else process.exe.decode()],
        "CommandLine": [None if process.argv is None else process.argv[0].decode()],
        "ParentImage": [None if first.exe is None else first.exe.decode()],
        "ParentCommandLine": [None if first.argv is None else first.argv[0].decode()],
        "User": [None if process.uid is None else USERS[process.uid]],
        "Uid": [None if process.uid is None else str(process.uid)],
        "Ancestors": [None if one.exe is None else one.exe.decode() for one in process.parents],
        "ProcessId": ["5"],
        "Action": ["exec"],
        "Deleted": ["false"],
        "Memfd": ["false"],
    }
    known = {name: [text for text in texts if text is not None] for name, texts in held.items()}
    return {name: texts for name, texts in known.items() if texts}


@settings(max_examples=50)
@given(
    st.lists(st.tuples(SELECTIONS, CONDITIONS), min_size=1, max_size=4),
    st.lists(PROCESSES, min_size=1, max_size=4),
)
def test_index_gate_and_kept_verdicts_change_no_judgement(
    rules: list[tuple[dict[str, Any], Condition]], processes: list[Process]
) -> None:
    detector = SigmaDetector([read(*rule, number) for number, rule in enumerate(rules)], USERS)
    for process in processes * 2:  # the second time from the verdicts kept
        event = ProcessEvent(seen_ns=1, mono_ns=1, action="exec", process=process)
        found = {UUID(one.rule_id).int for one in detector.judge(Joined(event, process))}
        held = fields(process)
        assert found == {n for n, rule in enumerate(rules) if rule_holds(*rule, held)}


KEYS = st.sampled_from(
    (
        *("title", "id", "level", "logsource", "detection", "condition", "product", "category"),
        *("selection", "timeframe", "sentinair", "examples", "adjust", "match", "group_by", "why"),
        *("correlation", "type", "rules", "timespan", "aliases", "field", "gte", "action", "name"),
        *sorted(FIELDS["process_creation"]),
    )
) | st.builds(
    "|".join,
    st.lists(st.sampled_from(("", "Image", *SUPPORTED)), min_size=1, max_size=4),
)
SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(("linux", "process_creation", "high", "1 of them", "%a%", "(a+)+$", "\\1"))
    | st.dates()
)
TREES = st.recursive(
    SCALARS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(KEYS, inner, max_size=4),
    max_leaves=12,
)


@settings(max_examples=60)
@given(TREES)
def test_any_yaml_is_read_or_refused_with_a_remedy(tree: Any) -> None:
    text = yaml.safe_dump(tree, allow_unicode=True).encode("utf-8", "surrogatepass")
    read = read_file(text, "r.yml", {"a": ("x", "y*")})
    assert read.rules or read.drafts or read.faults
    assert all(fault.what and fault.where and fault.remedy for fault in read.faults)


@given(TREES, st.dictionaries(KEYS, TREES, max_size=2))
def test_any_selection_is_judged_or_refused_with_a_remedy(tree: Any, more: dict[str, Any]) -> None:
    whole = yaml.safe_load(rule_text({"a": tree, **more}, ("1 of", "a*")))
    text = yaml.safe_dump(whole, allow_unicode=True).encode("utf-8", "surrogatepass")
    rule, faults = read_rule(text, "r.yml", {"a": ("x", "y*")})
    assert (rule is None) is bool(faults)
    assert all(fault.what and fault.where and fault.remedy for fault in faults)
    if rule is not None:
        view = FieldsView({"Image": ("x\udcff",), "CommandLine": ("", "5"), "User": ("ß",)})
        if compile_test(rule.test)(view):
            compile_evidence(rule.test)(view)


@given(st.text(max_size=20), st.text(max_size=20))
def test_a_part_without_case_is_a_part_of_the_whole_without_case(one: str, other: str) -> None:
    assert fold(one + other) == fold(one) + fold(other)
    assert len(fold(one)) == len(one)
    assert fold(fold(one)) == fold(one)
