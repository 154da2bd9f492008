"""`sentinair alerts …`: see alerts, have them explained, answer them."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import islice

import click
import msgspec

from sentinair.alerts.explain import explain as explained
from sentinair.alerts.explain import explain_json
from sentinair.cli.lazy import InOrder
from sentinair.cli.moments import local, offset, short
from sentinair.cli.options import (
    as_text,
    comment_option,
    interval,
    json_option,
    limit_option,
    source_option,
)
from sentinair.cli.output import emit, fields, short_id_chars, table
from sentinair.cli.places import Places, pass_places
from sentinair.cli.process_timeline import what_it_did
from sentinair.cli.reading import find_alert, reading
from sentinair.codecs.alert_json import render
from sentinair.errors import DataFault, SentinairError
from sentinair.ipc.control import call
from sentinair.model.alert import SEVERITIES, STATUSES, Alert
from sentinair.store.newest import newest_alerts
from sentinair.store.read import AlertFilter

__all__ = ["alerts"]


@click.group(cls=InOrder)
def alerts() -> None:
    """See alerts, have them explained, and answer them."""


@alerts.command(name="list")
@interval
@click.option("--severity", multiple=True, type=click.Choice(SEVERITIES), help="May be repeated.")
@click.option("--status", multiple=True, type=click.Choice(STATUSES), help="May be repeated.")
@source_option("Which detector: sigma, gap, … May be repeated.")
@limit_option(50)
@json_option
@pass_places
def list_command(
    places: Places,
    since_ns: int | None,
    until_ns: int | None,
    severity: tuple[str, ...],
    status: tuple[str, ...],
    source: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List alerts, the newest first."""
    wanted = AlertFilter(
        since_ns=since_ns, until_ns=until_ns, severity=severity, status=status, source=source
    )
    with reading(places) as reader:
        found = newest_alerts(reader, wanted)
        if as_json:
            for alert in islice(found, limit or None):
                emit(render(alert))
            return
        rows = list(islice(found, limit or None))
        more = next(found, None) is not None
    _table(rows)
    if more:
        click.echo(f"The newest {len(rows)}; --limit 0 shows all, --until goes further back.")
    if not rows:
        click.echo("No alerts.")


def _table(rows: Sequence[Alert]) -> None:
    chars = short_id_chars([alert.id for alert in rows])
    table(
        ("ID", f"TIME ({offset()})", "SEVERITY", "STATUS", "WHAT"),
        [
            (
                alert.id[:chars],
                short(alert.time_ns),
                alert.severity,
                standing(alert),
                what(alert),
            )
            for alert in rows
        ],
    )


def what(alert: Alert) -> str:
    """Title, on what, how often."""
    if alert.gathered:
        return f"{alert.title}: {alert.count} more"
    subject = alert.filename or alert.process or ""
    times = f" (x{alert.count})" if alert.count > 1 else ""
    return f"{alert.title}{times}{': ' if subject else ''}{subject}"


@alerts.command()
@click.argument("alert_id", metavar="ID")
@json_option
@pass_places
def show(places: Places, alert_id: str, as_json: bool) -> None:
    """Show one alert whole.  ID: its id, or the first characters of it."""
    with reading(places) as reader:
        alert = find_alert(reader, alert_id)
    if as_json:
        emit(render(alert))
        return
    fields(_pairs(alert))
    click.echo("\nDetails:")
    click.echo(msgspec.json.format(msgspec.json.encode(alert.details), indent=2).decode())


def standing(alert: Alert) -> str:
    """Its status, and whether it has waited too long for an answer."""
    loud = alert.status == "open" and alert.escalated_at_ns is not None
    return "open (escalated)" if loud else alert.status


def _pairs(alert: Alert) -> list[tuple[str, str]]:
    pairs = [
        ("id", alert.id),
        ("time", local(alert.time_ns)),
        ("severity", alert.severity),
        ("confidence", f"{alert.confidence:.2f}"),
        ("status", standing(alert)),
        ("assigned to", alert.assignee or ""),
        ("title", alert.title),
        ("description", alert.description),
        ("category", alert.category),
        ("rule", alert.rule_id),
        ("techniques", " ".join(alert.techniques)),
        ("file", alert.filename or ""),
        ("process", alert.process or ""),
        ("pid", "" if alert.pid is None else str(alert.pid)),
        ("user", alert.user or ""),
        ("count", str(alert.count)),
        ("last seen", local(alert.last_seen_ns)),
        ("answered by", alert.acknowledged_by or ""),
        ("answered at", _moment(alert.acknowledged_at_ns)),
        ("comment", alert.comment or ""),
        ("notice", "held: a maintenance went on" if alert.held_since_ns is not None else ""),
        ("drill", "yes, nothing bad happened" if alert.details.get("drill") else ""),
        ("escalated at", _moment(alert.escalated_at_ns)),
        ("closed at", _moment(alert.closed_at_ns)),
        ("opened again", _moment(alert.reopened_at_ns)),
        *(("note", f"{local(n.time_ns)}, {n.by}: {n.text}") for n in alert.notes),
        ("record", "" if alert.seq is None else str(alert.seq)),
    ]
    return [(name, value) for name, value in pairs if value]


def _moment(time_ns: int | None) -> str:
    return "" if time_ns is None else local(time_ns)


@alerts.command()
@click.argument("alert_id", metavar="ID")
@json_option
@pass_places
def explain(places: Places, alert_id: str, as_json: bool) -> None:
    """Say what happened, why, and what to do."""
    with reading(places) as reader:
        alert = find_alert(reader, alert_id)
        did = what_it_did(reader, alert)
    if as_json:
        emit(explain_json(alert, did))
    else:
        click.echo(explained(alert, did), nl=False)


def _answer(
    places: Places, verb: str, ids: Sequence[str], comment: str | None, as_json: bool
) -> None:
    """Give each alert the answer; one that cannot take it does not keep the others from theirs."""
    first: SentinairError | None = None
    with reading(places) as reader:
        for alert_id in ids:
            try:
                whole = find_alert(reader, alert_id).id
                answer = call(
                    places.control, "alert.answer", {"id": whole, "verb": verb, "comment": comment}
                )
            except SentinairError as fault:
                if len(ids) == 1 or fault.exit_status not in {1, 2}:
                    raise
                first = first or fault
                click.echo(f"sentinair: {fault}", err=True)
                continue
            if not isinstance(answer, dict):
                raise DataFault("the engine answered with no alert")
            if as_json:
                emit(answer)
            else:
                click.echo(f"{whole}: {answer.get('status', verb)}")
    if first is not None:
        click.get_current_context().exit(first.exit_status)


def _verb(name: str, verb: str, about: str) -> None:
    @alerts.command(name=name, help=about)
    @click.argument("ids", metavar="ID...", nargs=-1, required=True)
    @comment_option
    @json_option
    @pass_places
    def answer(places: Places, ids: tuple[str, ...], comment: str | None, as_json: bool) -> None:
        _answer(places, verb, ids, comment, as_json)


_verb("ack", "acknowledge", "Say that you have seen these alerts.")
_verb("resolve", "resolve", "Say that what these alerts tell is dealt with.")
_verb("false-positive", "false_positive", "Say that these alerts tell nothing bad.")
_verb("reopen", "reopen", "Open answered alerts again.")


@alerts.command()
@click.argument("alert_id", metavar="ID")
@click.argument("text", callback=as_text)
@json_option
@pass_places
def note(places: Places, alert_id: str, text: str, as_json: bool) -> None:
    """Write a note beside an alert."""
    _told(places, alert_id, "alert.note", {"text": text}, as_json, "noted")


@alerts.command()
@click.argument("alert_id", metavar="ID")
@click.argument("who", callback=as_text)
@json_option
@pass_places
def assign(places: Places, alert_id: str, who: str, as_json: bool) -> None:
    """Say WHO is to look at an alert; - means nobody."""
    to = None if who == "-" else who
    said = "assigned to nobody" if to is None else f"assigned to {to}"
    _told(places, alert_id, "alert.assign", {"to": to}, as_json, said)


def _told(
    places: Places, alert_id: str, method: str, what: dict[str, object], as_json: bool, said: str
) -> None:
    with reading(places) as reader:
        whole = find_alert(reader, alert_id).id
    answer = call(places.control, method, {"id": whole, **what})
    if as_json:
        emit(answer)
    else:
        click.echo(f"{whole}: {said}")
