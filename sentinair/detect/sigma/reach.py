"""Whether a rule can ever speak on this host: a rule on files that are not watched is silent, and nothing is wrong with it."""

from __future__ import annotations

from collections.abc import Sequence

from sentinair.detect.sigma.rule import All, Any, Item, Rule, Test

__all__ = ["silence"]


def silence(rule: Rule, watched: Sequence[str]) -> str | None:
    """Why rule stays silent, for certain; None if it may speak.

    watched: beginnings of all watched paths, without a slash at the end.
    """
    if rule.logsource == "file_event":
        outside = _outside(rule.test, watched)
        if outside:
            return f"silent: files.watch has nothing under {', '.join(outside)}"
    return None


def _outside(test: Test, watched: Sequence[str]) -> tuple[str, ...]:
    """The beginnings of paths that test wants, if all of them lie outside of what is watched; else nothing."""
    if isinstance(test, Item):
        return _of_item(test, watched)
    if isinstance(test, All):
        return next((found for part in test.parts if (found := _outside(part, watched))), ())
    if isinstance(test, Any):
        parts = [_outside(part, watched) for part in test.parts]
        return tuple(dict.fromkeys(one for part in parts for one in part)) if all(parts) else ()
    return ()  # what must not be leaves the rest of the tree


def _of_item(item: Item, watched: Sequence[str]) -> tuple[str, ...]:
    if item.field != "TargetFilename" or item.op not in {"equals", "startswith"}:
        return ()
    beginnings = [_literal(pattern) for patterns in item.patterns for pattern in patterns]
    wanted = tuple(dict.fromkeys(beginnings))
    return (
        () if not wanted or item.absent or any(_meets(one, watched) for one in wanted) else wanted
    )


def _literal(pattern: Sequence[str | int | None]) -> str:
    """What stands before the first wildcard."""
    return pattern[0] if pattern and isinstance(pattern[0], str) else ""


def _meets(beginning: str, watched: Sequence[str]) -> bool:
    """Whether a path with this beginning can be watched; without regard to case, as rules compare."""
    wanted = beginning.casefold()
    for one in watched:
        place = one.casefold()
        if (
            place.startswith(wanted)
            or wanted == place
            or wanted.startswith(f"{place}/")
            or not place
        ):
            return True
    return False
