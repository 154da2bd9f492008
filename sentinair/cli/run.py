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
@click.pass_context
@pass_places
def run(places: Places, ctx: click.Context, watch: tuple[Path, ...]) -> None:
    """Run all roles in the foreground.

    Prints one line "ready" with what works and what does not; ends on Ctrl-C.
    """
    ctx.exit(main(places.config, places.state, tuple(path.absolute() for path in watch)))
