from __future__ import annotations

import time
from collections.abc import Callable

import pytest

from sentinair.detect.sigma.regex import MAX_CHARS, MAX_SIZE, compile_regex

SIZE = 65_536
HOSTILE = (  # each would keep an engine that backtracks busy for longer than the agent lives
    ("(a+)+$", "a" * (SIZE - 1) + "!"),
    ("^(a+)+$", "a" * (SIZE - 1) + "!"),
    ("(.*a){20}", "a" * SIZE),
    ("(.*a){20}$", "a" * (SIZE - 1) + "b"),
    ("(.*a){20}b", "a" * SIZE),
    ("^(a|aa)+$", "a" * (SIZE - 1) + "!"),
    ("(x+x+)+y", "x" * SIZE),
    ("^(([a-z])+.)+[A-Z]([a-z])+$", "a" * SIZE),
    (r"(\s*\S*)*=$", "a b" * (SIZE // 3)),
    ("(.*)(.*)(.*)(.*)(.*)z", "y" * SIZE),
)
RATIO = 100  # to a plain expression over as long a text; measured: 1 to 4


def finder(pattern: str, flags: str = "") -> Callable[[str], bool]:
    found = compile_regex(pattern, flags)
    assert not isinstance(found, str), found
    return found


def cost(pattern: str, text: str) -> float:
    """CPU seconds, the best of five: other load on the machine does not count."""
    find = finder(pattern)
    find(text)
    spent = []
    for _ in range(5):
        began = time.process_time()
        find(text)
        spent.append(time.process_time() - began)
    return min(spent)


@pytest.mark.parametrize(("pattern", "text"), HOSTILE)
def test_an_unsafe_expression_costs_what_a_plain_one_does(pattern: str, text: str) -> None:
    assert len(text) >= SIZE - 2
    plain = cost("(x|y)z", "xy" * (SIZE // 2))
    assert cost(pattern, text) < RATIO * plain


def test_the_slowest_expression_that_is_taken_costs_by_the_texts_length() -> None:
    pattern = "(x?y?){490}z"  # as many states at once as the limit allows: no table can hold them
    half, whole = (cost(pattern, "xyyx" * (length // 4)) for length in (SIZE // 4, SIZE // 2))
    assert whole < 4 * half
    assert isinstance(compile_regex("(x?y?){900}z"), str)


@pytest.mark.parametrize(
    ("pattern", "words"),
    [
        ("a(?=b)", "invalid perl operator"),
        ("(?<!a)b", "invalid"),
        (r"(a)\1", "invalid escape"),
        ("(?>a)", "invalid perl operator"),
        ("a++", "bad repetition"),
        ("(", "missing"),
        ("[z-a]", "invalid character class"),
        ("a{1001}", "invalid repetition size"),
        ("(.){500}", f"at most are {MAX_SIZE}"),
        ("\ud800", "surrogates not allowed"),
    ],
)
def test_an_expression_that_cannot_be_used_says_why(pattern: str, words: str) -> None:
    said = compile_regex(pattern)
    assert isinstance(said, str)
    assert words in said


def test_flags_may_stand_outside_and_inside() -> None:
    assert finder("^B", "im")("a\nb")
    assert finder("(?im)^B")("a\nb")
    assert finder("a.b", "s")("a\nb")
    assert not finder("a.b")("a\nb")


def test_a_stray_byte_hides_nothing_behind_it() -> None:
    assert finder("nc.*-e")("nc \udcff -e /bin/sh")
    assert finder("^n.$")("n\udcff")
    assert finder("^n.$")("né")
    assert not finder("é")("\udcc3")


def test_what_lies_behind_the_limit_is_not_seen() -> None:
    assert finder("b")("a" * (MAX_CHARS - 1) + "b")
    assert not finder("b")("a" * MAX_CHARS + "b")
