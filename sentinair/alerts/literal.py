"""Which part of a value made a rule match, in words: from what a Match says the rule wanted."""

from __future__ import annotations

import importlib
import re
from typing import Any, Final

__all__ = ["found_part", "sentence", "split_wanted"]

_AROUND: Final = 48  # characters shown on each side of what was found
_VERBS: Final = {
    "equals": "is",
    "contains": "contains",
    "startswith": "begins with",
    "endswith": "ends with",
    "lt": "is less than",
    "lte": "is at most",
    "gt": "is more than",
    "gte": "is at least",
    "cidr": "lies in the network",
}
_ESCAPED: Final = re.compile(r"\\([*?\\])")
_WILDCARD: Final = re.compile(r"(?<!\\)[*?]")


def split_wanted(wanted: str) -> tuple[str, str]:
    """Operator and literal of what a rule wanted ("contains /nc"); ("", "") where it is no comparison of Sigma's."""
    op, _, literal = wanted.partition(" ")
    return (op, literal) if op in _VERBS or op == "re" else ("", "")


def found_part(value: str, wanted: str) -> str | None:
    """The part of value that the literal of wanted stands for, as it is written there; None: it cannot be shown."""
    op, literal = split_wanted(wanted)
    if op == "re":
        return _found_by_expression(value, literal)
    if op not in ("equals", "contains", "startswith", "endswith"):
        return None
    # Of a literal with wildcards the longest piece stands for the whole.
    piece = max((_ESCAPED.sub(r"\1", part) for part in _WILDCARD.split(literal)), key=len)
    where = value.lower().rfind if op == "endswith" else value.lower().find
    at = where(piece.lower()) if piece and len(value.lower()) == len(value) else -1
    return None if at < 0 else value[at : at + len(piece)]


def _found_by_expression(value: str, expression: str) -> str | None:
    """As the rule's own engine finds it: RE2, whose time is bounded whatever the expression."""
    re2: Any = importlib.import_module("re2")
    options = re2.Options()
    options.log_errors = False
    for flags in ("", "(?i)", "(?ims)"):  # a Match does not say which the rule had
        try:
            found = re2.search(flags + expression, value, options=options)
        except re2.error:
            return None
        if found is not None:
            text = found.group(0)
            return text if isinstance(text, str) and text else None
    return None


def sentence(field: str, value: str, wanted: str) -> str:
    """One line for a person: what held, and where in the value."""
    op, literal = split_wanted(wanted)
    if wanted == "null":
        return f"{field} is absent"
    if wanted == "exists true":
        return f"{field} is there: {value}"
    if not op:
        return f"{field} is {value or 'empty'} ({wanted})"
    if op == "re":
        part = found_part(value, wanted)
        shown = value if part is None else _marked(value, part)
        return f"{field} fits the expression {literal} — {shown}"
    if op == "equals" and value.lower() == literal.lower():
        return f"{field} is {value}"
    if op in ("lt", "lte", "gt", "gte", "cidr"):
        return f"{field} is {value}, which {_VERBS[op]} {literal}"
    part = found_part(value, wanted)
    told = f"{field} {_VERBS[op]} “{literal}”"
    return f"{told}: {value if part is None else _marked(value, part)}"


def _marked(value: str, part: str) -> str:
    """value around its part, which stands in »«."""
    at = value.find(part)
    head, tail = value[:at], value[at + len(part) :]
    if len(head) > _AROUND:
        head = "…" + head[1 - _AROUND :]
    if len(tail) > _AROUND:
        tail = tail[: _AROUND - 1] + "…"
    return f"{head}»{part}«{tail}"
