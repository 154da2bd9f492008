"""The process list by psutil, for where the process connector does not work.

psutil costs 4 MB of memory, so nothing imports this module at its top: who has chosen polling loads it by
importlib.import_module.
"""

from __future__ import annotations

from typing import Final

import psutil

from sentinair.model.ports import Probe

__all__ = ["LIMITS", "NAME", "pids", "probe"]

NAME: Final = "psutil"
LIMITS: Final = (
    "a process that lives shorter than the pause between two looks is not seen",
    "a program that replaces another in the same process is not seen",
    "changes of user and exit codes are not seen",
)


def pids() -> list[int]:
    """Numbers of all processes visible here, ascending.  Raises psutil.Error or OSError without /proc."""
    return sorted(psutil.pids())


def probe() -> Probe:
    """Whether the process list can be read here, and if not, why."""
    try:
        pids()
    except (psutil.Error, OSError) as fault:
        return Probe(NAME, works=False, reason=f"the process list cannot be read: {fault}")
    return Probe(NAME, works=True, reason="works", limits=LIMITS)
