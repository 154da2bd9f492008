"""What sinks.yaml may say of a shared database."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from sentinair.errors import UsageFault
from sentinair.model.ports import SinkKind

__all__ = ["KIND", "SharedOptions"]


class SharedOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """docs/shared-database.md says what each means.  Raises UsageFault for what makes no sense together."""

    directory: str = ""  # absolute; "": data/exports of the state
    writable: bool = False  # by the group of the directory
    cap_bytes: Annotated[int, msgspec.Meta(ge=1 << 20, le=1 << 40)] = 256 << 20
    snapshot: bool = False  # closed copies by rename, for a share
    snapshot_secs: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60
    mounted: bool = False  # of a snapshot: the directory must be a mount point

    def __post_init__(self) -> None:
        if self.directory and not self.directory.startswith("/"):
            raise UsageFault(
                f"directory: {self.directory!r} is not absolute",
                remedy="begin it with /, so that it means the same to every process",
            )
        if self.snapshot and self.writable:
            raise UsageFault(
                "writable: what others write into a snapshot goes with the next one",
                remedy="leave writable or snapshot away",
            )
        if self.writable and not self.directory:
            raise UsageFault(
                "writable: in the agent's own state each write by others is told as tampering",
                remedy="name a directory",
            )
        if self.mounted and not self.snapshot:
            raise UsageFault(
                "mounted: on a share SQLite's locks do not work", remedy="add snapshot: true"
            )


KIND: Final = SinkKind(
    options=SharedOptions, make="sentinair.sinks.shared.kind:shared", needs_codec=False
)
