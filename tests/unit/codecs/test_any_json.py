from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sentinair.codecs.any_json import raw_of, to_json
from tests.harness.expected import escaped, json_value, raw_bytes, unsafe

TEXTS = st.text(st.characters(exclude_categories=()))  # lone surrogates too
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXTS,
    lambda inner: st.lists(inner, max_size=4),
    max_leaves=8,
)


@pytest.mark.parametrize("padding", ["", "é", '"\\'])
def test_every_character_is_as_safe_here_as_everywhere(padding: str) -> None:
    for code in range(0x11000):
        text = f"a{chr(code)}{padding}"
        found = json.loads(to_json({"k": text}))
        assert found["k"] == escaped(text)
        assert ("k_hex" in found) == (escaped(text) != text)


@given(st.dictionaries(st.sampled_from(["a", "b", "é", "c\n"]), VALUES))
def test_any_value_is_one_line_of_json(value: dict[str, object]) -> None:
    line = to_json(value).decode()
    assert unsafe(line) == []
    found = json.loads(line)
    for name, wanted in json_value(value).items():
        if not isinstance(wanted, list):  # of which a test of its own tells
            assert found[name] == wanted


@given(TEXTS)
def test_a_text_in_hexadecimal_is_its_bytes(text: str) -> None:
    assert raw_of(text) == raw_bytes(text)


@given(st.lists(st.sampled_from(["\\", '"', "n", "\n", "x", "\\n", "\x7f", "é"])).map("".join))
def test_backslashes_and_quotes_hide_nothing(text: str) -> None:
    found = json.loads(to_json({"k": text}))
    assert found["k"] == escaped(text)
    assert ("k_hex" in found) == (escaped(text) != text)


def test_a_list_within_a_list_has_its_bytes_in_its_place() -> None:
    found = json.loads(to_json({"k": ["a", ["\n", 1], ["b"], 7]}))
    assert found["k"] == ["a", ["\\x0a", 1], ["b"], 7]
    assert found["k_hex"] == ["61", ["0a", None], None, None]


def test_what_json_has_no_form_for_is_refused() -> None:
    with pytest.raises(TypeError):
        to_json({"k": object()})
