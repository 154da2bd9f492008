"""What a correlation says when its condition holds."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

from sentinair.detect.sigma.correlation import Correlation
from sentinair.detect.sigma.windows import Found
from sentinair.model.alert import Detection, Match

__all__ = ["judged"]

_UNITS: Final = (("d", 86_400 * 10**9), ("h", 3600 * 10**9), ("m", 60 * 10**9), ("s", 10**9))
_COUNTED: Final = {
    "event_count": "events",
    "value_count": "values",
    "temporal": "rules",
    "temporal_ordered": "rules in this order",
}


def _span(span_ns: int) -> str:
    """A timespan as a rule writes it: "90m"."""
    letter, unit = next((one for one in _UNITS if span_ns % one[1] == 0), _UNITS[-1])
    return f"{span_ns // unit}{letter}"


def judged(correlation: Correlation, found: Found, group: Mapping[str, str]) -> Detection:
    """The detection for one window.  group: what the correlation groups by, and what it held."""
    head = correlation.head
    matches = [Match(correlation.kind, _value(correlation, found), _wanted(correlation))]
    matches += [Match(field, text, "group-by") for field, text in group.items()]
    return Detection(
        rule_id=head.id,
        title=head.title,
        description=head.description,
        category=correlation.category,
        severity=head.severity,
        confidence=correlation.confidence,
        source="sigma",
        matches=tuple(matches),
        why=correlation.why,
        next_steps=correlation.next_steps,
        techniques=head.techniques,
        tactics=head.tactics,
        rule_author=head.author,
        rule_license=head.license,
        rule_link=head.link,
        group=tuple("\n".join(pair) for pair in group.items()) or ("everything",),
        event_ids=found.ids,
    )


def _value(correlation: Correlation, found: Found) -> str:
    took = round((found.last_ns - found.first_ns) / 1e9, 1)
    text = f"{found.count} {_COUNTED[correlation.kind]} within {took:g} s"
    if correlation.kind != "value_count":
        return text
    more = ", …" if found.count > len(found.values) else ""
    return f"{text}: {', '.join(found.values)}{more}"


def _wanted(correlation: Correlation) -> str:
    bounds = " and ".join(f"{name} {limit}" for name, limit in correlation.bounds)
    if correlation.fields:
        bounds = f"{bounds} of {', '.join(correlation.fields)}"
    if correlation.wanted:
        bounds = " or ".join(_ways(correlation))
    return f"{bounds} within {_span(correlation.span_ns)}"


def _ways(correlation: Correlation) -> list[str]:
    everything = len(correlation.rules)
    return [
        f"all {everything}" if len(one) == everything else f"{len(one)} of {everything}"
        for one in correlation.wanted
    ]
