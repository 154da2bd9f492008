"""`sentinair version`: which version this is, and on what it runs."""

from __future__ import annotations

import platform
import sys

import click

from sentinair import __version__
from sentinair.cli.options import json_option
from sentinair.cli.output import emit

__all__ = ["version"]


@click.command()
@json_option
def version(as_json: bool) -> None:
    """Print the version of Sentinair and of what it runs on."""
    python = ".".join(map(str, sys.version_info[:3]))
    if as_json:
        emit({"version": __version__, "python": python, "kernel": platform.release()})
    else:
        click.echo(f"sentinair {__version__} (Python {python}, kernel {platform.release()})")
