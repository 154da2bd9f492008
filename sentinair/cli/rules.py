"""`sentinair rules …`: try the rules, without the engine."""

from __future__ import annotations

import click

from sentinair.cli.lazy import InOrder
from sentinair.cli.rules_test import test

__all__ = ["rules"]


@click.group(cls=InOrder)
def rules() -> None:
    """See whether rules do what they say."""


rules.add_command(test)
