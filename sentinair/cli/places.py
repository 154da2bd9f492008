"""Where things are: configuration, state, database, control socket."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import click
import msgspec

__all__ = ["SYSTEM_CONFIG", "SYSTEM_RUN", "SYSTEM_STATE", "Places", "find", "pass_places"]

SYSTEM_CONFIG: Final = Path("/etc/sentinair")
SYSTEM_STATE: Final = Path("/var/lib/sentinair")
SYSTEM_RUN: Final = Path("/run/sentinair")


class Places(msgspec.Struct, frozen=True):
    """The directories one call of the program works on; both absolute."""

    config: Path
    state: Path

    @property
    def database(self) -> Path:
        return self.state / "ledger.db"

    @property
    def run(self) -> Path:
        """Sockets and compiled settings: the units put them under /run, the plain runner under the state."""
        if self.state == SYSTEM_STATE and SYSTEM_RUN.is_dir():
            return SYSTEM_RUN
        return self.state / "run"

    @property
    def control(self) -> Path:
        return self.run / "control.sock"

    @property
    def exports(self) -> Path:
        """The forwarder's own folder."""
        return self.state / "data" / "exports"

    def arguments(self) -> str:
        """The options that lead another call to the same places; "" for those of an installed agent."""
        words = []
        if self.config != SYSTEM_CONFIG:
            words.append(f"--config {self.config}")
        if self.state != SYSTEM_STATE:
            words.append(f"--state {self.state}")
        return " ".join(words)


def find(config: Path | None, state: Path | None) -> Places:
    """What was asked for, else the installed places where they exist, else those of a clone: ./config and ./var."""
    return Places(
        config=(config or (SYSTEM_CONFIG if SYSTEM_CONFIG.is_dir() else Path("config"))).absolute(),
        state=(state or (SYSTEM_STATE if SYSTEM_STATE.is_dir() else Path("var"))).absolute(),
    )


pass_places = click.make_pass_decorator(Places)
"""Gives a command the Places of this call as its first argument."""
