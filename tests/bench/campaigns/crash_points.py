"""D3: the forwarder, or its engine, killed at each named point between a record and its receipt.

After each death both go on: every record is delivered at least once, in order, as it was recorded; what came twice
has the same name and content; no cursor is ahead of what was put away; and the drop verifies.
"""

from __future__ import annotations

import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from sentinair.errors import SentinairError
from sentinair.sinks.drop.check.lines import judge
from tests.bench.bed import Promises, workplace
from tests.bench.figures import Figures, spread
from tests.harness.backlog import Arrived, fill, lines_of
from tests.harness.crash_points import POINTS, armed
from tests.harness.deaths import DRAIN_SECS, Deaths

SIZES = {"small": (4, 1), "full": (1, 20)}  # of the points each so-manieth, and deaths at each
RECORDS = 60  # new ones for each death
POISON = '"number 31"'  # the record that is refused
DIES_SECS = 15.0
CAPPED = {"cap_bytes": 1 << 20, "segment_bytes": 1 << 16}
LARGE = 10_000  # bytes, of a record where the cap must be reached


def run(size: str) -> Figures:
    """All points, each on a ledger of its own."""
    step, times = SIZES[size]
    points = list(POINTS)[::step]
    promises = Promises()
    deaths: Counter[str] = Counter()
    took: list[float] = []
    began = time.monotonic()
    repeated = delivered = 0
    for name in points:
        with workplace() as folder, Crashes(folder, name) as crashes:
            for number in range(times):
                since = time.monotonic()
                deaths[name] += crashes.die(number)
                took.append(time.monotonic() - since)
            crashes.drained()
            for fault in crashes.faults:
                promises.keep(held=False, sentence=f"{name}: {fault}")
            repeated, delivered = repeated + crashes.repeated, delivered + crashes.delivered
    promises.keep(
        all(deaths[name] == times for name in points),
        f"dies at each point: not at {[name for name in points if deaths[name] < times]}",
    )
    return promises.onto(
        {
            "points": len(points),
            "deaths": sum(deaths.values()),
            "delivered": delivered,
            "repeated": repeated,
            "recovery_secs": spread(took, 2),
            "secs": round(time.monotonic() - began),
        }
    )


class Crashes(Deaths):
    """One ledger with a drop and a file that takes lines; deaths at one point."""

    def __init__(self, folder: Path, name: str) -> None:
        self.repeated = self.delivered = 0
        self._name, self._point = name, POINTS[name]
        self._dice = random.Random(name)
        self._folder, self._drop, self._lines = folder, folder / "drop", folder / "out.jsonl"
        self._drop.mkdir()
        cap = CAPPED if self._point.capped else {"segment_bytes": 4096}
        options = {"directory": str(self._drop), "segment_secs": 1, **cap}
        siem = {"name": "siem", "kind": "drop", "options": {**options, "complete": True}}
        lines = {"name": "lines", "kind": "test_file", "codec": "test_lines", "batch": 30}
        super().__init__(folder, [siem, {**lines, "options": {"file": str(self._lines)}}])
        self._poison = self._lines.with_name("out.jsonl.refuse")

    def die(self, number: int) -> bool:
        """Once: new records, a death, and what stands after it.  False: it never came to the point."""
        fill(self.roles.state, RECORDS, LARGE if self._point.capped else 100)
        if self._point.refusing:
            self._poison.write_text(POISON)
        head = self.roles.stored.head()[1]
        nth = self._dice.randint(1, self._point.most)
        if self._point.doing == "replay":
            self._refuse(head)
        died = self._killed(nth)
        self._recovered(head, number)
        return died

    def _refuse(self, head: int) -> None:
        """A life in which there comes to be a dead letter."""
        self.roles.start_engine()
        self.roles.start_forwarder()
        self.wait(lambda: self._at("lines") >= head, "a dead letter")
        self.stop()

    def _killed(self, nth: int) -> bool:
        """Both live until the one that is armed is dead."""
        dying, name = self._point.role, self._name
        if dying == "engine":
            # A start signs, too: what is meant comes later.
            self.roles.start_engine(lambda: armed(name, nth), ready=False)
            self.roles.start_forwarder()
        else:
            self.roles.start_engine()
            self.roles.start_forwarder(lambda: armed(name, nth))
        self._ask()
        status = self.roles.wait_for_end(dying, DIES_SECS)
        if status != -9:
            self.faults.append(f"ended with {status}, and not at the point's {nth}th time")
            self.roles.kill(dying)  # two at once would find each other's changes
        if dying == "engine":
            self.roles.start_engine()
            self.roles.stop("forwarder")
        return status == -9

    def _ask(self) -> None:
        """What a person asks for, as soon as it can be asked."""
        words = {"replay": {}, "back": {"after": 0}}.get(self._point.doing)
        if words is None:
            return
        self._poison.unlink(missing_ok=True)

        def asked() -> bool:
            try:
                self.roles.ask("sinks.replay", name="lines", **words)
            except SentinairError:
                return not self.roles.lives("forwarder")
            return True

        self.wait(asked, f"{self._point.doing} to be taken")

    def _recovered(self, head: int, number: int) -> None:
        """The next life takes up what was left."""
        began = time.monotonic()
        self.roles.start_forwarder()
        self.wait(lambda: self._at("siem") >= head - RECORDS, "the drop to go on")
        self.wait(lambda: self._at("lines") >= head, "the lines to go on")
        self.wait(lambda: self.here("lines"), "the forwarder to say hello")
        self.stop()
        if time.monotonic() - began > DRAIN_SECS:
            self.faults.append(f"death {number}: no recovery in {DRAIN_SECS:g} s")
        self._judge()

    def drained(self) -> None:
        """A last life in peace: all there was is delivered, dead letters too."""
        self._poison.unlink(missing_ok=True)
        self.roles.start_engine()
        self.roles.start_forwarder()
        head = self.roles.stored.head()[1]
        self.wait(lambda: self._at("siem") >= head, "the drop to have all")
        self.wait(lambda: self._at("lines") >= head, "the lines to have all")
        self.wait(self._replayed, "the dead letters to go")
        self.stop()
        self._judge()
        if left := self._poisoned() - {json.loads(line)["seq"] for line in self._arrived_lines()}:
            self.faults.append(f"{left} were never delivered")
        self.verify()

    def _replayed(self) -> bool:
        try:
            return self.roles.ask("sinks.replay", name="lines")["asked"] == 0  # type: ignore[no-any-return]
        except SentinairError:
            return False

    # -- what stands -------------------------------------------------------------------------------------------

    def _judge(self) -> None:
        drop = judge(str(self._drop), str(self.roles.state / "keys" / "enrolment.pub"))
        self.faults += [f"verify: {finding}" for finding in drop.findings]
        lost = self._lost()
        if any(line.lost for line in drop.lines) != bool(lost) or (lost and not self._point.capped):
            self.faults.append(f"{lost} lost, {drop.lines}")
        arrived = Arrived(self.roles.state, first=1 + lost).records(lines_of(self._drop))
        lines = self._arrived_lines()
        cursors = dict(self.roles.stored.query("SELECT name, seq FROM sinks"))
        told = Arrived(self.roles.state, skips=self._poisoned())
        self._judge_lines(told, lines, cursors.get("lines", 0))
        self.faults += [f"drop: {what}" for what in arrived.wrong]
        if arrived.repeated:
            self.faults.append(f"drop: {arrived.repeated} entries in two segments")
        if cursors.get("siem", 0) > arrived.last or cursors.get("lines", 0) > told.last:
            self.faults.append(f"{cursors} are ahead of {arrived.last} and {told.last}")
        self.repeated, self.delivered = told.repeated, arrived.count + told.count

    def _judge_lines(self, told: Arrived, lines: Sequence[bytes], cursor: int) -> None:
        """What is refused has no turn: it comes when a person wants it, and is a dead letter before the cursor."""
        poison, dead = self._poisoned(), self._letters()
        seqs = Counter(json.loads(line)["seq"] for line in lines)
        late = {seq for seq in poison if seqs[seq]}
        in_turn = [line for line in lines if json.loads(line)["seq"] not in late]
        gone = {seq for seq in poison - late - dead if seq <= cursor}
        self.faults += [f"lines: {seq} is neither delivered nor a dead letter" for seq in gone]
        told.records(in_turn)
        self.faults += [f"lines: {what}" for what in told.wrong]

    def _lost(self) -> int:
        """What the cap took, as the drop remembers: what says so in it has gone the same way."""
        memory = self.roles.state / "data" / "exports" / ".siem.memory"
        return (
            int(json.loads(memory.read_bytes().splitlines()[0])["lost"]) if memory.exists() else 0
        )

    def _poisoned(self) -> set[int]:
        """Records that may have been refused."""
        like = f"%{POISON}%"
        sql = "SELECT seq FROM ledger WHERE kind = 'rescan.asked' AND CAST(body AS TEXT) LIKE ?"
        return (
            {seq for (seq,) in self.roles.stored.query(sql, like)}
            if self._point.refusing
            else set()
        )

    def _letters(self) -> set[int]:
        rows = self.roles.stored.query("SELECT seq FROM letters WHERE sink = 'lines'")
        return {seq for (seq,) in rows}

    def _arrived_lines(self) -> list[bytes]:
        data = self._lines.read_bytes() if self._lines.exists() else b""
        return data[: data.rfind(b"\n") + 1].splitlines()

    def _at(self, name: str) -> int:
        """The last seq that is with the receiver, as its side sees it."""
        if name == "lines":
            tail = self._arrived_lines()[-1:]
            return int(json.loads(tail[0])["seq"]) if tail else 0
        lasts = (
            int(path.name.split("-")[-1].split(".")[0]) for path in self._drop.glob("*.manifest")
        )
        return max(lasts, default=0)
