"""Options that several commands share, each written once."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any, Final, TypeVar

import click

from sentinair.cli.moments import as_moment, length
from sentinair.errors import UsageFault
from sentinair.model.text import shown

__all__ = [
    "as_text",
    "comment_option",
    "for_option",
    "interval",
    "json_option",
    "limit_option",
    "public_key_option",
    "source_option",
]

_F = TypeVar("_F", bound=Callable[..., Any])

MAX_LIMIT: Final = 1_000_000_000

json_option: Final = click.option("--json", "as_json", is_flag=True, help="One JSON object a line.")


def limit_option(default: int) -> Callable[[_F], _F]:
    """--limit N; 0 asks for all."""
    return click.option(
        "--limit",
        metavar="N",
        type=click.IntRange(0, MAX_LIMIT),
        default=default,
        show_default=True,
        help="At most this many; 0: all.",
    )


def interval(command: _F) -> _F:
    """--since and --until, as since_ns and until_ns (None: no bound)."""
    since = click.option(
        "--since",
        "since_ns",
        metavar="TIME",
        callback=as_moment,
        help="Not before: ISO 8601, or relative like 2h, 3d.",
    )
    until = click.option(
        "--until",
        "until_ns",
        metavar="TIME",
        callback=as_moment,
        help="Not after: ISO 8601, or relative like 2h, 3d.",
    )
    return since(until(command))


def _as_length(ctx: click.Context, param: click.Parameter, value: str | None) -> int | None:
    if value is None:
        return None
    try:
        return length(value)
    except UsageFault as fault:
        raise click.BadParameter(str(fault), ctx, param) from fault


def for_option(about: str, *, required: bool = False) -> Callable[[_F], _F]:
    """--for SPAN, as secs (None where it was not given)."""
    return click.option(
        "--for", "secs", metavar="SPAN", required=required, callback=_as_length, help=about
    )


public_key_option: Final = click.option(
    "--public-key",
    "public_key",
    metavar="FILE",
    type=click.Path(exists=True, dir_okay=False, readable=False, path_type=Path),
    help="The enrolment key, best from a place of its own. Default: keys/enrolment.pub of the state.",
)


def as_text(_ctx: click.Context, _param: click.Parameter, value: str | None) -> str | None:
    """An argument may hold bytes that are no text (PEP 383); they are escaped as everywhere else."""
    return None if value is None else shown(value)


def _as_texts(
    _ctx: click.Context, _param: click.Parameter, value: tuple[str, ...]
) -> tuple[str, ...]:
    return tuple(shown(one) for one in value)


def source_option(about: str) -> Callable[[_F], _F]:
    """--source NAME, which may be repeated."""
    return click.option("--source", metavar="NAME", multiple=True, callback=_as_texts, help=about)


def comment_option(command: _F) -> _F:
    """--comment TEXT."""
    return click.option(
        "--comment", metavar="TEXT", callback=as_text, help="Why; it stands in the record."
    )(command)
