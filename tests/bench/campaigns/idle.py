"""What the agent costs while nothing happens, with the watch list that ships: every process counted."""

from __future__ import annotations

import os
import statistics
import time
from pathlib import Path

from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures
from tests.bench.proctree import settle, wakeups
from tests.harness.agent import Agent

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES = {"small": (20.0, 2), "full": (1_800.0, 10)}  # seconds, starts that are timed
LOOKS = 6  # how often memory is looked at, evenly over the time


def run(size: str) -> Figures:
    """PSS in MB, CPU seconds a minute, wake-ups a minute, rows a minute, and how long a start takes."""
    secs, starts = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        ready = [_started(folder / f"start{number}") for number in range(starts)]
        with Agent(folder / "agent") as agent:
            settle(agent.cpu_secs, quiet_secs=5.0, limit_secs=180.0)
            agent.settle()
            figures = _watched(agent, secs, promises)
    figures["ready_secs"] = {
        "median": round(statistics.median(ready), 2),
        "max": round(max(ready), 2),
    }
    figures["limits"] = {"pss_mb": 85, "cpu_secs_per_min": 0.15, "ready_secs": 2.0}
    return promises.onto(figures)


def _started(folder: Path) -> float:
    tree = folder / "tree"
    tree.mkdir(parents=True)
    with Agent(folder / "agent", watch=[tree]) as agent:
        assert agent.ready_secs is not None
        return agent.ready_secs


def _descriptors(agent: Agent) -> int:
    return sum(len(os.listdir(f"/proc/{pid}/fd")) for pid in agent.pids())


def _watched(agent: Agent, secs: float, promises: Promises) -> Figures:
    roles = agent.roles()
    events, records = agent.stored.head()
    descriptors = _descriptors(agent)
    cpu, woken, began = agent.exact_cpu_secs(), wakeups(agent.pids()), time.monotonic()
    by_role = agent.cpu_by_role()
    sizes = [agent.pss_mb()]
    for _ in range(LOOKS):
        time.sleep(secs / LOOKS)
        sizes.append(agent.pss_mb())  # the kernel's work for this is ours, not the agent's
    minutes = (time.monotonic() - began) / 60
    now = agent.roles()
    promises.keep(now == roles, f"no role ended while idle: {roles} became {now}; {agent.output}")
    totals = [round(sum(size.values()), 1) for size in sizes]
    events_now, records_now = agent.stored.head()
    return {
        "secs": round(minutes * 60),
        "pss_mb": totals,
        "pss_mb_by_role": {role: round(size, 1) for role, size in sorted(sizes[-1].items())},
        "cpu_secs_per_min": round((agent.exact_cpu_secs() - cpu) / minutes, 4),
        "cpu_secs_by_role": {
            role: round(spent - by_role.get(role, 0.0), 2)
            for role, spent in agent.cpu_by_role().items()
        },
        "wakeups_per_min": round((wakeups(agent.pids()) - woken) / minutes),
        "events_per_min": round((events_now - events) / minutes, 1),
        "records_per_min": round((records_now - records) / minutes, 1),
        "descriptors": [descriptors, _descriptors(agent)],
    }
