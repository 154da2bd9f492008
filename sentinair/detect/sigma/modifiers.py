"""The modifiers behind a field's name: how its values are compared, and what is done to them before.

Source: Sigma specification 2.1, appendix "Modifiers".
"""

from __future__ import annotations

import base64
import itertools
import re
from collections.abc import Callable, Iterable, Mapping
from typing import Final

import msgspec

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
SUPPORTED: Final = (*OPS, *CHANGES, "all", "cased", *_REGEX_FLAGS)
_DASH: Final = re.compile(r"\B[-/]\b")  # one that begins an option
_PLACEHOLDER: Final = re.compile(r"%(\w+)%")
_MAX_ALTERNATIVES: Final = 1000  # of one value


class Modifiers(msgspec.Struct, frozen=True):
    """What stands behind a field's name."""

    op: str  # "equals" or one of OPS
    changes: tuple[str, ...]  # of CHANGES, in the order in which they are made
    every: bool  # all values must match, not one of them
    cased: bool
    flags: str  # of a regular expression: letters of i, m, s
    how: str  # of a fieldref: equals contains startswith endswith


def read_modifiers(names: Iterable[str], line: int, faults: Faults) -> Modifiers:
    """The modifiers by their names, in the rule's order; what cannot be goes to faults."""
    names = tuple(names)
    for name in names:
        if name not in SUPPORTED:
            faults.add(
                line,
                f"the modifier {name!r} is not supported",
                f"supported are {', '.join(SUPPORTED)}",
            )
    ops = [name for name in names if name in OPS]
    refers = "fieldref" in ops
    how = [op for op in ops if op in _ENDS]
    if len(ops) > 1 and not (refers and len(ops) == 2 and how):
        faults.add(line, f"{' and '.join(ops)} cannot be used together")
    op = "fieldref" if refers else (ops[0] if ops else "equals")
    changes = tuple(name for name in names if name in CHANGES)
    flags = "".join(sorted({name for name in names if name in _REGEX_FLAGS}))
    if flags and op != "re":
        faults.add(line, f"the modifier {flags[0]!r} belongs to re")
    if "cased" in names and op not in ("equals", *_ENDS, "fieldref"):
        faults.add(line, f"the modifier 'cased' has no meaning with {op}")
    if changes and op not in ("equals", *_ENDS):
        faults.add(line, f"the modifier {changes[0]!r} has no meaning with {op}")
    return Modifiers(
        op,
        changes,
        every="all" in names,
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
    if len(found) > _MAX_ALTERNATIVES:
        raise ValueError(f"it stands for {len(found)} values, at most are {_MAX_ALTERNATIVES}")
    return found


def _expanded(value: str, placeholders: Mapping[str, tuple[str, ...]]) -> list[str]:
    """value with each %name% replaced by each of its values."""
    names = _PLACEHOLDER.findall(value)
    unknown = [name for name in names if not placeholders.get(name)]
    if unknown:
        raise ValueError(f"the placeholder %{unknown[0]}% has no values")
    if not names:
        raise ValueError("the modifier 'expand' needs a %placeholder% in the value")
    pieces = _PLACEHOLDER.split(value)  # text, name, text, name, …, text
    choices = [placeholders[p] if n % 2 else (p,) for n, p in enumerate(pieces)]
    return ["".join(chosen) for chosen in itertools.product(*choices)]


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
    count = len(DASHES) ** sum(part == DASH for part in pattern)
    if count > _MAX_ALTERNATIVES:
        raise ValueError(f"it stands for {count} values, at most are {_MAX_ALTERNATIVES}")
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
        is_text = False
    return [raw.decode("latin-1") for raw in raws]


def _offsets(raw: bytes) -> list[bytes]:
    """base64 of raw at each of three places within a longer text, without what the neighbours decide."""
    starts, ends = (0, 2, 3), (None, -3, -2)
    return [
        base64.b64encode(b" " * at + raw)[starts[at] : ends[(len(raw) + at) % 3]]
        for at in range(len(starts))
    ]
