"""`sentinair rules test`: do rules do what their own examples say?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path

import click

from sentinair.cli.options import json_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.detect.sigma.examples import Tried, tried
from sentinair.detect.sigma.files import (
    SUFFIXES,
    Placeholders,
    read_file,
    read_placeholders,
    read_rules,
)
from sentinair.detect.sigma.nodes import MAX_BYTES
from sentinair.detect.sigma.rule import Rule
from sentinair.errors import ConfigFault, Fault, StorageFault
from sentinair.model.text import shown
from sentinair.settings.guarded import read_guarded

__all__ = ["test"]


@click.command()
@click.argument("files", nargs=-1, metavar="[FILE]...", type=click.Path(path_type=Path))
@json_option
@click.pass_context
@pass_places
def test(places: Places, ctx: click.Context, files: tuple[Path, ...], as_json: bool) -> None:
    """Run the examples of these rules, of all the configuration's without FILE; needs no engine.

    Names each example that fails by file and line; exit status 1 if there is one.
    """
    folder = places.config / "rules"
    rules = _given(files, folder) if files else _configured(folder)
    found = list(tried(rules))
    failed = [one for one in found if one.fault is not None]
    if as_json:
        for one in found:
            emit(_object(one))
    else:
        for one in failed:
            click.echo(shown(f"{one.rule.file}:{one.example.line}: {one.rule.title}: {one.fault}"))
        click.echo(_summary(rules, found, failed))
    if failed:
        ctx.exit(1)


def _configured(folder: Path) -> Sequence[Rule]:
    read = read_rules(folder)
    if read.faults:
        raise ConfigFault(list(read.faults))
    return read.rules


def _given(files: Iterable[Path], folder: Path) -> Sequence[Rule]:
    """The rules in these files; the configuration's placeholders count for them."""
    placeholders = _placeholders(folder)
    rules: list[Rule] = []
    faults: list[Fault] = []
    for path in files:
        try:
            text = read_guarded(path, MAX_BYTES)
        except FileNotFoundError as fault:
            raise StorageFault(
                "there is no such file", where=str(path), remedy="name a rule file"
            ) from fault
        read = read_file(text, str(path), placeholders)
        rules += read.rules
        faults += read.faults
    if faults:
        raise ConfigFault(faults)
    return rules


def _placeholders(folder: Path) -> Placeholders:
    found: Placeholders = {}
    for suffix in sorted(SUFFIXES):
        path = folder / f"placeholders{suffix}"
        if path.exists():
            found |= read_placeholders(read_guarded(path, MAX_BYTES), str(path))[0]
    return found


def _object(one: Tried) -> dict[str, object]:
    return {
        "rule_id": one.rule.id,
        "title": shown(one.rule.title),
        "file": shown(one.rule.file),
        "line": one.example.line,
        "wanted": "match" if one.example.matches else "ignore",
        "wanted_severity": one.example.severity,
        "matched": one.matched,
        "severity": one.severity,
        "fault": None if one.fault is None else shown(one.fault),
    }


def _summary(rules: Sequence[Rule], found: Sequence[Tried], failed: Sequence[Tried]) -> str:
    bare = sum(not rule.examples for rule in rules)
    said = f"{len(failed)} of {len(found)} examples fail" if failed else "every example holds"
    without = f"; {bare} without examples" if bare else ""
    return f"{len(rules)} rules, {len(found)} examples: {said}{without}"
