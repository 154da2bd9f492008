"""A burst of file operations: what was stored of it, who did it, and what it cost beside the pidfd limit probe."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from sentinair.model.event import CREATE, DELETE, RENAME, WRITE, FileEvent, WriterEvent
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures
from tests.bench.generators import file_burst, touch_storm
from tests.bench.probes import file_probe
from tests.harness.agent import Agent
from tests.harness.stored import Row

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES = {  # files (four operations each), directories, files of the race, touch processes
    "small": (2_500, 100, 500, 300),
    "full": (25_000, 1_000, 5_000, 10_000),
}
WRITERS = 2


def run(size: str) -> Figures:
    """Burst, new-directory race and one-file processes, one after the other on one agent."""
    need_root()
    files, dirs, race_files, touches = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        tree = folder / "tree"
        tree.mkdir()
        probe_secs = [_probe_cpu(folder / "probe-before", files, dirs)]
        with Agent(folder / "agent", watch=[tree]) as agent:
            agent.settle()
            figures: Figures = {
                "burst": _burst(agent, tree / "burst", files, dirs, promises),
                "new_directories": _race(agent, tree / "race", race_files, promises),
                "touch": _touch(agent, tree / "touch", touches, promises),
                "gaps": len(agent.stored.gaps()),
            }
        probe_secs.append(_probe_cpu(folder / "probe-after", files, dirs))
    limit = sum(probe_secs) / len(probe_secs)
    burst = figures["burst"]
    assert isinstance(burst, dict)
    figures["limit_probe_cpu_secs"] = [round(secs, 3) for secs in probe_secs]
    figures["cpu_ratio"] = round(burst["cpu_secs"] / limit, 2)
    return promises.onto(figures)


def _probe_cpu(root: Path, files: int, dirs: int) -> float:
    """CPU seconds of the limit probe for the same burst."""
    file_burst("prepare", root, files, dirs, WRITERS)
    with file_probe(root) as probe:
        file_burst("churn", root, files, dirs, WRITERS)
    return probe.taken.cpu_secs


def _burst(agent: Agent, root: Path, files: int, dirs: int, promises: Promises) -> Figures:
    file_burst("prepare", root, files, dirs, WRITERS)
    agent.settle()
    before, after = agent.cpu_secs(), agent.stored.last_event()
    roles = agent.cpu_by_role()
    load = file_burst("churn", root, files, dirs, WRITERS)
    behind = agent.settle(quiet_secs=1.5)  # what still waits in queues costs, too
    cpu = agent.cpu_secs() - before
    rows = _below(agent.stored.events("file", after), root)
    wanted = _wanted(root, files, dirs)
    kinds = _kinds(rows)
    stored = sum((kinds.get(name, 0) & bits) == bits for name, bits in wanted.items())
    share = stored / len(wanted)
    promises.keep(share >= 0.999, "99.9 % of the touched names are stored with their kinds")
    wanted_share = _share(files, SIZES["full"][0])
    promises.keep(
        _named(rows) >= wanted_share, f"pid and exe on {wanted_share:.0%} of the burst's events"
    )
    return {
        "operations": load.operations,
        "per_sec": load.per_sec,
        "names": len(wanted),
        "names_stored_share": round(share, 6),
        "pid_and_exe_share": round(_named(rows), 6),
        "rows": len(rows),
        "cpu_secs": round(cpu, 3),
        "cpu_secs_by_role": {
            role: round(secs - roles.get(role, 0.0), 2)
            for role, secs in agent.cpu_by_role().items()
        },
        "behind_secs": None if behind is None else round(behind, 2),
    }


def _race(agent: Agent, root: Path, files: int, promises: Promises) -> Figures:
    after = agent.stored.last_event()
    load = file_burst("newdirs", root, files, files // 5, WRITERS)
    agent.settle()
    rows = _below(agent.stored.events("file", after), root)
    kinds = _kinds(rows)
    written = sum(
        bool(kinds.get(_name(root, i * (files // 5) // files, "f", i), 0)) for i in range(files)
    )
    promises.keep(written == files, "every file of a directory made right before it is stored")
    return {"files": files, "stored_share": round(written / files, 6), "per_sec": load.per_sec}


def _touch(agent: Agent, root: Path, count: int, promises: Promises) -> Figures:
    root.mkdir()
    agent.settle()
    after = agent.stored.last_event()
    load = touch_storm(root, count, WRITERS)
    agent.settle()
    rows = _below(agent.stored.events("file", after), root)
    later = {
        row.event.of
        for row in agent.stored.events("writer", after)
        if isinstance(row.event, WriterEvent)
    }
    at_once = {row.event.path for row in rows if isinstance(row.event, FileEvent) and _has_exe(row)}
    in_all = at_once | {
        row.event.path for row in rows if isinstance(row.event, FileEvent) and row.id in later
    }
    seen = len({row.event.path for row in rows if isinstance(row.event, FileEvent)})
    share = _share(count, SIZES["full"][3])
    promises.keep(
        len(in_all) >= share * count, f"exe on {share:.0%} of the files made by one-file processes"
    )
    return {
        "processes": count,
        "per_sec": load.per_sec,
        "files_stored_share": round(seen / count, 6),
        "exe_share": round(len(in_all) / count, 6),
        "exe_at_once_share": round(len(at_once) / count, 6),
    }


def _share(count: int, full: int) -> float:
    """What is promised of names: at a small size, on any machine, less than at the full one."""
    return 0.99 if count >= full else 0.8


def _below(rows: Iterable[Row], root: Path) -> list[Row]:
    """Rows of files (not of directories made by the load) below root."""
    below = bytes(root) + b"/"
    return [
        row for row in rows if isinstance(row.event, FileEvent) and row.event.path.startswith(below)
    ]


def _kinds(rows: Iterable[Row]) -> dict[bytes, int]:
    """Path to all the kinds stored for it; a rename counts only with its right old name."""
    kinds: dict[bytes, int] = {}
    for row in rows:
        event = row.event
        assert isinstance(event, FileEvent)
        actions = event.actions
        if actions & RENAME and event.old_path != _old_name(event.path):
            actions &= ~RENAME
        kinds[event.path] = kinds.get(event.path, 0) | actions
    return kinds


def _old_name(path: bytes) -> bytes:
    folder, _, name = path.rpartition(b"/")
    return folder + b"/f" + name[1:]


def _name(root: Path, directory: int, kind: str, i: int) -> bytes:
    return bytes(root / f"d{directory:04d}" / f"{kind}{i % WRITERS}_{i}")


def _wanted(root: Path, files: int, dirs: int) -> dict[bytes, int]:
    """What `file_burst churn` did to each name."""
    wanted = {}
    for i in range(files):
        wanted[_name(root, i % dirs, "f", i)] = CREATE | WRITE
        wanted[_name(root, i % dirs, "g", i)] = RENAME | DELETE
    return wanted


def _has_exe(row: Row) -> bool:
    return row.process is not None and row.process.exe is not None


def _named(rows: list[Row]) -> float:
    """Share of rows with pid and exe; rows of a rescan cannot have one and count as without."""
    if not rows:
        return 0.0
    named = sum(
        isinstance(row.event, FileEvent) and row.event.pid is not None and _has_exe(row)
        for row in rows
    )
    return named / len(rows)
