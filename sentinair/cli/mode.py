"""`sentinair mode`: how loud the agent is, and for how long."""

from __future__ import annotations

import time
from typing import Final

import click
import msgspec

from sentinair.cli.lazy import InOrder
from sentinair.cli.moments import ago, span
from sentinair.cli.options import as_text, for_option, json_option
from sentinair.cli.output import emit, fields
from sentinair.cli.places import Places, pass_places
from sentinair.codecs.times import from_rfc3339
from sentinair.errors import DataFault
from sentinair.ipc.control import call

__all__ = ["mode"]

_MODES: Final = ("observe", "protect", "maintenance")
_MEANINGS: Final = {
    "observe": "sees, judges and records; every alert is given notice of",
    "maintenance": "sees, judges and records; notices of all but critical alerts wait for its end",
}


class _Mode(msgspec.Struct, frozen=True):
    """The engine's answer."""

    mode: str
    since: str | None = None  # RFC 3339
    by: str | None = None
    reason: str = ""
    until: str | None = None  # RFC 3339
    left_secs: int | None = None
    held: int = 0
    note: str = ""


@click.group(cls=InOrder, invoke_without_command=True)
@click.pass_context
def mode(ctx: click.Context) -> None:
    """Show or change how loud the agent is; it sees and records all the same."""
    if ctx.invoked_subcommand is None:
        ctx.invoke(show)


@mode.command()
@json_option
@pass_places
def show(places: Places, as_json: bool) -> None:
    """Show the mode, who set it, why, and how long it lasts."""
    _print(call(places.control, "mode.show"), as_json=as_json)


@mode.command(name="set")
@click.argument("name", metavar="MODE", type=click.Choice(_MODES))
@for_option("How long, like 30m, 2h; at most 7d.")
@click.option(
    "--reason", metavar="TEXT", default="", callback=as_text, help="Why; it stands in the record."
)
@json_option
@pass_places
def set_command(places: Places, name: str, secs: int | None, reason: str, as_json: bool) -> None:
    """Change the mode: observe, maintenance, or protect.

    A maintenance needs --for and --reason.  It ends by itself, over a restart too, and what it held is then shown
    together.  protect is not built yet: it changes nothing and says so.
    """
    answer = call(places.control, "mode.set", {"mode": name, "secs": secs, "reason": reason})
    _print(answer, as_json=as_json)


def _print(answer: object, *, as_json: bool) -> None:
    if as_json:
        emit(answer)
        return
    try:
        found = msgspec.convert(answer, _Mode, strict=False)
    except msgspec.ValidationError as fault:
        raise DataFault(
            f"the engine's answer is no mode: {fault}", remedy="restart the engine"
        ) from fault
    pairs = [("mode", f"{found.mode}: {_MEANINGS.get(found.mode, '')}".rstrip(": "))]
    if found.note:
        pairs.append(("note", found.note))
    if found.since is not None:
        by = found.by or "the agent itself"
        now_ns = time.time_ns()
        pairs.append(("since", f"{ago(from_rfc3339(found.since), now_ns)}, by {by}"))
        if found.reason:
            pairs.append(("reason", found.reason))
    if found.left_secs is not None:
        pairs.append(("ends", f"by itself in {span(found.left_secs)}"))
        pairs.append(("held", f"{found.held} notices"))
    fields(pairs)
