"""The limit probes and load generators tell the truth: they are what the agent is measured against."""

from __future__ import annotations

import collections
import os
from pathlib import Path

import pytest

from sentinair.errors import SentinairError
from tests.bench.generators import compiled, file_burst, touch_storm, true_storm
from tests.bench.probes import exec_probe, file_probe

needs_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: fanotify and the process connector"
)


@pytest.fixture(autouse=True)
def _needs_a_compiler() -> None:
    try:
        compiled("file_burst")
    except SentinairError as fault:
        pytest.skip(str(fault))


@needs_root
def test_the_file_probe_sees_every_operation_of_a_burst(tmp_path: Path) -> None:
    root, out = tmp_path / "tree", tmp_path / "seen"
    file_burst("prepare", root, 500, 20)
    with file_probe(root, out) as probe:
        burst = file_burst("churn", root, 500, 20)
    kinds = collections.Counter(line.split()[0] for line in out.read_text().splitlines())
    assert burst.operations == 2000
    assert kinds == {"create": 500, "write": 500, "rename": 500, "delete": 500}
    assert probe.taken.overflows == 0
    assert probe.taken.cpu_secs > 0


@needs_root
def test_the_exec_probe_counts_every_process_of_a_storm(tmp_path: Path) -> None:
    out = tmp_path / "seen"
    with exec_probe(out, fifo=True) as probe:
        storm = true_storm(300, prefix="probed")
    named = {line for line in out.read_text().splitlines() if line.startswith("probed")}
    assert storm.processes == 300
    assert probe.taken.execs >= 300
    assert probe.taken.overflows == 0
    assert (
        len(named) > 200
    )  # the rest was gone before /proc was read: what the connector alone cannot do


def test_a_distinct_load_leaves_the_tree_its_numbers_promise(tmp_path: Path) -> None:
    file_burst("prepare", tmp_path, 1000, 10)
    burst = file_burst("distinct", tmp_path, 1000, 10)
    names = [path.name for path in tmp_path.rglob("*") if path.is_file()]
    assert burst.operations == 1600
    assert len(names) == 800
    assert sum(name.startswith("g") for name in names) == 200


def test_a_new_directory_load_makes_each_directory_just_before_its_files(tmp_path: Path) -> None:
    burst = file_burst("newdirs", tmp_path / "race", 300, 30)
    assert burst.operations == 600
    assert len(list((tmp_path / "race").glob("*/f*"))) == 300


def test_a_touch_storm_makes_one_file_per_process(tmp_path: Path) -> None:
    storm = touch_storm(tmp_path, 50, prefix="one")
    assert storm.processes == 50
    assert {path.name for path in tmp_path.iterdir()} == {f"one{i}" for i in range(50)}


def test_a_load_that_cannot_work_is_an_error_and_not_a_figure(tmp_path: Path) -> None:
    with pytest.raises(SentinairError):
        file_burst("churn", tmp_path / "absent", 10, 2)
