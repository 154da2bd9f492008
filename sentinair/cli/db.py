"""`sentinair db …`: check, back up and restore the record."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click

from sentinair.cli import db_files
from sentinair.cli.lazy import InOrder
from sentinair.cli.options import json_option, public_key_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.errors import EngineAbsent, SentinairError, StorageFault, UsageFault
from sentinair.ipc.control import call
from sentinair.model.text import shown
from sentinair.store.keys import ENROLMENT_FILE
from sentinair.store.verify.report import verify

__all__ = ["db"]

BACKUP_SECS: Final = 600.0  # how long the engine may take; 1 GB takes some seconds on a slow disk


@click.group(cls=InOrder)
def db() -> None:
    """Check, back up and restore the record."""


def _own_key(places: Places) -> Path:
    return places.state / "keys" / ENROLMENT_FILE


@db.command()
@json_option
@click.pass_context
@pass_places
def check(places: Places, ctx: click.Context, as_json: bool) -> None:
    """See whether the database file is whole; exit status 1 if not.

    This finds damage. Whether somebody rewrote the record is what `sentinair verify` proves.
    """
    findings = db_files.damage(places.database)
    if as_json:
        emit({"database": shown(str(places.database)), "whole": not findings, "findings": findings})
    else:
        for finding in findings:
            click.echo(shown(finding))
        click.echo(
            f"{shown(str(places.database))}: {f'{len(findings)} findings' if findings else 'whole'}"
        )
    if findings:
        ctx.exit(1)


@db.command()
@click.argument("file", type=click.Path(dir_okay=False, path_type=Path))
@json_option
@pass_places
def backup(places: Places, file: Path, as_json: bool) -> None:
    """Write a consistent copy of the record to FILE, which must not exist; the agent goes on meanwhile."""
    target = file.absolute()
    if target.exists() or target.is_symlink():
        raise UsageFault("is there already", where=str(target), remedy="give a new name")
    if shown(str(target)) != str(target):
        raise UsageFault("is no plain text", where=str(target), remedy="give a plain name")
    try:
        call(places.control, "db.backup", {"path": str(target)}, timeout_secs=BACKUP_SECS)
    except (EngineAbsent, StorageFault):
        # No engine, or its user may not write there: then by the caller's own rights.
        db_files.copy(places.database, target)
    size = target.stat().st_size
    if as_json:
        emit({"file": shown(str(target)), "bytes": size})
    else:
        click.echo(
            f"{shown(str(target))}: {size} bytes. Keep it with {shown(str(_own_key(places)))}."
        )


@db.command()
@click.argument(
    "file", type=click.Path(exists=True, dir_okay=False, readable=False, path_type=Path)
)
@public_key_option
@json_option
@pass_places
def restore(places: Places, file: Path, public_key: Path | None, as_json: bool) -> None:
    """Put the backup FILE in place of the record, once it is verified; the agent must be stopped.

    The record that was there is kept beside it. The next start begins a new chain behind the restored one if the signing
    key has gone on since the backup.
    """
    with db_files.held(places.state):
        report = verify(file.absolute(), public_key or _own_key(places))
        if not report.ok:
            raise SentinairError(
                f"does not verify: {report.findings[0].where}: {report.findings[0].what}",
                where=str(file),
                remedy="nothing was changed; `sentinair verify` says more",
            )
        aside = db_files.replace(places.database, file.absolute(), places.state)
    if as_json:
        emit(
            {
                "database": shown(str(places.database)),
                "aside": None if aside is None else shown(str(aside)),
            }
        )
        return
    click.echo(f"{shown(str(places.database))} is restored from {shown(str(file))}.")
    if aside is not None:
        click.echo(f"The record that was there is {shown(str(aside))}.")
