"""`sentinair status`: what the agent does now; what it last wrote, when it does not run."""

from __future__ import annotations

import time
from collections.abc import Iterator

import click

from sentinair.cli import status_text
from sentinair.cli.moments import ago, local
from sentinair.cli.options import json_option
from sentinair.cli.output import emit, fields
from sentinair.cli.places import Places, pass_places
from sentinair.cli.reading import reading
from sentinair.codecs.times import rfc3339
from sentinair.errors import EngineAbsent
from sentinair.ipc.control import call

__all__ = ["status"]


@click.command()
@json_option
@pass_places
def status(places: Places, as_json: bool) -> None:
    """What runs, what it sees, what it found, and whether it is being written.

    With the engine down: what the record tells, and exit status 69.
    """
    try:
        answer = call(places.control, "status")
    except EngineAbsent as absent:
        if places.database.exists():
            _from_record(places, as_json)
        raise absent
    if as_json:
        emit(answer)
    else:
        fields(status_text.rows(status_text.parse(answer)))
