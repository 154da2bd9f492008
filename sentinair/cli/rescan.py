"""`sentinair rescan PATH`: have a path listed again and compared with what is known."""

from __future__ import annotations

from pathlib import Path

import click

from sentinair.cli.options import json_option
from sentinair.cli.output import emit
from sentinair.cli.places import Places, pass_places
from sentinair.errors import UsageFault
from sentinair.ipc.control import call
from sentinair.model.text import shown

__all__ = ["rescan"]


@click.command()
@click.argument("path", type=click.Path(path_type=Path))
@json_option
@pass_places
def rescan(places: Places, path: Path, as_json: bool) -> None:
    """List PATH and all below it again; what changed unseen becomes events.

    PATH may be gone: then what was known below it is reported deleted.
    """
    absolute = path.absolute()
    if ".." in absolute.parts:
        raise UsageFault("may not hold '..'", where=str(path), remedy="give the path itself")
    answer = call(places.control, "rescan", {"path": bytes(absolute)})
    scan = answer.get("scan") if isinstance(answer, dict) else None
    if as_json:
        emit({"path": shown(bytes(absolute)), "scan": scan})
    else:
        number = "" if scan is None else f" (scan {scan})"
        click.echo(
            f"rescan of {shown(bytes(absolute))} asked for{number}; what it finds: sentinair events list"
        )
