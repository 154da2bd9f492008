"""`sentinair suppressions …`: say which detections you do not want to see for a time, and see what became of them."""

from __future__ import annotations

import time
from typing import Any

import click

from sentinair.cli.lazy import InOrder
from sentinair.cli.moments import offset, short
from sentinair.cli.options import as_text, for_option, json_option
from sentinair.cli.output import ID_CHARS, emit, table
from sentinair.cli.places import Places, pass_places
from sentinair.cli.reading import find_alert, reading
from sentinair.codecs.suppression_json import render
from sentinair.codecs.times import from_rfc3339
from sentinair.errors import DataFault, EngineAbsent, PermissionFault
from sentinair.ipc.control import call
from sentinair.model.text import shown
from sentinair.store.suppressions import suppressions as recorded

__all__ = ["Counted", "counted_now", "suppressions"]

Counted = dict[str, Any]
"""A suppression as suppression_json shows it, with what it has held back."""


@click.group(cls=InOrder)
def suppressions() -> None:
    """See, add and remove suppressions.

    What one holds back is counted, and its events are kept.
    """


@suppressions.command(name="list")
@click.option("--all", "ended", is_flag=True, help="Also those that have ended.")
@json_option
@pass_places
def list_command(places: Places, ended: bool, as_json: bool) -> None:
    """List suppressions, the oldest first, with what each has held back.

    With the engine down the counts are those last recorded.
    """
    with reading(places) as reader:
        wishes = recorded(reader)
    fresh = counted_now(places)
    now_ns = time.time_ns()
    lines = [fresh.get(one.id) or render(one, now_ns) for one in wishes]
    lines = [line for line in lines if ended or line["active"]]
    if as_json:
        for line in lines:
            emit(line)
        return
    table(
        ("ID", f"UNTIL ({offset()})", "HELD BACK", "LAST", "WHAT", "WHY"),
        [
            (
                str(line["id"])[:ID_CHARS],
                _when(line["ended"] or line["expires"]) + ("" if line["active"] else " (ended)"),
                str(line["count"]),
                _when(line["last"]),
                what(line),
                f"{line['reason']} ({line['author']})",
            )
            for line in lines
        ],
    )
    if not lines:
        click.echo("No suppressions.")


def counted_now(places: Places) -> dict[str, Counted]:
    """By id what the engine counts this moment; nothing if it is not there, or may not be asked."""
    try:
        answer = call(places.control, "suppression.list")
    except (EngineAbsent, PermissionFault):
        return {}
    if not isinstance(answer, list) or not all(isinstance(one, dict) for one in answer):
        raise DataFault("the engine answered with no suppressions")
    return {one["id"]: one for one in answer}


def _when(moment: object) -> str:
    return short(from_rfc3339(moment)) if isinstance(moment, str) else ""


def what(line: dict[str, Any]) -> str:
    """What it holds back, in words."""
    named = ("rule", "path", "program", "user")
    return ", ".join(f"{name} {line[name]}" for name in named if line[name] is not None)


@suppressions.command()
@click.option("--rule", metavar="ID", callback=as_text, help="Detections of this rule.")
@click.option("--like", metavar="ALERT", help="Detections of the rule of this alert.")
@click.option("--path", metavar="GLOB", help="On files whose whole path this matches.")
@click.option("--program", metavar="GLOB", help="By programs whose whole path this matches.")
@click.option("--user", metavar="NAME", callback=as_text, help="By this user, or number.")
@click.option("--reason", metavar="TEXT", required=True, callback=as_text, help="Why; kept.")
@for_option("For how long, at most 366 days: 8h, 30d.", required=True)
@json_option
@pass_places
def add(
    places: Places,
    rule: str | None,
    like: str | None,
    path: str | None,
    program: str | None,
    user: str | None,
    reason: str,
    secs: int,
    as_json: bool,
) -> None:
    """Hold back what fits all that is named here, for a time.

    Give a rule, a path or a program at least. In GLOB * and ? stay within one
    step of a path, and ** as a step spans any number of steps.
    """
    if rule is not None and like is not None:
        raise click.UsageError("--rule and --like name two rules; give one of them.")
    if like is not None:
        with reading(places) as reader:
            rule = find_alert(reader, like).rule_id
    for name, glob in (("--path", path), ("--program", program)):
        if glob is not None and glob != glob.encode("utf-8", "replace").decode():
            raise click.UsageError(f"{name} is not UTF-8; let ? stand for each such byte.")
    wish = {"rule": rule, "path": path, "program": program, "user": user}
    answer = call(places.control, "suppression.add", {**wish, "reason": reason, "secs": secs})
    _say(answer, "until", "expires", as_json)


@suppressions.command()
@click.argument("suppression_id", metavar="ID")
@json_option
@pass_places
def remove(places: Places, suppression_id: str, as_json: bool) -> None:
    """End a suppression now.  ID: its id, or the first characters of it."""
    prefix = shown(suppression_id.strip().lower())
    answer = call(places.control, "suppression.remove", {"id": prefix})
    _say(answer, "ended", "ended", as_json)


def _say(answer: object, word: str, moment: str, as_json: bool) -> None:
    if not isinstance(answer, dict):
        raise DataFault("the engine answered with no suppression")
    if as_json:
        emit(answer)
        return
    held = f", {answer['count']} held back" if answer["ended"] else ""
    when = _when(answer[moment])
    click.echo(f"{str(answer['id'])[:ID_CHARS]}: {what(answer)}; {word} {when}{held}")
