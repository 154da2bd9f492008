"""`sentinair run`: starts all roles in the foreground, restarts a dead one after 1 s, stops them in order.

For trying and for tests; an installed agent is run by systemd.
"""

from __future__ import annotations

import os
import select
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path
from types import FrameType
from typing import Final

from sentinair.errors import SentinairError
from sentinair.ipc.control import call
from sentinair.ipc.sockets import HANDED_OVER
from sentinair.roles.prepare import make_sockets, make_state, set_queue_size
from sentinair.roles.ready import ready_line
from sentinair.roles.separation import PLACES, command, why_not_separated
from sentinair.settings.compiled import compile_settings, write_compiled
from sentinair.settings.load import load

__all__ = ["main"]

RESTART_SECS: Final = 1.0
READY_SECS: Final = 10.0
STOP_SECS: Final = 8.0
# A role that ends so would end so again: nothing but a person can mend it.
FATAL: Final = (2, 77, 78)
ENGINE_FATAL: Final = (
    *FATAL,
    74,
)  # while the disk refuses it stays up; it ends so over a file it must not touch
SENDERS: Final = ("sensor", "execs", "api", "forwarder")


class Runner:
    """The children and when each is due again."""

    def __init__(
        self, config: Path, state: Path, shared: str | None, listeners: dict[str, socket.socket]
    ) -> None:
        self._config = config
        self._state = state
        self._shared = shared
        self._listeners = listeners
        self._children: dict[str, subprocess.Popen[bytes]] = {}
        self._due = dict.fromkeys(PLACES, 0.0)
        self.stopping = False

    def _arguments(self, role: str) -> list[str]:
        run = self._state / "run"
        if role == "engine":
            shared = ["--shared", self._shared] if self._shared else []
            return ["--config", str(self._config), "--state", str(self._state), *shared]
        compiled = ["--settings", str(run / "sensor.msgpack")] if role in SENDERS[:2] else []
        return [*compiled, "--socket", str(run / f"{role}.sock")]

    def _start(self, role: str) -> None:
        descriptors = {name: made.fileno() for name, made in self._listeners.items()}
        environment = {**os.environ, "MALLOC_ARENA_MAX": "1"}
        if role == "engine":
            environment[HANDED_OVER] = ",".join(f"{name}={fd}" for name, fd in descriptors.items())
        self._children[role] = subprocess.Popen(
            command(role, self._arguments(role), separated=self._shared is None),
            stdin=subprocess.DEVNULL,
            pass_fds=tuple(descriptors.values()) if role == "engine" else (),
            env=environment,
            umask=0o027,
            start_new_session=True,  # Ctrl-C comes to us alone: we stop them in order
        )

    def look(self) -> int | None:
        """Start what is due, notice what died; an exit status if the agent cannot go on."""
        for role in PLACES:
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
                    print(
                        f"pid {child.pid} did not stop in {STOP_SECS:g} s, killed", file=sys.stderr
                    )


def main(config: Path, state: Path, watch: tuple[Path, ...] = ()) -> int:
    """Run until SIGINT or SIGTERM; returns the exit status.

    Raises ConfigFault, PermissionFault or StorageFault before anything is started.
    """
    settings = load(config)
    shared = why_not_separated(state)
    make_state(state, separated=shared is None)
    listeners = make_sockets(state / "run", separated=shared is None)
    write_compiled(state / "run" / "sensor.msgpack", compile_settings(settings, state, watch))
    notes = [f"roles not separated: {shared}"] if shared else []
    if os.geteuid() == 0:
        queue = set_queue_size(settings.files.max_queued_events)
        notes += [queue] if queue else []
    runner = Runner(config, state, shared, listeners)

    def stop(_number: int, _frame: FrameType | None) -> None:
        runner.stopping = True

    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, stop)
    signal.signal(signal.SIGCHLD, lambda _number, _frame: None)  # ends the sleep when a child dies
    woken, waker = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
    signal.set_wakeup_fd(waker, warn_on_full_buffer=False)
    try:
        return _watch(runner, state / "run" / "control.sock", notes, woken)
    finally:
        runner.stop()


def _watch(runner: Runner, control: Path, notes: list[str], woken: int) -> int:
    told = False
    give_up = time.monotonic() + READY_SECS
    while not runner.stopping:
        status = runner.look()
        if status is not None:
            runner.abandon()
            return status
        if not told:
            told = _tell_ready(control, notes, last_chance=time.monotonic() > give_up)
        # Signals do not end a sleep by themselves (PEP 475): they write to the pipe.
        if select.select([woken], [], [], 0.03 if not told else 1.0)[0]:
            os.read(woken, 4096)
    return 0


def _tell_ready(control: Path, notes: list[str], *, last_chance: bool) -> bool:
    try:
        line = ready_line(call(control, "status", timeout_secs=1.0), notes, whatever=last_chance)
    except SentinairError:
        return False
    if line is not None:
        print(line, flush=True)
    return line is not None
