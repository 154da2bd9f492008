"""An engine and a forwarder that die and live again: what every campaign of deaths does between two of them."""

from __future__ import annotations

import contextlib
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final, Self

from sentinair.errors import SentinairError
from tests.harness.agent import ROOT, wait_for
from tests.harness.roles import Roles

__all__ = ["DRAIN_SECS", "Deaths"]

DRAIN_SECS: Final = 30.0


class Deaths:
    """One ledger; faults: what was not as promised.  Use as a context manager."""

    def __init__(self, folder: Path, sinks: Sequence[Mapping[str, object]]) -> None:
        self.faults: list[str] = []
        self.roles = Roles(folder, sinks)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_fault: object) -> None:
        self.roles.__exit__(None, None, None)

    def wait(self, true: Callable[[], bool], what: str) -> None:
        if wait_for(true, DRAIN_SECS, pause_secs=0.01) is None:
            self.faults.append(f"waited {DRAIN_SECS:g} s for {what}: {self.roles.output[-300:]}")

    def here(self, name: str) -> bool:
        """Whether the forwarder has this sink: its stop is an orderly one only from then on."""
        with contextlib.suppress(SentinairError):
            self.roles.ask("sinks.test", name=name)
            return True
        return False

    def stop(self) -> None:
        """Both, in order."""
        for role in ("forwarder", "engine"):
            status = self.roles.stop(role)
            if status != 0:
                self.faults.append(f"{role} stops with {status}")

    def verify(self) -> None:
        """The ledger, as an auditor does."""
        words = [sys.executable, "-m", "sentinair.cli.main", "verify", str(self.roles.state)]
        verified = subprocess.run(words, cwd=ROOT, capture_output=True, text=True, check=False)
        if verified.returncode:
            self.faults.append(f"the ledger does not verify: {verified.stdout[-300:]}")
