"""The watched names of one directory in parts that a listing can hold."""

from __future__ import annotations

from bisect import bisect_right
from typing import Final, Protocol

from sentinair.kernel import directory as kernel
from sentinair.kernel.statx import state
from sentinair.model.ports import Clock

__all__ = ["MAX_NAMES", "Names", "Verdict", "before"]

MAX_NAMES: Final = 2000  # in one listing: some 8 ms in which live events of the lane wait
_TICK_NS: Final = 20_000_000  # twice the coarsest step of a directory's mtime (CONFIG_HZ=100)


class Verdict(Protocol):
    """What is watched in one directory (monitors.watch)."""

    @property
    def constant(self) -> int | None: ...  # of every name in it; None: it depends on the name
    @property
    def any(self) -> bool: ...  # some name directly in it may be watched
    @property
    def below(self) -> bool: ...  # some name deeper down may be

    def flags(self, name: bytes) -> int: ...  # 0: not watched


class Names:
    """The watched names of one directory, part by part, read again when they changed between two parts."""

    def __init__(self, at: int, verdict: Verdict, clock: Clock) -> None:
        self._at = at
        self._verdict = verdict
        self._clock = clock
        self._names: list[bytes] = []
        self._changed_ns: int | None = (
            None  # the directory's mtime then; None: read again next time
        )

    def part(self, after: bytes | None) -> tuple[list[bytes], bytes | None]:
        """The next MAX_NAMES names behind after, and the last of them if there are more.  Raises OSError."""
        now = state(self._at, b"")
        changed_ns = None if now is None else now.mtime_ns
        if self._changed_ns is None or changed_ns != self._changed_ns:
            self._read(changed_ns)
        begin = 0 if after is None else bisect_right(self._names, after)
        found = self._names[begin : begin + MAX_NAMES]
        return found, found[-1] if begin + MAX_NAMES < len(self._names) else None

    def _read(self, changed_ns: int | None) -> None:
        # A change within the same tick of the file system's clock would not move the mtime again.
        settled = changed_ns is not None and changed_ns < self._clock.wall_ns() - _TICK_NS
        self._changed_ns = changed_ns if settled else None
        names = kernel.names(self._at)
        flags = self._verdict.flags
        self._names = names if self._verdict.constant else [name for name in names if flags(name)]


def before(name: bytes) -> bytes:
    """A bound below name and above all lesser names of a directory, which have at most 255 bytes."""
    return name[:-1] + bytes((name[-1] - 1,)) + b"\xff" * (255 - len(name))
