"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, TypeVar

import click

from sentinair.cli.moments import MOMENT

__all__ = ["interval", "json_option", "limit_option"]

_F = TypeVar("_F", bound=Callable[..., Any])

json_option: Final = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def limit_option(default: int) -> Callable[[_F], _F]:
    """--limit N; 0 asks for all."""
    return click.option(
        "--limit",
        type=click.IntRange(min=0),
        default=default,
        show_default=True,
        help="At most this many; 0: all.",
    )


def interval(command: _F) -> _F:
    """--since and --until, as since_ns and until_ns (None: no bound)."""
    since = click.option(
        "--since", "since_ns", type=MOMENT, help="Not before: ISO 8601, or relative like 2h, 3d."
    )
    until = click.option(
        "--until", "until_ns", type=MOMENT, help="Not after: ISO 8601, or relative like 2h, 3d."
    )
    return since(until(command))
