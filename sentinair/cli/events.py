"""`sentinair events …`: what happened, as it was stored."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from itertools import islice
from typing import Any, Final, TypeVar

import click

from sentinair.cli.events_text import summary
from sentinair.cli.lazy import InOrder
from sentinair.cli.moments import offset, short
from sentinair.cli.options import interval, json_option, limit_option, source_option
from sentinair.cli.output import cut, emit, on_terminal, table, width
from sentinair.cli.places import Places, pass_places
from sentinair.cli.reading import reading
from sentinair.codecs.event_json import render
from sentinair.model.event import KINDS
from sentinair.store.access import is_claimed
from sentinair.store.events import StoredEvent
from sentinair.store.newest import newest_events
from sentinair.store.read import EventFilter, Reader, StreamCount

__all__ = ["events"]

FOLLOW_SECS: Final = 0.2
CHUNK_ROWS: Final = 500  # rows aligned together; more are not held at once
_F = TypeVar("_F", bound=Callable[..., Any])


@click.group(cls=InOrder)
def events() -> None:
    """See what happened: files, programs, gaps."""


def _which(command: _F) -> _F:
    """--kind and --source."""
    kind = click.option("--kind", multiple=True, type=click.Choice(KINDS), help="May be repeated.")
    return kind(
        source_option("Which source: fanotify, cnproc, rescan, … May be repeated.")(command)
    )


def _rendered(found: StoredEvent) -> dict[str, Any]:
    return render(found.id, found.event, found.process, found.source)


def _cells(found: StoredEvent) -> tuple[str, str, str, str]:
    return str(found.id), short(found.time_ns), found.kind, summary(_rendered(found))


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
    with reading(places) as reader:
        found = newest_events(reader, EventFilter(since_ns, until_ns, kind, source))
        chosen = islice(found, limit or None)
        if as_json:
            for one in chosen:
                emit(_rendered(one))
            return
        shown = 0
        while rows := [_cells(one) for one in islice(chosen, CHUNK_ROWS)]:
            table(("ID", f"TIME ({offset()})", "KIND", "WHAT"), rows)
            shown += len(rows)
        if not shown:
            click.echo("No events.")
        elif next(found, None) is not None:
            click.echo(f"The newest {shown}; --limit 0 shows all, --until goes further back.")


@events.command()
@_which
@limit_option(10)
@json_option
@pass_places
def tail(
    places: Places, kind: tuple[str, ...], source: tuple[str, ...], limit: int, as_json: bool
) -> None:
    """Follow new events, the oldest first, until Ctrl-C; begins with the last ones."""
    wanted = EventFilter(kind=kind, source=source)
    last: int | None = None
    while True:
        with reading(places) as reader:
            if last is None:
                last = reader.last_event_id()
                for one in reversed(list(islice(newest_events(reader, wanted), limit or None))):
                    _line(one, as_json)
            last = _follow(reader, wanted, last, as_json=as_json, once=not is_claimed(places.state))


def _follow(reader: Reader, wanted: EventFilter, last: int, *, as_json: bool, once: bool) -> int:
    """Print what is committed behind the event `last`; returns the last one seen.

    once: with no engine the file was opened as one that never changes, and must be opened anew for the next look.
    """
    while True:
        newest = reader.last_event_id()
        while found := reader.events_after(last, wanted, CHUNK_ROWS):
            for one in found:
                _line(one, as_json)
            last = found[-1].id
        last = max(last, newest)  # what did not match need not be looked at again
        sys.stdout.flush()
        time.sleep(FOLLOW_SECS)
        if once:
            return last


def _line(found: StoredEvent, as_json: bool) -> None:
    if as_json:
        emit(_rendered(found))
        return
    number, moment, kind, what = _cells(found)
    begin = f"{number:>8}  {moment}  {kind:7}  "
    click.echo(begin + (cut(what, max(20, width() - len(begin))) if on_terminal() else what))


@events.command()
@interval
@_which
@json_option
@pass_places
def count(
    places: Places,
    since_ns: int | None,
    until_ns: int | None,
    kind: tuple[str, ...],
    source: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say how many events are stored, by kind and source."""
    with reading(places) as reader:
        streams = [
            one
            for one in reader.event_counts()
            if one.kind in (kind or (one.kind,)) and one.source in (source or (one.source,))
        ]
        if since_ns is not None or until_ns is not None:
            streams = [_within(reader, one, since_ns, until_ns) for one in streams]
    if as_json:
        for one in streams:
            emit(one)
        return
    table(("COUNT", "KIND", "SOURCE"), [(str(one.count), one.kind, one.source) for one in streams])
    click.echo(f"{sum(one.count for one in streams)} in all")


def _within(
    reader: Reader, stream: StreamCount, since_ns: int | None, until_ns: int | None
) -> StreamCount:
    wanted = EventFilter(since_ns, until_ns, (stream.kind,), (stream.source,))
    return StreamCount(stream.kind, stream.source, reader.count_events(wanted, cap=None))
