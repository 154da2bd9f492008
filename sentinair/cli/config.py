"""`sentinair config …`: check, compile, show and set the configuration."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import click
import msgspec

from sentinair.cli.lazy import InOrder
from sentinair.cli.options import json_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.errors import ConfigFault, StorageFault, UsageFault
from sentinair.model.text import shown
from sentinair.settings.compiled import compile_settings, compile_sinks, write_compiled
from sentinair.settings.describe import described, value_of
from sentinair.settings.load import load, load_with_origins
from sentinair.settings.overrides import NAME, merge, read_overrides
from sentinair.settings.set import set_value

__all__ = ["Effective", "config"]


class Effective(msgspec.Struct, frozen=True):
    """One setting as it counts."""

    key: str
    value: object
    origin: str  # safe text: "default", `file:line`, or the overrides file


@click.group(cls=InOrder)
def config() -> None:
    """Check, compile, show and set the configuration."""


@config.command()
@json_option
@pass_places
def check(places: Places, as_json: bool) -> None:
    """Read the whole configuration with its rules and name every fault in it; exit status 78 if there is one."""
    from sentinair.detect.sigma.files import read_rules  # the other commands need no rule

    there = places.config.is_dir()  # where it is not, loading says so
    faults = list(read_rules(places.config / "rules").faults) if there else []
    try:
        loaded = load_with_origins(places.config)
    except ConfigFault as fault:
        raise ConfigFault([*fault.faults, *faults]) from fault
    if faults:
        raise ConfigFault(faults)
    merge(loaded.settings, read_overrides(places.state))
    given = len(loaded.origins)
    if as_json:
        emit({"config": shown(str(places.config)), "faults": 0, "given": given})
    else:
        click.echo(
            f"{shown(str(places.config))}: no fault; {given} values given, defaults for the rest"
        )


@config.command(name="compile")
@click.option(
    "--out",
    type=click.Path(dir_okay=False, path_type=Path),
    help="Write that of sensor and execs here, and no other. Default: both, among the agent's sockets.",
)
@pass_places
def compile_command(places: Places, out: Path | None) -> None:
    """Make the files that sensor, execs and forwarder read, from the configuration as it is now."""
    path = (out or places.run / "sensor.msgpack").absolute()
    if not path.parent.is_dir():
        raise StorageFault(
            "there is no such directory",
            where=str(path.parent),
            remedy="start the agent once, or give --out FILE",
        )
    settings = load(places.config)
    write_compiled(path, compile_settings(settings, places.state))
    click.echo(f"{shown(str(path))} written; the senders read it when they start")
    if out is None:
        path = (places.run / "forwarder.msgpack").absolute()
        write_compiled(path, compile_sinks(settings, places.state))
        click.echo(f"{shown(str(path))} written; the forwarder reads it when it starts")


@config.command()
@click.argument("prefix", default="")
@json_option
@pass_places
def show(places: Places, prefix: str, as_json: bool) -> None:
    """Show each setting that begins with PREFIX (all without it), its value, and where that comes from."""
    found = [one for one in effective(places) if one.key == prefix or one.key.startswith(prefix)]
    if not found:
        raise UsageFault(
            f"no setting begins with {prefix!r}", remedy="`sentinair config show` lists them all"
        )
    wide = max(len(one.key) for one in found)
    for one in found:
        if as_json:
            emit(one)
            continue
        value = one.value
        if isinstance(value, tuple):
            click.echo(f"{one.key.ljust(wide)}  {len(value)} items ({one.origin})")
            for item in value:
                click.echo(f"  - {shown(str(item))}")
        else:
            click.echo(f"{one.key.ljust(wide)}  {_text(value)} ({one.origin})")


def effective(places: Places) -> Iterator[Effective]:
    """Every setting as it counts: the files, with the overrides laid over them.

    Raises ConfigFault, DataFault, StorageFault or PermissionFault.
    """
    loaded = load_with_origins(places.config)
    overrides = read_overrides(places.state)
    settings = merge(loaded.settings, overrides)
    for one in described():
        if one.key in overrides.values:
            origin = f"override: {places.state / NAME}"
        else:
            origin = _origin(one.key, loaded.origins)
        yield Effective(one.key, value_of(settings, one.key), shown(origin))


def _origin(key: str, origins: dict[str, str]) -> str:
    """A list has its items' places: the first of them stands for it."""
    if key in origins:
        return origins[key]
    return next((where for item, where in origins.items() if item.startswith(f"{key}[")), "default")


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else shown(str(value))


@config.command(name="set")
@click.argument("key")
@click.argument("value")
@json_option
@pass_places
def set_command(places: Places, key: str, value: str, as_json: bool) -> None:
    """Give the setting KEY (like files.hash_quiet_ms) the VALUE, in its file; comments stay.

    Nothing is written if the configuration would be wrong afterwards. Counts after a restart.
    """
    change = set_value(places.config, key, value)
    if as_json:
        emit({**msgspec.structs.asdict(change), "path": shown(change.path), "restart": True})
        return
    before = "the default" if change.old is None else shown(change.old)
    click.echo(f"{shown(change.path)}:{change.line}: {key} is {shown(change.new)} (was {before})")
    click.echo(
        "It counts after a restart of the agent: systemctl restart sentinair, or Ctrl-C and run again."
    )
