"""The yardsticks themselves: percentiles, differences of trees, what a process costs."""

from __future__ import annotations

import os
import subprocess
import time
from pathlib import Path

import pytest

from tests.bench.bed import Promises
from tests.bench.campaign import names
from tests.bench.figures import percentile, spread
from tests.bench.proctree import command_line, cpu_secs, exact_cpu_secs, pss_mb, settle, tree
from tests.harness.agent import wait_for, write_config
from tests.harness.oracle import compare, state_of, tree_states


def test_a_percentile_is_a_value_that_was_measured() -> None:
    values = [float(number) for number in range(1, 101)]
    assert percentile(values, 0.99) == 99.0
    assert percentile(values, 0.5) == 50.0
    assert percentile([3.0], 0.99) == 3.0
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)
    assert spread([]) == {"count": 0}


def test_a_changed_an_absent_and_an_extra_file_are_told_apart(tmp_path: Path) -> None:
    for name in ("same", "changed", "absent"):
        (tmp_path / name).write_text("old")
    (tmp_path / "folder").mkdir()
    recorded = tree_states(tmp_path)
    recorded[bytes(tmp_path / "extra")] = state_of(bytes(tmp_path / "same"))
    (tmp_path / "changed").write_text("newer")
    del recorded[bytes(tmp_path / "absent")]
    (tmp_path / "folder" / "inside").touch()
    difference = compare(tree_states(tmp_path), recorded)
    assert difference.changed == (
        bytes(tmp_path / "changed"),
    )  # not the folder, whose entry is one of absent
    assert difference.extra == (bytes(tmp_path / "extra"),)
    assert difference.absent == (bytes(tmp_path / "absent"), bytes(tmp_path / "folder" / "inside"))
    assert str(compare(tree_states(tmp_path), tree_states(tmp_path))) == "equal"


def test_the_cost_of_a_process_covers_its_children() -> None:
    child = subprocess.Popen(["/bin/sh", "-c", "sleep 5 & wait"])
    try:
        sleeps = ["sleep", "5"]  # a shell's child is a shell until it executes
        assert wait_for(lambda: command_line(tree(child.pid)[-1]) == sleeps, 5.0) is not None
        pids = tree(child.pid)
        assert pids[0] == child.pid
        assert len(pids) == 2
        assert set(pss_mb(pids)) == set(pids)
    finally:
        for pid in reversed(tree(child.pid)):
            os.kill(pid, 15)
        child.wait(5)
    assert tree(2**22) == [2**22]  # above the largest pid there can be (proc(5), pid_max)
    assert cpu_secs([2**22]) == 0


def test_both_clocks_of_a_busy_process_agree() -> None:
    before, exact = cpu_secs([os.getpid()]), exact_cpu_secs([os.getpid()])
    until = time.process_time() + 0.3
    while time.process_time() < until:
        pass
    assert cpu_secs([os.getpid()]) - before == pytest.approx(0.3, abs=0.15)
    assert exact_cpu_secs([os.getpid()]) - exact == pytest.approx(0.3, abs=0.15)


def test_waiting_for_quiet_gives_up_on_what_never_is() -> None:
    assert settle(time.monotonic, quiet_secs=0.3, limit_secs=0.5) == 0.5
    assert settle(lambda: 1.0, quiet_secs=0.3) == 0.0


def test_a_broken_promise_stands_beside_the_figures() -> None:
    promises = Promises()
    promises.keep(True, "kept")
    promises.keep(False, "nothing is lost")
    assert promises.onto({"secs": 1.0}) == {"secs": 1.0, "broken": ["nothing is lost"]}


def test_every_claim_of_the_bench_has_its_campaign() -> None:
    wanted = {
        "burst",
        "overflow",
        "exec_storm",
        "latency",
        "idle",
        "kills",
        "secrets",
        "shutdown",
        "bad_start",
    }
    assert wanted <= set(names())


def test_a_test_configuration_changes_only_what_it_names(tmp_path: Path) -> None:
    write_config(tmp_path / "plain", {})
    write_config(tmp_path / "changed", {"files": {"source": "inotify"}})
    plain = {path.name for path in (tmp_path / "plain").iterdir()}
    assert plain == {path.name for path in (tmp_path / "changed").iterdir()}
    assert "source: inotify" in (tmp_path / "changed" / "files.yaml").read_text()
