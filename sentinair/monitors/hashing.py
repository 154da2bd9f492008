"""Which files are to be hashed, each once it has been quiet for a while."""

from __future__ import annotations

from typing import Final

__all__ = ["MAX_WAITING", "Quiet"]

MAX_WAITING: Final = 50_000  # paths; the longest unchanged goes first


class Quiet:
    """Paths and when each was last changed.  Times are seconds of the steady clock, passed in."""

    def __init__(self, quiet_secs: float, limit: int = MAX_WAITING) -> None:
        self._quiet_secs = quiet_secs
        self._limit = limit
        self._due: dict[bytes, float] = {}  # in order of due time: a changed path goes to the end
        self.dropped = 0

    def __len__(self) -> int:
        return len(self._due)

    def changed(self, path: bytes, now_secs: float) -> bytes | None:
        """path was changed now: it has to be quiet anew.  Returns the path that had to go for it, None if none had."""
        self._due.pop(path, None)
        gone = next(iter(self._due)) if len(self._due) >= self._limit else None
        if gone is not None:
            del self._due[gone]
            self.dropped += 1
        self._due[path] = now_secs + self._quiet_secs
        return gone

    def gone(self, path: bytes) -> None:
        """path is no file any more."""
        self._due.pop(path, None)

    def next_due(self) -> float | None:
        """When take() will have something; None: nothing waits."""
        return next(iter(self._due.values()), None)

    def take(self, now_secs: float, most: int) -> list[bytes]:
        """At most so many paths that have been quiet long enough."""
        quiet: list[bytes] = []
        for path, due in self._due.items():
            if due > now_secs or len(quiet) >= most:
                break
            quiet.append(path)
        for path in quiet:
            del self._due[path]
        return quiet
