"""A drill while it runs: acts in batches, alerts looked for, what stayed away tried again, everything removed."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Sequence
from contextlib import ExitStack
from typing import Final

import msgspec

from sentinair.cli.drill_plan import Planned
from sentinair.cli.drill_score import Outcome, monitor_of
from sentinair.errors import SentinairError
from sentinair.store.newest import newest_alerts
from sentinair.store.read import AlertFilter, Reader

__all__ = ["Runner"]

BATCH: Final = 16
TRIES: Final = 3  # a program that ends at once can go unread, at most one in ten where others crowd the processor
WAIT_SECS: Final = 3.0
_POLL_SECS: Final = 0.02


class Runner:
    """Does what was planned.  outcomes: by rule id, of every rule that was planned, also when it ends early."""

    def __init__(
        self, reader: Reader, planned: Sequence[Planned], wait_secs: float = WAIT_SECS
    ) -> None:
        self._reader = reader
        self._planned = planned
        self._wait_secs = wait_secs
        self._since_ns = time.time_ns()
        self.outcomes = {one.rule.id: _outcome(one, None, reason=one.reason) for one in planned}

    def run(self) -> list[Outcome]:
        """In the order planned.  Raises StorageFault, DataFault."""
        left = [one for one in self._planned if one.act is not None]
        for tries in range(1, TRIES + 1):
            for at in range(0, len(left), BATCH):
                self._batch(left[at : at + BATCH], tries)
            left = [one for one in left if self.outcomes[one.rule.id].came is False]
        return list(self.outcomes.values())

    def _batch(self, batch: Sequence[Planned], tries: int) -> None:
        waiting: dict[str, tuple[Planned, int]] = {}  # token to the act and when it was done
        with ExitStack() as undone:
            for one in batch:
                if one.act is None:
                    continue
                try:
                    waiting[one.act.token] = (one, undone.enter_context(one.act.done()))
                    self._look(waiting, tries)  # what came already shall not wait for other acts
                except (OSError, subprocess.SubprocessError, SentinairError) as fault:
                    self.outcomes[one.rule.id] = _outcome(one, None, reason=f"{fault}")
            end = time.monotonic() + self._wait_secs
            while waiting and time.monotonic() < end:
                self._look(waiting, tries)
                if waiting:
                    time.sleep(_POLL_SECS)
        for one, _ in waiting.values():
            reason = f"no alert within {self._wait_secs:g} s, {tries} times"
            self.outcomes[one.rule.id] = _outcome(one, False, reason=reason, tries=tries)

    def _look(self, waiting: dict[str, tuple[Planned, int]], tries: int) -> None:
        for alert in newest_alerts(self._reader, AlertFilter(since_ns=self._since_ns)):
            text = msgspec.json.encode(alert)
            for token, (one, done_ns) in tuple(waiting.items()):
                if alert.rule_id == one.rule.id and token.encode() in text:
                    millis = max(0, time.monotonic_ns() - done_ns) // 1_000_000
                    self.outcomes[one.rule.id] = _outcome(
                        one, True, millis=millis, tries=tries, alert=alert.id
                    )
                    del waiting[token]


def _outcome(
    one: Planned, came: bool | None, *, reason: str | None = None, millis: int | None = None,
    tries: int = 0, alert: str | None = None,
) -> Outcome:  # fmt: skip
    return Outcome(
        rule=one.rule.id,
        title=one.rule.title,
        techniques=one.rule.techniques,
        monitor=monitor_of(one.rule.logsource),
        came=came,
        how=None if one.act is None else one.act.how,
        millis=millis,
        tries=tries,
        alert=alert,
        reason=reason,
    )
