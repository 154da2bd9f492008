"""Sigma's semantics once more, as plainly and slowly as can be: for random rules and events.

A rule is {"detection": …} as YAML would read it, beside the condition as a nested tuple, so that its text need not be
read.  Strings hold ASCII letters only, so that lower() is all of case.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

__all__ = ["Event", "condition_text", "rule_holds"]

Event = Mapping[str, Sequence[str]]
Condition = tuple[Any, ...]
"""("name", n) ("not", c) ("and", c, …) ("or", c, …) ("1 of" or "all of", pattern)"""


def rule_holds(selections: Mapping[str, Any], condition: Condition, event: Event) -> bool:
    """Does the condition hold for the event?"""
    kind, *rest = condition
    if kind == "name":
        return _selection(selections[rest[0]], event)
    if kind == "not":
        return not rule_holds(selections, rest[0], event)
    if kind in ("and", "or"):
        held = [rule_holds(selections, part, event) for part in rest]
        return all(held) if kind == "and" else any(held)
    prefix = rest[0].rstrip("*")
    chosen = [
        _selection(part, event)
        for name, part in selections.items()
        if name[: len(prefix)] == prefix
    ]
    return any(chosen) if kind == "1 of" else all(chosen)


def condition_text(condition: Condition) -> str:
    """As a rule writes it; more parentheses than needed."""
    kind, *rest = condition
    if kind == "name":
        return str(rest[0])
    if kind == "not":
        return f"not ({condition_text(rest[0])})"
    if kind in ("and", "or"):
        return "(" + f" {kind} ".join(condition_text(part) for part in rest) + ")"
    return f"{kind} {rest[0]}"


def _selection(selection: Any, event: Event) -> bool:
    if isinstance(selection, list):
        return any(_selection(part, event) for part in selection)
    if isinstance(selection, str):
        everything = [text for texts in event.values() for text in texts]
        return any(
            _matches(["*", *_tokens(selection), "*"], text, cased=False) for text in everything
        )
    return all(_line(key, values, event) for key, values in selection.items())


def _line(key: str, values: Any, event: Event) -> bool:
    field, *names = key.split("|")
    texts = event.get(field, ())
    if "exists" in names:
        return bool(texts) is values
    given = values if isinstance(values, list) else [values]
    held = [_value(names, value, texts, event) for value in given]
    found = all(held) if "all" in names else any(held)
    return found is not ("neq" in names)


def _value(names: list[str], value: Any, texts: Sequence[str], event: Event) -> bool:
    if value is None:
        return not texts
    cased = "cased" in names
    if "fieldref" in names:
        others = event.get(value, ())
        return any(a == b if cased else a.lower() == b.lower() for a in texts for b in others)
    tokens = _tokens(str(value))
    if "contains" in names or "endswith" in names:
        tokens = ["*", *tokens]
    if "contains" in names or "startswith" in names:
        tokens = [*tokens, "*"]
    return any(_matches(tokens, text, cased=cased) for text in texts)


def _tokens(value: str) -> list[str]:
    r"""One per character: "*", "?" or "=c" for the character c itself."""
    if not value:
        return []
    if value[0] == "\\" and value[1:2] in ("*", "?", "\\") and len(value) > 1:
        return ["=" + value[1], *_tokens(value[2:])]
    first = value[0] if value[0] in "*?" else "=" + value[0]
    return [first, *_tokens(value[1:])]


def _matches(tokens: list[str], text: str, *, cased: bool) -> bool:
    if not tokens:
        return not text
    first, rest = tokens[0], tokens[1:]
    if first == "*":
        return any(_matches(rest, text[at:], cased=cased) for at in range(len(text) + 1))
    if not text:
        return False
    if first != "?":
        wanted, held = first[1], text[0]
        if (held != wanted) if cased else (held.lower() != wanted.lower()):
            return False
    return _matches(rest, text[1:], cased=cased)
