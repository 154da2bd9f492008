"""`sentinair version`: which version this is, and on what it runs."""

from __future__ import annotations

import platform

import click

from sentinair import __version__
from sentinair.cli.options import json_option
from sentinair.cli.output import emit

__all__ = ["version"]


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Print the version, and what it runs on."""
    python, kernel = platform.python_version(), platform.release()
    if as_json:
        emit({"version": __version__, "python": python, "kernel": kernel})
    else:
        click.echo(f"sentinair {__version__} (Python {python}, kernel {kernel})")
