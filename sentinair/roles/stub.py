"""A role whose work comes with a later issue: it starts, reports its health to the engine, and stops."""

from __future__ import annotations

import argparse
import os
import select
import signal
import time
from pathlib import Path
from types import FrameType
from typing import Final

from sentinair.errors import SentinairError
from sentinair.ipc.link import Link
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
    stopping = False

    def stop(_number: int, _frame: FrameType | None) -> None:
        nonlocal stopping
        stopping = True

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    notifier = Notifier.from_environment()
    notifier.ready("reports its health")
    try:
        while not stopping:
            link.tell(Health({role: True}, {}, {role: ""}))
            link.pump()
            _wait(link)
            notifier.alive()
    except SentinairError as fault:
        os.write(2, f"sentinair {role}: {fault}\n".encode())
        return fault.exit_status
    finally:
        link.close()
    return 0


def _link(role: str, path: Path) -> Link:
    hello = Hello(
        VERSION, role, os.urandom(8), os.getpid(), start(os.getpid()), time.time_ns(), {}, ()
    )
    return Link(path, (), lambda: hello, lambda _ask: None, lambda _welcome: None)


def _wait(link: Link) -> None:
    """Until the next health is due, something came, or (not connected) it is time to try again."""
    poll = select.poll()
    if link.fileno() >= 0:
        poll.register(link.fileno(), link.events())
    # A signal ends poll(2) only by raising; PEP 475 restarts it, so its handler's flag is seen a second later at most.
    until = time.monotonic() + (HEALTH_SECS if link.connected else 1.0)
    while (left := until - time.monotonic()) > 0:
        if poll.poll(min(left, 1.0) * 1000):
            return
        if not link.connected:
            return
