"""What a fault says of a name that is not known: the one that was meant, or all there are."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

__all__ = ["known", "meant", "meant_or_known"]


def meant(got: str, names: Iterable[str]) -> str:
    """`did you mean …?`, or "" where none of names is alike."""
    close = difflib.get_close_matches(got, sorted(names), n=1)
    return f"did you mean {close[0]}?" if close else ""


def known(names: Iterable[str]) -> str:
    """`known are …`, all of them in order."""
    return f"known are {', '.join(sorted(names))}"


def meant_or_known(got: str, names: Iterable[str]) -> str:
    """The one that was meant, else all there are."""
    names = tuple(names)
    return meant(got, names) or known(names)
