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
from sentinair.codecs.times import rfc3339
from sentinair.errors import EngineAbsent, SentinairError
from sentinair.ipc.control import call
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


@click.command()
@json_option
@pass_places
def status(places: Places, as_json: bool) -> None:
    """Show what runs, sees, misses, found and kept.

    With the engine down: what the record tells, and exit status 69.
    """
    try:
        answer = call(places.control, "status")
    except EngineAbsent:
        _from_record(places, as_json)
        raise
    if as_json:
        emit(answer)
    else:
        fields(status_text.rows(status_text.parse(answer)))


def _from_record(places: Places, as_json: bool) -> None:
    try:
        with reading(places) as reader:
            found = left(reader)
    except (SentinairError, OSError) as fault:
        if not as_json:
            fields([("sentinair", "not running"), ("record", str(fault))])
        return
    if as_json:
        emit(_as_json(found))
        return
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
        "alerts": {"total": found.alerts, "open": found.open_alerts},
    }


def left(reader: Reader) -> Left:
    """Read it.  Raises StorageFault or DataFault."""
    head = reader.head()
    shelves = reader.alert_counts()
    return Left(
        records=head.seq,
        link=head.link.hex(),
        last_record_ns=head.time_ns,
        last_checkpoint_ns=head.checkpoint_ns,
        open_gaps=len(reader.gaps(open_only=True)),
        events=sum(one.count for one in reader.event_counts()),
        alerts=sum(one.count for one in shelves),
        open_alerts=sum(one.count for one in shelves if one.status == "open"),
    )
