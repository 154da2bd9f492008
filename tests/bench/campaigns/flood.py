"""One rule that fires without end: few rows with the right count, and a critical alert in the middle is stored at once."""

from __future__ import annotations

import subprocess
import sys
import time
from collections import Counter
from contextlib import closing
from pathlib import Path
from typing import Final

from sentinair.model.event import CREATE, FileEvent
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures, spread
from tests.harness.agent import Agent, wait_for
from tests.harness.stored import Stored, ask

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES = {  # files, each of which fires two rules; critical acts in the middle
    "small": (4_000, 3),
    "full": (100_000, 12),
}
PATIENCE_SECS: Final = 300.0
MINUTE_NS: Final = 60 * 10**9
_RULE: Final = """title: {title}
id: {id}
status: test
description: Fires for every file made below one folder.
author: Sentinair
logsource: {{product: linux, category: file_event}}
detection:
  made:
    TargetFilename|startswith: {folder}/
    Action: create
  condition: made
level: {level}
sentinair:
  group_by: [{group}]
"""
EACH: Final = "6f0a4c9e-0000-4000-8000-000000000001"  # a key for each file
ONE: Final = "6f0a4c9e-0000-4000-8000-000000000002"  # one key for all
GRAVE: Final = "6f0a4c9e-0000-4000-8000-000000000003"
_GRAVE_TOLD: Final = (
    "SELECT count(*) FROM shelves JOIN alerts ON shelf = shelves.id"
    f" WHERE severity = 'critical' AND instr(body, '{GRAVE}')"
)
_LOAD: Final = """import os, sys
for number in range(int(sys.argv[2])):
    os.close(os.open(f"{sys.argv[1]}/{number}", os.O_CREAT | os.O_WRONLY))
"""


def run(size: str) -> Figures:
    """Rows, counts and milliseconds on one agent whose record is read again after its stop."""
    need_root()
    files, acts = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        tree = folder / "tree"
        for name in ("flood", "grave"):
            (tree / name).mkdir(parents=True)
        grave = {"files": {"critical": [str(tree / "grave")]}}
        agent = Agent(folder / "agent", watch=[tree], config=grave)
        _write_rules(agent.config / "rules", tree)
        with agent:
            agent.settle()
            before = agent.pss_mb()["engine"]
            began = time.monotonic()
            waits = _burst(agent, tree, files, acts)
            behind = agent.settle(PATIENCE_SECS, quiet_secs=2.0)
            secs = time.monotonic() - began
            figures: Figures = {
                "files": files,
                "secs": round(secs, 1),
                "behind_secs": None if behind is None else round(behind, 1),
                "engine_mb": [round(before, 1), round(agent.pss_mb()["engine"], 1)],
                "engine_growth_limit_mb": 20,
                "critical_ms": spread(waits),
                "critical_limit_ms": 1000,
            }
        figures |= _judged(agent.stored, bytes(tree / "flood"), secs, promises)
    promises.keep(len(waits) == acts, "every critical act in the middle becomes an alert")
    return promises.onto(figures)


def _write_rules(folder: Path, tree: Path) -> None:
    for title, number, below, level, group in (
        ("Flood, each", EACH, "flood", "high", "TargetFilename"),
        ("Flood, one", ONE, "flood", "medium", "FileUid"),
        ("Grave", GRAVE, "grave", "critical", "TargetFilename"),
    ):
        text = _RULE.format(title=title, id=number, folder=tree / below, level=level, group=group)
        (folder / f"{number}.yml").write_text(text)


def _burst(agent: Agent, tree: Path, files: int, acts: int) -> list[float]:
    """Makes the files and, while they are made or judged, acts that are grave; ms until each can be read of."""
    load = subprocess.Popen([sys.executable, "-c", _LOAD, str(tree / "flood"), str(files)])
    waits: list[float] = []
    try:
        with closing(agent.stored.connect()) as database:
            for number in range(acts):
                time.sleep(0.2)
                began = time.monotonic()
                (tree / "grave" / f"act-{number}").touch()

                def is_told(wanted: int = number + 1) -> bool:
                    return bool(ask(database, _GRAVE_TOLD)[0][0] >= wanted)

                if wait_for(is_told, 10.0, pause_secs=0.002) is not None:
                    waits.append((time.monotonic() - began) * 1000)
    finally:
        load.wait()
    return waits


def _judged(stored: Stored, below: bytes, secs: float, promises: Promises) -> Figures:
    fired = sum(
        isinstance(row.event, FileEvent)
        and row.event.path.startswith(below + b"/")
        and bool(row.event.actions & CREATE)
        for row in stored.events("file")
    )
    alerts = stored.alerts()
    each = [alert for alert in alerts if alert.rule_id == EACH]
    one = [alert for alert in alerts if alert.rule_id == ONE]
    minutes = int(secs / 60) + 2
    promises.keep(sum(a.count for a in each) == fired, "a key for each file: the right count")
    promises.keep([a.count for a in one] == [fired], "one key for all: one row, the right count")
    promises.keep(len(each) <= 201 * minutes, "at most 200 rows a minute and one for the rest")
    most = _most_in_a_minute(stored)
    promises.keep(most <= 3, "a key is raised, named and counted once a minute at most")
    return {
        "fired": fired,
        "rows_each": len(each),
        "more": max((a.count for a in each if a.gathered), default=0),
        "rows_one": len(one),
        "records_a_key_and_minute": most,
        "records": {kind: len(_times(stored, kind)) for kind in ("alert.raised", "alert.updated")},
    }


def _times(stored: Stored, kind: str) -> list[tuple[str, int]]:
    found = []
    for _, time_ns, body in stored.records(kind):
        data = body["data"]
        assert isinstance(data, dict)
        found.append((str(data["alert"]["fingerprint"]), time_ns))
    return found


def _most_in_a_minute(stored: Stored) -> int:
    """Records of one key within one minute of the clock after it was raised, the last words at the stop not counted."""
    stop = stored.records("stop")[-1][1]
    raised = dict(_times(stored, "alert.raised"))
    counts = Counter(
        (mark, (time_ns - raised[mark]) // MINUTE_NS)
        for mark, time_ns in (*_times(stored, "alert.raised"), *_times(stored, "alert.updated"))
        if mark in raised and time_ns < stop - 10**8
    )
    return max(counts.values(), default=0)
