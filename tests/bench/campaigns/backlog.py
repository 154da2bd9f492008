"""D6: the share of a drop is away while a million records and events queue; then it is back."""

from __future__ import annotations

import os
import time
from contextlib import suppress
from pathlib import Path
from typing import Any

from sentinair.errors import SentinairError
from sentinair.sinks.drop.check.lines import judge
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures
from tests.bench.proctree import cpu_secs
from tests.harness.agent import Agent, for_forwarder, wait_for
from tests.harness.backlog import Arrived, fill, lines_of

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES = {"small": 20_000, "full": 1_000_000}  # records; and half as many events
BYTES = 100  # of a path in a record, in hexadecimal
DRAIN_A_SEC = 5_000
RSS_MB = 64.0
AWAY_SECS = 5.0
PATIENCE_SECS = 1_800.0


def run(size: str) -> Figures:
    """Records and events in the ledger, a drop that is not mounted, and then it is."""
    need_root()
    promises = Promises()
    with workplace() as folder:
        figures = _drained(folder, SIZES[size], promises)
    return promises.onto(figures)


def _drained(folder: Path, records: int, promises: Promises) -> Figures:
    events = records // 2
    share = folder / "share"
    (folder / "tree").mkdir()
    options = {
        "directory": str(share / "drop"),
        "complete": True,
        "cap_bytes": 1 << 40,
        "segment_secs": 5,
    }
    sink = {"name": "siem", "kind": "drop", "events": ["*"], "options": options}
    agent = Agent(folder / "agent", watch=[folder / "tree"], config={"sinks": {"to": [sink]}})
    began = time.monotonic()
    _fill(agent, records, events)
    figures: Figures = {"records": records, "events": events}
    figures["fill_secs"] = round(time.monotonic() - began, 1)
    with agent:
        away = wait_for(lambda: _sink(agent)["failures"] > 0, 30.0, pause_secs=0.1)
        promises.keep(away is not None, "the share is away")
        time.sleep(AWAY_SECS)
        head, last = agent.stored.head()[1], agent.stored.last_event()
        before = _rss_mb(agent)
        for_forwarder(share)
        for_forwarder(share / "drop")
        figures |= _drain(agent, share / "drop", head, last, before, promises)
    _judge(agent.state, share / "drop", (head, last), figures, promises)
    return figures


def _fill(agent: Agent, records: int, events: int) -> None:
    """By an engine's own store, as the engine's own user."""
    with agent:  # makes the state, with its owners
        pass
    owner = agent.state.stat()
    os.setegid(owner.st_gid)
    os.seteuid(owner.st_uid)
    try:
        fill(agent.state, records, BYTES, events=events, fast=True)
    finally:
        os.seteuid(0)
        os.setegid(0)


def _drain(
    agent: Agent, drop: Path, head: int, last: int, before: float, promises: Promises
) -> Figures:
    roles = agent.roles()
    cpu = {role: cpu_secs([roles[role]]) for role in ("forwarder", "engine")}
    began, most = time.monotonic(), before
    agent.ask("sinks.test", name="siem")  # tried at once, not after its wait

    def is_drained() -> bool:
        nonlocal most
        most = max(most, _rss_mb(agent))
        record, event = _ends(drop)
        return record >= head and event >= last

    # Files of 5,000 entries: what is left of each stream waits for its time, and is no part of the rate.
    wait_for(lambda: is_drained() or _all_but(drop, head, last), PATIENCE_SECS, pause_secs=0.1)
    took = time.monotonic() - began
    done = sum(_ends(drop))
    spent = {role: cpu_secs([roles[role]]) - cpu[role] for role in cpu}
    whole = wait_for(is_drained, PATIENCE_SECS, pause_secs=0.5)
    rate = done / max(took, 0.001)
    promises.keep(whole is not None, "all that queued arrives")
    promises.keep(rate >= DRAIN_A_SEC, f"{rate:.0f} a second, at least {DRAIN_A_SEC}")
    promises.keep(most - before <= RSS_MB, f"{most - before:.0f} MB more, at most {RSS_MB:g}")
    return {
        "drained_a_sec": round(rate),
        "drain_secs": round(took, 1),
        "cpu_secs": {role: round(secs, 1) for role, secs in spent.items()},
        "forwarder_rss_mb": {"before": round(before, 1), "most": round(most, 1)},
    }


def _all_but(drop: Path, head: int, last: int) -> bool:
    """Whether less than a file of each stream is left."""
    record, event = _ends(drop)
    return head - record < 5_000 and last - event < 5_000


def _ends(drop: Path) -> tuple[int, int]:
    """The last record and event that are put away."""
    ends = {True: 0, False: 0}
    with suppress(FileNotFoundError):
        for name in os.listdir(drop):
            if name.endswith(".ndjson.manifest"):
                is_event = "-events-" in name
                ends[is_event] = max(ends[is_event], int(name.split("-")[-1].split(".")[0]))
    return ends[False], ends[True]


def _sink(agent: Agent) -> dict[str, Any]:
    try:
        sinks: Any = agent.ask("sinks.list")["sinks"]
    except SentinairError:
        return {"failures": 0}
    return dict(sinks[0])


def _rss_mb(agent: Agent) -> float:
    pid = agent.roles().get("forwarder")
    if pid is None:
        return 0.0
    pages = Path(f"/proc/{pid}/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE") / 1e6


def _judge(
    state: Path, drop: Path, ends: tuple[int, int], figures: Figures, promises: Promises
) -> None:
    """Nothing missing, all in order, as recorded, and verified."""
    records = Arrived(state).records(lines_of(drop))
    events = Arrived(state).events(lines_of(drop, "event"))
    for name, came, end in (("records", records, ends[0]), ("events", events, ends[1])):
        promises.keep(not came.wrong, f"{name}: {came.wrong[:3]}")
        promises.keep(not came.repeated, f"{name}: {came.repeated} in two files")
        promises.keep(came.last >= end, f"{name}: {came.last} of {end}")
    found = judge(str(drop), str(state / "keys" / "enrolment.pub")).findings
    promises.keep(not found, f"the drop verifies: {found[:3]}")
    figures["delivered"] = records.count + events.count
