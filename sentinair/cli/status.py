"""`sentinair status`: what the agent does now; what it last wrote, when it does not run."""

from __future__ import annotations

import time

import click
import msgspec

from sentinair.cli import status_text
from sentinair.cli.moments import ago
from sentinair.cli.options import json_option
from sentinair.cli.output import emit, fields
from sentinair.cli.places import Places, pass_places
from sentinair.cli.reading import reading
from sentinair.codecs.prometheus import exposition
from sentinair.codecs.status_metrics import families
from sentinair.codecs.times import rfc3339
from sentinair.errors import EngineAbsent, SentinairError
from sentinair.ipc.control import call
from sentinair.model.alert import SEVERITIES
from sentinair.store.read import Reader

__all__ = ["Left", "left", "status"]


class Left(msgspec.Struct, frozen=True):
    """What the record tells of an agent that does not run."""

    records: int
    link: str  # of the head, hexadecimal
    last_record_ns: int | None
    last_checkpoint_ns: int | None
    open_gaps: int
    events: int
    alerts: int
    open_alerts: int
    by_severity: dict[str, int]  # those


@click.command()
@json_option
@click.option(
    "--format",
    "form",
    type=click.Choice(["text", "json", "prometheus"]),
    default="text",
    show_default=True,
    help="prometheus: its text exposition format.",
)
@pass_places
def status(places: Places, as_json: bool, form: str) -> None:
    """Show what runs, sees, misses, found and kept.

    With the engine down: what the record tells, and exit status 69.
    """
    form = "json" if as_json else form
    try:
        answer = call(places.control, "status")
    except EngineAbsent:
        _from_record(places, form)
        raise
    if form == "json":
        emit(answer)
    elif form == "prometheus":
        _emit_metrics(answer)
    else:
        fields(status_text.rows(status_text.parse(answer)))


def _emit_metrics(answer: object) -> None:
    click.echo(exposition(families(answer, time.time_ns())), nl=False)


def _from_record(places: Places, form: str) -> None:
    try:
        with reading(places) as reader:
            found = left(reader)
    except (SentinairError, OSError) as fault:
        if form == "prometheus":
            _emit_metrics({"system": {"running": False}})
        elif form == "text":
            fields([("sentinair", "not running"), ("record", str(fault))])
        return
    if form == "text":
        _show(found)
    elif form == "json":
        emit(_as_json(found))
    else:
        _emit_metrics(_as_json(found))


def _show(found: Left) -> None:
    now = time.time_ns()
    when = "none" if found.last_record_ns is None else ago(found.last_record_ns, now)
    sealed = "none" if found.last_checkpoint_ns is None else ago(found.last_checkpoint_ns, now)
    fields(
        [
            ("sentinair", "not running"),
            ("ledger", f"record {found.records}, head {found.link[:16]}"),
            ("last record", when),
            ("checkpoint", sealed),
            ("gaps", f"{found.open_gaps} not yet restored"),
            ("events", str(found.events)),
            ("alerts", f"{found.alerts}, {found.open_alerts} open"),
        ]
    )


def _as_json(found: Left) -> dict[str, object]:
    """The shape of a running engine's answer, as far as the record goes."""
    sealed = found.last_checkpoint_ns
    newest = found.last_record_ns
    return {
        "system": {"running": False},
        "ledger": {
            "seq": found.records,
            "link": found.link,
            "last_record": None if newest is None else rfc3339(newest),
            "last_checkpoint": None if sealed is None else rfc3339(sealed),
        },
        "coverage": {"gaps_open": found.open_gaps},
        "events": found.events,
        "alerts": {
            "total": found.alerts,
            "open": found.open_alerts,
            "by_severity": found.by_severity,
        },
    }


def left(reader: Reader) -> Left:
    """Read it.  Raises StorageFault or DataFault."""
    head = reader.head()
    shelves = reader.alert_counts()
    by_severity = dict.fromkeys(SEVERITIES, 0)
    for one in shelves:
        if one.status == "open":
            by_severity[one.severity] = by_severity.get(one.severity, 0) + one.count
    return Left(
        records=head.seq,
        link=head.link.hex(),
        last_record_ns=head.time_ns,
        last_checkpoint_ns=head.checkpoint_ns,
        open_gaps=len(reader.gaps(open_only=True)),
        events=sum(one.count for one in reader.event_counts()),
        alerts=sum(one.count for one in shelves),
        open_alerts=sum(by_severity.values()),
        by_severity=by_severity,
    )
