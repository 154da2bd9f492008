"""The store on a disk that is full, on one that fails, and killed at any moment."""

from __future__ import annotations

import json
import os
import random
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from sentinair.errors import StorageFault
from sentinair.store.read import EventFilter, Reader
from sentinair.store.verify.report import verify
from tests.harness.ledger import alert, file_event, open_store, pending, raised, record_data, stamp

HERE = Path(__file__).parent
ROOT = HERE.parents[2]


def script(name: str) -> list[str]:
    return [sys.executable, "-m", f"tests.integration.store.{name}"]


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 8 MiB."""
    if os.geteuid() != 0:
        pytest.skip("only root can mount")
    disk = tmp_path / "disk"
    disk.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=8m,mode=0755", "tmpfs", str(disk)]
    if subprocess.run(mount, check=False, capture_output=True).returncode:
        pytest.skip("mounting is not allowed here")
    yield disk
    subprocess.run(["umount", "-l", str(disk)], check=True)


def fill(disk: Path) -> Path:
    """Take all room of a disk; returns the file that holds it."""
    ballast = disk / "ballast"
    with (
        ballast.open("wb", buffering=0) as file,
        pytest.raises(OSError, match="No space"),
    ):
        while True:
            file.write(b"x" * 4096)
    return ballast


@pytest.fixture
def failing_library(tmp_path: Path) -> Path:
    if shutil.which("cc") is None:
        pytest.skip("no C compiler")
    library = tmp_path / "failing.so"
    source = HERE / "failing.c"
    subprocess.run(["cc", "-shared", "-fPIC", "-o", str(library), str(source), "-ldl"], check=True)
    return library


def test_a_full_disk_loses_nothing_and_one_record_says_so(small_disk: Path) -> None:
    store = open_store(small_disk / "state")
    waiting = pending(store, [file_event(b"/d/%d" % n) for n in range(2000)])
    ballast = fill(small_disk)
    with pytest.raises(StorageFault, match="full"):
        store.commit(stamp(1), waiting, raised(alert(1)))
    assert record_data(store.path, "store.refused") == [
        {"reserve": "given up to write this", "why": "the disk is full"}
    ]
    assert not (small_disk / "state" / "reserve").exists()
    with Reader.open(small_disk / "state") as reader:
        assert reader.last_event_id() == 0
    ballast.unlink()
    store.commit(stamp(31), waiting, raised(alert(1)))
    assert (small_disk / "state" / "reserve").exists()
    store.close(stamp(201))
    report = verify(small_disk / "state", processes=1)
    assert report.ok, report
    with Reader.open(small_disk / "state") as reader:
        assert reader.last_event_id() == 2000


def test_a_disk_full_at_the_start_is_one_clear_fault_and_no_loss(small_disk: Path) -> None:
    store = open_store(small_disk / "state")
    store.commit(stamp(1), pending(store, [file_event(b"/a")]))
    store.close(stamp(2))
    ballast = fill(small_disk)
    for secs in (3, 33):
        with pytest.raises(StorageFault, match="cannot be"):
            open_store(small_disk / "state", secs)
    with pytest.raises(StorageFault, match="cannot be"):
        open_store(small_disk / "new")
    ballast.unlink()
    again = open_store(small_disk / "state", 63)
    assert again.chain == store.chain
    assert again.opened.damaged is None
    again.close(stamp(64))
    open_store(small_disk / "new", 64).close(stamp(65))
    for state in ("state", "new"):
        assert verify(small_disk / state, processes=1).ok


def test_a_sync_that_fails_is_never_trusted_and_nothing_is_doubled(
    failing_library: Path, tmp_path: Path
) -> None:
    environment = {
        **os.environ,
        "PYTHONPATH": str(ROOT),
        "LD_PRELOAD": str(failing_library),
        "FAIL_SYNC": str(tmp_path / "fail"),
    }
    state = tmp_path / "state"
    command = [*script("commit_while_syncs_fail"), str(state), str(tmp_path / "fail")]
    done = subprocess.run(
        command, env=environment, cwd=ROOT, capture_output=True, text=True, check=True, timeout=60
    )
    first, failed, failed_again, last = json.loads(done.stdout)
    assert (first, last) == ("committed", "committed")
    assert "disk I/O error" in failed
    assert "disk I/O error" in failed_again
    with Reader.open(state) as reader:
        rows = reader.events(EventFilter()).rows
        assert [one.id for one in rows] == [3, 2, 1]
        assert [one.data for one in reader.records("heartbeat")] == [{"n": 0}, {"n": 1}]
        assert sum(count.count for count in reader.alert_counts()) == 2
    assert verify(state, processes=1).ok


def test_killed_at_any_moment_it_keeps_what_it_said_was_committed(tmp_path: Path) -> None:
    chance = random.Random(11)
    state = tmp_path / "state"
    promised = 0
    for _ in range(8):
        with subprocess.Popen(
            [*script("commit_for_ever"), str(state)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            cwd=ROOT,
            stdout=subprocess.PIPE,
            text=True,
        ) as child:
            assert child.stdout is not None
            assert child.stdout.readline() == "ready\n"
            time.sleep(chance.uniform(0.0, 0.15))
            child.send_signal(signal.SIGKILL)
            told = [int(line) for line in child.stdout.read().split("\n")[:-1]]
        promised = told[-1] if told else promised
        with Reader.open(state) as reader:
            kept = reader.last_event_id()
        assert kept - promised in {0, 20}  # the last commit may have been made and not told
        promised = kept
    assert promised > 0
    report = verify(state, processes=1)
    assert report.ok, report
    assert report.events == promised
