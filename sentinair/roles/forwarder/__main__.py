"""`python -m sentinair.roles.forwarder --settings FILE --socket SOCKET`: the forwarder's process."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final, cast

from sentinair.errors import SentinairError
from sentinair.roles.arguments import options
from sentinair.roles.stub import main as idle
from sentinair.settings.compiled import ForwarderSettings, read_sinks
from sentinair.settings.registered import load

_ROLE: Final = "sentinair.roles.forwarder.role:run"  # with the database and the sinks, some 10 MB


def main(words: list[str]) -> int:
    """Run until SIGTERM; returns the exit status."""
    try:
        given = options("forwarder", words, ("settings", "socket"))
        settings = read_sinks(Path(given["settings"]))
        if not settings.sinks:
            return idle("forwarder", ["--socket", given["socket"]])
        run = cast(Callable[[ForwarderSettings, Path], int], load(_ROLE))
        return run(settings, Path(given["socket"]))
    except SentinairError as fault:
        os.write(2, f"forwarder: {fault}\n".encode())
        return fault.exit_status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
