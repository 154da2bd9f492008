"""Globs over whole paths, matched without going wild: at most pattern times path steps, whatever stands in them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final, TypeVar

__all__ = ["Glob"]

_Item = TypeVar("_Item")
_Want = TypeVar("_Want")
_STAR: Final = ord("*")
_ANY: Final = ord("?")
_DEEP: Final = b"**"


class Glob:
    """`*` and `?` stay within one step of the path, `**` as a step of its own spans any number of steps, also none.

    Unlike in the settings a path names itself only: what a person does not want to see is said exactly.
    """

    __slots__ = ("_begin", "_steps", "_whole")

    def __init__(self, pattern: str) -> None:
        """pattern: absolute; a byte of a name that is not UTF-8 is met by `?`."""
        raw = pattern.encode()
        wild = [at for at in (raw.find(b"*"), raw.find(b"?")) if at >= 0]
        self._whole = not wild
        self._begin = raw if not wild else raw[: min(wild)].rpartition(b"/")[0]
        self._steps = tuple(raw.split(b"/")[1:])

    def matches(self, path: bytes) -> bool:
        """Whether it names this whole path."""
        if self._whole:
            return path == self._begin
        # Nearly every path of the host ends here.
        return path.startswith(self._begin) and _wild(
            path.split(b"/")[1:], self._steps, _DEEP, _step
        )


def _step(step: bytes, want: bytes) -> bool:
    if _STAR not in want and _ANY not in want:
        return step == want
    return _wild(step, want, _STAR, _byte)


def _byte(byte: int, want: int) -> bool:
    return want in (byte, _ANY)


def _wild(
    items: Sequence[_Item],
    wanted: Sequence[_Want],
    many: _Want,
    fits: Callable[[_Item, _Want], bool],
) -> bool:
    """Whether wanted, in which `many` stands for any run of items, takes all items.

    Only the last `many` is ever tried again: an earlier one that takes more can win nothing the last could not.
    """
    at = want = mark = 0
    last = -1
    while at < len(items):
        if want < len(wanted) and wanted[want] == many:
            last, mark = want, at
            want += 1
        elif want < len(wanted) and fits(items[at], wanted[want]):
            at += 1
            want += 1
        elif last >= 0:
            mark += 1
            at, want = mark, last + 1
        else:
            return False
    return all(left == many for left in wanted[want:])
