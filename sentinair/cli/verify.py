"""`sentinair verify`: prove the record, or say where it is not what was committed."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from sentinair.cli.moments import ago, local
from sentinair.cli.options import json_option, public_key_option
from sentinair.cli.output import emit, fields
from sentinair.cli.places import Places, pass_places
from sentinair.cli.verify_drop import is_drop, verify_drop
from sentinair.codecs.times import rfc3339
from sentinair.errors import UsageFault
from sentinair.model.text import shown
from sentinair.store.keys import ENROLMENT_FILE
from sentinair.store.verify.report import Progress, Report
from sentinair.store.verify.report import verify as proven

__all__ = ["verify"]

MAX_FINDINGS: Final = 50  # shown to a person; --json gives all


@click.command()
@click.argument("path", required=False, type=click.Path(path_type=Path))
@public_key_option
@click.option(
    "--known",
    type=click.Path(dir_okay=False, path_type=Path),
    metavar="FILE",
    help="Of a drop: where the last look ended; kept there by each good look.",
)
@click.option(
    "--max-age",
    type=click.IntRange(min=1),
    metavar="SECS",
    help="Of a drop: its newest file is not older.",
)
@json_option
@click.pass_context
@pass_places
def verify(
    places: Places,
    ctx: click.Context,
    path: Path | None,
    public_key: Path | None,
    known: Path | None,
    max_age: int | None,
    as_json: bool,
) -> None:
    """Prove that the record, a drop for an offline SIEM, or an export is as it was written.

    Exit status 1 if it is not, or if nobody signed for it.
    PATH: a state directory, a database file, the directory of a drop or of exports, or one export; without it, this
    agent's state. Needs the enrolment public key only; one kept elsewhere proves more than the one beside the record.
    """
    if path is not None and is_drop(path):
        key = public_key or places.state / "keys" / ENROLMENT_FILE
        if not verify_drop(path, key, known=known, max_age_secs=max_age, as_json=as_json):
            ctx.exit(1)
        return
    if known is not None or max_age is not None:
        raise UsageFault("--known and --max-age are for drops", where=str(path or places.state))
    report = proven(path or places.state, public_key, progress=_progress())
    if as_json:
        emit(as_json_report(report))
    else:
        for finding in report.findings[:MAX_FINDINGS]:
            click.echo(f"{shown(finding.where)}: {shown(finding.what)}")
        if len(report.findings) > MAX_FINDINGS:
            click.echo(f"… and {len(report.findings) - MAX_FINDINGS} more; --json gives all")
        fields(_pairs(report, own_key=public_key is None))
    if not report.ok:
        ctx.exit(report.exit_status)


def _progress() -> Progress | None:
    """A running count on a terminal's standard error, at most five times a second."""
    if not sys.stderr.isatty():
        return None
    told = 0.0

    def tell(read: int, whole: int) -> None:
        nonlocal told
        now = time.monotonic()
        if now - told > 0.2 or read >= whole:
            told = now
            end = "\r\x1b[K" if read >= whole else "\r"
            click.echo(f"\rrecord {read} of {whole}{end}", nl=False, err=True)

    return tell


def _pairs(report: Report, *, own_key: bool) -> Iterator[tuple[str, str]]:
    bad = "" if report.first_bad is None else f", the first at record {report.first_bad}"
    yield (
        "result",
        "verified" if report.ok else f"NOT VERIFIED: {len(report.findings)} findings{bad}",
    )
    yield "ledger", report.path
    yield "records", f"{report.head.seq}, with {report.events} events"
    yield "head", report.head.link.hex()
    if report.checkpoint_time_ns is None:
        yield "checkpoint", "none yet" if report.ok else "none that holds"
    else:
        moment = report.checkpoint_time_ns
        yield (
            "checkpoint",
            f"record {report.checkpoint_seq}, {local(moment)} ({ago(moment, time.time_ns())})",
        )
    yield "unsigned", f"{report.unsigned} records behind the last signature"
    for first, chain, key in report.chains:
        yield "chain", f"{chain} from record {first}, enrolment key {key[:16]}"
    if own_key:
        yield "key", "the one beside the record: who changed the record could have changed it too"


def as_json_report(report: Report) -> dict[str, object]:
    """The report as one object, times in RFC 3339."""
    moment = report.checkpoint_time_ns
    return {
        "ok": report.ok,
        "path": shown(report.path),
        "head": {"seq": report.head.seq, "link": report.head.link.hex()},
        "chain": report.chain,
        "chains": [
            {"first": first, "chain": chain, "public_key": key}
            for first, chain, key in report.chains
        ],
        "events": report.events,
        "checkpoint": None
        if moment is None
        else {"seq": report.checkpoint_seq, "time": rfc3339(moment)},
        "unsigned": report.unsigned,
        "first_bad": report.first_bad,
        "findings": [
            {"where": shown(one.where), "what": shown(one.what), "seq": one.seq}
            for one in report.findings
        ],
    }
