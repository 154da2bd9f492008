"""Sigma's wildcards and escapes, and matching them in linear time."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

__all__ = ["ANY", "DASH", "DASHES", "ONE", "Pattern", "longest_literal", "matcher", "parse"]

ANY: Final = None  # `*`: any text, also none
ONE: Final = 1  # `?`: exactly one character
DASH: Final = 2  # of `windash`: one of DASHES
DASHES: Final = ("-", "/", "\N{EN DASH}", "\N{EM DASH}", "\N{HORIZONTAL BAR}")

Pattern = tuple[str | int | None, ...]
"""Literal runs with ANY, ONE and DASH between them; a pattern without wildcards is one literal, or empty."""


def parse(text: str) -> Pattern:
    r"""A value as written in a rule.

    `*` and `?` are wildcards; a backslash takes the meaning from `*`, `?` and `\` behind it, and is itself
    anywhere else.  Source: Sigma rules specification 2.1, "Escaping".
    """
    parts: list[str | int | None] = []
    literal = ""
    position = 0
    while position < len(text):
        char = text[position]
        if char == "\\" and text[position + 1 : position + 2] in {"*", "?", "\\"}:
            literal += text[position + 1]
            position += 1
        elif char in "*?":
            if literal:
                parts.append(literal)
            literal = ""
            if not (char == "*" and parts and parts[-1] is ANY):
                parts.append(ANY if char == "*" else ONE)
        else:
            literal += char
        position += 1
    if literal:
        parts.append(literal)
    return tuple(parts)


def longest_literal(pattern: Pattern) -> str:
    """The longest run every matching text must hold; "" if there is none."""
    return max((part for part in pattern if isinstance(part, str)), key=len, default="")


def matcher(pattern: Pattern) -> Callable[[str], bool]:
    """Does a whole text match pattern?

    Linear in the text for each run between two `*`: a run takes its leftmost place, which can never be worse
    than a later one, so nothing is tried twice.
    """
    runs: list[list[str | int]] = [[]]
    for part in pattern:
        if part is ANY:
            runs.append([])
        else:
            runs[-1].append(part)
    if len(runs) == 1:
        return _whole(runs[0])
    head, *middle, tail = runs
    head_at, tail_at = _regex(head), _regex(tail)
    head_size, tail_size = _size(head), _size(tail)
    inner = [_regex(run) for run in middle if run]

    def matches(text: str) -> bool:
        end = len(text) - tail_size
        if end < head_size or not head_at.match(text) or not tail_at.match(text, end):
            return False
        at = head_size
        for run in inner:
            found = run.search(text, at, end)
            if found is None:
                return False
            at = found.end()
        return True

    return matches


def _whole(run: list[str | int]) -> Callable[[str], bool]:
    pattern = _regex(run)
    return lambda text: pattern.fullmatch(text) is not None


def _regex(run: list[str | int]) -> re.Pattern[str]:
    return re.compile("".join(_piece(part) for part in run), re.DOTALL)


def _piece(part: str | int) -> str:
    if part == ONE:
        return "."
    return f"[{''.join(map(re.escape, DASHES))}]" if part == DASH else re.escape(str(part))


def _size(run: list[str | int]) -> int:
    return sum(len(part) if isinstance(part, str) else 1 for part in run)
