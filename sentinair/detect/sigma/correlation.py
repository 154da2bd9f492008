"""Correlations as they stand in a file: rules, group, timespan and condition; what is not understood is refused.

Source: Sigma correlation rules specification 2.1, https://github.com/SigmaHQ/sigma-specification.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from sentinair.detect.sigma.counting import Bounds, read_condition, waits
from sentinair.detect.sigma.extras import Extras, read_extras
from sentinair.detect.sigma.head import KEYS, MISSING, Head, read_head, scalars, text_at
from sentinair.detect.sigma.hints import meant
from sentinair.detect.sigma.nodes import Faults, Listed, Mapped, Node, Scalar

__all__ = ["Correlation", "Draft", "parse_correlation"]

MAX_RULES: Final = 32
MAX_SPAN_NS: Final = 7 * 86_400 * 10**9
_TYPES: Final = ("event_count", "value_count", "temporal", "temporal_ordered")
_UNITS: Final = {"s": 10**9, "m": 60 * 10**9, "h": 3600 * 10**9, "d": 86_400 * 10**9}
_SPAN: Final = re.compile(r"([1-9][0-9]{0,6})([smhd])")
_KNOWN: Final = KEYS | {"correlation", "generate"}
_MISSING: Final = {**MISSING, "correlation": "write its type, rules, group-by, timespan, condition"}
_KEYS: Final = frozenset(
    {"type", "rules", "group-by", "timespan", "timeframe", "aliases", "condition", "generate"}
)
_FOREIGN: Final = ("group_by", "adjust", "examples")  # extras that speak of a single event


class Correlation(msgspec.Struct, frozen=True, kw_only=True):
    """One correlation, whose rules exist.  kind is one of event_count, value_count, temporal, temporal_ordered."""

    file: str
    head: Head
    kind: str
    rules: tuple[str, ...]  # ids, in order
    group_by: tuple[str, ...]  # fields or aliases
    aliases: dict[str, dict[str, str]]  # alias to field, by rule id
    span_ns: int
    bounds: Bounds  # on the count of events, values or rules
    fields: tuple[str, ...]  # of value_count: what is counted
    wanted: tuple[
        frozenset[int], ...
    ]  # of temporal, without bounds: one of these sets, by place in rules
    generate: bool  # its rules raise alerts of their own too
    category: str
    confidence: float
    why: tuple[str, ...]
    next_steps: tuple[str, ...]

    @property
    def waits(self) -> bool:
        """Whether it can only be judged once the window is over: more events could make it false."""
        return waits(self.bounds)


class Draft(msgspec.Struct, frozen=True):
    """A correlation as written, and the lines that resolving speaks of.  names: its rules by id or name."""

    correlation: Correlation
    names: tuple[tuple[str, int], ...]
    group_lines: tuple[int, ...]
    field_line: int
    alias_lines: dict[str, int]
    line: int


def parse_correlation(root: Mapped, faults: Faults) -> Draft | None:
    """A correlation whose rules are still names, or None where faults says why not."""
    before = len(faults.found)
    head = read_head(root, _KNOWN, _MISSING, faults)
    extras = _extras(root.entries.get("sentinair"), faults)
    node = root.entries.get("correlation")
    if not isinstance(node, Mapped):
        if node is not None:
            faults.add(node.line, "correlation is a map", _MISSING["correlation"])
        return None
    for name, value in node.entries.items():
        if name not in _KEYS:
            faults.add(value.line, f"unknown key correlation.{name}", meant(name, _KEYS))
    kind = _kind(node, faults)
    names = _names(node, faults)
    group = _texts(node, "group-by", faults)
    given = node.entries.get("condition")
    condition = read_condition(given, kind, [name for name, _ in names], node.line, faults)
    aliases = _aliases(node, faults)
    span_ns = _span(node, faults)
    generate = _flag(node, faults) or _flag(root, faults)
    if len(faults.found) > before:
        return None
    made = Correlation(
        file=faults.file,
        head=head,
        kind=kind,
        rules=(),
        group_by=tuple(one.text for one in group),
        aliases={alias: dict(fields) for alias, (fields, _) in aliases.items()},
        span_ns=span_ns,
        bounds=condition.bounds,
        fields=tuple(one.text for one in condition.fields),
        wanted=condition.wanted,
        generate=generate,
        category=extras.category or (head.tactics[0] if head.tactics else "rule"),
        confidence=extras.confidence,
        why=extras.why + head.harmless,
        next_steps=extras.next_steps,
    )
    return Draft(
        made,
        names,
        tuple(one.line for one in group),
        condition.fields[0].line if condition.fields else node.line,
        {alias: line for alias, (_, line) in aliases.items()},
        node.line,
    )


def _extras(node: Node | None, faults: Faults) -> Extras:
    if isinstance(node, Mapped):
        for name in _FOREIGN:
            if name in node.entries:
                what = f"sentinair.{name} has no meaning for a correlation"
                faults.add(node.entries[name].line, what, "take it out")
        kept = {name: value for name, value in node.entries.items() if name not in _FOREIGN}
        node = Mapped(kept, node.line)
    return read_extras(node, None, {}, faults)


def _kind(node: Mapped, faults: Faults) -> str:
    text = text_at(node, "type")
    if text in _TYPES:
        return text
    line = node.entries["type"].line if "type" in node.entries else node.line
    what = "the type is missing" if text is None else f"the type {text!r} is not supported"
    faults.add(line, what, f"use one of {', '.join(_TYPES)}")
    return ""


def _names(node: Mapped, faults: Faults) -> tuple[tuple[str, int], ...]:
    found = tuple((one.text, one.line) for one in _texts(node, "rules", faults))
    if not found:
        faults.add(
            node.line, "rules is missing or empty", "name the rules it counts, by id or name"
        )
    if len(found) > MAX_RULES:
        faults.add(found[0][1], f"{len(found)} rules, at most {MAX_RULES}", "split it")
    if len({name for name, _ in found}) < len(found):
        faults.add(found[0][1], "a rule is named twice", "name each once")
    return found


def _texts(node: Mapped, name: str, faults: Faults) -> tuple[Scalar, ...]:
    value = node.entries.get(name)
    if value is None:
        return ()
    found = scalars(value)
    count = len(value.items) if isinstance(value, Listed) else 1
    if len(found) < count or any(one.kind == "null" for one in found):
        faults.add(value.line, f"{name} is a list of names", "write each behind a dash")
    return found


def _span(node: Mapped, faults: Faults) -> int:
    given = [node.entries[name] for name in ("timespan", "timeframe") if name in node.entries]
    remedy = "write a number and one of s, m, h, d: `timespan: 90m`"
    if len(given) != 1:
        what = "timespan is missing" if not given else "timespan and timeframe are the same thing"
        faults.add(node.line, what, remedy)
        return 0
    text = given[0].text if isinstance(given[0], Scalar) else ""
    read = _SPAN.fullmatch(text)
    if read is None:
        faults.add(given[0].line, f"not a timespan: {text!r}", remedy)
        return 0
    span_ns = int(read[1]) * _UNITS[read[2]]
    if span_ns > MAX_SPAN_NS:
        faults.add(given[0].line, f"the timespan {text} is longer than 7d", "shorten it")
    return span_ns


def _flag(node: Mapped, faults: Faults) -> bool:
    value = node.entries.get("generate")
    if value is None:
        return False
    if not isinstance(value, Scalar) or value.kind != "bool":
        faults.add(value.line, "generate is true or false", "leave it out for false")
        return False
    return value.text.lower() in {"true", "yes", "on"}


def _aliases(node: Mapped, faults: Faults) -> dict[str, tuple[Mapping[str, str], int]]:
    value = node.entries.get("aliases")
    found: dict[str, tuple[Mapping[str, str], int]] = {}
    remedy = "write `alias: {rule: field, …}`"
    if value is not None and not isinstance(value, Mapped):
        faults.add(value.line, "aliases is a map of maps", remedy)
    for alias, one in value.entries.items() if isinstance(value, Mapped) else ():
        fields = one.entries if isinstance(one, Mapped) else {}
        texts = {name: text.text for name, text in fields.items() if isinstance(text, Scalar)}
        if not texts or len(texts) < len(fields):
            faults.add(one.line, f"the alias {alias!r} is no map of rules to fields", remedy)
        found[alias] = (texts, one.line)
    return found
