"""The manual of the commands says what the commands are, no more and no less."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from sentinair import errors
from sentinair.cli import main as entry
from sentinair.cli.main import program

MANUAL = (Path(__file__).parents[3] / "docs" / "commands.md").read_text(encoding="utf-8")


def _commands(command: click.Command, name: str) -> Iterator[tuple[str, click.Command]]:
    if isinstance(command, click.Group):
        context = click.Context(command)
        for below in command.list_commands(context):
            member = command.get_command(context, below)
            assert member is not None
            yield from _commands(member, f"{name} {below}")
    else:
        yield name, command


COMMANDS = dict(_commands(program, "sentinair"))
SECTIONS = {
    part.splitlines()[0].strip(): part for part in re.split(r"^## ", MANUAL, flags=re.MULTILINE)[1:]
}


def _options(command: click.Command) -> set[str]:
    return {
        name
        for parameter in command.params
        if isinstance(parameter, click.Option)
        for name in parameter.opts
        if name.startswith("--")
    }


def test_each_command_has_its_section_in_the_manual() -> None:
    assert {name for name in SECTIONS if name.startswith("sentinair ")} == set(COMMANDS)


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_stands_in_the_manual_and_no_other(name: str) -> None:
    table = [line for line in SECTIONS[name].splitlines() if line.startswith("| `")]
    documented = set(re.findall(r"--[a-z-]+", " ".join(line.split("|")[1] for line in table)))
    assert documented == _options(COMMANDS[name])


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_and_option_explains_itself(name: str) -> None:
    assert COMMANDS[name].help
    for parameter in COMMANDS[name].params:
        assert not isinstance(parameter, click.Option) or parameter.help


def test_the_options_of_all_commands_stand_in_the_manual() -> None:
    assert _options(program) == {"--config", "--state"}
    assert "| `--config DIR` |" in MANUAL
    assert "| `--state DIR` |" in MANUAL


def test_each_exit_status_stands_in_the_table() -> None:
    rows = {int(line.split("|")[1]) for line in MANUAL.splitlines() if re.match(r"\| \d", line)}
    kinds = [getattr(errors, name) for name in errors.__all__]
    wanted = {kind.exit_status for kind in kinds}
    assert rows == wanted | {0, entry.INTERRUPTED, entry.PIPE_CLOSED}
