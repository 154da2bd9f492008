from __future__ import annotations

import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.codecs.plain import day, items, json_of, plain, text, whole, without_none
from tests.harness.safe_text import expected_text

_LEAVES = (
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()) | st.binary()
)
_TREES = st.recursive(
    _LEAVES, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3)
)  # fmt: skip


@given(_TREES)
def test_any_tree_becomes_json_that_reads_back_the_same(tree: object) -> None:
    made = plain(tree)
    assert json.loads(msgspec.json.encode(made)) == made


@given(_TREES.filter(lambda tree: "bytes" not in str(_sorts(tree))))
def test_the_short_way_to_json_gives_what_the_long_one_does(tree: object) -> None:
    assert json.loads(json_of(tree)) == plain(tree)


@pytest.mark.parametrize(
    "value",
    ["plain", 'say "x" \\ y', "\x1b", "\u202e", "ü", "\x7f", 2**63, 2**63 - 1, 10**30, ["x"] * 2_000, "x" * 9_000, {"a": [None]}, {1: 2}],
)  # fmt: skip
def test_the_short_way_is_taken_only_where_nothing_is_to_be_changed(value: object) -> None:
    assert json.loads(json_of({"k": value})) == plain({"k": value})


def _sorts(tree: object) -> list[str]:
    """Names of the types in tree: what JSON has no word for is nobody's business here."""
    if isinstance(tree, dict):
        return [name for one in tree.values() for name in _sorts(one)]
    if isinstance(tree, list):
        return [name for one in tree for name in _sorts(one)]
    return [type(tree).__name__]


@given(st.text(st.characters()))
def test_a_text_is_escaped_as_the_table_says(value: str) -> None:
    assert text(value) == expected_text(value, 8_191)


def test_a_number_no_receiver_holds_becomes_text() -> None:
    assert plain([2**63 - 1, 2**63, -(10**30)]) == [2**63 - 1, str(2**63), str(-(10**30))]
    assert plain([math.inf, math.nan, 0.5]) == [None, None, 0.5]
    assert str(plain(1 << 20_000)).startswith("0x1000")  # too long for Python to write in decimal
    assert whole(True) is whole(2**63) is whole("1") is None


def test_what_lies_too_deep_becomes_a_mark() -> None:
    deep: object = 1
    for _ in range(5_000):
        deep = {"a": deep}
    assert "…[1 items, too deep]" in msgspec.json.encode(plain(deep)).decode()


def test_a_long_list_or_object_says_how_long_it_was() -> None:
    assert len(items(["x"] * 1_024)) == 1_024
    assert items(["x"] * 1_025)[-1].startswith("…[1025 items, sha256 ")
    assert plain(["x"] * 1_025)[-1].startswith("…[1025 items, sha256 ")
    assert plain({str(n): n for n in range(2_000)})["…"].startswith("…[2000 items, sha256 ")


def test_a_time_outside_the_calendar_is_its_edge() -> None:
    assert day(-(10**30)) == "0001-01-01T00:00:00.000000Z"
    assert day(10**30) == "9999-12-31T23:59:59.999999Z"


def test_what_is_not_known_is_left_out_at_any_depth() -> None:
    found = without_none(
        {"a": None, "b": {"c": None}, "d": [{"e": None, "f": 0}], "g": [], "h": ""}
    )
    assert found == {"d": [{"f": 0}], "h": ""}
