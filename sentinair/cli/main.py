"""The entry point: `sentinair COMMAND …`.  Every fault ends as one line on stderr and the exit status of its kind."""

from __future__ import annotations

import errno
import io
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Final

import click

from sentinair.cli import places
from sentinair.cli.lazy import LazyGroup
from sentinair.errors import ConfigFault, SentinairError
from sentinair.model.text import shown

__all__ = ["MEMBERS", "main", "program"]

MEMBERS: Final = {
    "run": "sentinair.cli.run:run",
    "status": "sentinair.cli.status:status",
    "doctor": "sentinair.cli.doctor:doctor",
    "version": "sentinair.cli.version:version",
    "alerts": "sentinair.cli.alerts:alerts",
    "suppressions": "sentinair.cli.suppressions:suppressions",
    "events": "sentinair.cli.events:events",
    "rescan": "sentinair.cli.rescan:rescan",
    "rules": "sentinair.cli.rules:rules",
    "drill": "sentinair.cli.drill:drill",
    "mode": "sentinair.cli.mode:mode",
    "sinks": "sentinair.cli.sinks:sinks",
    "config": "sentinair.cli.config:config",
    "export": "sentinair.cli.export:export",
    "verify": "sentinair.cli.verify:verify",
    "db": "sentinair.cli.db:db",
}
IO_FAULT: Final = 74
NO_PERMISSION: Final = 77
INTERRUPTED: Final = 130  # 128 + SIGINT, as a shell says it
PIPE_CLOSED: Final = 141  # 128 + SIGPIPE, as any program that writes to `head` ends

program = LazyGroup(
    "sentinair", members=MEMBERS, about="Sentinair: an air-gapped security agent for one host."
)
program.context_settings = {"help_option_names": ["-h", "--help"], "max_content_width": 80}


@click.pass_context
def _enter(ctx: click.Context, config_dir: Path | None, state_dir: Path | None) -> None:
    ctx.obj = places.find(config_dir, state_dir)


_directory = click.Path(
    path_type=Path, readable=False
)  # what is wrong with it is said when it is used
program.params += [
    click.Option(
        ["--config", "config_dir"],
        metavar="DIR",
        type=_directory,
        help="Configuration directory. Default: /etc/sentinair, else ./config.",
    ),
    click.Option(
        ["--state", "state_dir"],
        metavar="DIR",
        type=_directory,
        help="State directory. Default: /var/lib/sentinair, else ./var.",
    ),
]
program.callback = _enter


def main(arguments: Sequence[str] | None = None) -> int:
    """Run one command; returns the exit status (docs/commands.md has the table)."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(
            stream, io.TextIOWrapper
        ):  # None where it is closed; what a locale lacks must not end us
            stream.reconfigure(errors="backslashreplace")
    try:
        status = _run(sys.argv[1:] if arguments is None else arguments)
    except BrokenPipeError:
        _forget_stdout()
        return PIPE_CLOSED
    except KeyboardInterrupt:
        status = INTERRUPTED
    return _flushed(status)


def _flushed(status: int) -> int:
    """status, or that of what keeps the last output from being written."""
    try:
        if sys.stdout is not None:
            sys.stdout.flush()
    except BrokenPipeError:
        _forget_stdout()
        return PIPE_CLOSED
    except OSError as fault:
        _forget_stdout()
        if status == 0:
            _say(f"standard output: {fault.strerror}")
        return status or IO_FAULT
    return status


def _run(arguments: Sequence[str]) -> int:
    try:
        with program.make_context("sentinair", list(arguments)) as ctx:
            program.invoke(ctx)
    except click.exceptions.Exit as end:
        return end.exit_code
    except click.Abort:
        return INTERRUPTED
    except (
        click.exceptions.NoArgsIsHelpError
    ) as fault:  # a group by its name alone: no fault to name
        click.echo(fault.format_message(), err=True)
        return fault.exit_code
    except click.ClickException as fault:
        _say_usage(fault)
        return fault.exit_code
    except ConfigFault as fault:
        for one in fault.faults:
            _say(str(one))
        return fault.exit_status
    except SentinairError as fault:
        _say(str(fault))
        return fault.exit_status
    except BrokenPipeError:
        raise
    except OSError as fault:
        where = f"{os.fsdecode(fault.filename)}: " if fault.filename is not None else ""
        _say(f"{where}{fault.strerror or fault}")
        return NO_PERMISSION if fault.errno in {errno.EACCES, errno.EPERM} else IO_FAULT
    return 0


def _say_usage(fault: click.ClickException) -> None:
    ctx = getattr(fault, "ctx", None)
    hint = f"; try '{ctx.command_path} --help'" if isinstance(ctx, click.Context) else ""
    _say(f"{fault.format_message().rstrip('.')}{hint}")


def _say(text: str) -> None:
    """One line: a name with a line break in it cannot make two."""
    click.echo(f"sentinair: {shown(text)}", err=True)


def _forget_stdout() -> None:
    """Nobody reads any more: the interpreter's flush at exit must not complain (Python docs, signal, SIGPIPE)."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


if __name__ == "__main__":
    sys.exit(main())
