"""A notice made from its options in sinks.yaml."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Final

from sentinair.sinks.ground import Ground
from sentinair.sinks.notice.motd import Motd, place
from sentinair.sinks.notice.options import NoticeOptions
from sentinair.sinks.notice.sink import NoticeSink
from sentinair.sinks.notice.terminals import Terminals, tty_group

__all__ = ["notice"]

_GROUPS: Final = Path("/etc/group")
_MAPPED: Final = Path("/proc/self/gid_map")


def notice(ground: Ground, options: NoticeOptions) -> NoticeSink:
    """Opens nothing yet."""
    devices, logins = Path(options.devices), Path(options.logins)
    terminals = Terminals(devices, logins, tty_group(_GROUPS, _MAPPED))
    return NoticeSink(
        ground.name,
        options,
        terminals=terminals if options.terminals else None,
        motd=Motd(place(ground.state)) if options.motd else None,
        standing=ground.standing,
        wall_ns=time.time_ns,
        mono_ns=time.monotonic_ns,
    )
