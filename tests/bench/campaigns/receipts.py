"""D7, D8, D9: one entry always refused; receipts that never come; a stop, and another version, with entries waiting."""

from __future__ import annotations

import contextlib
import json
import sqlite3
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from sentinair.errors import SentinairError
from tests.bench.bed import Promises, need_root
from tests.bench.figures import Figures
from tests.harness.agent import Agent, wait_for
from tests.harness.backlog import Arrived, fill
from tests.harness.sink_file import REGISTERED
from tests.harness.sink_socket import Receiver
from tests.harness.unseparated import unseparated

SIZES = {"small": (2_000, 5_000, 2), "full": (20_000, 100_000, 5)}  # refused, muted; stops
QUEUED = 10_000
OTHERS_SECS = 5.0
STOP_SECS = 10.0
PATIENCE_SECS = 120.0
POISON = b'"number 777"'
REFUSED = "sentinair-sink-refused"


def run(size: str) -> Figures:
    """Each with an agent and a receiver of its own."""
    need_root()
    refused, muted, stops = SIZES[size]
    promises = Promises()
    with unseparated() as folder:
        first = _refused(_Trial(folder / "refused", promises), refused)
    with unseparated() as folder:
        second = _muted(_Trial(folder / "muted", promises, events=["*"], reconnect=True), muted)
    with unseparated() as folder:
        third = _stopped(_Trial(folder / "stopped", promises, batch=50), stops)
    return promises.onto({"always_refused": first, "no_receipt": second, "stopped": third})


class _Trial:
    def __init__(
        self, folder: Path, promises: Promises, *, reconnect: bool = False, **more: object
    ) -> None:
        folder.mkdir()
        (folder / "tree").mkdir()
        self.folder, self.promises = folder, promises
        options = {"path": str(folder / "receiver.sock"), "reconnect": reconnect}
        sink = {"name": "far", "kind": "test_socket", "codec": "test_lines", "options": options}
        config = {"sinks": {"to": [sink | more]}}
        watch = [folder / "tree"]
        self.agent = Agent(folder / "agent", watch=watch, config=config, path=[REGISTERED])

    def sink(self) -> dict[str, Any]:
        with contextlib.suppress(SentinairError):
            sinks: Any = self.agent.ask("sinks.list")["sinks"]
            return dict(sinks[0])
        return {"seq": 0, "event": 0}

    def wait(self, true: Callable[[], bool], what: str) -> bool:
        came = wait_for(true, PATIENCE_SECS, pause_secs=0.05) is not None
        self.promises.keep(came, f"{self.folder.name}: {what}")
        return came

    def lines(self, stream: str) -> list[bytes]:
        mark = f'"stream": "{stream}"'.encode()
        found = (self.folder / "received.jsonl").read_bytes().splitlines()
        return [line for line in found if mark in line[:30]]

    def compared(self, skips: Sequence[int] = ()) -> Arrived:
        late = {seq for seq in skips if seq}
        in_turn = (line for line in self.lines("record") if json.loads(line)["seq"] not in late)
        told = Arrived(self.agent.state, skips=late).records(in_turn)
        self.promises.keep(not told.wrong, f"{self.folder.name}: {told.wrong[:3]}")
        return told


def _refused(trial: _Trial, count: int) -> Figures:
    """D7."""
    agent, promises = trial.agent, trial.promises
    fill(agent.state, count)
    with Receiver(trial.folder, poison=POISON) as receiver, agent:
        head = agent.stored.head()[1]
        trial.wait(lambda: trial.sink()["seq"] >= head, "the others arrive")
        others_secs = receiver.longest_secs
        promises.keep(others_secs <= OTHERS_SECS, f"others wait {others_secs:.1f} s")
        trial.wait(lambda: len(_letters(agent)) == 1, "a dead letter")
        letters = _letters(agent)
        promises.keep(len(letters) == 1, f"one dead letter, not {letters}")
        trial.wait(
            lambda: any(alert.rule_id == REFUSED for alert in agent.stored.alerts()), "an alert"
        )
        receiver.poison = None
        asked = agent.cli("sinks", "replay", "far")
        promises.keep(asked.returncode == 0, f"it is replayed: {asked.stderr}")
        trial.wait(lambda: not _letters(agent), "the dead letter is delivered")
    seqs = [letter["seq"] for letter in letters]
    came = {json.loads(line)["seq"] for line in trial.lines("record")}
    promises.keep(set(seqs) <= came, "the refused one arrived after all")
    told = trial.compared(seqs)
    verified = agent.cli("verify", str(agent.state))
    promises.keep(verified.returncode == 0, f"the ledger verifies: {verified.stdout[-300:]}")
    return {
        "records": told.count,
        "others_waited_secs": round(others_secs, 2),
        "tries": [letter["tries"] for letter in letters],
    }


def _letters(agent: Agent) -> list[dict[str, Any]]:
    found: Any = agent.ask("sinks.letters", name="far")["letters"]
    return list(found)


def _muted(trial: _Trial, count: int) -> Figures:
    """D8."""
    agent, promises = trial.agent, trial.promises
    fill(agent.state, count // 10, events=count)
    began = time.monotonic()
    with Receiver(trial.folder, mute_every=10) as receiver, agent:
        head, last = agent.stored.head()[1], agent.stored.last_event()

        def is_there() -> bool:
            sink = trial.sink()
            return bool(sink["seq"] >= head and sink["event"] >= last)

        trial.wait(is_there, "all arrives")
        took = time.monotonic() - began
        letters = _letters(agent)
    promises.keep(not letters, f"no dead letter for silence: {letters[:3]}")
    promises.keep(receiver.muted > 0, "some receipts never came")
    records = trial.compared()
    events = Arrived(agent.state).events(trial.lines("event"))
    promises.keep(not events.wrong, f"events: {events.wrong[:3]}")
    promises.keep(events.last >= last, f"{events.last} of {last} events")
    promises.keep(records.last >= head, f"{records.last} of {head} records")
    return {
        "records": records.count,
        "events": events.count,
        "repeated": records.repeated + events.repeated,
        "without_receipt": receiver.muted,
        "connections": receiver.connections,
        "secs": round(took, 1),
    }


def _stopped(trial: _Trial, times: int) -> Figures:
    """D9: the last time the version before has been at the ledger in between."""
    agent, promises = trial.agent, trial.promises
    secs: list[float] = []
    fill(agent.state, QUEUED)
    for number in range(times):
        with Receiver(trial.folder, pause_secs=0.05) as receiver:
            agent.start()
            wait_for(lambda: receiver.batches >= 5, 30.0)
            began = time.monotonic()
            status = agent.stop(secs=30.0)
            secs.append(round(time.monotonic() - began, 2))
            promises.keep(status == 0, f"a stop with work waiting ends with 0, not {status}")
        promises.keep(secs[-1] <= STOP_SECS, f"a stop takes {secs[-1]} s")
        if number == times - 1:
            _as_version_1(agent.state)
    with Receiver(trial.folder) as receiver, agent:
        head = agent.stored.head()[1]
        trial.wait(lambda: trial.sink()["seq"] >= head, "the rest arrives")
    told = trial.compared()
    promises.keep(told.last >= head, f"{told.last} of {head} records")
    verified = agent.cli("verify", str(agent.state))
    promises.keep(verified.returncode == 0, f"the ledger verifies: {verified.stdout[-300:]}")
    return {"records": told.count, "repeated": told.repeated, "stop_secs": secs}


def _as_version_1(state: Path) -> None:
    """The ledger as the program before sinks leaves it: the next start brings it to this version again."""
    with contextlib.closing(sqlite3.connect(state / "ledger.db")) as connection:
        connection.executescript("DROP TABLE sinks; DROP TABLE letters; PRAGMA user_version=1")
