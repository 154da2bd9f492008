"""Starts of the engine in the record: one alone at once, those that follow each other closely as one with a count.

An engine that dies again and again, once a second for a weekend, must not bury the record under its own starts:
within TOGETHER_NS of a restart that was recorded, further restarts wait, and what ends the waiting records them all.
How many there were is counted by the signing keys, which change at each start.
"""

from __future__ import annotations

from typing import Final

import msgspec

from sentinair.model.record import Stamp
from sentinair.roles.engine.commits import Commits
from sentinair.store.read import Reader
from sentinair.store.seals import EpochData

__all__ = ["Starts"]

TOGETHER_NS: Final = 60_000_000_000


class Starts:
    """What the record has still to be told of how the engine came up."""

    def __init__(self, commits: Commits, begun: dict[str, object], reader: Reader) -> None:
        """begun: what the record says of this life.  reader: on the ledger, open for this call only."""
        self._commits = commits
        self._begun = begun
        self._count = 1
        self._last_seq = commits.store.head.seq
        self._due_ns = 0  # wall clock
        last = reader.last_record("start")
        if commits.store.unclean and last is not None:
            self._count = _lives_since(reader, last.seq)
            if isinstance(last.data, dict) and last.data.get("restart"):
                self._due_ns = last.stamp.time_ns + TOGETHER_NS

    def tick(self, stamp: Stamp) -> None:
        """Record it as soon as it is due; at once too if the clock was set back."""
        if self._begun and not self._due_ns - TOGETHER_NS <= stamp.time_ns < self._due_ns:
            self.finish()

    def finish(self) -> None:
        """Record it now, if it is not."""
        begun, self._begun = self._begun, {}
        if not begun:
            return
        unclean = self._commits.store.unclean
        if unclean:
            self._commits.record("unclean.stop", {"last_seq": self._last_seq, "times": self._count})
        self._commits.record("start", begun | {"restart": unclean, "times": self._count})


def _lives_since(reader: Reader, seq: int) -> int:
    count, since = 0, seq + 1
    while records := reader.records("epoch", since):
        count += sum(msgspec.convert(record.data, EpochData).at_start for record in records)
        since = records[-1].seq + 1
    return max(count, 1)
