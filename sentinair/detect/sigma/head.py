"""What a rule and a correlation say of themselves alike: title, id, level, author, tags, …

Source: Sigma rules specification 2.1 and Sigma correlation rules specification 2.1, "Components".
"""

from __future__ import annotations

import re
import uuid
from collections.abc import Iterable, Mapping
from typing import Final

import msgspec

from sentinair.detect.sigma.hints import meant
from sentinair.detect.sigma.nodes import Faults, Listed, Mapped, Node, Scalar

__all__ = ["KEYS", "MISSING", "Head", "read_head", "scalars", "text_at"]

KEYS: Final = frozenset(
    [
        "title",
        "id",
        "related",
        "name",
        "taxonomy",
        "status",
        "description",
        "license",
        "author",
        "references",
        "date",
        "modified",
        "fields",
        "falsepositives",
        "level",
        "tags",
        "scope",
        "sentinair",
    ]
)
"""Keys of both."""
MISSING: Final = {
    "title": "say in a few words what it notices",
    "id": "make one with uuidgen",
    "level": "write low, medium, high or critical",
}
"""Keys that must be there, and what to write."""
_LEVELS: Final = {
    "informational": "low",
    "low": "low",
    "medium": "medium",
    "high": "high",
    "critical": "critical",
}
_TECHNIQUE: Final = re.compile(r"t\d{4}(\.\d{3})?")
_NONE_KNOWN: Final = frozenset({"", "-", "n/a", "none", "none known", "unknown"})
_UNLIKELY: Final = frozenset({"unlikely", "highly unlikely", "very unlikely"})
_DEFAULT_LEVEL: Final = "medium"
_BY_NAME: Final = uuid.UUID("9a6cbe6e-0b0e-4f0c-8d5f-4d6b8a2c9f31")


class Head(msgspec.Struct, frozen=True, kw_only=True):
    """What stands above the detection."""

    id: str  # UUID
    name: str | None  # what correlations call it by
    title: str
    description: str
    status: str | None
    author: str | None
    license: str | None
    link: str | None
    severity: str  # of model.alert.SEVERITIES
    techniques: tuple[str, ...]
    tactics: tuple[str, ...]
    harmless: tuple[str, ...]  # one sentence on known false positives, or none


def read_head(
    root: Mapped, known: frozenset[str], missing: Mapping[str, str], faults: Faults
) -> Head:
    """The head of one document; what is wrong goes to faults, and stands as "" in the head.

    known: all keys a document of this kind may have.  missing: those it must have, with what to write.
    One with a name may do without id and level, as the specification lets it.
    """
    for name, node in root.entries.items():
        # Sigma lets a rule carry keys of its own; only what looks like a slip of the pen is refused.
        if name not in known and meant(name, known):
            faults.add(node.line, f"unknown key {name!r}", meant(name, known))
    named = text_at(root, "name")
    for name, remedy in missing.items():
        if name not in root.entries and not (named and name in {"id", "level"}):
            faults.add(root.line, f"the key {name} is missing", remedy)
    _check_texts(root, faults)
    techniques, tactics = _attack(_texts(root, "tags"))
    return Head(
        id=_id(root, faults),
        name=named,
        title=text_at(root, "title") or "",
        description=" ".join((text_at(root, "description") or "").split()),
        status=text_at(root, "status"),
        author=text_at(root, "author"),
        license=text_at(root, "license"),
        link=next(iter(_texts(root, "references")), None),
        severity=_level(root, faults),
        techniques=techniques,
        tactics=tactics,
        harmless=_harmless(_texts(root, "falsepositives")),
    )


def _harmless(texts: Iterable[str]) -> tuple[str, ...]:
    """One sentence on `falsepositives`; what the community writes for "I know of none" becomes words."""
    words = [text.strip().rstrip(".") for text in texts]
    known = [word for word in words if word.lower() not in _NONE_KNOWN | _UNLIKELY]
    if known:
        return (f"Known to be harmless: {'; '.join(known)}.",)
    if any(word.lower() in _UNLIKELY for word in words):
        return ("A harmless cause is unlikely, says who wrote the rule.",)
    return ("Who wrote the rule knows of no harmless cause.",) if words else ()


def text_at(root: Mapped, name: str) -> str | None:
    """The text under a key; None if there is none."""
    node = root.entries.get(name)
    return node.text if isinstance(node, Scalar) and node.kind != "null" else None


def scalars(node: Node | None) -> tuple[Scalar, ...]:
    """One value, or the values of a list; what is neither is left out."""
    if isinstance(node, Scalar):
        return (node,)
    items = node.items if isinstance(node, Listed) else ()
    return tuple(item for item in items if isinstance(item, Scalar))


def _texts(root: Mapped, name: str) -> tuple[str, ...]:
    return tuple(one.text for one in scalars(root.entries.get(name)))


def _check_texts(root: Mapped, faults: Faults) -> None:
    """What travels into the alert must be readable: a text, or a list of texts."""
    for name in ("title", "name", "description", "author", "license", "status"):
        node = root.entries.get(name)
        if node is not None and (not isinstance(node, Scalar) or _is_blank(node, name)):
            faults.add(node.line, f"{name} is one text", f"write `{name}: …`, or leave it out")
    for name in ("references", "tags", "falsepositives"):
        node = root.entries.get(name)
        nodes = node.items if isinstance(node, Listed) else () if node is None else (node,)
        for one in nodes:
            if not isinstance(one, Scalar):
                faults.add(one.line, f"{name} is a list of texts", "write each behind a dash")


def _is_blank(node: Scalar, name: str) -> bool:
    return name == "title" and (node.kind == "null" or not node.text.strip())


def _id(root: Mapped, faults: Faults) -> str:
    node = root.entries.get("id")
    if node is None:
        named = text_at(root, "name")
        return str(uuid.uuid5(_BY_NAME, named)) if named else ""
    text = node.text if isinstance(node, Scalar) else None
    try:
        return str(uuid.UUID(text or ""))
    except ValueError:
        faults.add(node.line, f"id must be a UUID, got {text!r}", MISSING["id"])
        return ""


def _level(root: Mapped, faults: Faults) -> str:
    text = text_at(root, "level")
    if text is None and "level" not in root.entries and text_at(root, "name"):
        return _DEFAULT_LEVEL
    if text is None or text not in _LEVELS:
        if "level" in root.entries:
            faults.add(
                root.entries["level"].line,
                f"level must be one of {', '.join(_LEVELS)}, got {text!r}",
                meant(text or "", _LEVELS) or MISSING["level"],
            )
        return ""
    return _LEVELS[text]


def _attack(tags: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """ATT&CK techniques ("T1548.001") and tactics ("privilege-escalation") from `attack.…` tags."""
    names = [
        tag.lower().removeprefix("attack.") for tag in tags if tag.lower().startswith("attack.")
    ]
    techniques = tuple(name.upper() for name in names if _TECHNIQUE.fullmatch(name))
    tactics = tuple(
        name.replace("_", "-") for name in names if re.fullmatch(r"[a-z]+([_-][a-z]+)*", name)
    )
    return techniques, tactics
