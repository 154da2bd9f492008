from __future__ import annotations

import time

import msgspec
import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from sentinair.errors import Fault
from sentinair.settings.nodes import MAX_BYTES, parse


def value(text: str) -> object:
    faults: list[Fault] = []
    document = parse("x.yaml", text, faults)
    assert document is not None, faults
    return document.value


def refused(text: str) -> list[str]:
    faults: list[Fault] = []
    assert parse("x.yaml", text, faults) is None
    return [str(fault) for fault in faults]


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("12", 12),
        ("-3", -3),
        ("1_000", 1000),
        ("0x1f", 31),
        ("0755", 493),
        ("0o17", 15),
        ("0b101", 5),
        ("0x_", "0x_"),
        ("-0b_", "-0b_"),
        ("0o_", "0o_"),
        ("0x_1f", 31),
        ("1.5", 1.5),
        ("1e3", 1000.0),
        ("yes", True),
        ("OFF", False),
        ("True", True),
        ("tRue", "tRue"),
        ("~", None),
        ("", None),
        ("'12'", "12"),
        ('"yes"', "yes"),
        ("1:30", "1:30"),
        ("2026-01-02", "2026-01-02"),
        (".", "."),
        ("089", "089"),
        ("+", "+"),
        ("[]", []),
        ("{}", {}),
    ],
)
def test_a_scalar_is_read_as_a_person_means_it(text: str, wanted: object) -> None:
    assert value(f"k: {text}\n") == {"k": wanted}


def test_each_value_knows_its_line() -> None:
    faults: list[Fault] = []
    document = parse("x.yaml", "# c\na:\n  b: 1\n  c:\n    - x\n    - y\n", faults)
    assert document is not None
    assert document.where(("a", "b")) == "x.yaml:3"
    assert document.where(("a", "c", 1)) == "x.yaml:6"
    assert document.where(("a", "absent", "deeper")) == "x.yaml:2"
    assert document.where(("z",)) == "x.yaml:1"


def test_an_alias_is_refused_with_its_line() -> None:
    assert refused("a: &x [1]\nb: *x\n") == ["x.yaml:2: alias *x is not allowed; write it out"]


def test_a_tag_is_refused() -> None:
    assert (
        "tag tag:yaml.org,2002:python/object/apply:os.system is not allowed"
        in (refused("a: !!python/object/apply:os.system [id]\n")[0])
    )
    assert refused("a: !local x\n")


def test_a_doubled_key_names_both_lines() -> None:
    assert refused("a: 1\nb: 2\na: 3\n") == [
        "x.yaml:3: a is given twice, first in line 1; keep one"
    ]


def test_a_key_that_is_no_text_is_refused() -> None:
    assert refused("? [1, 2]\n: 3\n") == ["x.yaml:1: a key must be text"]


def test_a_second_document_is_refused() -> None:
    assert refused("a: 1\n---\nb: 2\n") == ["x.yaml:2: a second document begins; keep one per file"]


def test_broken_yaml_names_the_line() -> None:
    (fault,) = refused("a: 1\nb: [1,\nc: }\n")
    assert fault.startswith("x.yaml:3: is not valid YAML")
    (fault,) = refused("a: \x00\n")
    assert "not valid YAML" in fault


@pytest.mark.parametrize(
    "text",
    [
        "[" * 10_000,
        "a: " + "{a: " * 10_000,
        "x" * (MAX_BYTES + 1),
        "- a\n" * 200_000,
        "a: &a [x,x]\nb: &b [*a,*a]\nc: [*b,*b]\n",
    ],
    ids=["deep list", "deep map", "large", "many", "bomb"],
)
def test_a_yaml_bomb_is_refused_within_a_second(text: str) -> None:
    began = time.process_time()
    assert refused(text)
    assert time.process_time() - began < 1


def test_nothing_in_a_file_is_an_empty_document() -> None:
    assert value("") is None
    assert value("# only words\n") is None


@given(st.text(max_size=200))
def test_no_text_makes_the_reader_fall(text: str) -> None:
    faults: list[Fault] = []
    assert (parse("x.yaml", text, faults) is None) == bool(faults)


_plain = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3)
    ),
    max_leaves=10,
)


@given(_plain)
def test_what_is_written_as_json_is_read_back_equal(wanted: object) -> None:
    try:  # YAML cannot hold some control characters and lone surrogates even escaped by its own dumper's rules
        text = yaml.safe_dump(msgspec.to_builtins({"k": wanted}), default_style='"', width=10_000)
        text = text.replace("!!null ", "").replace("!!bool ", "").replace("!!int ", "")
    except UnicodeEncodeError:
        return
    got = value(text)
    assert isinstance(got, dict)
    assert _as_text(got["k"]) == _as_text(wanted)


def _as_text(item: object) -> object:
    """Quoted scalars come back as text: compare as the dumper wrote them."""
    if isinstance(item, list):
        return [_as_text(one) for one in item]
    if isinstance(item, dict):
        return {key: _as_text(one) for key, one in item.items()}
    if item is None or isinstance(item, bool):
        return {None: "null", True: "true", False: "false"}[item]
    return str(item)
