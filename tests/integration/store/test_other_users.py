"""A reader of another user, in the group of the state directory: what the API and the forwarder are."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.harness.ledger import file_event, open_store, pending, stamp

ROOT = Path(__file__).parents[3]
NOBODY = 65534
READERS = 64321  # a group nobody else is in

pytestmark = pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")


@pytest.fixture
def shared() -> Iterator[Path]:
    """A state directory as it is installed, where other users can reach it."""
    folder = Path(tempfile.mkdtemp(prefix="sentinair-test-"))
    folder.chmod(0o755)
    state = folder / "state"
    state.mkdir()
    os.chown(state, -1, READERS)
    state.chmod(0o2750)
    yield state
    shutil.rmtree(folder)


def seen(state: Path, group: int = READERS) -> str:
    """What the other user's reader prints; its complaint if it fails."""
    command = [sys.executable, "-m", "tests.integration.store.read_events", str(state)]
    try:
        done = subprocess.run(
            command,
            env={"PYTHONPATH": str(ROOT), "PYTHONDONTWRITEBYTECODE": "1"},
            cwd="/",
            user=NOBODY,
            group=group,
            extra_groups=[],
            capture_output=True,
            text=True,
            check=False,
            timeout=30,
        )
    except PermissionError:
        pytest.skip("other users cannot reach the interpreter here")
    if "No module named" in done.stderr:
        pytest.skip("other users cannot reach the code here")
    return done.stdout.strip() or done.stderr.strip().splitlines()[-1]


def test_it_reads_while_the_engine_writes_and_after_it_has_ended(shared: Path) -> None:
    store = open_store(shared)
    store.commit(stamp(1), pending(store, [file_event(b"/a")]))
    assert seen(shared) == "1"
    store.commit(stamp(2), pending(store, [file_event(b"/b")]))
    assert seen(shared) == "2"
    store.close(stamp(3))
    assert seen(shared) == "2"


def test_it_reads_what_a_killed_engine_left(shared: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-m", "tests.integration.store.commit_for_ever", str(shared)],
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    ) as child:
        assert child.stdout is not None
        assert child.stdout.readline() == "ready\n"
        while child.stdout.readline() != "40\n":
            pass
        child.send_signal(signal.SIGKILL)
    assert int(seen(shared)) >= 40


def test_who_is_not_in_the_group_sees_nothing(shared: Path) -> None:
    open_store(shared).close(stamp(1))
    assert "may not be read" in seen(shared, NOBODY)
