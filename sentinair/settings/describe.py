"""The settings as a table: one line each, for the manual, the command line and the tests of both."""

from __future__ import annotations

import typing
from collections.abc import Iterator
from typing import Annotated, Any

import msgspec

from sentinair.settings.convert import expected, fields
from sentinair.settings.types import Settings

__all__ = ["Described", "described", "table", "value_of"]


class Described(msgspec.Struct, frozen=True):
    """One setting."""

    key: str  # "files.hash_quiet_ms"
    takes: str  # "a whole number from 0 to 60000"
    default: object
    meaning: str


def described() -> list[Described]:
    """All settings, in the order of the files and of their fields."""
    return list(_below(Settings, Settings(), ""))


def _below(kind: type[msgspec.Struct], values: msgspec.Struct, prefix: str) -> Iterator[Described]:
    for name, hint in fields(kind).items():
        key, value = f"{prefix}{name}", getattr(values, name)
        if isinstance(value, msgspec.Struct):
            yield from _below(type(value), value, f"{key}.")
        else:
            yield Described(key, expected(hint), value, _meaning(hint))


def _meaning(hint: Any) -> str:
    metas = typing.get_args(hint)[1:] if typing.get_origin(hint) is Annotated else ()
    return " ".join(m.description for m in metas if m.description)


def value_of(settings: Settings, key: str) -> object:
    """The value at a dotted key.  Raises AttributeError if there is none."""
    found: object = settings
    for name in key.split("."):
        found = getattr(found, name)
    return found


def table() -> str:
    """The Markdown table of the manual."""
    rows = ["| Setting | Takes | Default | Meaning |", "| --- | --- | --- | --- |"]
    for one in described():
        default = f"{len(one.default)} items" if isinstance(one.default, tuple) else one.default
        shown = str(default).lower() if isinstance(default, bool) else default
        rows.append(f"| `{one.key}` | {one.takes} | {shown} | {one.meaning} |")
    return "\n".join(rows) + "\n"
