from __future__ import annotations

import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.detect.ground import Ground
from sentinair.detect.sigma.apart import read_apart
from sentinair.detect.sigma.detector import detector
from sentinair.detect.sigma.files import read_rule, read_rules
from sentinair.detect.sigma.nodes import MAX_BYTES, MAX_FAULTS
from sentinair.detect.sigma.rule import items
from sentinair.errors import ConfigFault

HEAD = """\
title: T
id: 3bc18b76-9dc5-445c-8c6b-9fa02e6a9c23
level: high
logsource:
  product: linux
  category: process_creation
"""
GOOD = HEAD + "detection:\n  s:\n    Image: /bin/x\n  condition: s\n"


def faults(text: str) -> list[str]:
    return [str(fault) for fault in read_rule(text.encode(), "r.yml")[1]]


def detection(body: str) -> list[str]:
    return faults(HEAD + "detection:\n" + body)


def test_a_good_rule_has_no_faults() -> None:
    rule, found = read_rule(GOOD.encode(), "r.yml")
    assert found == []
    assert rule is not None
    assert (rule.title, rule.severity, rule.category, rule.confidence) == ("T", "high", "rule", 0.5)


@pytest.mark.parametrize(
    ("body", "line", "words"),
    [
        ("  s:\n    Imag: x\n  condition: s\n", 9, "did you mean Image?"),
        ("  s:\n    Image|bas64: x\n  condition: s\n", 9, "did you mean base64?"),
        ("  s:\n    Image|hour: 5\n  condition: s\n", 9, "'hour' is not supported"),
        ("  s:\n    Image|expand|expand: x\n  condition: s\n", 9, "expand stands twice"),
        ("  s:\n    Image" + "|base64" * 9 + ": x\n  condition: s\n", 9, "there are 9 modifiers"),
        ("  s:\n    Image|base64|expand: '%a%'\n  condition: s\n", 9, "stands before all"),
        ("  s:\n    Image|base64|windash: a\n  condition: s\n", 9, "before those that encode"),
        ("  s:\n    Image|base64|wide|wide: a\n  condition: s\n", 9, "wide stands twice"),
        ("  s:\n    Image|wide|utf16: a\n  condition: s\n", 9, "encoded already"),
        ("  s:\n    Image|expand: '%a%'\n  condition: s\n", 9, "%a% has no values"),
        ("  s:\n    Image|expand: '50%'\n  condition: s\n", 9, "a % that begins no"),
        ("  s:\n    Image|base64: 'a*'\n  condition: s\n", 9, "cannot be encoded"),
        ("  s:\n    Image|windash|base64: ' -a -a -a -a -a'\n  condition: s\n", 9, "3125 values"),
        ("  s:\n    Image|base64|re: a\n  condition: s\n", 9, "'base64' has no meaning with re"),
        ("  s:\n    Image|cidr: 10.0.0.1/8\n  condition: s\n", 9, "not a network"),
        ("  s:\n    Image|gt: many\n  condition: s\n", 9, "compares numbers"),
        ("  s:\n    Image|fieldref: Imag\n  condition: s\n", 9, "did you mean Image?"),
        ("  s:\n    Image|contains: null\n  condition: s\n", 9, "null is compared by itself"),
        ("  s:\n    LogonId: 1_000\n  condition: s\n", 9, "put it in quotes"),
        ("  s:\n    LogonId: 1.0e+3\n  condition: s\n", 9, "put it in quotes"),
        ("  s: [[a]]\n  condition: s\n", 8, "a list within a list"),
        ("  s:\n    Image|contains|re: x\n  condition: s\n", 9, "cannot be used together"),
        ("  s:\n    Image|i: x\n  condition: s\n", 9, "belongs to re"),
        ("  s:\n    Image|re|cased: x\n  condition: s\n", 9, "no meaning with re"),
        ("  s:\n    Image|re: '('\n  condition: s\n", 9, "not a regular expression"),
        ("  s:\n    Image|exists: maybe\n  condition: s\n", 9, "exists takes true or false"),
        ("  s:\n    Image: []\n  condition: s\n", 9, "list of values is empty"),
        ("  s:\n    Image: [{a: b}]\n  condition: s\n", 9, "a value is text"),
        ("  s:\n    LogonId: 0755\n  condition: s\n", 9, "put it in quotes"),
        ("  s:\n    Action: fly\n  condition: s\n", 9, "Action is one of"),
        ("  s: {}\n  condition: s\n", 8, "the selection is empty"),
        ("  s:\n  condition: s\n", 8, "a selection is a map"),
        ("  s:\n    Image: x\n", 8, "the condition is missing"),
        ("  s:\n    Image: x\n  timeframe: 5m\n  condition: s\n", 10, "timeframe"),
        ("  s:\n    Image: x\n  condition: [[s]]\n", 10, "a condition is text"),
        ("  s:\n    Image: x\n  condition: s and\n", 10, "ends too early"),
        ("  s:\n    Image: x\n  condition: t\n", 10, "no selection 't'"),
        ("  s:\n    Image: x\n  condition: s s\n", 10, "behind a whole condition"),
        ("  s:\n    Image: x\n  condition: (s\n", 10, "not closed"),
        ("  s:\n    Image: x\n  condition: and\n", 10, "stands where"),
        ("  s:\n    Image: x\n  condition: 2 of s*\n", 10, "only `1 of` and `all of`"),
        ("  s:\n    Image: x\n  condition: 1 of t*\n", 10, "named 't*'"),
        ("  s:\n    Image: x\n  condition: s | count() > 5\n", 10, "aggregations"),
        ("  s:\n    Image: x\n  condition: s & s\n", 10, "'&' do behind a whole"),
        ("  s:\n    Image: x\n  condition: ' '\n", 10, "empty"),
        ("  s:\n    Image: x\n  condition: " + "(" * 99 + "\n", 10, "nested deeper"),
        ("  s:\n    Image: x\n  condition: " + "not " * 99 + "s\n", 10, "nested deeper"),
    ],
)
def test_what_is_not_supported_is_refused_with_its_line(body: str, line: int, words: str) -> None:
    found = detection(body)
    assert any(f"r.yml:{line}: " in fault and words in fault for fault in found), found


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("", "the file is empty"),
        ("- a\n", "a rule is a map"),
        ("a: [\n", "not YAML"),
        ("a: \x00\n", "not YAML"),
        ("a: &x 1\nb: *x\n", "alias"),
        ("a: !!python/object:os.system x\n", "tag"),
        ("title: a\ntitle: b\n", "second time"),
        ("? [a]\n: b\n", "a key must be plain text"),
        ("a: " + "[" * 200 + "]" * 200, "nested deeper"),
        ("[" * 100_000, "nested deeper"),
        ("a: " + "x" * MAX_BYTES, "a rule at most"),
        ("title: a\n---\ntitle: b\n", "second document"),
        ("title: T\n", "the key id is missing"),
        (GOOD.replace("level: high", "levle: high"), "did you mean level?"),
        (GOOD.replace("high", "hihg"), "did you mean high?"),
        (GOOD.replace("3bc18b76", "zz"), "must be a UUID"),
        (GOOD.replace("linux", "windows"), "is not read here"),
        (GOOD.replace("title: T", "title: [T]"), "title is one text"),
        (GOOD.replace("title: T", "title: ' '"), "title is one text"),
        (GOOD + "author: {a: b}\n", "author is one text"),
        (GOOD + "references: [[a]]\n", "references is a list of texts"),
        (GOOD.replace("process_creation", "dns"), "is not read here"),
        (
            GOOD.replace("  product: linux\n", "").replace("  category: ", " - "),
            "logsource is a map",
        ),
        (HEAD + "detection: x\n", "detection is a map"),
        (GOOD + "sentinair: x\n", "sentinair is a map"),
        (GOOD + "sentinair: {confidnce: 1}\n", "unknown key sentinair.confidnce"),
        (GOOD + "sentinair: {confidence: 2}\n", "number from 0 to 1"),
        (GOOD + "sentinair: {confidence: x}\n", "number from 0 to 1"),
        (GOOD + "sentinair: {why: [[x]]}\n", "expected a sentence"),
        (GOOD + "sentinair: {group_by: [Nope]}\n", "group_by names"),
        (GOOD + "sentinair: {adjust: [x]}\n", "adjust is a list of maps"),
        (GOOD + "sentinair: {adjust: [{condition: s, level: none}]}\n", "adjust needs a level"),
        (GOOD + "sentinair: {adjust: [{condition: t, level: low}]}\n", "adjust: there is no"),
        (GOOD + "sentinair: {adjust: [{condition: s, level: low, x: y}]}\n", "adjust.x"),
        (GOOD + "sentinair: {examples: [x]}\n", "examples is a map"),
        (GOOD + "sentinair: {examples: {match: [{Nope: x}]}}\n", "an example names"),
    ],
)
def test_a_file_that_is_no_rule_says_why(text: str, words: str) -> None:
    found = faults(text)
    assert any(words in fault for fault in found), found


def test_all_faults_of_a_file_come_at_once() -> None:
    found = detection("  s:\n    Imag: x\n    Image|windsah: y\n  t: []\n  condition: s\n")
    assert len(found) == 3


def test_all_faults_of_a_folder_come_at_once(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text(GOOD)
    (tmp_path / "twin.yaml").write_text(GOOD)
    (tmp_path / "bad.yml").write_text("- a\n")
    (tmp_path / "not-a-rule.txt").write_text("x")
    (tmp_path / "folder.yml").mkdir()
    read = read_rules(tmp_path)
    assert len(read.rules) == 1
    assert len(read.faults) == 3
    with pytest.raises(ConfigFault) as caught:
        detector(Ground(rules_dir=tmp_path, state_dir=tmp_path))
    assert "bad.yml:1" in str(caught.value)
    assert "is that of" in str(caught.value)
    assert caught.value.exit_status == 78


def test_a_folder_that_is_not_there_is_a_fault() -> None:
    (fault,) = read_rules(Path("/nonexistent/rules")).faults
    assert "/nonexistent/rules: cannot be read" in str(fault)


def test_a_rule_that_others_could_have_written_is_a_fault_and_a_fifo_never_hangs(
    tmp_path: Path,
) -> None:
    (tmp_path / "open.yml").write_text(GOOD)
    (tmp_path / "open.yml").chmod(0o666)
    (tmp_path / "link.yml").symlink_to("open.yml")
    os.mkfifo(tmp_path / "pipe.yml")
    (tmp_path / "sub").mkdir(mode=0o755)
    (tmp_path / "sub").chmod(0o777)
    read = read_rules(tmp_path)
    assert read.rules == ()
    assert [str(fault).removeprefix(f"{tmp_path}/").split(";")[0] for fault in read.faults] == [
        "link.yml: is a symbolic link",
        "open.yml: has mode 0666, others may write it",
        "pipe.yml: is not a regular file",
        "sub: has mode 0777, others may write it",
    ]


def test_a_detector_without_usable_rules_does_not_start(tmp_path: Path) -> None:
    (tmp_path / "bad.yml").write_text("x")
    with pytest.raises(ConfigFault):
        detector(Ground(rules_dir=tmp_path, state_dir=tmp_path))


def test_attack_tags_and_references_are_taken_over() -> None:
    text = GOOD + (
        "tags: [attack.privilege_escalation, attack.t1548.001, attack.s0001, car.2013]\n"
        "references: [https://a/b, https://c/d]\nfalsepositives: none known\n"
    )
    rule, found = read_rule(text.encode(), "r.yml")
    assert found == []
    assert rule is not None
    assert rule.techniques == ("T1548.001",)
    assert rule.tactics == ("privilege-escalation",)
    assert rule.category == "privilege-escalation"
    assert rule.link == "https://a/b"
    assert rule.why == ("Who wrote the rule knows of no harmless cause.",)


@pytest.mark.parametrize(
    ("given", "said"),
    [
        ("[Unknown]", "Who wrote the rule knows of no harmless cause."),
        ("Unlikely", "A harmless cause is unlikely, says who wrote the rule."),
        ("[Unknown, Backups.]", "Known to be harmless: Backups."),
        ("[Backups of home, Copies.]", "Known to be harmless: Backups of home; Copies."),
    ],
)
def test_what_is_said_of_harmless_causes_reads_as_a_sentence(given: str, said: str) -> None:
    rule, found = read_rule((GOOD + f"falsepositives: {given}\n").encode(), "r.yml")
    assert (found, rule is not None and rule.why) == ([], (said,))


@given(st.binary(max_size=200))
def test_any_bytes_as_a_rule_are_faults_and_never_a_crash(text: bytes) -> None:
    rule, found = read_rule(text, "r.yml")
    assert rule is None
    assert found


@given(st.text("sAnd or not()1of*_ all them", max_size=40))
def test_any_condition_is_read_or_refused(condition: str) -> None:
    body = "  s:\n    Image: x\n  condition: '" + condition + "'\n"
    rule, found = read_rule((HEAD + "detection:\n" + body).encode(), "r.yml")
    assert (rule is None) == bool(found)


def test_placeholders_of_the_folder_stand_for_their_values_in_every_rule(tmp_path: Path) -> None:
    (tmp_path / "a.yml").write_text(GOOD.replace("Image: /bin/x", "User|expand: '%admins%'"))
    (tmp_path / "placeholders.yml").write_text("admins: [root, ann]\none: x\n")
    read = read_rules(tmp_path)
    assert read.faults == ()
    (rule,) = read.rules
    (item,) = items(rule.test)
    assert item.patterns == ((("root",), ("ann",)),)


def test_faults_of_placeholders_have_their_line_too(tmp_path: Path) -> None:
    (tmp_path / "placeholders.yml").write_text("a: [{b: c}]\nd:\n")
    (fault, other) = read_rules(tmp_path).faults
    assert str(fault).startswith(f"{tmp_path}/placeholders.yml:1: a value is text")
    assert str(other).startswith(f"{tmp_path}/placeholders.yml:2: null stands for")
    (tmp_path / "placeholders.yml").write_text("- a\n")
    assert "a map of names" in str(read_rules(tmp_path).faults[0])


@pytest.mark.parametrize(
    "detection",
    [
        "".join(f"  s{n}:\n    Image: x\n" for n in range(1000))
        + f"  condition: {' or '.join(['1 of them'] * 1000)}\n",
        f"  s:\n    Image: [{', '.join(map(str, range(1000)))}]\n"
        f"  condition: {' and '.join(['s'] * 1000)}\n",
        "  s:\n    CommandLine|windash|contains:\n"
        + "".join(f"      - '{' -a' * 60} {n}'\n" for n in range(1000))
        + "  condition: s\n",
        "".join(f"  s{n}:\n    Image: x\n" for n in range(1000))
        + "  condition: s1\nsentinair:\n  adjust:\n"
        + "    - {condition: 1 of them, level: low}\n" * 1000,
        "".join(f"  s{n}:\n    Image: x\n" for n in range(1000))
        + f"  condition: [{', '.join(['1 of them'] * 1000)}]\n",
    ],
    ids=["them", "one long list", "dashes", "adjust", "list of conditions"],
)
def test_a_rule_that_unfolds_to_millions_of_comparisons_is_refused(detection: str) -> None:
    found = faults(HEAD + "detection:\n" + detection)
    assert found
    assert "compares more than" in found[0]


def test_a_long_list_of_plain_values_is_no_such_rule() -> None:
    values = "".join(f"      - x{n}\n" for n in range(15_000))
    assert detection(f"  s:\n    CommandLine|contains:\n{values}  condition: s\n") == []


def test_a_file_that_is_no_rule_at_all_does_not_fill_the_screen(tmp_path: Path) -> None:
    (tmp_path / "words.yml").write_text("a:\n" * 20_000)
    read = read_rules(tmp_path)
    assert len(read.faults) == MAX_FAULTS + 1
    assert "more faults" in read.faults[-1].what


def test_a_name_that_is_no_text_is_one_fault_and_the_other_rules_judge_on(tmp_path: Path) -> None:
    (tmp_path / "good.yml").write_text(GOOD)
    (tmp_path / os.fsdecode(b"\xff.yml")).write_text(GOOD)
    (tmp_path / os.fsdecode(b"\xfe.yml")).write_text("[")
    told = read_apart(tmp_path)
    assert [rule.file for rule in told.rules] == [f"{tmp_path}/good.yml"]
    assert [fault.where for fault in told.faults] == [
        f"{tmp_path}/\\xfe.yml",
        f"{tmp_path}/\\xff.yml",
    ]
