"""`sentinair events …` on a real record."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from datetime import UTC, datetime
from queue import Queue
from typing import IO

import pytest

from tests.harness.ledgers import LedgerMaker
from tests.unit.cli.conftest import START_NS, Program


def _ids(lines: list[dict[str, object]]) -> list[object]:
    return [line["id"] for line in lines]


def test_events_are_listed_newest_first(recorded: Program) -> None:
    lines = recorded.lines("events", "list", "--limit", "0")
    assert len(lines) == 200
    assert len(set(map(str, _ids(lines)))) == 200
    times = [str(line["timestamp"]) for line in lines]
    assert times == sorted(times, reverse=True)
    assert recorded("events", "list") == 0
    rows = recorded.out.splitlines()
    assert len(rows) == 52
    assert rows[-1].startswith("The newest 50;")


def test_events_are_chosen_by_kind_source_and_time(recorded: Program) -> None:
    everything = recorded.lines("events", "list", "--limit", "0")
    files = recorded.lines("events", "list", "--limit", "0", "--kind", "file")
    assert 0 < len(files) < 200
    assert files == [line for line in everything if line["event_type"] == "file"]
    assert recorded.lines("events", "list", "--limit", "0", "--source", "fanotify") == files
    both = recorded.lines("events", "list", "--limit", "0", "--kind", "file", "--kind", "process")
    assert both == everything
    assert not recorded.lines("events", "list", "--kind", "gap")
    later = datetime.fromtimestamp(START_NS / 1e9 + 30, UTC).isoformat()
    after = recorded.lines("events", "list", "--limit", "0", "--since", later)
    before = recorded.lines("events", "list", "--limit", "0", "--until", later)
    assert after + before == everything
    assert after
    assert before


def test_no_events_is_said(recorded: Program) -> None:
    assert recorded("events", "list", "--kind", "gap") == 0
    assert recorded.out == "No events.\n"


def test_events_are_counted_from_counters_and_within_a_time(recorded: Program) -> None:
    counts = {
        (line["kind"], line["source"]): line["count"] for line in recorded.lines("events", "count")
    }
    assert sum(counts.values()) == 200
    everything = recorded.lines("events", "list", "--limit", "0", "--kind", "file")
    assert counts["file", "fanotify"] == len(everything)
    assert [line["kind"] for line in recorded.lines("events", "count", "--kind", "file")] == [
        "file"
    ]
    assert not recorded.lines("events", "count", "--source", "none")
    later = datetime.fromtimestamp(START_NS / 1e9 + 30, UTC).isoformat()
    within = recorded.lines("events", "count", "--kind", "file", "--since", later)
    wanted = recorded.lines("events", "list", "--limit", "0", "--kind", "file", "--since", later)
    assert within[0]["count"] == len(wanted)
    assert recorded("events", "count") == 0
    assert recorded.out.splitlines()[-1] == "200 in all"


@pytest.mark.slow
def test_tail_follows_what_is_committed_and_ends_on_ctrl_c(recorded: Program) -> None:
    maker = LedgerMaker(recorded.state, seed=2, start_ns=START_NS + 10**15)
    words = ["events", "tail", "--json", "--limit", "2", "--kind", "file"]
    command = [sys.executable, "-m", "sentinair.cli.main", *recorded.places, *words]
    process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    seen: Queue[dict[str, object]] = Queue()
    assert process.stdout is not None
    follower = threading.Thread(target=_take, args=(process.stdout, seen))
    follower.start()
    try:
        begin = [seen.get(timeout=10) for _ in range(2)]
        maker.commit(maker.process_events(3))
        maker.commit(maker.file_events(3))
        new = [seen.get(timeout=10) for _ in range(3)]
    finally:
        process.send_signal(signal.SIGINT)
        status = process.wait(10)
        follower.join(10)
        process.stdout.close()
        assert process.stderr is not None
        said = process.stderr.read()
        process.stderr.close()
        maker.close()
    assert status == 130
    assert not said
    assert seen.empty()
    assert _ids(begin + new)[2:] == [204, 205, 206]
    assert {line["event_type"] for line in begin + new} == {"file"}


def _take(stream: IO[str], seen: Queue[dict[str, object]]) -> None:
    for line in stream:
        seen.put(json.loads(line))
