"""A role's own command line, and how it is told to stop.

By hand: argparse would be a tenth of a small role's memory, and nobody but units and the runner call these.
"""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence

from sentinair.errors import UsageFault

__all__ = ["options", "stop_descriptor"]


def options(
    role: str, words: Sequence[str], needed: Sequence[str], may: Sequence[str] = ()
) -> dict[str, str]:
    """`--name value` pairs by name.  Raises UsageFault if one that is needed is missing or one is unknown."""
    names = [word.removeprefix("--") for word in words[::2]]
    given = dict(zip(names, words[1::2], strict=False))
    if len(words) % 2 or not set(needed) <= given.keys() <= {*needed, *may}:
        usage = " ".join(
            [*(f"--{name} VALUE" for name in needed), *(f"[--{name} VALUE]" for name in may)]
        )
        raise UsageFault(
            "wrong arguments", where=f"sentinair.roles.{role}", remedy=f"call it with {usage}"
        )
    return given


def stop_descriptor() -> tuple[int, int]:
    """A pipe that gets a byte at SIGTERM or SIGINT: the end to poll, and the end that wakes the loop."""
    awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the byte in the pipe ends the loop
    return awake, wake
