"""Ordinary work under the rules that ship: packages, git, a build, archives, log rotation, a backup, a shell session."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import msgspec

from sentinair.model.alert import Alert
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.benign_acts import ACTS, Act
from tests.bench.figures import Figures
from tests.harness.agent import Agent

SIZES = {"small": (1, 1), "full": (8, 2)}  # how much of everything, how often
MEDIUM_LIMIT = 5
PATIENCE_SECS = 600.0  # of one act
SETTLE_SECS = 20.0  # others may be at work on this machine, and then it never does


def run(size: str) -> Figures:
    """Every alert that ordinary work raised, and how many of each severity; no high one, at most five medium ones."""
    need_root()
    many, rounds = SIZES[size]
    promises = Promises()
    with workplace() as folder, Agent(folder / "agent") as agent:
        agent.settle(secs=SETTLE_SECS)
        before = agent.stored.head()[0]
        began = time.monotonic()
        spent_on = [done(act, folder / "desk", many) for _ in range(rounds) for act in ACTS]
        secs = time.monotonic() - began
        agent.settle(secs=SETTLE_SECS)
        promises.keep(agent.process_marker() is not None, "what happened is stored in the end")
        alerts = agent.stored.alerts()
        events = agent.stored.head()[0] - before
    ours = [alert for alert in alerts if not _is_elsewhere(alert, folder)]
    counts = {
        level: sum(one.severity == level for one in ours)
        for level in ("critical", "high", "medium", "low")
    }
    promises.keep(
        counts["critical"] + counts["high"] == 0, "ordinary work raises no high or critical alert"
    )
    promises.keep(counts["medium"] <= MEDIUM_LIMIT, f"it raises at most {MEDIUM_LIMIT} medium ones")
    promises.keep(any(isinstance(secs, float) for secs in spent_on), "at least something was done")
    return promises.onto(
        {
            "secs": round(secs),
            "acts": {act.name: spent for act, spent in zip(ACTS, spent_on, strict=False)},
            "rounds": rounds,
            "events": events,
            "alerts": counts,
            "each": [_told(alert) for alert in ours],
            "of_others": len(alerts) - len(ours),
        }
    )


def done(act: Act, work: Path, many: int) -> float | str:
    """Seconds it took; or, as a word, why it was not done."""
    missing = [program for program in act.needs if shutil.which(program) is None]
    if missing:
        return f"skipped: no {' '.join(missing)}"
    work.mkdir()
    began = time.monotonic()
    try:
        ended = subprocess.run(
            ["bash", "-l"],
            cwd=work,
            env={**os.environ, "WORK": str(work), "HOME": str(work), "MANY": str(many)},
            input=act.script.encode(),
            capture_output=True,
            timeout=PATIENCE_SECS,
            check=False,
        )
    finally:
        shutil.rmtree(work)
    # only the packages' script ends with a status of its own: nothing could be fetched, or the lock was held
    return (
        "skipped: no package came" if ended.returncode == 3 else round(time.monotonic() - began, 1)
    )


def _is_elsewhere(alert: Alert, folder: Path) -> bool:
    """Whether somebody else on this machine did it: its parents are known, and we are not among them.

    What was left behind by its parents and taken over by init is ours if anything about it lies in folder.
    """
    process = alert.details.get("process")
    parents = (process.get("parents") or []) if isinstance(process, dict) else []
    if not parents or os.getpid() in [parent["pid"] for parent in parents]:
        return False
    return len(parents) > 1 or bytes(folder) not in msgspec.json.encode(alert)


def _told(alert: Alert) -> Figures:
    process = alert.details.get("process")
    command = process.get("cmdline") if isinstance(process, dict) else None
    return {
        "severity": alert.severity,
        "title": alert.title,
        "count": alert.count,
        "process": alert.process,
        "command": command,
        "path": alert.filename,
    }
