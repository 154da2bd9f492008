"""YAML text to plain values and the line of each, refusing what is unsafe in a configuration.

Refused: aliases (they can grow without bound), tags, doubled keys, keys that are no text, more than
MAX_DEPTH levels, MAX_NODES values or MAX_BYTES bytes, a second document.  All faults of a file are collected,
save that a file which is no YAML at all has one.  Scalars are read as YAML 1.1 does, without its
base-60 numbers and dates: these stay text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final

import msgspec
import yaml

from sentinair.errors import Fault

__all__ = ["MAX_BYTES", "MAX_DEPTH", "MAX_NODES", "Document", "Key", "Plain", "parse"]

MAX_BYTES: Final = 1 << 20
MAX_DEPTH: Final = 32
MAX_NODES: Final = 50_000

Plain = None | bool | int | float | str | list["Plain"] | dict[str, "Plain"]
Key = tuple[str | int, ...]  # the way from the top: mapping keys and list indices

_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times faster where libyaml is
_INT: Final = re.compile(
    r"[-+]?(0|[1-9][0-9_]*|0x_*[0-9a-fA-F][0-9a-fA-F_]*|0b_*[01][01_]*|0o?_*[0-7][0-7_]*)"
)
_FLOAT: Final = re.compile(
    r"[-+]?([0-9][0-9_]*)?\.[0-9_]*([eE][-+]?[0-9]+)?|[-+]?[0-9]+[eE][-+]?[0-9]+"
)
_BOOLS: Final = {"yes": True, "no": False, "true": True, "false": False, "on": True, "off": False}


class Document(msgspec.Struct):
    """One YAML document: its value, and the line (from 1) at which each value, and each key, stands."""

    name: str
    value: Plain
    lines: dict[Key, int]

    def where(self, key: Key) -> str:
        """`file:line` of key, or of the nearest thing around it that has a line."""
        while key not in self.lines and key:
            key = key[:-1]
        return f"{self.name}:{self.lines.get(key, 1)}"


def parse(name: str, text: str, faults: list[Fault]) -> Document | None:
    """The document in text; None, and the reason in faults, if it cannot be taken.  name: for the faults."""
    before = len(faults)
    try:
        faults.extend(_unsafe(name, text))
        if len(faults) > before:
            return None
        node = yaml.compose(text, Loader=_LOADER)
    except yaml.YAMLError as error:
        faults.append(_broken(name, error))
        return None
    document = Document(name, None, {(): 1})
    if node is not None:
        document.value = _plain(node, (), document, faults)
    return document if len(faults) == before else None


def _unsafe(name: str, text: str) -> Iterator[Fault]:
    """Look at the event stream first: it needs no recursion, so depth and size are known before composing."""
    if len(text) > MAX_BYTES:
        yield Fault(f"has {len(text)} characters, limit {MAX_BYTES}", where=name)
        return
    depth = documents = 0
    for count, event in enumerate(yaml.parse(text, Loader=_LOADER)):
        where = f"{name}:{event.start_mark.line + 1 if event.start_mark else 1}"
        if isinstance(event, yaml.DocumentStartEvent):
            documents += 1
            if documents > 1:
                yield Fault("a second document begins", where=where, remedy="keep one per file")
                return
        elif isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.AliasEvent):
            yield Fault(f"alias *{event.anchor} is not allowed", where=where, remedy="write it out")
        tag = getattr(event, "tag", None)
        if tag is not None:
            yield Fault(f"tag {tag} is not allowed", where=where, remedy="remove it")
        if depth > MAX_DEPTH or count > 2 * MAX_NODES:
            what = f"nested deeper than {MAX_DEPTH}" if depth > MAX_DEPTH else "too many values"
            yield Fault(what, where=where)
            return


def _broken(name: str, error: yaml.YAMLError) -> Fault:
    mark = getattr(error, "problem_mark", None)
    problem = getattr(error, "problem", None) or getattr(error, "reason", None) or "is not YAML"
    where = name if mark is None else f"{name}:{mark.line + 1}"
    return Fault(f"is not valid YAML: {problem}", where=where, remedy="see indentation and quotes")


def _plain(node: yaml.Node, key: Key, document: Document, faults: list[Fault]) -> Plain:
    document.lines.setdefault(key, node.start_mark.line + 1)
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*key, at), document, faults) for at, item in enumerate(node.value)]
    found: dict[str, Plain] = {}
    for name_node, value_node in node.value:
        line = name_node.start_mark.line + 1
        where = f"{document.name}:{line}"
        if not isinstance(name_node, yaml.ScalarNode):
            faults.append(Fault("a key must be text", where=where))
            continue
        name = str(name_node.value)
        if name in found:
            first = document.lines[*key, name]
            faults.append(
                Fault(
                    f"{name} is given twice, first in line {first}", where=where, remedy="keep one"
                )
            )
            continue
        document.lines[*key, name] = line
        found[name] = _plain(value_node, (*key, name), document, faults)
    return found


def _scalar(node: yaml.ScalarNode) -> Plain:
    text = str(node.value)
    if (
        node.style
    ):  # quoted or block: text, whatever it looks like (plain is None here, "" in libyaml)
        return text
    if text in {"", "~", "null", "Null", "NULL"}:
        return None
    if text in {text.lower(), text.upper(), text.capitalize()} and text.lower() in _BOOLS:
        return _BOOLS[text.lower()]
    if len(text) <= 40:
        if _INT.fullmatch(text):
            return _integer(text.replace("_", ""))
        if _FLOAT.fullmatch(text) and any(c.isdigit() for c in text):
            return float(text.replace("_", ""))
    return text


def _integer(text: str) -> int:
    digits = text.lstrip("+-")
    if len(digits) > 1 and digits[0] == "0" and digits[1].isdigit():
        return int(text, 8)  # YAML 1.1: a leading zero means octal, as in file modes
    return int(text, 0)
