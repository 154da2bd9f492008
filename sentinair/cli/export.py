"""`sentinair export`: alerts or events as one file of any format, by any filter, in memory for one page of them."""

from __future__ import annotations

import os
import socket
import sys
import time
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from pathlib import Path
from typing import Any, Final, TypeVar, cast

import click

from sentinair import __version__
from sentinair.cli.export_file import Written, as_file, as_stream
from sentinair.cli.options import interval, json_option, limit_option, source_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.cli.reading import newest_alerts, newest_events
from sentinair.errors import UsageFault
from sentinair.model.alert import SEVERITIES, STATUSES, Alert
from sentinair.model.entry import Entry
from sentinair.model.event import KINDS
from sentinair.model.ports import Codec
from sentinair.model.text import shown
from sentinair.settings.registered import load, look_up
from sentinair.store.access import open_as_reader
from sentinair.store.events import StoredEvent
from sentinair.store.outgoing import OutgoingReader, event_entry
from sentinair.store.read import AlertFilter, EventFilter

__all__ = ["export"]

FORMATS: Final = ("json", "ndjson", "csv", "xml", "cef", "leef", "ecs", "ocsf")
_ALERTS_ONLY: Final = frozenset(
    {"json", "csv", "xml"}
)  # the guide's files have no place for events
_STDOUT: Final = "-"
_F = TypeVar("_F", bound=Callable[..., Any])


def _filters(command: _F) -> _F:
    """What of the record is wanted."""
    for option in (
        click.option("--events", "of_events", is_flag=True, help="Events instead of alerts."),
        interval,
        click.option("--severity", multiple=True, type=click.Choice(SEVERITIES), help="Of alerts."),
        click.option("--status", multiple=True, type=click.Choice(STATUSES), help="Of alerts."),
        click.option("--kind", multiple=True, type=click.Choice(KINDS), help="Of events."),
        source_option("Which detector, or source of events. May be repeated."),
        limit_option(0),
    ):
        command = option(command)
    return command


@click.command()
@click.option("--format", "form", required=True, type=click.Choice(FORMATS), help="Of the file.")
@click.option(
    "--out",
    metavar="DIR|-",
    required=True,
    help="Folder for the file, outside of the state, or - for standard output.",
)
@_filters
@json_option
@pass_places
def export(
    places: Places,
    form: str,
    out: str,
    of_events: bool,
    since_ns: int | None,
    until_ns: int | None,
    severity: tuple[str, ...],
    status: tuple[str, ...],
    kind: tuple[str, ...],
    source: tuple[str, ...],
    limit: int,
    as_json: bool,
) -> None:
    """Write alerts (or events) to one file, the newest first, and a manifest with its count and hash beside it.

    The file has its name only once it is whole; no file is ever replaced.
    """
    if of_events and form in _ALERTS_ONLY:
        raise UsageFault(
            f"{form} files hold alerts only",
            remedy="for events take ndjson, cef, leef, ecs or ocsf",
        )
    if kind and not of_events:
        raise UsageFault("--kind chooses events", remedy="give --events too")
    if (severity or status) and of_events:
        raise UsageFault("--severity and --status choose alerts", remedy="leave --events away")
    alerts = AlertFilter(
        since_ns=since_ns, until_ns=until_ns, severity=severity, status=status, source=source
    )
    events = EventFilter(since_ns, until_ns, kind, source)
    if out != _STDOUT and Path(out).resolve().is_relative_to(places.state.resolve()):
        raise UsageFault(
            "the state is the agent's own, and it would take this for tampering",
            where=shown(os.fsencode(out)),
            remedy="give a folder outside of it",
        )
    codec = _codec(form)
    with OutgoingReader(places.database, open_as_reader(places.database)) as reader:
        whole = (
            reader.count_events(events, None) if of_events else reader.count_alerts(alerts, None)
        )
        entries = _Entries(reader)
        found = entries.events(events) if of_events else entries.alerts(alerts)
        chosen = _watched(islice(found, limit or None), min(whole, limit or whole))
        if out == _STDOUT:
            as_stream(codec, chosen, sys.stdout.buffer, time.time_ns())
            return
        what = "events" if of_events else "alerts"
        written = as_file(codec, chosen, Path(out), f"sentinair_{what}", time.time_ns())
    _tell(written, as_json)


def _tell(written: Written, as_json: bool) -> None:
    if as_json:
        emit(written)
        return
    click.echo(f"{written.count} in {shown(os.fsencode(written.file))}")
    click.echo(f"SHA-256 {written.sha256}; {written.bytes} bytes, not signed")


def _codec(form: str) -> Codec:
    places = look_up("sentinair.codecs")
    if form not in places:
        raise UsageFault(f"no codec {form} is installed", remedy="install the agent again")
    return cast(Callable[[], Codec], load(places[form]))()


def _watched(entries: Iterable[Entry], whole: int) -> Iterator[Entry]:
    """entries, with a bar on a terminal's standard error."""
    if not sys.stderr.isatty():
        yield from entries
        return
    with click.progressbar(entries, length=whole, label="exporting", file=sys.stderr) as bar:
        yield from bar


class _Entries:
    """What is stored, as entries: an alert as it is now, under the record that last changed it."""

    def __init__(self, reader: OutgoingReader) -> None:
        self._reader = reader
        self._host = shown(socket.gethostname())
        self._chains = reader.chains()

    def alerts(self, wanted: AlertFilter) -> Iterator[Entry]:
        yield from map(self._alert, newest_alerts(self._reader, wanted))

    def events(self, wanted: EventFilter) -> Iterator[Entry]:
        yield from map(self._event, newest_events(self._reader, wanted))

    def _alert(self, alert: Alert) -> Entry:
        seq = alert.seq or 0
        return Entry(
            host=alert.host or self._host,
            chain=self._chain(seq),
            stream="record",
            seq=seq,
            kind="alert.raised" if alert.status == "open" else f"alert.{alert.status}",
            time_ns=alert.time_ns,
            version=__version__,
            alert=alert,
        )

    def _event(self, stored: StoredEvent) -> Entry:
        return event_entry(stored, self._host, self._chains[-1][1] if self._chains else "")

    def _chain(self, seq: int) -> str:
        at = bisect_right(self._chains, (seq, "g"))  # no chain id is greater than "g"
        return self._chains[at - 1][1] if at else ""
