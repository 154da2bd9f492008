"""What a start refuses, and how: one clear line, the right exit status, no traceback, the ledger untouched."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from tests.bench.bad_starts import CASES, Case
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures
from tests.harness.agent import Agent, wait_for, write_config

SIZES = {"small": 1, "full": 1}
PATIENCE_SECS = 10.0


def run(size: str) -> Figures:
    """All cases, each on its own copy of a state that a good run left."""
    need_root()
    promises = Promises()
    refused: list[Figures] = []
    with workplace() as folder:
        good = folder / "good"
        _make_good(good)
        for number, case in enumerate(CASES[:: SIZES[size]]):
            refused.append(_tried(case, good, folder / f"case{number}", promises))
        refused.append(_second_agent(folder / "second", promises))
        refused.append(_unreadable(folder / "unreadable", promises))
    return promises.onto({"cases": len(refused), "refused": refused})


def _make_good(folder: Path) -> None:
    tree = folder / "tree"
    tree.mkdir(parents=True)
    with Agent(folder, watch=[tree]) as agent:
        (tree / "file").touch()
        agent.settle(10.0)


def _digest(state: Path) -> str:
    """Of main file and write-ahead log, wherever a link leads."""
    digest = hashlib.sha256()
    for name in ("ledger.db", "ledger.db-wal"):
        path = state / name
        digest.update(path.read_bytes() if path.exists() else b"absent")
    return digest.hexdigest()


def _tried(case: Case, good: Path, folder: Path, promises: Promises) -> Figures:
    folder.mkdir()
    # With owners and modes: the roles may have users of their own.
    subprocess.run(["cp", "-a", str(good / "state"), str(folder / "state")], check=True)
    shutil.rmtree(folder / "state" / "run")
    tree = folder / "tree"
    tree.mkdir()
    agent = Agent(folder, watch=[tree])
    case.spoil(agent)
    before = _digest(agent.state) if agent.state.is_dir() else ""
    figures = _refusal(agent, case, promises)
    after = _digest(agent.state) if agent.state.is_dir() else ""
    promises.keep(before == after, f"{case.name}: a refused start leaves the ledger as it was")
    return figures


def _refusal(agent: Agent, case: Case, promises: Promises) -> Figures:
    began = time.monotonic()
    process = agent.launch()
    wait_for(lambda: process.poll() is not None, PATIENCE_SECS)
    secs = time.monotonic() - began
    status = process.poll()
    agent.stop()
    lines = [line for line in agent.output.splitlines() if line.strip()]
    said = "\n".join(lines)
    promises.keep(
        status in case.statuses,
        f"{case.name}: exit status {status}, wanted {case.statuses}: {said[-200:]}",
    )
    promises.keep("Traceback" not in said, f"{case.name}: a traceback is shown")
    promises.keep(
        0 < len(lines) <= case.lines,
        f"{case.name}: {len(lines)} lines, wanted {case.lines}: {said[:300]}",
    )
    absent = [word for word in case.says if word not in said]
    promises.keep(not absent, f"{case.name}: {absent} not in {said[:300]!r}")
    return {"case": case.name, "status": status, "secs": round(secs, 2), "said": said[:400]}


def _second_agent(folder: Path, promises: Promises) -> Figures:
    """A start on a state whose sockets another agent uses; the first must go on."""
    tree = folder / "tree"
    tree.mkdir(parents=True)
    case = Case("a socket in use", lambda _: None, (74,), ("another agent",))
    with Agent(folder, watch=[tree]) as first:
        roles = first.roles()
        second = Agent(folder / "second", watch=[tree])
        second.state = first.state
        figures = _refusal(second, case, promises)
        promises.keep(
            first.roles() == roles, "a socket in use: the first agent goes on undisturbed"
        )
    return figures


def _unreadable(folder: Path, promises: Promises) -> Figures:
    """An ordinary user and a configuration that user may not read."""
    folder.mkdir()
    write_config(folder / "config", {})
    case = Case("unreadable configuration", lambda _: None, (74, 77, 78), ("files.yaml",))
    agent = Agent(folder, user=65_534)
    os.chown(agent.config / "files.yaml", 0, 0)
    (agent.config / "files.yaml").chmod(0o600)
    return _refusal(agent, case, promises)
