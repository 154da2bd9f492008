"""A role whose work comes with a later issue: it starts, reports its health to the engine, and stops."""

from __future__ import annotations

import argparse
import os
import select
import signal
import time
from pathlib import Path
from typing import Final

from sentinair.ipc.link import RETRY_SECS, Link
from sentinair.ipc.messages import VERSION, Health, Hello
from sentinair.ipc.notify import Notifier
from sentinair.kernel.procfs import start

__all__ = ["main"]

HEALTH_SECS: Final = 10.0


def main(role: str, arguments: list[str] | None = None) -> int:
    """Run role until SIGTERM; returns the exit status."""
    parser = argparse.ArgumentParser(prog=f"sentinair.roles.{role}")
    parser.add_argument("--socket", type=Path, required=True)
    link = _link(role, parser.parse_args(arguments).socket)
    stop, stopper = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(stopper, warn_on_full_buffer=False)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: None)  # the byte in the pipe ends the loop
    notifier = Notifier.from_environment()
    notifier.ready("reports its health")
    try:
        while not _wait(link, stop):
            link.tell(Health({role: True}, {}, {role: ""}))
            link.pump()
            notifier.alive()
    finally:
        link.close()
    return 0


def _link(role: str, path: Path) -> Link:
    hello = Hello(
        VERSION, role, os.urandom(8), os.getpid(), start(os.getpid()), time.time_ns(), {}, ()
    )
    return Link(path, (), lambda: hello, lambda _ask: None, lambda _welcome: None)


def _wait(link: Link, stop: int) -> bool:
    """Until the next health is due or the engine speaks; True when it is time to stop."""
    poll = select.poll()
    poll.register(stop, select.POLLIN)
    if link.fileno() >= 0:
        poll.register(link.fileno(), link.events())
    secs = HEALTH_SECS if link.connected else RETRY_SECS
    return any(descriptor == stop for descriptor, _ in poll.poll(secs * 1000))
