"""`sentinair rules …`: list, check and try the rules without the engine; have the engine read them again."""

from __future__ import annotations

import click
import msgspec

from sentinair.cli.lazy import InOrder
from sentinair.cli.options import json_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.cli.rules_files import check, list_command
from sentinair.cli.rules_test import test
from sentinair.errors import DataFault
from sentinair.ipc.control import call

__all__ = ["Judging", "rules"]


class Judging(msgspec.Struct, frozen=True):
    """What of the engine's answer is shown."""

    loaded: int
    correlations: int
    digest: str


@click.group(cls=InOrder)
def rules() -> None:
    """List, check and try rules; have the engine read them again."""


@rules.command()
@json_option
@pass_places
def reload(places: Places, as_json: bool) -> None:
    """Have the engine read the rules now; it looks every five seconds by itself.

    If a file has a fault, the rules read before judge on, and the exit status is 78.
    """
    try:
        found = msgspec.convert(call(places.control, "rules.reload"), Judging)
    except msgspec.ValidationError as fault:
        raise DataFault(f"the engine's answer cannot be read: {fault}") from fault
    if as_json:
        emit(found)
    else:
        click.echo(
            f"{found.loaded} rules and {found.correlations} correlations judge, {found.digest[:16]}"
        )


for _command in (list_command, check, test):
    rules.add_command(_command)
