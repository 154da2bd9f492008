"""A role whose work is still to come: it starts, reports its health to the engine, and stops."""

from __future__ import annotations

import os
import select
import time
from pathlib import Path
from typing import Final

from sentinair.errors import UsageFault
from sentinair.ipc.link import RETRY_SECS, Link
from sentinair.ipc.messages import VERSION, AskExport, ForForwarder, Health, Hello
from sentinair.ipc.notify import Notifier
from sentinair.kernel.procfs import start
from sentinair.roles.arguments import options, stop_descriptor

__all__ = ["main", "rest"]

HEALTH_SECS: Final = 10.0


def main(role: str, words: list[str]) -> int:
    """Run role until SIGTERM; returns the exit status."""
    stop, _wake = stop_descriptor()
    try:
        path = Path(options(role, words, ("socket",))["socket"])
    except UsageFault as fault:
        os.write(2, f"{role}: {fault}\n".encode())
        return fault.exit_status
    rest(role, path, stop)
    return 0


def rest(role: str, path: Path, stop: int) -> bool:
    """Report the role's health until stop can be read; True: until an export is wanted of it.

    path: the engine's socket for this role.
    """
    wanted: list[AskExport] = []
    link = _link(role, path, wanted)
    notifier = Notifier.from_environment()
    notifier.ready("reports its health")
    try:
        while not wanted and not _wait(link, stop):
            link.tell(Health({role: True}, {}, {role: ""}))
            link.pump()
            notifier.alive()
    finally:
        link.close()
    return bool(wanted)


def _link(role: str, path: Path, wanted: list[AskExport]) -> Link:
    hello = Hello(
        VERSION, role, os.urandom(8), os.getpid(), start(os.getpid()), time.time_ns(), {}, ()
    )

    def heard(word: ForForwarder) -> None:
        if isinstance(word, AskExport):
            wanted.append(word)

    return Link(
        path,
        (),
        lambda: hello,
        lambda _ask: None,
        lambda welcome: wanted.extend(welcome.exports),
        heard,
    )


def _wait(link: Link, stop: int) -> bool:
    """Until the next health is due or the engine speaks; True when it is time to stop."""
    poll = select.poll()
    poll.register(stop, select.POLLIN)
    if link.fileno() >= 0:
        poll.register(link.fileno(), link.events())
    secs = HEALTH_SECS if link.connected else RETRY_SECS
    return any(descriptor == stop for descriptor, _ in poll.poll(secs * 1000))
