"""A command group whose members are imported only when called: start-up costs what the one command needs."""

from __future__ import annotations

import importlib
from collections.abc import Mapping

import click

__all__ = ["InOrder", "LazyGroup"]


class InOrder(click.Group):
    """Help lists the commands in the order in which they stand in the code."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(self.commands)


class LazyGroup(click.Group):
    """members: command name to `module:attribute`, in the order in which help lists them."""

    def __init__(self, name: str, *, members: Mapping[str, str], about: str) -> None:
        super().__init__(name, help=about)
        self._members = dict(members)

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002  click's signature
        return list(self._members)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002
        target = self._members.get(cmd_name)
        if target is None:
            return None
        module, attribute = target.split(":")
        command = getattr(importlib.import_module(module), attribute)
        if not isinstance(command, click.Command):
            raise TypeError(f"{target} is not a click command")
        return command
