"""Drills as the engine knows them: while one goes on, alerts that carry its token are marked as its own.

A token is drawn by the one who drills and told here before the first act, so that a name made to look like a drill's
marks nothing; it counts for acts of that process and its children alone, and for MAX_NS at most.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Final

from sentinair.alerts.circumstances import Circumstances
from sentinair.errors import UsageFault
from sentinair.model.record import Stamp
from sentinair.roles.engine.commits import Commits

__all__ = ["MAX_NS", "TOKEN", "Drills"]

TOKEN: Final = re.compile(r"sentinair-drill-[0-9a-f]{16}")
MAX_NS: Final = 600_000_000_000
_MAX_AT_ONCE: Final = 4
_MAX_COUNT: Final = 1_000_000
COUNTS: Final = ("came", "missing", "not_drilled")


class Drills:
    """The drills that go on."""

    def __init__(
        self, commits: Commits, circumstances: Circumstances, stamp: Callable[[], Stamp]
    ) -> None:
        self._commits = commits
        self._circumstances = circumstances
        self._stamp = stamp
        self._until_ns: dict[str, int] = {}  # steady clock
        self._pids: dict[str, int | None] = {}

    def begin(self, token: str, by: str, pid: int | None = None) -> None:
        """pid: the process that drills; None: the kernel did not say.

        Raises UsageFault for a token that is none, or known, and when too many drills go on.
        """
        if not TOKEN.fullmatch(token) or token in self._until_ns:
            raise UsageFault(
                "not a token of a drill",
                remedy="sentinair-drill-, and 16 random hexadecimal digits",
            )
        if len(self._until_ns) >= _MAX_AT_ONCE:
            raise UsageFault("other drills go on", remedy="wait until they have ended")
        self._pids[token] = pid
        self._until_ns[token] = self._stamp().mono_ns + MAX_NS
        self._commits.record("drill.started", {"token": token, "by": by})
        self._follow()

    def end(self, token: str, by: str | None, counts: dict[str, object]) -> None:
        """counts: rules by what became of them, COUNTS, as whole numbers.  Raises UsageFault for anything else."""
        if token not in self._until_ns:
            raise UsageFault("no such drill goes on")
        for name, count in counts.items():
            if name not in COUNTS or not isinstance(count, int) or not 0 <= count <= _MAX_COUNT:
                raise UsageFault(f"{name!r} is no count of a drill")
        del self._until_ns[token], self._pids[token]
        self._commits.record("drill.ended", {"token": token, "by": by, **counts})
        self._follow()

    def tick(self, stamp: Stamp) -> None:
        """Once a second: a drill that never said its end has one all the same."""
        for token in [t for t, until_ns in self._until_ns.items() if stamp.mono_ns >= until_ns]:
            self.end(token, None, {})

    def _follow(self) -> None:
        self._circumstances.tokens = tuple(
            (token.encode(), pid) for token, pid in self._pids.items()
        )
