"""`sentinair run`: all roles in the foreground."""

from __future__ import annotations

from pathlib import Path

import click

from sentinair.cli.places import Places, pass_places
from sentinair.roles.run import main

__all__ = ["run"]


@click.command()
@click.option(
    "--watch",
    "watch",
    multiple=True,
    metavar="PATH",
    type=click.Path(path_type=Path),
    help="Watch this path and all below it instead of the configured ones. May be repeated.",
)
@pass_places
def run(places: Places, watch: tuple[Path, ...]) -> None:
    """Run all roles in the foreground.

    Prints one line "ready" with what works and what does not; ends on Ctrl-C.
    """
    main(places.config, places.state, tuple(path.absolute() for path in watch))
