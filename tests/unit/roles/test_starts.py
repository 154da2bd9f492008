"""How starts of the engine come into the record."""

from __future__ import annotations

from pathlib import Path

import pytest

from sentinair.model.record import Record, Stamp
from sentinair.roles.engine.commits import Commits
from sentinair.roles.engine.starts import Starts
from sentinair.settings.types import Settings
from sentinair.store.read import Reader
from sentinair.store.writer import Store

BEGIN = 1_700_000_000 * 10**9


class Life:
    """One life of an engine that does nothing else, at so many seconds."""

    def __init__(self, state: Path, secs: float) -> None:
        self.state, self.secs = state, secs
        self.store = Store.open(state, Settings().store, self._stamp())
        self._commits = Commits(self.store, self._stamp, lambda _: None)
        with Reader.open(state) as reader:
            self._starts = Starts(self._commits, {"version": "1"}, reader)
        self.at(secs)

    def _stamp(self) -> Stamp:
        return Stamp(BEGIN + int(self.secs * 1e9), int(self.secs * 1e9), "0" * 32)

    def at(self, secs: float) -> Life:
        self.secs = secs
        self._starts.tick(self._stamp())
        self._commits.commit()
        return self

    def killed(self) -> None:
        self.store.abandon()

    def stop(self) -> None:
        self._starts.finish()
        self._commits.append(Record("stop", {}))
        self._commits.commit()
        self.store.close(self._stamp())


def told(state: Path) -> list[tuple[str, object]]:
    """Kind and times of all starts and ends."""
    with Reader.open(state) as reader:
        records = [
            r for r in reader.records(limit=10_000) if r.kind in ("start", "stop", "unclean.stop")
        ]
    return [(r.kind, r.data.get("times")) for r in records if isinstance(r.data, dict)]


def test_a_start_and_the_first_restart_are_recorded_at_once(tmp_path: Path) -> None:
    Life(tmp_path, 0).killed()
    Life(tmp_path, 1).killed()
    assert told(tmp_path) == [("start", 1), ("unclean.stop", 1), ("start", 1)]


def test_restarts_that_follow_closely_are_one_record_with_their_number(tmp_path: Path) -> None:
    for secs in range(30):
        Life(tmp_path, secs).killed()
    assert told(tmp_path)[-1] == ("start", 1)
    last = Life(tmp_path, 40).at(60)
    assert len(told(tmp_path)) == 3
    last.at(62)
    assert told(tmp_path)[3:] == [("unclean.stop", 29), ("start", 29)]
    last.at(200).killed()
    Life(tmp_path, 201).killed()
    assert told(tmp_path)[5:] == [("unclean.stop", 1), ("start", 1)]


def test_a_loop_leaves_one_record_a_minute(tmp_path: Path) -> None:
    for secs in range(0, 200, 2):
        Life(tmp_path, secs).killed()
    starts = [times for kind, times in told(tmp_path) if kind == "start"]
    assert starts == [1, 1, 30, 30, 30]


def test_an_orderly_stop_records_what_waited_before_it(tmp_path: Path) -> None:
    for secs in range(3):
        Life(tmp_path, secs).killed()
    Life(tmp_path, 3).stop()
    assert told(tmp_path)[3:] == [("unclean.stop", 2), ("start", 2), ("stop", None)]
    Life(tmp_path, 4).killed()
    assert told(tmp_path)[-1] == ("start", 1)


@pytest.mark.parametrize("secs", [-3600, 3600])
def test_a_clock_that_was_set_delays_nothing(tmp_path: Path, secs: float) -> None:
    for each in range(3):
        Life(tmp_path, each).killed()
    Life(tmp_path, secs).killed()
    assert told(tmp_path)[-2:] == [("unclean.stop", 2), ("start", 2)]
