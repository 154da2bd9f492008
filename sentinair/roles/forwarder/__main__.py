"""`python -m sentinair.roles.forwarder --settings FILE --socket SOCKET`: the forwarder's process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from sentinair.errors import SentinairError
from sentinair.roles.arguments import options, stop_descriptor
from sentinair.roles.forwarder.idle import IDLE, begin_anew, clear_leftovers, let_signals_come
from sentinair.roles.stub import rest
from sentinair.settings.compiled import ForwarderSettings, read_sinks
from sentinair.settings.registered import load

_ROLE: Final = "sentinair.roles.forwarder.role:run"  # with the database and the sinks, some 10 MB


def main(words: list[str]) -> int:
    """Run until SIGTERM; returns the exit status."""
    let_signals_come()
    stop, _wake = stop_descriptor()
    try:
        given = options("forwarder", words, ("settings", "socket"))
        settings = read_sinks(Path(given["settings"]))
        clear_leftovers(os.fsencode(settings.state))
        path = Path(given["socket"])
        if not settings.sinks and not rest("forwarder", path, stop):
            return 0
        run = cast(Callable[[ForwarderSettings, Path, int], int], load(_ROLE))
        status = run(settings, path, stop)
    except SentinairError as fault:
        os.write(2, f"forwarder: {fault}\n".encode())
        return fault.exit_status
    if status == IDLE:
        begin_anew(stop)
        return 0
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
