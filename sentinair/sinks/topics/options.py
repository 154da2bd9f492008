"""What sinks.yaml may say of topics."""

from __future__ import annotations

import os
import pwd
from typing import Annotated, Final

import msgspec

from sentinair.errors import UsageFault
from sentinair.model.ports import SinkKind

__all__ = ["KIND", "TopicsOptions"]

_PATH_BYTES: Final = 107  # unix(7): sun_path


class TopicsOptions(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """docs/topics.md says what each means.  Raises UsageFault for a socket that cannot be."""

    socket: str = ""  # absolute; "": topics/topics.sock beside the engine's sockets
    users: tuple[str, ...] = ()  # names or numbers; (): whoever mode and group let in
    subscribers: Annotated[int, msgspec.Meta(ge=1, le=64)] = 16
    per_user: Annotated[int, msgspec.Meta(ge=1, le=64)] = 4
    queue: Annotated[int, msgspec.Meta(ge=1, le=100_000)] = 1000  # messages of one subscriber
    metrics_secs: Annotated[int, msgspec.Meta(ge=1, le=86_400)] = 60

    def __post_init__(self) -> None:
        if self.socket and not self.socket.startswith("/"):
            raise UsageFault(
                f"socket: {self.socket!r} is not absolute",
                remedy="begin it with /, so that it means the same to every process",
            )
        size = len(os.fsencode(self.socket))
        if size > _PATH_BYTES:
            raise UsageFault(
                f"socket: has {size} bytes, a path of at most {_PATH_BYTES} is needed",
                remedy="name a shorter one",
            )
        self.uids()

    def uids(self) -> frozenset[int] | None:
        """Who may subscribe; None: whoever mode and group let in.  Raises UsageFault."""
        found = set()
        for name in self.users:
            try:
                found.add(int(name) if name.isdecimal() else pwd.getpwnam(name).pw_uid)
            except (KeyError, ValueError) as fault:
                raise UsageFault(
                    f"users: there is no user {name!r}", remedy="name users of this host"
                ) from fault
        return frozenset(found) or None


KIND: Final = SinkKind(
    options=TopicsOptions, make="sentinair.sinks.topics.kind:topics", needs_codec=False
)
