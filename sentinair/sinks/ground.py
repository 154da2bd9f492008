"""What every sink is made from."""

from __future__ import annotations

from pathlib import Path

import msgspec

from sentinair.model.ports import Codec

__all__ = ["Ground"]


class Ground(msgspec.Struct, frozen=True, kw_only=True):
    """Handed to what makes a sink (model.ports.SinkKind), with the sink's options."""

    name: str  # of the sink, as the administrator called it
    host: str  # name of this host, escaped
    state: Path  # the state directory; data/exports below it is the forwarder's own
    codec: Codec | None = None  # None: parcels have no body
    allow_networks: tuple[str, ...] = ()  # private networks it may send to
