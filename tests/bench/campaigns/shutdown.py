"""A stop with events waiting in the lanes: out in ten seconds, and not one of them missing."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from sentinair.model.event import FileEvent
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures
from tests.harness.agent import Agent

SIZES = {"small": (1_000, 1), "full": (10_000, 5)}  # events waiting, times
LIMIT_SECS = 10.0


def run(size: str) -> Figures:
    """The engine is held still until the events wait in the sensor, then all are told to stop."""
    need_root()
    count, times = SIZES[size]
    promises = Promises()
    secs, missing, unverified = [], 0, 0
    with workplace() as folder:
        tree = folder / "tree"
        tree.mkdir()
        for number in range(times):
            took, names = _stopped(folder / "agent", tree, number, count, promises)
            secs.append(round(took, 2))
            missing += count - names
            verified = Agent(folder / "agent").cli("verify", str(folder / "agent" / "state"))
            unverified += verified.returncode != 0
    promises.keep(missing == 0, f"{missing} of the waiting events are missing")
    promises.keep(unverified == 0, "the ledger verifies after each stop")
    return promises.onto(
        {"waiting": count, "stop_secs": secs, "missing": missing, "unverified": unverified}
    )


def _stopped(
    folder: Path, tree: Path, number: int, count: int, promises: Promises
) -> tuple[float, int]:
    """Seconds the stop took, and how many of the waiting events are stored afterwards."""
    agent = Agent(folder, watch=[tree]).start()
    try:
        agent.settle()
        stored, after = agent.stored, agent.stored.last_event()
        engine = agent.roles()["engine"]
        os.kill(engine, signal.SIGSTOP)
        try:
            names = _made(tree, number, count)
            time.sleep(0.5)  # the sensor takes them into its lanes
        finally:
            began = time.monotonic()
            os.kill(agent.pid, signal.SIGTERM)
            os.kill(engine, signal.SIGCONT)
        status = agent.stop(secs=30.0)
        took = time.monotonic() - began
    finally:
        agent.stop()
    promises.keep(status == 0, f"a stop with work waiting ends with 0, not {status}")
    promises.keep(took <= LIMIT_SECS, f"a stop takes at most {LIMIT_SECS:g} s")
    found = {
        row.event.path for row in stored.events("file", after) if isinstance(row.event, FileEvent)
    }
    return took, len(names & found)


def _made(tree: Path, number: int, count: int) -> set[bytes]:
    names = set()
    for at in range(count):
        path = tree / f"waiting{number}-{at}"
        path.touch()
        names.add(bytes(path))
    return names
