"""python -m sentinair.roles.sensor --settings FILE --socket PATH."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

from sentinair.errors import PermissionFault, SentinairError
from sentinair.roles.arguments import options, stop_descriptor
from sentinair.roles.sensor.outbox import SENDER
from sentinair.roles.sensor.role import Sensor, log
from sentinair.settings.compiled import read_compiled

__all__ = ["main"]


def _refuse_root() -> None:
    """The unit gives the sensor a user of its own and four capabilities; root there is a mistake in the unit."""
    if os.geteuid() == 0 and "NOTIFY_SOCKET" in os.environ:
        raise PermissionFault(
            "must not run as root under its unit", where=SENDER, remedy="set User= in the unit"
        )


def main(words: list[str]) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    awake, wake = stop_descriptor()
    try:
        _refuse_root()
        given = options(SENDER, words, ("settings", "socket"))
        settings = read_compiled(Path(given["settings"]))
        sensor = Sensor(settings, Path(given["socket"]), wake)
        gc.freeze()  # modules and settings live as long as the process: no need to look at them again
        sensor.run(awake)
    except (SentinairError, OSError) as fault:
        log(str(fault))
        return fault.exit_status if isinstance(fault, SentinairError) else 74
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
