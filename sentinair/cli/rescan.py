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
    """List PATH and all below it again.

    What changed unseen becomes events.
    PATH may be gone: then what was known below it is reported deleted.
    """
    absolute = path.absolute()
    if ".." in absolute.parts:
        raise UsageFault("may not hold '..'", where=str(path), remedy="give the path itself")
    try:
        name = bytes(absolute).decode()
    except UnicodeDecodeError as fault:
        raise UsageFault(
            "is not UTF-8",
            where=str(absolute),
            remedy="rescan the directory above it: that lists it too",
        ) from fault
    call(places.control, "rescan", {"path": name})
    if as_json:
        emit({"path": shown(name), "asked": True})
    else:
        click.echo(
            f"The rescan of {shown(name)} is asked for; what it finds: sentinair events list --source rescan"
        )
