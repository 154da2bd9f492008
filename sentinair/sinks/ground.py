"""What every sink is made from."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from sentinair.model.ports import Codec
from sentinair.model.standing import Standing

__all__ = ["Ground", "run_folder"]

_INSTALLED: Final = Path("/var/lib/sentinair"), Path("/run/sentinair")


def run_folder(state: Path) -> Path:
    """Where what lives as long as the agent lies: /run/sentinair of the installed one, else <state>/run."""
    installed, run = _INSTALLED
    return run if state == installed else state / "run"


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Handed to what makes a sink (model.ports.SinkKind), with the sink's options."""

    name: str  # of the sink, as the administrator called it
    host: str  # name of this host, escaped
    state: Path  # the state directory; data/exports below it is the forwarder's own
    codec: Codec | None = None  # None: parcels have no body
    allow_networks: tuple[str, ...] = ()  # private networks it may send to
    standing: Callable[[], Standing] = Standing  # what is open now; raises SentinairError
