"""What was read back, counted against what was to be read."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

__all__ = ["Readback", "doubles", "flat"]

_MARK: Final = re.compile(r"…\[\d+ (?:bytes, sha256 )?[0-9a-f]{16}\]")
_MOST: Final = 5
_ABSENT: Final = object()
_GREATEST: Final = 1.7976931348623157e308


class Readback:
    """One reader's account of one codec.  wanted comes from tables of the tests, never from the codec."""

    def __init__(self, alerts: int) -> None:
        self.alerts = alerts
        self.records = self.fields = self.differences = self.cuts = self.left_out = 0
        self.examples: list[str] = []

    def compare(self, seq: int, wanted: Mapping[Any, object], found: Mapping[Any, object]) -> None:
        """One record, field by field; a field that one of the two lacks is a difference."""
        self.records += 1
        for name in wanted.keys() | found.keys():
            self.fields += 1
            ours, theirs = wanted.get(name, _ABSENT), found.get(name, _ABSENT)
            if isinstance(ours, str) and _MARK.search(ours):
                self.cuts += 1
            if ours != theirs:
                self.differ(f"{seq} {name}: {ours!r:.200} became {theirs!r:.200}")

    def differ(self, what: str) -> None:
        self.differences += 1
        if len(self.examples) < _MOST:
            self.examples.append(what)

    def leave_out(self, count: int = 1) -> None:
        """Records that this reader is known to read wrong."""
        self.left_out += count

    def read(self, count: int) -> None:
        """So many records were read from what is compared one by one."""
        if count != self.alerts - self.left_out:
            self.differ(f"{count} records of {self.alerts - self.left_out} alerts")

    def figures(self, what: str = "alerts") -> dict[str, object]:
        found: dict[str, object] = {
            what: self.alerts,
            "left_out_for_the_readers_faults": self.left_out,
            "records_read_back": self.records,
            "fields_compared": self.fields,
            "differences": self.differences,
            "cuts_checked": self.cuts,
        }
        return found | ({"examples": self.examples} if self.examples else {})


def flat(
    value: object, path: tuple[object, ...] = ()
) -> Iterator[tuple[tuple[object, ...], object]]:
    """Each leaf of a JSON value, and each empty object or list, with its path."""
    if isinstance(value, Mapping) and value:
        for name, one in value.items():
            yield from flat(one, (*path, name))
    elif isinstance(value, Sequence) and not isinstance(value, str) and value:
        for number, one in enumerate(value):
            yield from flat(one, (*path, number))
    else:
        yield path, value


def doubles(value: Any) -> Any:
    """Numbers as a reader has them that knows doubles only, and no infinity."""
    if isinstance(value, dict):
        return {name: doubles(one) for name, one in value.items()}
    if isinstance(value, list):
        return [doubles(one) for one in value]
    if isinstance(value, int | float) and not isinstance(value, bool):
        return float(value) if abs(value) <= _GREATEST else _GREATEST if value > 0 else -_GREATEST
    return value
