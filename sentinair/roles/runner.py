"""The plain child runner behind `sentinair run`: starts the roles, restarts a dead one after 1 s, stops them in order.

    python -P -m sentinair.roles.runner PLAN      PLAN: JSON of Plan

It lives as long as the agent, so it loads nothing: what needs the configuration was done by roles.run before it
became this program by execv(2).
"""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
import time
from types import FrameType
from typing import Final, TypedDict

__all__ = ["Plan", "Runner", "main"]

RESTART_SECS: Final = 1.0
STOP_SECS: Final = 8.0
# A role that ends so would end so again: nothing but a person can mend it.
FATAL: Final = (2, 77, 78)
ENGINE_FATAL: Final = (
    *FATAL,
    74,
)  # while the disk refuses it stays up; so it ends over a file it must not touch
# Give back what a rescan or a burst took (mallopt(3)): each role lives for months, and is busy for seconds.
MALLOC: Final = {
    "MALLOC_ARENA_MAX": "1",
    "MALLOC_MMAP_THRESHOLD_": "65536",
    "MALLOC_TRIM_THRESHOLD_": "65536",
}
SENDERS: Final = ("sensor", "execs", "api", "forwarder")


class Plan(TypedDict):
    """commands: by role, in the order of starting.  sockets: listening descriptors, for the engine.

    environment: added for the engine.  teller: pid of the child that prints the ready line.
    """

    commands: dict[str, list[str]]
    sockets: list[int]
    environment: dict[str, str]
    teller: int


class Runner:
    """The children and when each is due again."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._due = dict.fromkeys(plan["commands"], 0.0)
        self.stopping = False

    def _start(self, role: str) -> None:
        is_engine = role == "engine"
        self._children[role] = subprocess.Popen(
            self._plan["commands"][role],
            stdin=subprocess.DEVNULL,
            pass_fds=tuple(self._plan["sockets"]) if is_engine else (),
            env=os.environ | MALLOC | (self._plan["environment"] if is_engine else {}),
            umask=0o027,
            start_new_session=True,  # Ctrl-C comes to us alone: we stop them in order
        )

    def look(self) -> int | None:
        """Start what is due, notice what died; an exit status if the agent cannot go on."""
        for role in self._plan["commands"]:
            child = self._children.get(role)
            if child is not None and child.poll() is not None:
                del self._children[role]
                if child.returncode in (ENGINE_FATAL if role == "engine" else FATAL):
                    return child.returncode
                self._due[role] = time.monotonic() + RESTART_SECS
                print(f"{role} ended with {child.returncode}, back in 1 s", file=sys.stderr)
            if role not in self._children and time.monotonic() >= self._due[role]:
                self._start(role)
        return None

    def next_due(self) -> float | None:
        """Seconds until a dead role is started again; None: all live."""
        dead = [due for role, due in self._due.items() if role not in self._children]
        return max(0.0, min(dead) - time.monotonic()) if dead else None

    def abandon(self) -> None:
        """A role refused to start: nothing was promised yet, and nobody is there to hand anything over to."""
        for child in self._children.values():
            child.kill()
            child.wait()
        self._children.clear()

    def stop(self) -> None:
        """Senders first: they hand over what they hold, and the engine commits it."""
        for roles in (SENDERS, ("engine",)):
            alive = [self._children[role] for role in roles if role in self._children]
            for child in alive:
                child.terminate()
            by = time.monotonic() + STOP_SECS
            for child in alive:
                try:
                    child.wait(max(0.1, by - time.monotonic()))
                except subprocess.TimeoutExpired:
                    child.kill()
                    child.wait()
                    said = f"pid {child.pid} did not stop in {STOP_SECS:g} s, killed"
                    print(said, file=sys.stderr)


def main(words: list[str]) -> int:
    """Run until SIGINT or SIGTERM; returns the exit status."""
    plan: Plan = json.loads(words[0])
    runner = Runner(plan)

    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stopping = True

    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # a dead child ends the sleep
    status = None
    try:
        while not runner.stopping and status is None:
            status = runner.look()
            if status is not None:
                runner.abandon()
                break
            # Signals do not end a sleep by themselves (PEP 475): they write to the pipe.
            if select.select([woken], [], [], runner.next_due())[0]:
                os.read(woken, 4096)
            _reap(plan)
    finally:
        if plan["teller"]:
            os.kill(plan["teller"], signal.SIGKILL)
        runner.stop()
    return status or 0


def _reap(plan: Plan) -> None:
    """The child that prints the ready line ends once it has."""
    if plan["teller"] and os.waitpid(plan["teller"], os.WNOHANG)[0]:
        plan["teller"] = 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
