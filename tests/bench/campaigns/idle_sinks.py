"""What the forwarder costs while nothing happens: without a sink, and with each kind that writes on this host.

Processes are left alone (a poll an hour), so that what else runs on the machine is not taken for something to forward.
"""

from __future__ import annotations

import time
from typing import Any

from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures
from tests.bench.proctree import exact_cpu_secs, pss_mb, wakeups
from tests.harness.agent import Agent

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES = {
    "small": (5.0, 3.0),
    "full": (120.0, 15.0),
}  # seconds for each; and before, for what a start brings
SINKS: dict[str, dict[str, Any]] = {
    "drop": {"kind": "drop"},
    "notice": {"kind": "notice", "codec": "none"},
    "shared": {"kind": "shared", "codec": "none"},
    "topics": {"kind": "topics", "codec": "none"},
}
CASES = ((), *((name,) for name in SINKS), tuple(SINKS))


def run(size: str) -> Figures:
    """CPU seconds and wake-ups a minute, and PSS in MB, of the forwarder alone."""
    promises = Promises()
    figures: Figures = {}
    for names in CASES if size == "full" else (CASES[0], CASES[-1]):
        figures["+".join(names) or "none"] = _idle(names, *SIZES[size], promises)
    figures["limits"] = {"cpu_secs_per_min": 0.02}
    return promises.onto(figures)


def _idle(names: tuple[str, ...], secs: float, settled_secs: float, promises: Promises) -> Figures:
    config: dict[str, dict[str, Any]] = {
        "processes": {"source": "psutil", "poll_secs": 3600},
        "sinks": {"to": [{"name": name, **SINKS[name]} for name in names]},
    }
    with workplace() as folder, Agent(folder / "agent", watch=[folder], config=config) as agent:
        agent.settle()
        time.sleep(settled_secs)
        pid = agent.roles()["forwarder"]
        cpu, woken, began = exact_cpu_secs([pid]), wakeups([pid]), time.monotonic()
        time.sleep(secs)
        minutes = (time.monotonic() - began) / 60
        promises.keep(agent.roles()["forwarder"] == pid, f"{names}: the forwarder lives on")
        return {
            "cpu_secs_per_min": round((exact_cpu_secs([pid]) - cpu) / minutes, 4),
            "wakeups_per_min": round((wakeups([pid]) - woken) / minutes),
            "pss_mb": round(pss_mb([pid])[pid], 1),
        }
