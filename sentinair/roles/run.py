"""`sentinair run`: everything that must stand before the roles start, then the plain runner in this process's place.

For trying and for tests; an installed agent is run by systemd.
"""

from __future__ import annotations

import json
import os
import sys
import time
from pathlib import Path
from typing import Final, NoReturn

from sentinair.errors import PermissionFault, SentinairError
from sentinair.ipc.control import call
from sentinair.ipc.sockets import HANDED_OVER
from sentinair.roles.prepare import make_sockets, make_state, set_queue_size
from sentinair.roles.ready import ready_line
from sentinair.roles.runner import Plan
from sentinair.roles.separation import PLACES, command, why_not_separated
from sentinair.settings.compiled import compile_settings, compile_sinks, write_compiled
from sentinair.settings.load import load

__all__ = ["main"]

READY_SECS: Final = 10.0
LOOK_SECS: Final = 0.03


def main(config: Path, state: Path, watch: tuple[Path, ...] = ()) -> NoReturn:
    """Prepare, then become the runner; its exit status is this process's.

    Raises ConfigFault, PermissionFault or StorageFault before anything is started.
    """
    settings = load(config)
    shared = why_not_separated(state)
    try:
        make_state(state, separated=shared is None)
    except PermissionFault as fault:
        if shared is None:
            raise
        why = f"{fault.what} (the roles are not separated: {shared})"
        raise PermissionFault(why, where=fault.where, remedy=fault.remedy) from fault
    run = state / "run"
    listeners = make_sockets(run, separated=shared is None)
    write_compiled(run / "sensor.msgpack", compile_settings(settings, state, watch))
    write_compiled(run / "forwarder.msgpack", compile_sinks(settings, state))
    notes = [f"roles not separated: {shared}"] if shared else []
    if os.geteuid() == 0:
        queue = set_queue_size(settings.files.max_queued_events)
        notes += [queue] if queue else []
    for listener in listeners.values():
        os.set_inheritable(listener.fileno(), True)
    descriptors = {name: listener.fileno() for name, listener in listeners.items()}
    plan = Plan(
        commands={
            role: command(role, _arguments(role, config, state, shared), separated=shared is None)
            for role in PLACES
        },
        sockets=list(descriptors.values()),
        environment={HANDED_OVER: ",".join(f"{name}={fd}" for name, fd in descriptors.items())},
        teller=_teller(run / "control.sock", notes),
    )
    words = [sys.executable, "-P", "-m", "sentinair.roles.runner", json.dumps(plan)]
    os.execv(sys.executable, words)


def _arguments(role: str, config: Path, state: Path, shared: str | None) -> list[str]:
    run = state / "run"
    if role == "engine":
        why = ["--shared", shared] if shared else []
        return ["--config", str(config), "--state", str(state), *why]
    files = {"sensor": "sensor", "execs": "sensor", "forwarder": "forwarder"}
    compiled = ["--settings", str(run / f"{files[role]}.msgpack")] if role in files else []
    return [*compiled, "--socket", str(run / f"{role}.sock")]


def _teller(control: Path, notes: list[str]) -> int:
    """Fork a child that prints the ready line and ends: asking the engine needs what the runner must not load."""
    sys.stdout.flush()
    child = os.fork()
    if child:
        return child
    give_up = time.monotonic() + READY_SECS
    while not _tell_ready(control, notes, last_chance=time.monotonic() > give_up):
        if time.monotonic() > give_up + READY_SECS:
            break
        time.sleep(LOOK_SECS)
    os._exit(0)


def _tell_ready(control: Path, notes: list[str], *, last_chance: bool) -> bool:
    try:
        line = ready_line(call(control, "status", timeout_secs=1.0), notes, whatever=last_chance)
    except SentinairError:
        return False
    if line is not None:
        print(line, flush=True)
    return line is not None
