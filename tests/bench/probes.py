"""Starts a limit probe or a peer beside a load and gives back what it took."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Generic, TypeVar

import msgspec

from sentinair.errors import StorageFault
from tests.bench import limit_execs, limit_files, peers
from tests.bench.figures import ROOT
from tests.bench.proctree import cpu_secs, settle

__all__ = ["Probe", "exec_probe", "file_probe", "peer"]

_Taken = TypeVar("_Taken", bound=msgspec.Struct)


class Probe(Generic[_Taken]):
    """`with file_probe(root) as probe: <load>`, and after the block `probe.taken`."""

    def __init__(self, kind: type[_Taken], command: list[str]) -> None:
        self._kind: type[_Taken] = kind
        self._command = command
        self._result: _Taken | None = None

    def __enter__(self) -> Probe[_Taken]:
        self._process = subprocess.Popen(self._command, cwd=ROOT, stdout=subprocess.PIPE, text=True)
        assert self._process.stdout is not None
        if self._process.stdout.readline().strip() != "READY":
            self._process.wait(10)
            raise StorageFault("the limit probe did not start", where=" ".join(self._command))
        return self

    def __exit__(self, *fault: object) -> None:
        """Waits until it has taken what is queued, then ends it."""
        pid = self._process.pid
        settle(lambda: cpu_secs([pid]), quiet_secs=0.5, limit_secs=60.0)
        self._process.terminate()
        said, _ = self._process.communicate(timeout=30)
        if not any(fault):
            self._result = msgspec.json.decode(said.splitlines()[-1], type=self._kind)

    @property
    def taken(self) -> _Taken:
        """What it took.  Only after the block."""
        assert self._result is not None
        return self._result


def file_probe(root: Path, out: Path | None = None) -> Probe[limit_files.Probed]:
    """The pidfd probe on root's file system; out: where it writes `KIND path` lines."""
    command = [sys.executable, "-m", "tests.bench.limit_files", str(root)]
    return Probe(limit_files.Probed, command + (["--out", str(out)] if out else []))


def exec_probe(out: Path | None = None, *, fifo: bool = False) -> Probe[limit_execs.Probed]:
    """The process connector probe; fifo: at SCHED_FIFO 1, as the unit of `execs` runs."""
    front = ["chrt", "-f", "1"] if fifo else []
    command = [*front, sys.executable, "-m", "tests.bench.limit_execs"]
    return Probe(limit_execs.Probed, command + (["--out", str(out)] if out else []))


def peer(which: str, what: str) -> Probe[peers.Saw]:
    """A usual library at the same load; which: watchdog (what: root) or psutil (what: prefix of arguments)."""
    return Probe(peers.Saw, [sys.executable, "-m", "tests.bench.peers", which, what])
