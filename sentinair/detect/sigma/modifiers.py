"""The modifiers behind a field's name: how its values are compared, and what is done to them before.

Source: Sigma specification 2.1, appendix "Modifiers".
"""

from __future__ import annotations

import base64
import itertools
import math
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

from sentinair.detect.sigma.hints import meant
from sentinair.detect.sigma.nodes import Faults
from sentinair.detect.sigma.pattern import DASH, DASHES, Pattern, parse

__all__ = ["CHANGES", "NUMBERS", "OPS", "SUPPORTED", "Modifiers", "changed", "read_modifiers"]

_ENDS: Final = ("contains", "startswith", "endswith")
NUMBERS: Final = ("lt", "lte", "gt", "gte")
OPS: Final = (*_ENDS, "re", "cidr", "exists", *NUMBERS, "fieldref")
_ENCODINGS: Final[dict[str, Callable[[str], bytes]]] = {
    "wide": lambda text: text.encode("utf-16-le"),
    "utf16le": lambda text: text.encode("utf-16-le"),
    "utf16be": lambda text: text.encode("utf-16-be"),
    "utf16": lambda text: b"\xff\xfe" + text.encode("utf-16-le"),
}
CHANGES: Final = ("expand", "windash", *_ENCODINGS, "base64", "base64offset")
_REGEX_FLAGS: Final = ("i", "m", "s")
SUPPORTED: Final = (*OPS, *CHANGES, "all", "cased", "neq", *_REGEX_FLAGS)
_DASH: Final = re.compile(
    rf"\B[{''.join(DASHES)}]\b"
)  # one that begins an option; "-" stands first
_PLACEHOLDER: Final = re.compile(r"(?<!\\)%(\w+)%")
_STRAY: Final = re.compile(r"(?<!\\)%")
_REPEATABLE: Final = ("base64", "base64offset")
_MAX_NAMES: Final = 8
_MAX_ALTERNATIVES: Final = 1000  # of one value


class Modifiers(msgspec.Struct, frozen=True):
    """What stands behind a field's name."""

    op: str  # "equals" or one of OPS
    changes: tuple[str, ...]  # of CHANGES, in the order in which they are made
    every: bool  # all values must match, not one of them
    negated: bool  # `neq`: the whole line must not hold
    cased: bool
    flags: str  # of a regular expression: letters of i, m, s
    how: str  # of a fieldref: equals contains startswith endswith


def read_modifiers(names: Iterable[str], line: int, faults: Faults) -> Modifiers:
    """The modifiers by their names, in the rule's order; what cannot be goes to faults."""
    names = tuple(names)
    for name in names:
        if name not in SUPPORTED:
            remedy = meant(name, SUPPORTED) or f"supported are {', '.join(SUPPORTED)}"
            faults.add(line, f"the modifier {name!r} is not supported", remedy)
    twice = {name for name in names if names.count(name) > 1 and name not in _REPEATABLE}
    if twice or len(names) > _MAX_NAMES:
        what = f"{min(twice)} stands twice" if twice else f"there are {len(names)} modifiers"
        faults.add(line, what, f"each stands once, at most {_MAX_NAMES} in all")
    ops = [name for name in names if name in OPS]
    refers = "fieldref" in ops
    how = [op for op in ops if op in _ENDS]
    if len(ops) > 1 and not (refers and len(ops) == 2 and how):
        faults.add(line, f"{' and '.join(ops)} cannot be used together", "name one of them")
    op = "fieldref" if refers else (ops[0] if ops else "equals")
    changes = tuple(name for name in names if name in CHANGES)
    flags = "".join(sorted({name for name in names if name in _REGEX_FLAGS}))
    if flags and op != "re":
        faults.add(line, f"the modifier {flags[0]!r} belongs to re", "write field|re|i")
    if "cased" in names and op not in ("equals", *_ENDS, "fieldref"):
        faults.add(line, f"the modifier 'cased' has no meaning with {op}", "leave it out")
    if changes and op not in ("equals", *_ENDS):
        faults.add(line, f"the modifier {changes[0]!r} has no meaning with {op}", "leave it out")
    return Modifiers(
        op,
        changes,
        every="all" in names,
        negated="neq" in names,
        cased="cased" in names,
        flags=flags,
        how=how[0] if refers and how else "equals",
    )


def changed(
    value: str, changes: Iterable[str], placeholders: Mapping[str, tuple[str, ...]]
) -> list[Pattern]:
    """The patterns one of which must match, once all changes are made to a value as written.

    placeholders: values by name, for `expand`.  Raises ValueError with what is wrong.
    """
    names = list(changes)
    texts = [value]
    if "expand" in names:
        if names.pop(0) != "expand":
            raise ValueError("the modifier 'expand' stands before all that change its values")
        texts = _expanded(value, placeholders)
    found = [parse(text) for text in texts]
    if "windash" in names:
        if names.pop(0) != "windash":
            raise ValueError("the modifier 'windash' stands before those that encode")
        found = [_any_dash(pattern) for pattern in found]
    if names:
        literals = [text for pattern in found for text in _literals(pattern)]
        found = [(text,) for literal in literals for text in _encoded(literal, names)]
    _check_count(len(found))
    return found


def _expanded(value: str, placeholders: Mapping[str, tuple[str, ...]]) -> list[str]:
    """value with each %name% replaced by each of its values."""
    pieces = _PLACEHOLDER.split(value)  # text, name, text, name, …, text
    unknown = [name for name in pieces[1::2] if not placeholders.get(name)]
    if unknown:
        raise ValueError(f"the placeholder %{unknown[0]}% has no values in placeholders.yml")
    if any(_STRAY.search(text) for text in pieces[::2]):
        raise ValueError("a % that begins no placeholder is written as \\%")
    choices = [placeholders[p] if n % 2 else (p.replace("\\%", "%"),) for n, p in enumerate(pieces)]
    _check_count(math.prod(map(len, choices)))
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def _check_count(count: int) -> None:
    if count > _MAX_ALTERNATIVES:
        raise ValueError(f"it stands for {count} values, at most are {_MAX_ALTERNATIVES}")


def _any_dash(pattern: Pattern) -> Pattern:
    parts: list[str | int | None] = []
    for part in pattern:
        if not isinstance(part, str):
            parts.append(part)
            continue
        for number, piece in enumerate(_DASH.split(part)):
            if number:
                parts.append(DASH)
            if piece:
                parts.append(piece)
    return tuple(parts)


def _literals(pattern: Pattern) -> list[str]:
    """The texts that pattern stands for; it may hold no wildcard."""
    choices: list[Iterable[str]] = []
    for part in pattern:
        if isinstance(part, str):
            choices.append((part,))
        elif part == DASH:
            choices.append(DASHES)
        else:
            raise ValueError("a value with wildcards cannot be encoded")
    _check_count(len(DASHES) ** sum(part == DASH for part in pattern))
    return ["".join(chosen) for chosen in itertools.product(*choices)]


def _encoded(literal: str, names: Iterable[str]) -> list[str]:
    """The texts that literal may become; bytes that are no text count as Latin-1."""
    raws = [literal.encode("utf-8", "surrogateescape")]
    is_text = True
    for name in names:
        if name == "base64":
            raws = [base64.b64encode(raw) for raw in raws]
        elif name == "base64offset":
            raws = [found for raw in raws for found in _offsets(raw)]
        else:
            if not is_text:
                raise ValueError(f"what is encoded already cannot become {name}")
            raws = [_ENCODINGS[name](raw.decode("utf-8", "surrogateescape")) for raw in raws]
        is_text = name.startswith("base64")
    return [raw.decode("latin-1") for raw in raws]


def _offsets(raw: bytes) -> list[bytes]:
    """base64 of raw at each of three places within a longer text, without what the neighbours decide."""
    found = []
    for before in range(3):
        # A character holds 6 bits: raw alone decides those from bit 8*before to bit 8*(before + len).
        first, last = -(-before * 8 // 6), (before + len(raw)) * 8 // 6
        found.append(base64.b64encode(bytes(before) + raw)[first:last])
    return found
