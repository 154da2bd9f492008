"""A full kernel queue: the gap, the rescan, the truth restored, and nothing claimed complete before."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Mapping
from pathlib import Path

from sentinair.model.event import GapEvent, Scanned
from tests.bench.bed import Promises, kernel_limit, need_root, workplace
from tests.bench.figures import Figures
from tests.bench.generators import file_burst
from tests.harness.agent import Agent, wait_for
from tests.harness.oracle import compare, tree_states
from tests.harness.stored import Gap, Stored

SIZES = {  # files for fanotify (1.6 operations each), its queue, directories, files for inotify, its queue
    "small": (10_000, 4_096, 100, 2_000, 64),
    "full": (250_000, 262_144, 1_000, 20_000, 64),
}
WRITERS = 2
REPAIR_SECS = 240.0


def run(size: str) -> Figures:
    """The sensor is stopped while more happens than its queue holds; once per source."""
    need_root()
    files, queue, dirs, inotify_files, inotify_queue = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        with kernel_limit("fs/fanotify/max_queued_events", queue):
            config = {"files": {"source": "fanotify", "max_queued_events": queue}}
            fanotify = _overflow(folder / "fanotify", config, files, dirs, promises)
        with kernel_limit("fs/inotify/max_queued_events", inotify_queue):
            config = {"files": {"source": "inotify"}}
            inotify = _overflow(folder / "inotify", config, inotify_files, min(dirs, 100), promises)
    return promises.onto({"fanotify": fanotify, "inotify": inotify})


def _overflow(
    folder: Path,
    config: Mapping[str, Mapping[str, object]],
    files: int,
    dirs: int,
    promises: Promises,
) -> Figures:
    tree = folder / "tree"
    tree.mkdir(parents=True)
    file_burst("prepare", tree, files, dirs, WRITERS)
    with Agent(folder / "agent", watch=[tree], config=config) as agent:
        agent.settle()
        known = {gap.id for gap in agent.stored.gaps()}
        sensor = agent.roles()["sensor"]
        os.kill(sensor, signal.SIGSTOP)
        try:
            load = file_burst("distinct", tree, files, dirs, WRITERS)
        finally:
            resumed_ns = time.time_ns()
            os.kill(sensor, signal.SIGCONT)
        figures: Figures = {"operations": load.operations}
        return figures | _repaired(agent, tree, known, resumed_ns, promises, folder.name)


def _repaired(
    agent: Agent, tree: Path, known: set[bytes], resumed_ns: int, promises: Promises, source: str
) -> Figures:
    stored = agent.stored

    def fresh() -> list[Gap]:
        return [gap for gap in stored.gaps() if gap.id not in known]

    seen = wait_for(lambda: bool(fresh()), 60.0)
    promises.keep(seen is not None, f"{source}: the overflow becomes a gap")
    if seen is None:
        return {"gaps": 0}
    repair = wait_for(lambda: all(gap.restored is not None for gap in fresh()), REPAIR_SECS)
    # Whoever reads "restored" must find the truth at that moment, not soon after.
    difference = compare(tree_states(tree), stored.files(bytes(tree)))
    promises.keep(repair is not None, f"{source}: the gap is restored")
    promises.keep(
        not difference,
        f"{source}: the record equals the tree when the gap is called restored: {difference}",
    )
    return {
        "gaps": len(fresh()),
        "resume_to_gap_committed_secs": round(seen, 3),
        "marker_read_to_committed_secs": _commit_lag(stored, fresh()[0]),
        "resume_to_restored_secs": round((time.time_ns() - resumed_ns) / 1e9, 2),
        "difference": str(difference),
        "files": len(tree_states(tree)),
        "scans": _scans(stored, {gap.id for gap in fresh()}),
    }


def _commit_lag(stored: Stored, gap: Gap) -> float | None:
    """Seconds from the reading of the kernel's marker to the ledger record that tells of it."""
    for row in stored.events("gap"):
        if isinstance(row.event, GapEvent) and row.event.gap_id == gap.id:
            for seq, time_ns, _ in stored.records("gap"):
                if seq == gap.seq:
                    return round((time_ns - row.event.seen_ns) / 1e9, 3)
    return None


def _scans(stored: Stored, gaps: set[bytes]) -> list[Figures]:
    """The rescans that named one of these gaps."""
    found: list[Figures] = []
    for row in stored.events("scanned"):
        event = row.event
        if isinstance(event, Scanned) and gaps & set(event.gaps):
            secs = round((event.seen_ns - event.began_ns) / 1e9, 2)
            found.append(
                {"entries": event.entries, "secs": secs, "unreadable": len(event.unreadable)}
            )
    return found
