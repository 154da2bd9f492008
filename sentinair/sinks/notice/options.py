"""What sinks.yaml may say of a notice."""

from __future__ import annotations

from typing import Annotated, Final

import msgspec

from sentinair.errors import UsageFault
from sentinair.model.ports import SinkKind

__all__ = ["KIND", "NoticeOptions"]


class NoticeOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """docs/sinks.md says what each means.  Raises UsageFault for what makes no sense."""

    lines_per_minute: Annotated[int, msgspec.Meta(ge=1, le=60)] = 6
    blind_secs: Annotated[int, msgspec.Meta(ge=1, le=3600)] = 30
    objects: bool = True  # name the file or program; False: the title only
    terminals: bool = True
    motd: bool = True
    devices: str = "/dev"
    logins: str = "/run/utmp"

    def __post_init__(self) -> None:
        for name in ("devices", "logins"):
            if not getattr(self, name).startswith("/"):
                raise UsageFault(
                    f"{name}: {getattr(self, name)!r} is not absolute", remedy="begin it with /"
                )
        if not (self.terminals or self.motd):
            raise UsageFault(
                "neither terminals nor motd: it would tell nobody", remedy="enabled: false"
            )


KIND: Final = SinkKind(
    options=NoticeOptions, make="sentinair.sinks.notice.kind:notice", needs_codec=False
)
