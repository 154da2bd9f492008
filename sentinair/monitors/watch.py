"""Watch, ignore, critical and hash globs turned into one verdict per directory.

A pattern names a path and everything below it.  `*` and `?` stay within one step, `**` spans any number of
steps, also none; every other byte stands for itself.  Patterns are followed step by step like the states of an
automaton, so that a directory knows from its parent which patterns are still alive; directories in the same
state share one Verdict.  A critical path is watched even where an ignore pattern covers it: what must never be
dropped must not be hidden by a name like `.x.swp`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Final

__all__ = ["CRITICAL", "HASHED", "WATCHED", "Verdict", "Watch", "beginning"]

WATCHED: Final = 1
CRITICAL: Final = 2
HASHED: Final = 4
_IGNORED: Final = 8

# Flags by the set of kinds that matched.
_FLAGS: Final = tuple(
    WATCHED | bits & (CRITICAL | HASHED)
    if bits & WATCHED and (not bits & _IGNORED or bits & CRITICAL)
    else 0
    for bits in range(16)
)

_MAX_CACHED: Final = 4096  # directories; about 150 bytes each

Step = bytes | re.Pattern[bytes] | None  # None: **
State = tuple[int, tuple[Step, ...]]  # kind of the pattern, steps still to match (never empty)


def _steps(pattern: bytes) -> tuple[Step, ...]:
    return tuple(_step(part) for part in pattern.split(b"/") if part)


def _step(part: bytes) -> Step:
    if part == b"**":
        return None
    if b"*" not in part and b"?" not in part:
        return part
    text = re.escape(part).replace(rb"\*", b".*").replace(rb"\?", b".")
    return re.compile(text, re.DOTALL)


def _open(kind: int, steps: tuple[Step, ...]) -> tuple[bool, list[State]]:
    """A pattern at a place: has it matched, and from where can it go on (`**` may match no step at all)."""
    states: list[State] = []
    while steps and steps[0] is None:
        states.append((kind, steps))
        steps = steps[1:]
    if not steps:
        return True, []
    states.append((kind, steps))
    return False, states


class Verdict:
    """What is of interest in one directory.  Frozen once made; shared by all directories in the same state.

    constant: flags that every name in it has, or None when it depends on the name: ask flags().
    any: some name directly in it may be watched.  below: so may something at any depth.
    """

    __slots__ = ("_final", "_globs", "any", "below", "bits", "constant", "states")

    def __init__(self, bits: int, states: frozenset[State]) -> None:
        self.bits = bits
        self.states = states
        self._final: dict[bytes, int] = {}
        self._globs: list[tuple[int, re.Pattern[bytes]]] = []
        for kind, steps in states:
            step = steps[0]
            if step is None or not _open(kind, steps[1:])[0]:
                continue
            if isinstance(step, bytes):
                self._final[step] = self._final.get(step, 0) | kind
            else:
                self._globs.append((kind, step))
        depends = self._final or self._globs
        self.constant: int | None = None if depends else _FLAGS[bits]
        self.any = bool(depends or self.constant)
        alive = {kind for kind, _ in states}
        hidden = bits & _IGNORED and not bits & CRITICAL and CRITICAL not in alive
        self.below = not hidden and (bits & WATCHED != 0 or WATCHED in alive)

    def flags(self, name: bytes) -> int:
        """Flags of that name in this directory: 0 (not watched), or WATCHED with CRITICAL and HASHED."""
        bits = self.bits | self._final.get(name, 0)
        for kind, glob in self._globs:
            if not bits & kind and glob.fullmatch(name):
                bits |= kind
        return _FLAGS[bits]

    def after(self, name: bytes) -> tuple[int, frozenset[State]]:
        """The state of the directory called name in this one."""
        bits, states = self.bits, set[State]()
        for state in self.states:
            kind, steps = state
            step = steps[0]
            if step is None:
                states.update(_open(kind, steps)[1])
            elif step == name if isinstance(step, bytes) else step.fullmatch(name):
                matched, more = _open(kind, steps[1:])
                bits |= kind if matched else 0
                states.update(more)
        return bits, frozenset(state for state in states if not bits & state[0])


class Watch:
    """Answers for every path what is wanted of it.  Not thread-safe beyond what dict gives (that suffices here)."""

    def __init__(
        self,
        watch: Iterable[bytes],
        ignore: Iterable[bytes] = (),
        critical: Iterable[bytes] = (),
        hashed: Iterable[bytes] = (),
    ) -> None:
        """Patterns are absolute paths.  Raises ValueError at one that is not."""
        self.patterns = tuple(watch)
        bits, states = 0, set[State]()
        kinds = (
            (WATCHED, self.patterns),
            (_IGNORED, ignore),
            (CRITICAL, critical),
            (HASHED, hashed),
        )
        for kind, patterns in kinds:
            for pattern in patterns:
                if not pattern.startswith(b"/"):
                    raise ValueError(f"pattern {pattern!r} is not an absolute path")
                matched, more = _open(kind, _steps(pattern))
                bits |= kind if matched else 0
                states.update(more)
        self._shared: dict[tuple[int, frozenset[State]], Verdict] = {}
        self._top = self._verdict(bits, frozenset(states))
        self._cache: dict[bytes, Verdict] = {}

    def directory(self, path: bytes) -> Verdict:
        """The verdict on the directory path (absolute, no trailing slash, no dot steps)."""
        found = self._cache.get(path)
        if found is not None:
            return found
        if path == b"/":
            return self._top
        parent, _, name = path.rpartition(b"/")
        bits, states = self.directory(parent or b"/").after(name)
        if len(self._cache) >= _MAX_CACHED:
            self._cache.clear()
        verdict = self._cache[path] = self._verdict(bits, states)
        return verdict

    def flags(self, path: bytes) -> int:
        """Flags of one path."""
        parent, _, name = path.rpartition(b"/")
        return self.directory(parent or b"/").flags(name) if name else _FLAGS[self._top.bits]

    def roots(self) -> tuple[bytes, ...]:
        """Where a walk over all that is watched has to begin: glob-free beginnings, none below another."""
        starts = sorted({beginning(pattern) for pattern in self.patterns})
        roots: list[bytes] = []
        for start in starts:
            if not any(
                start == root or start.startswith(root.rstrip(b"/") + b"/") for root in roots
            ):
                roots.append(start)
        return tuple(roots)

    def _verdict(self, bits: int, states: frozenset[State]) -> Verdict:
        key = (bits, states)
        verdict = self._shared.get(key)
        if verdict is None:
            verdict = self._shared[key] = Verdict(bits, states)
        return verdict


def beginning(pattern: bytes) -> bytes:
    """The steps of pattern before its first glob."""
    taken: list[bytes] = []
    for step in _steps(pattern):
        if not isinstance(step, bytes):
            break
        taken.append(step)
    return b"/" + b"/".join(taken)
