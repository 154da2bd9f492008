"""What the record needs from time to time: signatures when due, retention, and one full check after each start."""

from __future__ import annotations

import logging
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Final

from sentinair.errors import StorageFault
from sentinair.model.record import Stamp
from sentinair.roles.engine.commits import Commits
from sentinair.settings.types import Settings

__all__ = ["Upkeep"]

log = logging.getLogger("sentinair.engine")

RETAIN_EVERY_NS: Final = 3600 * 1_000_000_000
CHECK_AFTER_NS: Final = 60 * 1_000_000_000  # the first minute belongs to the rescan


class Upkeep:
    """Called once a second; each call does at most one bounded step."""

    def __init__(
        self,
        config: Path,
        state: Path,
        settings: Settings,
        commits: Commits,
        tampered: Callable[[str, str], None],
    ) -> None:
        """tampered: told (found by, what) when the full check finds faults."""
        self._tampered = tampered
        self._config = config
        self._state = state
        self._retention = settings.store.retention
        self._commits = commits
        self._retain_due_ns: int | None = None
        self._check_due_ns: int | None = None
        self._check: subprocess.Popen[bytes] | None = None
        self._checked = False

    def tick(self, stamp: Stamp) -> None:
        """Raises nothing: what the disk refuses is said by the next commit."""
        if self._retain_due_ns is None:
            self._retain_due_ns = stamp.mono_ns + CHECK_AFTER_NS
            self._check_due_ns = stamp.mono_ns + CHECK_AFTER_NS
        if self._commits.refusal is not None:
            return
        try:
            if stamp.mono_ns >= self._commits.store.next_seal_ns():
                self._commits.store.seal(stamp)
            if stamp.mono_ns >= self._retain_due_ns:
                more = self._commits.store.retain(stamp, self._retention)
                self._retain_due_ns = stamp.mono_ns + (0 if more else RETAIN_EVERY_NS)
        except StorageFault as fault:
            log.error("upkeep of the record failed: %s", fault)
            self._retain_due_ns = stamp.mono_ns + CHECK_AFTER_NS
        self._full_check(stamp)

    def _full_check(self, stamp: Stamp) -> None:
        """`sentinair verify` as a reader of its own, at the lowest priority."""
        if self._checked or self._check_due_ns is None or stamp.mono_ns < self._check_due_ns:
            return
        if self._check is None:
            words = [
                "--config",
                str(self._config),
                "--state",
                str(self._state),
                "verify",
                str(self._state),
            ]
            self._check = subprocess.Popen(
                ["nice", "-n", "19", sys.executable, "-P", "-m", "sentinair.cli.main", *words],
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
            )
            return
        status = self._check.poll()
        if status is None:
            return
        self._checked = True
        if status == 1:
            log.error("the full check of the record found faults: run `sentinair verify`")
            self._tampered("full check", "sentinair verify finds faults in it")
        elif status:
            log.error("the full check of the record could not be done: status %d", status)

    def close(self) -> None:
        if self._check is not None and self._check.poll() is None:
            self._check.kill()
            self._check.wait()
