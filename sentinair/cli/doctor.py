"""`sentinair doctor`: one line a check, each with what to do."""

from __future__ import annotations

from collections.abc import Iterator

import click

from sentinair.cli import doctor_agent, doctor_host
from sentinair.cli.doctor_findings import Finding
from sentinair.cli.options import json_option
from sentinair.cli.output import emit, wrapped
from sentinair.cli.places import Places, pass_places

__all__ = ["doctor", "findings"]


@click.command()
@json_option
@click.pass_context
@pass_places
def doctor(places: Places, ctx: click.Context, as_json: bool) -> None:
    """Check this machine and this agent.

    One line each: ok, warn (works, with less than it could) or fail; exit status 1 if something fails.
    """
    failed = False
    for finding in findings(places):
        failed = failed or finding.level == "fail"
        if as_json:
            emit(finding)
        else:
            click.echo(wrapped(f"{finding.level:4}  {finding.check:10}  ", finding.text))
            if finding.remedy:
                click.echo(wrapped(f"{'':18}-> ", finding.remedy))
    if failed:
        ctx.exit(1)


def findings(places: Places) -> Iterator[Finding]:
    """All checks, each when its turn comes; the host first, then the agent on it."""
    yield from doctor_host.python()
    yield from doctor_host.interpreter()
    yield from doctor_host.role_users()
    yield from doctor_host.capabilities()
    yield from doctor_host.abilities()
    yield from doctor_host.queue()
    yield from doctor_agent.configuration(places)
    yield from doctor_agent.state_directory(places)
    yield from doctor_agent.disk(places)
    yield from doctor_agent.sockets(places)
    yield from doctor_agent.engine(places)
    recorded, last_record_ns = doctor_agent.record(places)
    yield from recorded
    yield from doctor_host.clock(last_record_ns)
