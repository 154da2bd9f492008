"""`sentinair export`: alerts or events as one file of any format, by any filter, in memory for one page of them."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sentinair.cli.export_here import Told, to_folder, to_stdout
from sentinair.cli.export_order import ordered
from sentinair.cli.options import interval, json_option, limit_option, source_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.errors import EngineAbsent, UsageFault
from sentinair.model.alert import SEVERITIES, STATUSES
from sentinair.model.event import KINDS
from sentinair.model.export import FORMATS, Wanted, checked
from sentinair.model.text import shown

__all__ = ["export"]

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
    help="Folder for the file, outside of the state, or - for standard output.",
)
@_filters
@json_option
@pass_places
def export(
    places: Places,
    form: str,
    out: str | None,
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
    """Write alerts (or events) to one file, the newest first, and a signed manifest beside it.

    Without --out the forwarder writes it into data/exports of the state; Ctrl-C gives it up.
    The file has its name only once it is whole; no file is ever replaced.
    """
    wanted = checked(
        Wanted(
            codec=form,
            what="events" if of_events else "alerts",
            since_ns=since_ns,
            until_ns=until_ns,
            severity=severity,
            status=status,
            kind=kind,
            source=source,
            limit=limit,
        )
    )
    if out == _STDOUT:
        to_stdout(places, wanted)
        return
    if out is not None:
        if not out:
            raise UsageFault(
                "--out names no folder", remedy="give a folder, or - for standard output"
            )
        folder = Path(os.path.realpath(out))  # Path.resolve() breaks on links that lead in a circle
        if folder.is_relative_to(places.state.resolve()):
            raise UsageFault(
                "the state is the agent's own, and it would take this for tampering",
                where=shown(os.fsencode(out)),
                remedy="give a folder outside of it, or leave --out away",
            )
        _tell(to_folder(places, wanted, folder, make=True), as_json)
        return
    try:
        told = ordered(places, wanted)
    except EngineAbsent:  # a stopped agent has no one else who could write there
        told = to_folder(places, wanted, places.exports)
    _tell(told, as_json)


def _tell(told: Told, as_json: bool) -> None:
    if as_json:
        emit(told)
        return
    click.echo(f"{told.count} in {told.file}")
    word = "signed" if told.signed else f"unsigned: {told.why_unsigned}"
    click.echo(f"SHA-256 {told.sha256}; {told.bytes} bytes, {word}")
    if not told.readable:
        click.echo("You may not read it: root may, and the group sentinair-read.", err=True)
