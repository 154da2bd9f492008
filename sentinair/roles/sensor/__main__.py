"""python -m sentinair.roles.sensor --settings FILE --socket PATH."""

from __future__ import annotations

import gc
import os
import signal
import sys
from pathlib import Path

from sentinair.errors import PermissionFault, SentinairError, UsageFault
from sentinair.roles.sensor.outbox import SENDER
from sentinair.roles.sensor.role import Sensor, log
from sentinair.settings.compiled import read_compiled

__all__ = ["main"]


def _arguments(words: list[str]) -> tuple[Path, Path]:
    given = dict(zip(words[::2], words[1::2], strict=False))
    if len(words) != 4 or given.keys() != {"--settings", "--socket"}:
        remedy = "call it with --settings FILE --socket PATH"
        raise UsageFault("wrong arguments", where=SENDER, remedy=remedy)
    return Path(given["--settings"]), Path(given["--socket"])


def _refuse_root() -> None:
    """The unit gives the sensor a user of its own and four capabilities; root there is a mistake in the unit."""
    if os.geteuid() == 0 and "NOTIFY_SOCKET" in os.environ:
        raise PermissionFault(
            "must not run as root under its unit", where=SENDER, remedy="set User= in the unit"
        )


def main(words: list[str]) -> int:
    """Runs until SIGTERM or SIGINT; returns the exit status."""
    awake, wake = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(wake, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the byte in the pipe ends the loop
    try:
        _refuse_root()
        settings, path = _arguments(words)
        sensor = Sensor(read_compiled(settings), path, wake)
        gc.freeze()  # modules and settings live as long as the process: no need to look at them again
        sensor.run(awake)
    except (SentinairError, OSError) as fault:
        log(str(fault))
        return fault.exit_status if isinstance(fault, SentinairError) else 74
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
