"""Roles killed at random under load: nothing committed goes missing or comes twice, and the truth is restored."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import threading
import time
import zlib
from collections import Counter
from pathlib import Path

import msgspec

from sentinair.model.event import CREATE, FileEvent
from tests.bench.bed import Promises, need_root, workplace
from tests.bench.figures import Figures, spread
from tests.harness.agent import ROLES, Agent, wait_for
from tests.harness.oracle import compare, tree_states
from tests.harness.stored import Stored

SIZES = {"small": 10, "full": 200}
SENDERS = ("sensor", "execs")
DEATHS = (
    "sender_death",
    "restart",
)  # the latter where the engine was away, too, and cannot tell which it was
BACK_LIMIT_SECS = 2.0


def run(size: str) -> Figures:
    """SIGKILL of a random role again and again, each after the one before is back."""
    need_root()
    kills = SIZES[size]
    promises = Promises()
    with workplace() as folder:
        tree = folder / "tree"
        tree.mkdir()
        with Agent(folder / "agent", watch=[tree]) as agent:
            agent.settle()
            deaths, back, oracle = _kill_all(agent, tree, kills, promises)
            agent.settle()
            figures = _judged(agent, tree, deaths, oracle, promises)
        verified = agent.cli("verify", str(agent.state))
    promises.keep(verified.returncode == 0, f"the ledger verifies: {verified.stdout[-300:]}")
    slow = sum(secs > BACK_LIMIT_SECS for times in back.values() for secs in times)
    figures["kills"] = dict(deaths)
    figures["back_secs"] = {role: spread(times, 2) for role, times in sorted(back.items())}
    figures["later_than_limit"] = slow
    return promises.onto(figures)


class Load(threading.Thread):
    """Makes some hundred files and some processes a second until told to end."""

    def __init__(self, tree: Path) -> None:
        super().__init__(name="load")
        self._tree = tree
        self._end = threading.Event()
        self.files = 0

    def run(self) -> None:
        while not self._end.wait(0.02):
            folder = self._tree / f"d{self.files // 1000:04d}"
            folder.mkdir(exist_ok=True)
            for _ in range(8):
                (folder / f"f{self.files}").write_bytes(b"x" * (self.files % 97))
                self.files += 1
            subprocess.run(["/bin/true", f"load{self.files}"], check=False)

    def end(self) -> None:
        self._end.set()
        self.join()


class Seen(msgspec.Struct, frozen=True):
    """What one committed row was when it was first read."""

    lane: int
    seq: int
    check: int


class Oracle:
    """Remembers each committed row from the moment on at which somebody could read it."""

    def __init__(self, stored: Stored) -> None:
        self._stored = stored
        self._last = 0
        self.seen: dict[int, Seen] = {}

    def look(self) -> None:
        self.seen |= self._rows(self._last)
        self._last = max(self.seen, default=0)

    def now(self) -> dict[int, Seen]:
        """All rows as they are now."""
        return self._rows(0)

    def _rows(self, after: int) -> dict[int, Seen]:
        sql = "SELECT id, lane, seq, body FROM events WHERE id > ? ORDER BY id"
        return {
            number: Seen(lane, seq, zlib.crc32(body))
            for number, lane, seq, body in self._stored.query(sql, after)
        }


def _kill_all(
    agent: Agent, tree: Path, kills: int, promises: Promises
) -> tuple[Counter[str], dict[str, list[float]], Oracle]:
    chance = random.Random(kills)
    deaths: Counter[str] = Counter()
    back: dict[str, list[float]] = {}
    order: list[str] = []
    oracle = Oracle(agent.stored)
    load = Load(tree)
    load.start()
    try:
        for number in range(kills):
            time.sleep(chance.uniform(0.1, 0.5))
            if number % len(ROLES) == 0:  # in random order, but each as often as the others
                order = chance.sample(ROLES, len(ROLES))
            role = order[number % len(ROLES)]
            oracle.look()
            secs = _kill(agent, role)
            deaths[role] += 1
            before = f"death {number} of {order}"
            promises.keep(secs is not None, f"{role} comes back after its death; {before}")
            back.setdefault(role, []).append(secs if secs is not None else 60.0)
    finally:
        load.end()
    return deaths, back, oracle


def _kill(agent: Agent, role: str) -> float | None:
    """Seconds until role is back at its work; None after a minute.

    A sender is back when the engine has recorded the gap that its death made; the engine when it has written a
    record; api and forwarder when they live.
    """
    pid, stored = agent.roles()[role], agent.stored
    gaps = len(_death_gaps(stored))
    (_, record) = stored.head()

    def is_back() -> bool:
        if agent.roles().get(role, pid) == pid:
            return False
        if role in SENDERS:
            return len(_death_gaps(stored)) > gaps
        return role != "engine" or stored.head()[1] > record

    os.kill(pid, signal.SIGKILL)
    return wait_for(is_back, 60.0, pause_secs=0.02)


def _death_gaps(stored: Stored) -> list[str]:
    return [gap.source for gap in stored.gaps() if gap.reason in DEATHS]


def _judged(
    agent: Agent, tree: Path, deaths: Counter[str], oracle: Oracle, promises: Promises
) -> Figures:
    stored = agent.stored
    restored = wait_for(lambda: all(gap.restored is not None for gap in stored.gaps()), 60.0)
    promises.keep(restored is not None, "every gap is restored")
    agent.settle()
    now = oracle.now()
    missing = sum(now.get(number) != row for number, row in oracle.seen.items())
    twice = sum(n - 1 for n in Counter((row.lane, row.seq) for row in now.values()).values())
    again = _made_twice(stored)
    promises.keep(not missing, f"{missing} committed events are missing or changed")
    promises.keep(
        not twice and not again, f"{twice} events are stored twice, {again} files created twice"
    )
    gaps = Counter(_death_gaps(stored))
    for sender in SENDERS:
        promises.keep(
            gaps[sender] == deaths[sender],
            f"each death of {sender} is one gap: {deaths[sender]} deaths, {gaps[sender]} gaps",
        )
    actual = tree_states(tree)
    difference = compare(actual, stored.files(bytes(tree)))
    promises.keep(not difference, f"the record equals the tree: {difference}")
    return {
        "events": len(now),
        "files": len(actual),
        "missing": missing,
        "twice": twice + again,
        "gaps": dict(gaps),
        "other_gaps": [
            f"{gap.source} {gap.reason}: {gap.lost}"
            for gap in stored.gaps()
            if gap.reason not in DEATHS
        ],
        "difference": str(difference),
    }


def _made_twice(stored: Stored) -> int:
    """Names whose one creation was stored more than once by the same live source."""
    made = Counter(
        (row.source, row.event.path)
        for row in stored.events("file")
        if row.source != "rescan"
        and isinstance(row.event, FileEvent)
        and row.event.actions & CREATE
    )
    return sum(number > 1 for number in made.values())
