"""`python -m sentinair.roles.engine --config DIR --state DIR`: the engine's process."""

from __future__ import annotations

import logging
import os
import sys
from pathlib import Path

from sentinair.errors import SentinairError
from sentinair.ipc.notify import Notifier
from sentinair.ipc.sockets import handed_over
from sentinair.roles.arguments import options
from sentinair.roles.engine.app import Engine
from sentinair.roles.engine.assemble import Assembly
from sentinair.roles.prepare import make_sockets, make_state


def main(words: list[str]) -> int:
    """Run until SIGTERM; returns the exit status.  --shared: why the roles share one user."""
    logging.basicConfig(stream=sys.stderr, format="sentinair engine: %(levelname)s %(message)s")
    os.umask(0o027)
    try:
        given = options("engine", words, ("config", "state"), may=("shared",))
        state = Path(given["state"])
        assembly = Assembly(Path(given["config"]), state, given.get("shared"))
        logging.getLogger("sentinair").setLevel(assembly.settings.agent.log_level.upper())
        listeners = handed_over()
        if not listeners:  # started by hand, without runner or units
            make_state(state, separated=False)
            listeners = make_sockets(state / "run", separated=False)
        notifier = Notifier.from_environment()
        Engine(listeners, assembly.open, assembly.handlers, notifier, state).run()
    except SentinairError as fault:
        os.write(2, f"sentinair engine: {fault}\n".encode())
        return fault.exit_status
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
