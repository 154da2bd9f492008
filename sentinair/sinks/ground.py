"""What every sink is made from."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import msgspec

from sentinair.model.ports import Codec

__all__ = ["Ground"]

_INSTALLED: Final = Path("/var/lib/sentinair"), Path("/run/sentinair")


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Handed to what makes a sink (model.ports.SinkKind), with the sink's options."""

    name: str  # of the sink, as the administrator called it
    host: str  # name of this host, escaped
    state: Path  # the state directory; data/exports below it is the forwarder's own
    codec: Codec | None = None  # None: parcels have no body
    allow_networks: tuple[str, ...] = ()  # private networks it may send to

    @property
    def run(self) -> Path:
        """Where the sockets are."""
        state, run = _INSTALLED
        return run if self.state == state else self.state / "run"
