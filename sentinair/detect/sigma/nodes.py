"""One YAML file as nodes that know their line: text only, no tags, no aliases, no repeated keys."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import msgspec
import yaml

from sentinair.errors import Fault

__all__ = [
    "MAX_BYTES",
    "MAX_FAULTS",
    "Faults",
    "Listed",
    "Mapped",
    "Node",
    "Scalar",
    "compose",
    "compose_all",
]

MAX_BYTES: Final = 256 * 1024
MAX_FAULTS: Final = 200
"""Told of one file: one that is no rule at all can have a fault in every line."""
_MAX_DEPTH: Final = 32
# libyaml is ten times as fast; a PyYAML built without it reads the same
_MANUAL: Final = "docs/rules.md says what a rule may hold"
_REMEDY: Final = "indent by spaces, and put text with special characters in quotes"
_LOADER: Final = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
_KINDS: Final = {
    f"tag:yaml.org,2002:{kind}": kind
    for kind in ("str", "int", "float", "bool", "null", "timestamp", "value", "merge")
}


class Scalar(msgspec.Struct, frozen=True):
    """One value as written."""

    text: str
    kind: str  # str int float bool null timestamp …: how YAML 1.1 reads it
    line: int


class Listed(msgspec.Struct, frozen=True):
    """A list."""

    items: tuple[Node, ...]
    line: int


class Mapped(msgspec.Struct, frozen=True):
    """A map; keys are text and each stands once."""

    entries: dict[str, Node]
    line: int


Node = Scalar | Listed | Mapped


class Faults:
    """Collects what is wrong in one file, so that a person sees all of it at once."""

    def __init__(self, file: str) -> None:
        self.file = file
        self.found: list[Fault] = []

    def add(self, line: int, what: str, remedy: str = "") -> None:
        """line counts from 1."""
        self.found.append(Fault(what, where=f"{self.file}:{line}", remedy=remedy or _MANUAL))

    def told(self) -> tuple[Fault, ...]:
        """The first MAX_FAULTS, and how many more there are."""
        more = len(self.found) - MAX_FAULTS
        if more <= 0:
            return tuple(self.found)
        last = Fault(
            f"{more} more faults", where=self.file, remedy="see whether it is a rule at all"
        )
        return (*self.found[:MAX_FAULTS], last)

    def __iter__(self) -> Iterator[Fault]:
        return iter(self.found)


def compose(text: bytes, faults: Faults) -> Node | None:
    """The file's one document; None where it cannot be read at all.  What is wrong goes to faults."""
    roots = compose_all(text, faults)
    if len(roots) > 1:
        faults.add(roots[1].line, "a second document (`---`) has no meaning here", "take it out")
    return roots[0] if roots else None


def compose_all(text: bytes, faults: Faults) -> list[Node]:
    """Every document of the file; none where it cannot be read at all.  What is wrong goes to faults."""
    if len(text) > MAX_BYTES:
        faults.add(1, f"the file has {len(text)} bytes, a rule at most {MAX_BYTES}", "split it")
        return []
    try:
        if _too_deep(text, faults):
            return []
        roots = [root for root in yaml.compose_all(text, Loader=_LOADER) if not _is_empty(root)]
    except yaml.MarkedYAMLError as fault:
        mark = fault.problem_mark
        last = text.count(b"\n") + 1  # libyaml counts one more at an end without a newline
        line = 1 if mark is None else min(mark.line + 1, last)
        faults.add(line, f"not YAML: {fault.problem}", _REMEDY)
        return []
    except (yaml.YAMLError, UnicodeDecodeError, RecursionError) as fault:
        faults.add(1, f"not YAML: {str(fault).splitlines()[0]}", _REMEDY)
        return []
    if not roots:
        faults.add(1, "the file is empty", "write a rule or remove the file")
    walk = _Walk(faults)
    found = (walk.node(root, 0) for root in roots)
    return [one for one in found if one is not None]


def _is_empty(root: yaml.Node | None) -> bool:
    """Nothing stands between two `---`, or behind the last."""
    return root is None or (isinstance(root, yaml.ScalarNode) and root.value == "")


def _too_deep(text: bytes, faults: Faults) -> bool:
    """From the event stream, which needs no recursion: libyaml's composer would end the process at such a depth."""
    depth = 0
    for event in yaml.parse(text, Loader=_LOADER):
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        if depth > _MAX_DEPTH:
            mark = event.start_mark
            line = 1 if mark is None else mark.line + 1
            faults.add(line, f"nested deeper than {_MAX_DEPTH} levels", "write it flatter")
            return True
    return False


class _Walk:
    """yaml's nodes to ours; a node reached twice is an alias."""

    def __init__(self, faults: Faults) -> None:
        self._faults = faults
        self._seen: set[int] = set()

    def node(self, node: yaml.Node, depth: int) -> Node | None:
        line = node.start_mark.line + 1
        if id(node) in self._seen:
            self._faults.add(line, "a YAML alias (*name) is not accepted", "write the value out")
            return None
        self._seen.add(id(node))
        if depth > _MAX_DEPTH:
            self._faults.add(line, f"nested deeper than {_MAX_DEPTH} levels", "write it flatter")
            return None
        if isinstance(node, yaml.MappingNode):
            return self._mapped(node, line, depth)
        if isinstance(node, yaml.SequenceNode):
            items = (self.node(item, depth + 1) for item in node.value)
            return Listed(tuple(item for item in items if item is not None), line)
        return self._scalar(node, line)

    def _scalar(self, node: yaml.Node, line: int) -> Scalar | None:
        kind = _KINDS.get(str(node.tag))
        if kind is None:
            self._faults.add(line, f"the tag {node.tag} is not accepted", "write the plain value")
            return None
        return Scalar(str(node.value), kind, line)

    def _mapped(self, node: yaml.MappingNode, line: int, depth: int) -> Mapped:
        entries: dict[str, Node] = {}
        for key, value in node.value:
            key_line = key.start_mark.line + 1
            if not isinstance(key, yaml.ScalarNode):
                self._faults.add(key_line, "a key must be plain text", "write `name: value`")
                continue
            name = str(key.value)
            if name in entries:
                self._faults.add(key_line, f"{name!r} stands here a second time", "merge the two")
                continue
            inner = self.node(value, depth + 1)
            if inner is not None:
                entries[name] = inner
        return Mapped(entries, line)
