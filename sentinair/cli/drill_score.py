"""What a drill found, counted and shown: by rule, by technique, by monitor."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Final

import click
import msgspec

from sentinair.cli.output import table
from sentinair.model.attack import technique_name

__all__ = ["Outcome", "Score", "monitor_of", "score", "show"]

_WORDS: Final = {True: "came", False: "MISSING", None: "not drilled"}
_MONITORS: Final = {"process_creation": "process", "file_event": "file"}


class Outcome(msgspec.Struct, frozen=True):
    """What became of one rule."""

    rule: str  # id
    title: str
    techniques: tuple[str, ...]
    monitor: str  # whose events it sees; "counted": a correlation
    came: bool | None  # None: it was not drilled, and reason says why
    how: str | None = None  # the act
    millis: int | None = None  # act done to alert readable in the database
    tries: int = 0
    alert: str | None = None
    reason: str | None = None


class Score(msgspec.Struct, frozen=True):
    """Counts of rules.  techniques, monitors: proven and all rules of each."""

    rules: int
    came: int
    missing: int
    not_drilled: int
    slowest_millis: int | None
    techniques: dict[str, tuple[int, int]]
    monitors: dict[str, tuple[int, int]]


def monitor_of(logsource: str) -> str:
    """The monitor whose events a rule of this log source sees."""
    return _MONITORS.get(logsource, logsource)


def score(outcomes: Sequence[Outcome]) -> Score:
    """What was not drilled counts against it."""
    came = [one for one in outcomes if one.came]
    return Score(
        rules=len(outcomes),
        came=len(came),
        missing=sum(one.came is False for one in outcomes),
        not_drilled=sum(one.came is None for one in outcomes),
        slowest_millis=max((one.millis or 0 for one in came), default=None),
        techniques=_shares((name, one) for one in outcomes for name in one.techniques),
        monitors=_shares((one.monitor, one) for one in outcomes),
    )


def _shares(named: Iterable[tuple[str, Outcome]]) -> dict[str, tuple[int, int]]:
    shares: dict[str, tuple[int, int]] = {}
    for name, outcome in named:
        proven, total = shares.get(name, (0, 0))
        shares[name] = (proven + (outcome.came is True), total + 1)
    return dict(sorted(shares.items()))


def show(outcomes: Sequence[Outcome]) -> None:
    """For people: a line a rule, then what it amounts to."""
    table(
        ("RULE", "ALERT", "MS", "ACT"),
        [
            (
                one.title,
                _WORDS[one.came],
                "" if one.millis is None else str(one.millis),
                _told(one),
            )
            for one in outcomes
        ],
    )
    found = score(outcomes)
    share = found.came / found.rules if found.rules else 0
    click.echo(
        f"\nScore {share:.0%}: {found.came} of {found.rules} rules came, {found.missing} MISSING, "
        f"{found.not_drilled} not drilled."
    )
    if found.slowest_millis is not None:
        click.echo(f"The slowest alert came after {found.slowest_millis} ms.")
    for name, (proven, total) in found.monitors.items():
        if name == "counted":
            continue
        click.echo(f"{name.capitalize()} monitor: {proven} of {total} rules.")
    open_ones = {name: share for name, share in found.techniques.items() if share[0] < share[1]}
    click.echo(
        f"Techniques proven: {len(found.techniques) - len(open_ones)} of {len(found.techniques)}."
    )
    for name, (proven, total) in open_ones.items():
        known = technique_name(name)
        click.echo(f"  {name}{'' if known is None else f' {known}'}: {proven} of {total} rules")


def _told(one: Outcome) -> str:
    if one.came is None:
        return one.reason or ""
    again = f" (try {one.tries})" if one.tries > 1 else ""
    return f"{one.how or ''}{again}" if one.came else f"{one.reason}: {one.how}"
