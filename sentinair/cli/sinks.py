"""`sentinair sinks …`: where the record goes, how each sink is, and what to do with it."""

from __future__ import annotations

import time
from typing import Final

import click
import msgspec

from sentinair.cli import sink_text
from sentinair.cli.lazy import InOrder
from sentinair.cli.moments import offset, short
from sentinair.cli.options import as_text, json_option
from sentinair.cli.output import emit, table
from sentinair.cli.places import Places, pass_places
from sentinair.errors import DataFault, UsageFault
from sentinair.ipc.control import call

__all__ = ["sinks"]

LOOK_SECS: Final = 0.2
_name = click.argument("name", metavar="NAME", callback=as_text)


class _Letter(msgspec.Struct, frozen=True):
    """One dead letter, as the engine tells it."""

    stream: str
    seq: int
    tries: int
    time_ns: int
    why: str


@click.group(cls=InOrder)
def sinks() -> None:
    """See, test, pause and resume the sinks, and deliver again.

    They are set up in sinks.yaml; docs/sinks.md has every setting.
    """


@sinks.command(name="list")
@click.argument("name", metavar="[NAME]", default="", callback=as_text)
@json_option
@pass_places
def list_command(places: Places, name: str, as_json: bool) -> None:
    """List the sinks, how far each is and how it does; with NAME its dead letters too."""
    found = _all(places)
    if name:
        found = [_named(found, name)]
    letters = _letters(places, name) if name else []
    if as_json:
        for one in found:
            more = {"dead_letters": letters} if name else {}
            emit(msgspec.structs.asdict(one) | more)
        return
    table(("SINK", "KIND", "BEHIND", "DELIVERED", "LAST", "STATE"), sink_text.rows(found))
    if not found:
        click.echo("No sinks.")
    if letters:
        click.echo()
    table(
        ("DEAD LETTER", "TRIES", f"LAST TRY ({offset()})", "WHY"),
        [(f"{a.stream} {a.seq}", str(a.tries), short(a.time_ns), a.why) for a in letters],
    )


@sinks.command()
@_name
@click.option(
    "--wait",
    "secs",
    metavar="SECS",
    type=click.IntRange(1, 600),
    default=10,
    help="How long to wait for it (10).",
)
@json_option
@click.pass_context
@pass_places
def test(places: Places, ctx: click.Context, name: str, secs: int, as_json: bool) -> None:
    """Write one test record, have it delivered now, and say whether it arrived; exit status 1 if not.

    It goes to this sink whatever its filter, after what still waits there.
    """
    seq = _number(call(places.control, "sinks.test", {"name": name}), "seq")
    began = time.monotonic()
    while True:
        now = _named(_all(places), name)
        took = time.monotonic() - began
        if now.given >= seq or took > secs:
            break
        time.sleep(LOOK_SECS)
    arrived = now.given >= seq
    if as_json:
        emit({"sink": name, "record": seq, "arrived": arrived, "secs": round(took, 2)})
    elif arrived:
        click.echo(f"{name}: record {seq} was taken within {took:.1f} s")
    else:
        click.echo(f"{name}: record {seq} did not arrive within {secs} s: {sink_text.told(now)}")
    if not arrived:
        ctx.exit(1)


@sinks.command()
@_name
@pass_places
def pause(places: Places, name: str) -> None:
    """Deliver nothing to NAME until it is resumed, over a restart too; nothing is lost by it."""
    call(places.control, "sinks.pause", {"name": name})
    click.echo(f"{name} is paused; `sentinair sinks resume {name}` goes on where it stopped")


@sinks.command()
@_name
@pass_places
def resume(places: Places, name: str) -> None:
    """Go on delivering to NAME."""
    call(places.control, "sinks.resume", {"name": name})
    click.echo(f"{name} goes on")


@sinks.command()
@_name
@click.option(
    "--seq", type=click.IntRange(1), metavar="N", help="Only the dead letter of this number."
)
@click.option(
    "--after",
    type=click.IntRange(0),
    metavar="N",
    help="Not the dead letters: all records after this one.",
)
@pass_places
def replay(places: Places, name: str, seq: int | None, after: int | None) -> None:
    """Deliver dead letters again; those that are taken are dead no more."""
    if seq is not None and after is not None:
        raise UsageFault("--seq and --after cannot stand together")
    params: dict[str, object] = {"name": name}
    params |= {} if seq is None else {"seq": seq}
    params |= {} if after is None else {"after": after}
    count = _number(call(places.control, "sinks.replay", params), "asked")
    what = "dead letters" if after is None else f"records after {after}"
    click.echo(
        f"{name}: {count} {what} are delivered again; `sentinair sinks list {name}` shows it"
    )


def _all(places: Places) -> list[sink_text.Sink]:
    return sink_text.parse(call(places.control, "sinks.list"))


def _named(found: list[sink_text.Sink], name: str) -> sink_text.Sink:
    for one in found:
        if one.name == name:
            return one
    known = ", ".join(one.name for one in found) or "none"
    raise UsageFault(f"no sink is called {name!r}", remedy=f"there are: {known}")


def _letters(places: Places, name: str) -> list[_Letter]:
    answer = call(places.control, "sinks.letters", {"name": name})
    try:
        return msgspec.convert(answer, dict[str, list[_Letter]])["letters"]
    except (msgspec.ValidationError, KeyError) as fault:
        raise DataFault(
            f"the engine's answer names no dead letters: {fault}", remedy="restart the engine"
        ) from fault


def _number(answer: object, key: str) -> int:
    value = answer.get(key) if isinstance(answer, dict) else None
    if not isinstance(value, int):
        raise DataFault(f"the engine's answer lacks {key}", remedy="restart the engine")
    return value
