"""R7: the share that a drop goes to hangs, then is stale, then full; nobody but that sink is any slower.

The same agent under the same load first has a good share: that is what the other phases are compared with.
"""

from __future__ import annotations

import contextlib
import os
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from sentinair.errors import SentinairError
from sentinair.sinks.drop.check.lines import judge
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.campaigns.kills import Load
from tests.bench.figures import Figures, spread
from tests.harness.agent import Agent, for_forwarder, wait_for
from tests.harness.backlog import Arrived, lines_of
from tests.harness.own_mounts import SilentFuse, apart, tmpfs
from tests.harness.sink_file import REGISTERED

TIMED = True  # its figures are times: measured apart from the tests, which coverage slows
SIZES = {"small": 4.0, "full": 200.0}  # seconds of each phase
ROOM = "256m"  # of the share
COMMIT_P99_SECS = 0.2
MORE = 1.1  # so much slower than with a good share
UNSURE_SECS = 0.01  # what a mean may differ by in the middle of other work
COMPARABLE_SECS = 60.0  # shorter phases say nothing about times in the middle of other work
STOP_SECS = 10.0
DRAIN_SECS = 60.0
ASK_SECS = 0.25


def run(size: str) -> Figures:
    """Phases: good, hangs, stale, full; then the share is well again."""
    need_root()
    figures: Figures = apart(lambda: _apart(SIZES[size]))
    return figures


def _apart(secs: float) -> Figures:
    promises = Promises()
    with workplace() as folder:
        (folder / "share").mkdir()
        (folder / "tree").mkdir()
        with tmpfs(folder / "share", ROOM):
            for_forwarder(folder / "share")
            figures = Trial(folder, secs, promises).run()
    return promises.onto(figures)


class Phase:
    """What the engine and its callers saw between two moments."""

    def __init__(self, agent: Agent) -> None:
        self._agent = agent
        self._before = _totals(agent)
        self._asked: list[float] = []
        self._held: list[int] = []

    def watch(self, secs: float) -> None:
        """Ask again and again, as the API will."""
        by = time.monotonic() + secs
        while time.monotonic() < by:
            began = time.monotonic()
            told: Any = self._agent.ask("status")
            self._asked.append((time.monotonic() - began) * 1000)
            counters = told["roles"]["sensor"].get("counters", {})
            self._held.append(counters.get("bulk_bytes", 0) + counters.get("vital_bytes", 0))
            time.sleep(ASK_SECS)

    def told(self) -> Figures:
        """Means and bounds in seconds, answers in milliseconds, bytes held by the sensor."""
        after = _totals(self._agent)
        return {
            "commit_p99_below_secs": _p99(self._before["commit_secs"], after["commit_secs"]),
            "commit_mean_secs": _mean(self._before["commit_secs"], after["commit_secs"]),
            "stored_after_mean_secs": _mean(self._before["delay_secs"], after["delay_secs"]),
            "answer_ms": spread(self._asked),
            "sensor_held_mean_bytes": round(sum(self._held) / max(len(self._held), 1)),
        }


def _totals(agent: Agent) -> dict[str, Any]:
    told: Any = agent.ask("status")
    totals: dict[str, Any] = told["totals"]
    return totals


def _mean(before: dict[str, Any], after: dict[str, Any]) -> float:
    count = after["count"] - before["count"]
    return round(float(after["sum"] - before["sum"]) / max(int(count), 1), 5)


def _p99(before: dict[str, Any], after: dict[str, Any]) -> float | None:
    """The smallest bound that 99 of 100 do not exceed; None: they exceed all."""
    count = after["count"] - before["count"]
    for bound, old, new in zip(after["bounds"], before["counts"], after["counts"], strict=True):
        if new - old >= 0.99 * count:
            return float(bound)
    return None


class Trial:
    """One agent with a drop on the share, and lines beside it."""

    def __init__(self, folder: Path, secs: float, promises: Promises) -> None:
        self._share, self._lines = folder / "share", for_forwarder(folder / "out") / "lines"
        self._secs, self._promises = secs, promises
        self._figures: Figures = {"phase_secs": secs}
        options = {"directory": str(self._share), "complete": True, "segment_secs": 1}
        siem = {"name": "siem", "kind": "drop", "options": options}
        lines = {"name": "lines", "kind": "test_file", "codec": "test_lines"}
        sinks = [siem, {**lines, "options": {"file": str(self._lines)}}]
        config = {"sinks": {"to": sinks}}
        self._agent = Agent(
            folder / "agent", watch=[folder / "tree"], config=config, path=[REGISTERED]
        )
        self._load = Load(folder / "tree")

    def run(self) -> Figures:
        with self._agent as agent:
            agent.settle(10.0)
            self._load.start()
            try:
                self._phases()
            finally:
                self._load.end()
            self._drained()
        self._delivered()
        return self._figures

    def _phases(self) -> None:
        self._phase("good")
        with SilentFuse(self._share) as fuse:
            self._phase("hangs")
            self._stopped()
            threading.Timer(0.1, fuse.stale).start()  # what waits in it must come back
            self._phase("stale")
        filler = self._share / "filler"
        with contextlib.suppress(OSError), filler.open("wb") as file:
            while file.write(bytes(1 << 20)):
                file.flush()
        self._phase("full")
        filler.unlink()
        self._agent.cli("sinks", "test", "siem")  # tried at once, not after its wait

    def _phase(self, name: str) -> None:
        before = self._sink("lines")
        watched = Phase(self._agent)
        watched.watch(self._secs)
        told = watched.told()
        siem, lines = self._sink("siem"), self._sink("lines")
        told["siem"] = {key: siem[key] for key in ("state", "why", "failures", "behind")}
        told["lines_delivered"] = lines["seq"] - before["seq"]
        self._figures[name] = told
        keep = self._promises.keep
        keep(lines["seq"] > before["seq"], f"{name}: the other sink goes on")
        keep(lines["behind"] < 500, f"{name}: the other sink keeps up: {lines['behind']} behind")
        if self._secs >= COMPARABLE_SECS:
            self._compare(name, told)

    def _compare(self, name: str, told: Figures) -> None:
        keep = self._promises.keep
        p99 = told["commit_p99_below_secs"]
        held = isinstance(p99, float) and p99 <= COMMIT_P99_SECS
        keep(held, f"{name}: 99 of 100 commits take at most {COMMIT_P99_SECS:g} s")
        good: Any = self._figures["good"]
        for figure in ("commit_mean_secs", "stored_after_mean_secs"):
            value: Any = told[figure]
            limit = good[figure] * MORE + UNSURE_SECS
            keep(value <= limit, f"{name}: {figure} {value} is at most {limit:.4f}")

    def _stopped(self) -> None:
        """A stop while it hangs, and a start."""
        began = time.monotonic()
        status = self._agent.stop()
        took = time.monotonic() - began
        self._figures["stop_while_it_hangs_secs"] = round(took, 2)
        held = status == 0 and took <= STOP_SECS
        self._promises.keep(held, f"a stop takes at most {STOP_SECS:g} s: {status}, {took:.1f}")
        self._agent.start()
        self._wait(lambda: self._sink("lines")["behind"] < 500, "goes on after a start")

    def _drained(self) -> None:
        """All there is comes, once the share is well."""
        self._agent.settle(20.0)
        head = self._agent.stored.head()[1]
        began = time.monotonic()
        for name in ("siem", "lines"):
            self._wait(lambda name=name: self._sink(name)["seq"] >= head, f"{name} has all")  # type: ignore[misc]
        self._figures["drained_secs"] = round(time.monotonic() - began, 1)

    def _delivered(self) -> None:
        state, keep = self._agent.state, self._promises.keep
        drop = judge(str(self._share), str(state / "keys" / "enrolment.pub"))
        keep(not drop.findings, f"the drop verifies: {drop.findings[:3]}")
        came = Arrived(state).records(lines_of(self._share))
        lines = Arrived(state).records(self._lines.read_bytes().splitlines())
        for name, told in (("drop", came), ("lines", lines)):
            keep(not told.wrong, f"{name}: {told.wrong[:3]}")
        keep(not came.repeated, f"{came.repeated} entries in two segments")
        files = len(self._agent.stored.files(os.fsencode(self._load_tree)))
        keep(files >= self._load.files, f"{self._load.files - files} files are not in the record")
        self._figures |= {"records": came.count, "files": files}

    @property
    def _load_tree(self) -> Path:
        return self._agent.watch[0]

    def _sink(self, name: str) -> dict[str, Any]:
        with contextlib.suppress(SentinairError):
            sinks: Any = self._agent.ask("sinks.list")["sinks"]
            return next(dict(one) for one in sinks if one["name"] == name)
        return {"behind": 1 << 62, "seq": 0, "state": "", "why": "", "failures": 0}

    def _wait(self, true: Callable[[], bool], what: str) -> None:
        self._promises.keep(wait_for(true, DRAIN_SECS, pause_secs=0.1) is not None, what)
