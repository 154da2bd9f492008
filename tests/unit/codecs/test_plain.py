from __future__ import annotations

import json
import math

import msgspec
from hypothesis import given
from hypothesis import strategies as st

from sentinair.codecs.plain import day, items, plain, text, whole, without_none
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


@given(st.text(st.characters()))
def test_a_text_is_escaped_as_the_table_says(value: str) -> None:
    assert text(value) == expected_text(value, 8_191)


def test_a_number_no_receiver_holds_becomes_text() -> None:
    assert plain([2**63 - 1, 2**63, -(10**30)]) == [2**63 - 1, str(2**63), str(-(10**30))]
    assert plain([math.inf, math.nan, 0.5]) == ["inf", "nan", 0.5]
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
