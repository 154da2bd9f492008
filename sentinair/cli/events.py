"""`sentinair events …`: what happened, as it was stored."""

from __future__ import annotations

import time
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, TypeVar

import click

from sentinair.cli.events_text import summary
from sentinair.cli.moments import offset, short
from sentinair.cli.options import interval, json_option, limit_option
from sentinair.cli.output import cut, emit, table, width
from sentinair.cli.places import Places, pass_places
from sentinair.cli.reading import newest_events, reading
from sentinair.codecs.event_json import render
from sentinair.model.event import KINDS
from sentinair.store.read import EventFilter, Found

__all__ = ["events"]

FOLLOW_SECS: Final = 0.2
_F = TypeVar("_F", bound=Callable[..., Any])


@click.group()
def events() -> None:
    """See what happened: file changes, programs, gaps, hashes, rescans."""


def _which(command: _F) -> _F:
    """--kind and --source."""
    kind = click.option("--kind", multiple=True, type=click.Choice(KINDS), help="May be repeated.")
    source = click.option(
        "--source",
        multiple=True,
        metavar="NAME",
        help="Which source: fanotify, cnproc, rescan, … May be repeated.",
    )
    return kind(source(command))


def _rendered(found: Found) -> dict[str, Any]:
    return render(found.id, found.event, found.process, found.source)


@events.command(name="list")
@interval
@_which
@limit_option(50)
@json_option
@pass_places
def list_command(
    places: Places,
    since_ns: int | None,
    until_ns: int | None,
    kind: tuple[str, ...],
    source: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """List events, the newest first."""
    wanted = EventFilter(since_ns=since_ns, until_ns=until_ns, kind=kind, source=source)
    with reading(places) as reader:
        found = newest_events(reader, wanted)
        if as_json:
            for one in islice(found, limit or None):
                emit(_rendered(one))
            return
        rows = [
            (str(one.id), short(one.event.seen_ns), one.kind, summary(_rendered(one)))
            for one in islice(found, limit or None)
        ]
        more = next(found, None) is not None
    table(("ID", f"TIME ({offset()})", "KIND", "WHAT"), rows)
    if more:
        click.echo(f"The newest {len(rows)}; --limit 0 shows all, --until goes further back.")
    if not rows:
        click.echo("No events.")
