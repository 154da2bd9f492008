"""What sinks.yaml may say of a drop."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from sentinair.errors import UsageFault
from sentinair.model.ports import SinkKind

__all__ = ["KIND", "MAX_BYTES", "DropOptions"]

# Of a segment: what is said of its blocks must fit in one request to the engine.
MAX_BYTES: Final = 64 << 20


class DropOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """docs/sinks.md says what each means."""

    directory: str = ""  # absolute; "": data/exports of the state
    segment_bytes: Annotated[int, msgspec.Meta(ge=4096, le=MAX_BYTES)] = 8 << 20
    segment_secs: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    cap_bytes: Annotated[int, msgspec.Meta(ge=1 << 20, le=1 << 50)] = 1 << 30
    complete: bool = False
    mounted: bool = False

    def __post_init__(self) -> None:
        if self.directory and not self.directory.startswith("/"):
            raise UsageFault(
                f"directory: {self.directory!r} is not absolute",
                remedy="begin it with /, so that it means the same to every process",
            )


KIND: Final = SinkKind(options=DropOptions, make="sentinair.sinks.drop.kind:drop", in_order=True)
