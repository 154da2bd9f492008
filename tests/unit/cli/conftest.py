"""A record to read, and an engine to ask: both real."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from sentinair.cli.main import main
from sentinair.errors import EngineAbsent
from sentinair.ipc.control import call
from tests.harness.agent import ROOT
from tests.harness.ledgers import LedgerMaker

Lines = list[dict[str, Any]]
START_NS = 1_700_000_000 * 10**9


class Program:
    """`sentinair` on a configuration and a state of its own."""

    def __init__(self, folder: Path, capsys: pytest.CaptureFixture[str] | None) -> None:
        """capsys: None where it is not called."""
        self.config = folder / "config"
        self.state = folder / "state"
        shutil.copytree(ROOT / "config", self.config)
        self.out = self.err = ""
        self._capsys = capsys

    @property
    def places(self) -> list[str]:
        return ["--config", str(self.config), "--state", str(self.state)]

    def __call__(self, *words: str) -> int:
        """Run it; out and err hold what it said."""
        assert self._capsys is not None
        self._capsys.readouterr()
        status = main([*self.places, *words])
        self.out, self.err = self._capsys.readouterr()
        return status

    def lines(self, *words: str) -> Lines:
        """The objects that --json prints; the command must end well."""
        assert self(*words, "--json") == 0, self.err
        return [json.loads(line) for line in self.out.splitlines()]


@pytest.fixture
def program(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> Program:
    return Program(tmp_path, capsys)


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A state with a record of 60 commits, closed; to be copied."""
    state = tmp_path_factory.mktemp("written") / "state"
    maker = LedgerMaker(state, start_ns=START_NS)
    maker.mixed(60)
    maker.close()
    (state / "reserve").unlink()  # 8 MB that no reader looks at
    return state


@pytest.fixture
def recorded(program: Program, written: Path) -> Program:
    """With a record of 60 commits, closed."""
    shutil.copytree(written, program.state)
    return program


@pytest.fixture
def running(recorded: Program) -> Iterator[Program]:
    """With that record, and an engine that holds it; no sensor."""
    with engine(recorded):
        yield recorded


@contextlib.contextmanager
def engine(program: Program) -> Iterator[int]:
    """The real engine on program's places; gives its pid."""
    words = [sys.executable, "-m", "sentinair.roles.engine", *program.places]
    log = program.state.parent / "engine.log"
    with log.open("wb") as said:
        process = subprocess.Popen(words, stdin=subprocess.DEVNULL, stdout=said, stderr=said)
    try:
        if not within(10, lambda: process.poll() is not None or answers(program)):
            raise AssertionError(log.read_text())
        assert process.poll() is None, log.read_text()
        yield process.pid
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(15)


def answers(program: Program) -> bool:
    try:
        call(program.state / "run" / "control.sock", "status")
    except EngineAbsent:
        return False
    return True


def within(secs: float, true: Callable[[], bool]) -> bool:
    """Whether true() came within secs."""
    end = time.monotonic() + secs
    while not true():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="needs root")
