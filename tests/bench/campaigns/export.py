"""Exports of a large record: peak memory of who writes, and how fast, for each format, by the forwarder and by the command."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Final

from sentinair.model.alert import AlertChange
from sentinair.model.export import FORMATS
from tests.bench.bed import Promises, workplace
from tests.bench.figures import ROOT, Figures
from tests.harness.agent import Agent
from tests.harness.ledgers import LedgerMaker

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES: Final = {
    "small": (4_000, 400),
    "full": (1_000_000, 50_000),
}  # alerts, and of the slow formats
SLOW: Final = (
    "cef",
    "leef",
    "ecs",
    "ocsf",
)  # written as NDJSON is, line by line; a million would take minutes each
MAX_RSS_MB: Final = 60
AT_ONCE: Final = 2_000  # alerts of one commit
UNTIL: Final = "2026-01-01T00:00:00Z"  # what the agent of today says is not counted
TELLING: Final = """
import sys
from sentinair.cli.main import main
status = main(sys.argv[1:])
sys.stderr.write(open("/proc/self/status").read())
sys.exit(status)
"""
AGAIN: Final = "5"  # to clear_refs, proc(5): the peak begins anew


def run(size: str) -> Figures:
    alerts, few = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        folder.chmod(0o700)  # the record is made by this user, so all roles run as it
        began = time.monotonic()
        agent = Agent(folder / "agent", watch=[folder], config={"files": {"source": "inotify"}})
        fill(agent.state, alerts)
        figures: Figures = {"alerts": alerts, "made_secs": round(time.monotonic() - began)}
        with agent:
            for form in FORMATS:
                count = few if form in SLOW else alerts
                words = ["export", "--format", form, "--limit", str(count), "--until", UNTIL]
                ways = {
                    "forwarder": ordered(agent, words),
                    "command": written(agent, [*words, "--out", str(folder / "out")]),
                }
                for way, told in ways.items():
                    wrong = told.get("count"), told.get("signed")
                    promises.keep(wrong == (count, True), f"{form} by the {way}: {wrong}")
                    small = float(str(told["peak_mb"])) <= MAX_RSS_MB
                    promises.keep(small, f"{form} by the {way}: more than {MAX_RSS_MB} MB")
                figures[form] = ways
    return promises.onto(figures)


def fill(state: Path, count: int) -> None:
    """A record of so many alerts."""
    maker = LedgerMaker(state)
    maker.unsafe_but_fast()
    for first in range(0, count, AT_ONCE):
        number = min(AT_ONCE, count - first)
        maker.commit(alerts=[AlertChange("alert.raised", maker.alert()) for _ in range(number)])
    maker.close()


def ordered(agent: Agent, words: list[str]) -> Figures:
    """By the forwarder; its peak from the order on."""
    pid = agent.roles()["forwarder"]
    Path(f"/proc/{pid}/clear_refs").write_text(AGAIN)
    began = time.monotonic()
    done = agent.cli(*words, "--json")
    secs = time.monotonic() - began
    status = Path(f"/proc/{pid}/status").read_text()  # it lingers for some seconds
    return figures(done.stdout or done.stderr, peak_kib(status), secs)


def written(agent: Agent, words: list[str]) -> Figures:
    """By the command itself, which tells its own peak at its end: what wait4(2) tells counts what came before exec."""
    places = ["--config", str(agent.config), "--state", str(agent.state)]
    began = time.monotonic()
    done = subprocess.run(
        [sys.executable, "-c", TELLING, *places, *words, "--json"],
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    secs = time.monotonic() - began
    return figures(done.stdout or done.stderr, peak_kib(done.stderr), secs)


def peak_kib(status: str) -> int:
    """Of the lines of /proc/pid/status."""
    (peak,) = [line.split()[1] for line in status.splitlines() if line.startswith("VmHWM:")]
    return int(peak)


def figures(said: str, peak: int, secs: float) -> Figures:
    """peak: KiB, of who wrote the file, which is removed."""
    told_peak = {"peak_mb": round(peak * 1024 / 1e6, 1)}
    try:
        told = json.loads(said)
    except ValueError:
        return {**told_peak, "said": said[:200]}
    Path(told["file"]).unlink()
    Path(told["manifest"]).unlink()
    return {
        **told_peak,
        "count": told["count"],
        "signed": told["signed"],
        "mb": round(told["bytes"] / 1e6, 1),
        "secs": round(secs, 1),
        "per_sec": round(told["count"] / secs),
    }
