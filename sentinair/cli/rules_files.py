"""`sentinair rules list|check`: what the rule files hold, and what is wrong with them; needs no engine."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from pathlib import Path

import click
import msgspec

from sentinair.cli.options import json_option
from sentinair.cli.output import emit, table
from sentinair.cli.places import Places, pass_places
from sentinair.detect.fields import NETWORK_CONNECTION
from sentinair.detect.sigma.correlation import Correlation
from sentinair.detect.sigma.files import RulesRead, read_rules
from sentinair.detect.sigma.reach import silence
from sentinair.detect.sigma.rule import Rule
from sentinair.errors import ConfigFault, Fault, SentinairError
from sentinair.model.text import shown
from sentinair.monitors.watch import beginning
from sentinair.settings.load import load

__all__ = ["Listed", "check", "list_command", "listed"]


class Listed(msgspec.Struct, frozen=True):
    """One rule, one correlation, or one file that is refused.  Texts are safe."""

    status: str  # on, counted (it speaks through a correlation only), unfed (no event can match it yet), refused
    severity: str | None  # None: refused
    title: str | None
    id: str | None
    kind: str | None  # the log source's category, or the type of the correlation
    file: str
    techniques: tuple[str, ...]
    note: str  # why it is refused or silent, what counts it, why no drill can prove it


@click.command(name="list")
@json_option
@pass_places
def list_command(places: Places, as_json: bool) -> None:
    """List the rules and correlations of the configuration, and the files that are refused, with the reason.

    This is what the files say; `sentinair status` tells what the engine judges by.
    """
    folder = places.config / "rules"
    read = listed(read_rules(folder), _watched(places))
    found = sorted(read, key=lambda one: (one.status != "refused", one.file))
    if as_json:
        for one in found:
            emit(one)
        return
    table(
        ("STATUS", "SEVERITY", "TITLE", "ID", "FILE", "NOTE"),
        [
            (one.status, one.severity or "-", one.title or "-", one.id or "-", name, one.note)
            for one in found
            for name in [_short(one.file, folder)]
        ],
    )


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@json_option
@click.pass_context
@pass_places
def check(places: Places, ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Name every fault of these rule files, of all the configuration's without FILE; exit status 78 if there is one.

    A FILE is read beside the rules of the configuration, which its correlations may count.
    """
    read = read_rules(places.config / "rules", first=files)
    faults = _of_files(read.faults, files) if files else read.faults
    if as_json:
        for fault in faults:
            emit(
                {
                    "where": shown(fault.where),
                    "what": shown(fault.what),
                    "remedy": shown(fault.remedy),
                }
            )
        if faults:
            ctx.exit(ConfigFault.exit_status)
    elif faults:
        raise ConfigFault(list(faults))
    rules = [one for one in read.rules if not files or Path(one.file) in files]
    correlations = [one for one in read.correlations if not files or Path(one.file) in files]
    watched = _watched(places)
    silent = [
        (shown(one.file), shown(why))
        for one in rules
        if watched is not None and (why := silence(one, watched)) is not None
    ]
    if as_json:
        told = [{"where": file, "what": why} for file, why in silent]
        counts = {"rules": len(rules), "correlations": len(correlations), "faults": 0}
        emit({**counts, "silent": told})
        return
    click.echo(f"{len(rules)} rules, {len(correlations)} correlations: no fault")
    for file, why in silent:
        click.echo(f"{file}: {why}")


def _watched(places: Places) -> tuple[str, ...] | None:
    """Where watched paths begin, the state directory's too; None if the settings have faults: those are told elsewhere."""
    try:
        watch = load(places.config).files.watch
    except SentinairError:
        return None
    begins = [os.fsdecode(beginning(os.fsencode(one))).rstrip("/") for one in watch]
    return (*begins, str(places.state.resolve()))


def listed(read: RulesRead, watched: Sequence[str] | None = None) -> Iterator[Listed]:
    """All that was read, in the order of files; what was refused last, each file once.

    watched: where watched paths begin; None: not known, so no rule is said to be silent for their sake.
    """
    counted = {
        id_: one.head.title for one in reversed(read.correlations) for id_ in reversed(one.rules)
    }
    by = {id_: counted.get(id_, "a correlation that is refused") for id_ in read.silent}
    for rule in read.rules:
        yield _rule(rule, by.get(rule.id), None if watched is None else silence(rule, watched))
    for one in read.correlations:
        yield _correlation(one, by.get(one.head.id))
    refused: dict[str, list[Fault]] = {}
    for fault in read.faults:
        file, _, line = fault.where.rpartition(":")
        refused.setdefault(file if line.isdecimal() else fault.where, []).append(fault)
    for file, faults in refused.items():
        more = f" (and {len(faults) - 1} more: sentinair rules check)" if len(faults) > 1 else ""
        _, _, line = faults[0].where.rpartition(":")
        at = f"line {line}: " if line.isdecimal() else ""
        note = shown(f"{at}{faults[0].what}{more}")
        yield Listed("refused", None, None, None, None, shown(file), (), note)


def _rule(rule: Rule, by: str | None, silent: str | None) -> Listed:
    note = (silent or "") if by is None else f"counted by {by}"
    status = "on" if by is None else "counted"
    if rule.logsource == NETWORK_CONNECTION:
        status, note = "unfed", f"no monitor tells of {rule.logsource} yet"
    elif not note and not any(one.matches for one in rule.examples):
        note = "not drilled: it has no example that must match"
    return Listed(
        status,
        rule.severity,
        shown(rule.title),
        rule.id,
        rule.logsource,
        shown(rule.file),
        rule.techniques,
        shown(note),
    )


def _correlation(one: Correlation, by: str | None) -> Listed:
    head = one.head
    return Listed(
        "on" if by is None else "counted",
        head.severity,
        shown(head.title),
        head.id,
        one.kind,
        shown(one.file),
        head.techniques,
        shown(f"counts {len(one.rules)} rules" if by is None else f"counted by {by}"),
    )


def _of_files(faults: Sequence[Fault], files: Sequence[Path]) -> list[Fault]:
    names = {str(path) for path in files}
    return [one for one in faults if one.where in names or one.where.rpartition(":")[0] in names]


def _short(file: str, folder: Path) -> str:
    return file.removeprefix(f"{folder}/")
